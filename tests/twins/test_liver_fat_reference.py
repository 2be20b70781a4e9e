"""Five published diets and drugs against an independent solution (tests/data/liver_fat_reference.csv)."""

import jax
import numpy as np
import pytest

from pipeline.solving import Status, make_grid
from pipeline.twins import System, build_twins, simulate
from pipeline.twins.liver_fat import ACCEPTED, LiverFat
from tests.twins.people import as_floats, changed, read_rows

pytestmark = pytest.mark.reference
# Largest relative difference of any state, by tolerance of the solver (thermogenesis: relative to its maximum).
ACCEPTANCE = {1e-6: 1e-4, 1e-9: 1e-6}

# The liver alone, with the paper's calibration by lipogenesis only. Steatosis at the start as measured.
LIVER_ONLY = {
    "low_carbohydrate": {      # Mardinoglu 2018: 14 d at 4 % carbohydrate, same energy
        "theta": "train",
        "person": {"pdff_percent": 16.893836788888126, "carbohydrate_fraction": 0.40, "fat_fraction": 0.42},
        "inputs": {"carbohydrate_fraction": 0.04, "fat_fraction": 0.72},
    },
    "overfeeding": {           # Luukkonen 2018: 1818 -> 2787 kcal/d, mostly saturated fat
        "theta": "diet",
        "person": {"pdff_percent": 4.513149780148266, "carbohydrate_fraction": 0.384, "fat_fraction": 0.394},
        "inputs": {"carbohydrate_fraction": 0.259, "fat_fraction": 0.589, "energy_factor": 2787.0 / 1818.0},
    },
    "acc_inhibitor": {         # Lawitz 2018: GS-0976 20 mg
        "theta": "drug",
        "person": {"pdff_percent": 16.69, "carbohydrate_fraction": 0.40, "fat_fraction": 0.42},
        "inputs": {"dnl_drug_factor": 31.05 / 43.27},
    },
}  # fmt: skip


def differences(values, expected):
    """Largest relative difference of each state that the reference has."""
    ours = {"H": 10.0 * values["pdff_percent"], "D": values["lipogenic_pool_mg_g"]}
    if "fat_mass_kg" in values:
        ours |= {
            "G": values["glycogen_kg"],
            "E": values["extracellular_fluid_kg"],
            "F": values["fat_mass_kg"],
            "L": values["lean_mass_kg"],
        }
        of_maximum = (
            np.abs(4184.0 * values["thermogenesis_kcal_d"] - expected["A"]) / np.abs(expected["A"]).max()
        )
    found = {name: np.max(np.abs(np.asarray(x) / expected[name] - 1.0)) for name, x in ours.items()}
    return found | ({"A": of_maximum.max()} if "fat_mass_kg" in values else {})


@pytest.fixture(scope="module")
def liver_only():
    """The three short scenarios share one time line, so that one program serves them."""
    twin = LiverFat(frozenset({"steady_start", "diet_reaches_liver"}))
    times = sorted(
        {float(t) for name in LIVER_ONLY for t in read_rows("liver_fat_reference.csv", name)["time_d"]}
    )
    grid = make_grid((0.0,), tuple(times))
    run = jax.jit(
        lambda person, p, u, rtol: simulate(
            System((twin,)), person, {twin.name: p}, [u], (0.0,), grid, rtol=rtol
        )
    )
    return twin, np.array(times), run


@pytest.mark.parametrize("rtol", ACCEPTANCE)
@pytest.mark.parametrize("name", LIVER_ONLY)
def test_liver_follows_the_reference(liver_only, name, rtol, meets):
    twin, times, run = liver_only
    scenario, expected = LIVER_ONLY[name], read_rows("liver_fat_reference.csv", name)
    p = as_floats(twin.defaults() | ACCEPTED[scenario["theta"]])
    result = run(as_floats(scenario["person"]), p, changed(**scenario["inputs"]), rtol)
    here = np.isin(times, expected["time_d"])
    assert int(result.status["liver_fat"]) == Status.OK
    assert here.sum() == len(expected["time_d"])
    for quantity, found in differences({n: np.asarray(v)[here] for n, v in result.values.items()}, expected).items():
        meets(f"liver fat, {name}, rtol {rtol:g}", quantity, found, ACCEPTANCE[rtol])


def coupled(mode, person, switches, inputs, expected):
    system = System(build_twins(["body_composition", "liver_fat"], mode))
    p = {t.name: as_floats(t.defaults()) for t in system.twins}
    grid = make_grid(switches, tuple(expected["time_d"]))
    run = jax.jit(lambda person, rtol: simulate(system, person, p, inputs, switches, grid, rtol=rtol))
    return {rtol: run(as_floats(person), rtol) for rtol in ACCEPTANCE}


@pytest.fixture(scope="module")
def woman_eats_more():
    """A woman with a BMI of 27 eats 250 kcal/d more, half of it all carbohydrate, for three years."""
    person = {
        "male": 0,
        "age_years": 45,
        "height_cm": 166,
        "weight_kg": 75,
        "body_fat_percent": 100 * 27.23397167671823 / 75,
        "activity_level": 1.5,
        "pdff_percent": 6,
        "carbohydrate_fraction": 0.47,
        "fat_fraction": 0.36,
    }
    u = [changed(energy_change_kcal_d=250, carbohydrate_fraction=0.50, fat_fraction=0.36)]
    expected = read_rows("liver_fat_reference.csv", "woman_eats_more")
    return coupled("corrected", person, (0.0,), u, expected), expected


@pytest.fixture(scope="module")
def published_ten_years():
    """The paper's long run, its constants untouched: ten days' lead-in, then 400 kcal/d less for ten years."""
    person = {
        "male": 1,
        "age_years": 45,
        "height_cm": 175,
        "weight_kg": 105,
        "body_fat_percent": 100 * 40 / 105,
        "activity_level": 1.5,
        "pdff_percent": 16.893836788888126,  # at which lipogenesis needs no multiplier
        "carbohydrate_fraction": 0.40,
        "fat_fraction": 0.42,
    }
    u = [changed(insulin_resistance_gain=1 / 1.2), changed(energy_change_kcal_d=-400)]
    expected = read_rows("liver_fat_reference.csv", "published_ten_years")
    return coupled("published", person, (-10.0, 0.0), u, expected), expected


@pytest.mark.slow
@pytest.mark.parametrize("rtol", ACCEPTANCE)
@pytest.mark.parametrize("name", ["woman_eats_more", "published_ten_years"])
def test_body_and_liver_follow_the_reference(request, name, rtol, meets):
    results, expected = request.getfixturevalue(name)
    assert {int(s) for s in results[rtol].status.values()} == {Status.OK}
    for quantity, found in differences(results[rtol].values, expected).items():
        meets(f"liver fat, {name}, rtol {rtol:g}", quantity, found, ACCEPTANCE[rtol])


def test_reference_reaches_the_published_ends():
    ends = {
        "low_carbohydrate": 9.993,
        "overfeeding": 5.968,
        "acc_inhibitor": 14.799,
        "published_ten_years": 3.954,
    }
    for name, pdff_percent in ends.items():
        assert read_rows("liver_fat_reference.csv", name)["H"][-1] / 10 == pytest.approx(
            pdff_percent, abs=5e-4
        )
