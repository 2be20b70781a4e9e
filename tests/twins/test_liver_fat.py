"""Properties of the liver twin: its steady state, its calibration, and what diets and drugs do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.solving import Status, make_grid
from pipeline.twins import System, simulate
from pipeline.twins.liver_fat import ACCEPTED, LiverFat
from tests.twins.people import as_floats, changed

CORRECTED = LiverFat.build("corrected")
ONE_MULTIPLIER = LiverFat(frozenset({"steady_start", "diet_reaches_liver"}))  # the paper's calibration
DIET = {"carbohydrate_fraction": 0.45, "fat_fraction": 0.37}
STOP_D = 84.0
TIMES = (0.0, 14.0, STOP_D, STOP_D + 20.0)


def parameters(theta="train", **changes):
    return as_floats(CORRECTED.defaults() | ACCEPTED[theta] | changes)


def person(pdff_percent=6.0, **changes):
    return as_floats(DIET | {"pdff_percent": pdff_percent} | changes)


@pytest.fixture(scope="module")
def course():
    """Observables at TIMES under one set of inputs until day 84 and another after it."""
    system, switches = System((CORRECTED,)), (0.0, STOP_D)
    grid = make_grid(switches, TIMES)
    run = jax.jit(
        lambda who, p, before, after: simulate(
            system, who, {"liver_fat": p}, [before, after], switches, grid, rtol=1e-9
        )
    )

    def solve(who, p, before=None, after=None):
        result = run(who, p, before or changed(), after or changed())
        assert int(result.status["liver_fat"]) == Status.OK
        return {name: np.asarray(v) for name, v in result.values.items()}

    return solve


@pytest.fixture(scope="module")
def calibrate():
    return {
        twin: jax.jit(jax.vmap(twin.constants, in_axes=(0, None))) for twin in (CORRECTED, ONE_MULTIPLIER)
    }


def steady_liver_fat(p, m_N, m_T):
    """Where influx and efflux of the published equations balance, mg/g."""
    supply = p["k_tca"] * m_T
    oxidation = p["k_box"] / (1 + p["k_s"] / p["k_dnl"] * supply)
    return (p["k_diet"] + p["k_nefa"] * m_N + supply) / (p["k_vldl"] + oxidation)


@pytest.mark.parametrize("theta", ACCEPTED)
@pytest.mark.parametrize("twin", [CORRECTED, ONE_MULTIPLIER], ids=["both_supplies", "lipogenesis_only"])
def test_wanted_liver_fat_is_held_exactly(calibrate, twin, theta):
    wanted = np.geomspace(1.0 if twin is CORRECTED else 7.2, 45.0, 200)
    p = parameters(theta)
    k = calibrate[twin](
        {n: np.broadcast_to(v, wanted.shape) for n, v in person().items()} | {"pdff_percent": wanted}, p
    )
    held = steady_liver_fat(p, np.asarray(k.m_N), np.asarray(k.m_T)) / 10
    assert not np.asarray(k.raised).any()
    np.testing.assert_allclose(held, wanted, rtol=1e-10)
    rate = jax.vmap(
        lambda k: twin.vector_field(0.0, twin.initial(k), k, as_floats(changed(**DIET)), {}),
        in_axes=(_axes(k),),
    )
    assert np.abs(np.asarray(rate(k).H) / 100.0).max() < 1e-12
    assert np.abs(np.asarray(rate(k).D) / 10.0).max() < 1e-12


def _axes(k):
    """People on the leading axis of everything but the parameters."""
    return jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, k)


def test_best_fit_needs_no_multiplier_at_its_own_steady_state():
    assert float(ONE_MULTIPLIER.constants(person(16.893836788888126), parameters()).m_T) == pytest.approx(
        1.0, abs=1e-12
    )


@pytest.mark.parametrize(
    ("study", "theta", "pdff_percent", "m_T"),
    [
        ("Lawitz 2018", "drug", 16.69, 1.0455953053),
        ("Luukkonen 2018", "diet", 4.513149780148266, 0.0354271708),
    ],
)
def test_multipliers_of_the_paper_are_found(study, theta, pdff_percent, m_T):
    assert float(ONE_MULTIPLIER.constants(person(pdff_percent), parameters(theta)).m_T) == pytest.approx(
        m_T, abs=1e-10
    )


@pytest.mark.parametrize(
    ("theta", "m_T"),
    [("diet", m) for m in (0.5537382005, 0.1681293539, 0.5966252487, 0.1327332834, 1.1229031403)]
    + [("drug", 1.6378861308)],
)
def test_calibration_undoes_the_steady_state_of_the_other_studies(theta, m_T):
    p = parameters(theta)
    wanted = float(steady_liver_fat(p, 1.0, m_T)) / 10
    assert float(ONE_MULTIPLIER.constants(person(wanted), p).m_T) == pytest.approx(m_T, rel=1e-10)


@pytest.mark.parametrize(
    ("twin", "theta", "limit_percent"),
    [
        (CORRECTED, "train", 0.78),
        (CORRECTED, "diet", 0.89),
        (CORRECTED, "drug", 0.79),
        (ONE_MULTIPLIER, "train", 6.75),
        (ONE_MULTIPLIER, "diet", 3.54),
        (ONE_MULTIPLIER, "drug", 6.74),
    ],
)
def test_liver_fat_below_the_limit_is_raised_and_said(twin, theta, limit_percent):
    k = twin.constants(person(0.5), parameters(theta))
    assert float(k.H0) / 10 == pytest.approx(1.05 * limit_percent, abs=0.006)
    assert bool(twin.flags(k, {"pdff_percent": jnp.asarray(0.8)})["liver fat below the model's limit"])
    assert float(k.m_T) > 0
    above = twin.constants(person(1.06 * limit_percent), parameters(theta))
    assert not bool(
        twin.flags(above, {"pdff_percent": jnp.asarray(0.8)})["liver fat below the model's limit"]
    )


@pytest.mark.slow
def test_without_change_nothing_happens(course):
    seen = course(person(), parameters())
    for name, values in seen.items():
        np.testing.assert_allclose(values, values[0], rtol=1e-9, err_msg=name)
    assert seen["pdff_percent"][0] == pytest.approx(6.0, abs=1e-9)
    assert seen["insulin_resistance_factor"][0] == 1.0


def test_published_baseline_of_the_training_study(calibrate):
    """Shares of the best fit lie where Donnelly 2005 measured them; markers as in the paper at day 0."""
    k = ONE_MULTIPLIER.constants(
        person(16.893836788888126, carbohydrate_fraction=0.40, fat_fraction=0.42), parameters()
    )
    u = changed(carbohydrate_fraction=0.40, fat_fraction=0.42)
    seen = ONE_MULTIPLIER.observe(ONE_MULTIPLIER.initial(k), k, u, {})
    told = {"dnl_umol_l": 250.0, "bhb_mg_dl": 0.602, "vldl_tag_mmol_l": 1.895}
    for name, value in told.items():
        assert float(seen[name]) == pytest.approx(value, rel=1e-3)
    assert 19.4 < float(seen["dnl_share_percent"]) < 32.8


def test_scaling_fluxes_and_pool_scales_liver_fat_and_leaves_shares(course):
    z, diet = 3.0, changed(carbohydrate_fraction=0.20, energy_factor=0.8)
    p = parameters()
    scaled = parameters(**{n: z * p[n] for n in ("k_diet", "k_nefa", "k_tca")}, k_s=p["k_s"] / z)
    one, other = course(person(6.0), p, diet), course(person(6.0 * z), scaled, diet)
    np.testing.assert_allclose(other["pdff_percent"], z * one["pdff_percent"], rtol=1e-6)
    np.testing.assert_allclose(other["lipogenic_pool_mg_g"], z * one["lipogenic_pool_mg_g"], rtol=1e-6)
    for share in ("dnl_share_percent", "oxidation_share_percent"):
        np.testing.assert_allclose(other[share], one[share], rtol=1e-6)


@pytest.mark.parametrize("theta", ACCEPTED)
def test_inhibitor_of_lipogenesis_lowers_liver_fat_until_it_stops(course, theta):
    seen = course(person(16.0), parameters(theta), changed(dnl_drug_factor=31.05 / 43.27))
    pdff, oxidation, export = (
        seen[n] for n in ("pdff_percent", "oxidation_share_percent", "vldl_tag_mmol_l")
    )
    assert pdff[0] > pdff[1] > pdff[2]
    assert oxidation[2] > oxidation[0]
    assert export[2] < export[0]
    assert pdff[2] < pdff[3] < pdff[0]
    if theta == "train":  # 20 days are six time constants of H and D here: e^-6 is 0.25 %
        assert abs(pdff[3] - pdff[0]) < 0.01 * abs(pdff[2] - pdff[0])


def test_energy_and_carbohydrate_act_in_their_known_direction(course):
    p = parameters()
    pdff = {
        name: course(person(10.0), p, changed(**u))["pdff_percent"][2]
        for name, u in {
            "more": {"energy_factor": 1.2},
            "less": {"energy_factor": 0.8},
            "low carbohydrate": {"carbohydrate_fraction": 0.10},
        }.items()
    }
    assert pdff["low carbohydrate"] < 10.0
    assert pdff["less"] < 10.0 < pdff["more"]


def test_insulin_resistance_follows_fat_and_is_never_negative():
    k, u = CORRECTED.constants(person(), parameters()), changed(**DIET)
    y = CORRECTED.initial(k)

    def factor(ratio):
        return float(CORRECTED.observe(y, k, u, {"fat_ratio": ratio})["insulin_resistance_factor"])

    assert factor(1.0) == 1.0
    assert factor(1.5) == pytest.approx(1.6)  # k_IR is 1.2
    assert factor(0.1) == 0.0  # the published clamp, below a sixth of the fat


def test_states_stay_positive_under_the_hardest_inputs(course):
    hardest = changed(energy_factor=0.1, carbohydrate_fraction=0.0, fat_fraction=0.0, dnl_drug_factor=0.0)
    for pdff_percent in (0.9, 6.0, 35.0):
        seen = course(person(pdff_percent), parameters(), hardest)
        assert seen["pdff_percent"].min() > 0
        assert seen["lipogenic_pool_mg_g"].min() > -1e-9
