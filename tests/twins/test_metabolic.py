"""Fasting glucose and insulin: the steady state, its slopes, and what the corrections change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.twins.glucose_insulin import Body, C, excretion, fasting_at, resistance, solve_fasting
from pipeline.twins.metabolic import Metabolic
from tests.twins.people import as_floats

EVERY = frozenset(Metabolic.corrections)
MAN = {"weight_kg": 75.0, "height_cm": 178.0}


def fasting(active, person=MAN, p=None, times=None, **signals):
    """Observables at as many times as the signals have."""
    twin = Metabolic(frozenset(active))
    parameters = as_floats(twin.defaults() | (p or {}))
    signals = {n: jnp.asarray(v, dtype=float) for n, v in signals.items()}
    times = jnp.zeros(len(next(iter(signals.values())))) if times is None else times
    return twin.solution(times, twin.constants(as_floats(person), parameters), (0.0,), [{}], signals)


def random_bodies(number, one_limit):
    rng = np.random.default_rng(3)
    fat = np.exp(rng.uniform(np.log(0.3), np.log(5.0), number))
    spread = {q.name: np.exp(q.log_sd * rng.normal(size=number)) for q in Metabolic.parameters[:3]}
    return Body(
        weight=np.full(number, 80.0),
        fat_ratio=fat,
        lean_ratio=rng.uniform(0.6, 1.5, number),
        factors=resistance(fat, one_limit=one_limit),
        production=spread["production"],
        sensitivity=spread["sensitivity"],
        beta=spread["beta_cell"] * np.where(rng.random(number) < 0.3, 0.3, 1.0),
    )


@pytest.mark.parametrize("action", [None, (22.0, 20.0)])
def test_solution_is_a_steady_state_of_every_body(action):
    body = random_bodies(5000, action is None)
    held = action and (np.full(5000, action[0]), np.full(5000, action[1]))
    Gp = solve_fasting(body, held, excretes=True)
    state = fasting_at(Gp, body, held, excretes=True)
    assert np.abs(state.surplus).max() < 1e-12
    assert (np.asarray(Gp) > 20.0).all()
    assert (np.asarray(state.Ip) >= 0.0).all()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["corrected", "published"])
def test_slopes_agree_with_central_differences(mode):
    twin = Metabolic.build(mode)

    def speak(v):
        k = twin.constants(MAN, {n: v[n] for n in twin.defaults()})
        signals = {n: v[n] for n in ("fat_ratio", "lean_ratio")}
        seen = twin.solution(jnp.zeros(()), k, (0.0,), [{}], signals)
        return jnp.stack([seen[n] for n in ("fasting_glucose_mg_dl", "homa_ir", "irs1_signal")])

    values = as_floats(twin.defaults() | {"fat_ratio": 1.3, "lean_ratio": 1.05})
    slopes, run = jax.jit(jax.jacfwd(speak))(values), jax.jit(speak)
    backward = jax.jit(jax.jacrev(speak))(values)
    for name, value in values.items():
        step = 1e-5 * value
        expected = (run(values | {name: value + step}) - run(values | {name: value - step})) / (2.0 * step)
        np.testing.assert_allclose(slopes[name], expected, rtol=1e-5, atol=1e-8, err_msg=name)
        np.testing.assert_allclose(backward[name], slopes[name], rtol=1e-9, atol=1e-12, err_msg=name)
    assert (np.abs(slopes["beta_cell"][:2]) > 0.1).all()


def test_fasting_values_are_those_of_people_in_the_corrected_mode():
    """95 mg/dl and 30 pmol/l at the start for everybody: the model knows change of fat only, not fat."""
    seen = fasting(EVERY, fat_ratio=[1.0, 0.7, 1.5, 3.0], lean_ratio=[1.0, 0.92, 1.09, 1.25])
    glucose, insulin = seen["fasting_glucose_mg_dl"], seen["fasting_insulin_pmol_l"]
    assert glucose[0] == pytest.approx(94.7, abs=0.1)
    assert insulin[0] == pytest.approx(30.0, abs=0.1)
    assert seen["homa_ir"][0] == pytest.approx(glucose[0] / 18.0 * insulin[0] / 6.0 / 22.5)
    assert (np.diff(glucose[np.array([1, 0, 2, 3])]) > 0.0).all()
    assert 85.0 < glucose[1] < 126.0
    assert 110.0 < glucose[3] < 126.0
    assert (np.asarray(insulin) > 15.0).all()


def test_published_insulin_is_nearly_gone_after_loss_of_fat():
    published, corrected = (
        fasting(active, fat_ratio=[0.9], lean_ratio=[1.0])["fasting_insulin_pmol_l"]
        for active in (frozenset(), EVERY)
    )
    assert published[0] < 2.0
    assert corrected[0] > 20.0
    twin = Metabolic.build("published")
    raised = twin.flags(None, {"fasting_insulin_pmol_l": published, "fasting_glucose_mg_dl": np.array([79.0])})
    assert raised["fasting insulin below 3 pmol/l"].all()
    assert not raised["fasting glucose outside 40 to 400 mg/dl"].any()


def test_glucose_is_lost_in_urine_only_above_its_threshold():
    np.testing.assert_array_equal(excretion(np.array([100.0, C.ke2])), 0.0)
    assert excretion(400.0) == pytest.approx(0.0005 * 61.0)
    sick = {"beta_cell": 0.15, "production": 1.4}
    without, with_loss = (
        fasting(active, p=sick, fat_ratio=[3.0], lean_ratio=[1.2])["fasting_glucose_mg_dl"][0]
        for active in (EVERY - {"renal_excretion"}, EVERY)
    )
    assert without > C.ke2 / C.VG
    assert with_loss < without
    np.testing.assert_array_equal(
        *(
            fasting(active, fat_ratio=[1.0])["fasting_glucose_mg_dl"]
            for active in (EVERY - {"renal_excretion"}, EVERY)
        )
    )


def test_published_diabetes_is_a_body_mass_index_and_never_passes():
    bmi = [29.0, 29.4, 29.6, 27.0, 20.0]
    seen = fasting((), bmi_kg_m2=bmi, fat_ratio=np.ones(5))
    np.testing.assert_array_equal(seen["diabetes"], [0, 0, 1, 1, 1])
    assert seen["fasting_glucose_mg_dl"][4] > seen["fasting_glucose_mg_dl"][1] + 3.0
    heavy = fasting((), person={"weight_kg": 100.0, "height_cm": 170.0}, bmi_kg_m2=[34.6, 25.0], fat_ratio=[1.0, 1.0])
    np.testing.assert_array_equal(heavy["diabetes"], [1, 1])


def test_corrected_diabetes_is_fasting_glucose_and_passes():
    seen = fasting(EVERY, p={"beta_cell": 0.5}, bmi_kg_m2=[22.0, 35.0, 22.0], fat_ratio=[1.0, 2.0, 1.0])
    np.testing.assert_array_equal(seen["diabetes"], [0, 1, 0])
    assert seen["fasting_glucose_mg_dl"][1] > 126.0
    lower = fasting(EVERY, p={"threshold": 90.0}, fat_ratio=[1.0])
    assert lower["diabetes"][0] == 1.0


def test_benefit_of_losing_fat_ends_without_a_jump():
    around = np.log(0.598 * np.array([1.0, 1.002]))
    before, after = (resistance(np.exp(around), one_limit=limit) for limit in (False, True))
    assert abs(np.diff(before.R)[0]) > 0.005
    assert abs(np.diff(before.G4)[0]) > 0.005
    for factor in after:
        assert abs(np.diff(factor)[0]) < 1e-12
    np.testing.assert_allclose(resistance(np.asarray(0.5), one_limit=True).E, 0.860830533146272, rtol=1e-6)
    np.testing.assert_allclose(resistance(np.asarray(1.0), one_limit=True), 1.0)


def test_insulin_action_follows_insulin_without_the_gate():
    for active, same in (((), True), ({"no_gate"}, False)):
        weights = [
            fasting(active, person=MAN | {"weight_kg": w}, fat_ratio=[1.0])["fasting_insulin_pmol_l"][0]
            for w in (60.0, 80.0)
        ]
        assert (weights[0] != weights[1]) == same


def test_one_time_without_signals_is_the_start():
    alone = fasting(EVERY, times=jnp.asarray(365.25))
    series = fasting(EVERY, fat_ratio=np.ones(2), lean_ratio=np.ones(2))
    for name, value in alone.items():
        assert np.shape(value) == ()
        np.testing.assert_allclose(value, series[name][0], rtol=1e-12)
    assert set(alone) == set(Metabolic.observables)
