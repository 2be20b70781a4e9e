"""Both alcohol twins against an independent solution (tests/data/alcohol_reference.csv)."""

import json

import jax
import numpy as np
import pytest

from pipeline.solving import Status
from pipeline.twins import TWINS, Events, episode_steps, event_arrays, simulate_episode
from tests.twins.people import DATA, read_rows

pytestmark = pytest.mark.reference
SCENARIOS = json.loads((DATA / "alcohol_reference.json").read_text(encoding="utf-8"))
LONG = "weekend_wine_28d_man"
FULL = {name for name in SCENARIOS if name != LONG and SCENARIOS[name]["model"] == "alcohol"}
# Share of the peak: the reference solver on the reduced equations errs by the reduction (5.7e-5), the batch solver by
# its steps.
REDUCED, BATCH = 1e-4, 4e-3
QUANTITIES = {
    "alcohol": ("blood_alcohol_mg_dl", "acetate_mmol_l", "breath_alcohol_g_210l", "gastric_volume_ml", "peth_ng_ml"),
    "alcohol_markers": ("urine_alcohol_mg_dl", "etg_mg_dl", "ets_mg_dl"),
}


def drunk(name):
    """Twin, person, events and expected courses of one scenario."""
    spec = SCENARIOS[name]
    drinks = ("start_min", "minutes", "volume_l", "abv_percent", "kcal_per_l")
    events = Events.model_validate(
        {
            "drinks": [dict(zip(drinks, values, strict=True)) for values in spec["drinks"]],
            "meals": [{"start_min": start, "kcal": kcal} for start, kcal in spec["meals"]],
            "urinations_min": spec["urinations_min"],
        }
    )
    return TWINS[spec["model"]], spec["person"], event_arrays([events]), read_rows("alcohol_reference.csv", name)


def differences(name, active, method, rtol=1e-8):
    """Largest difference of each quantity to the reference, as a share of its peak."""
    kind, person, events, expected = drunk(name)
    twin = kind(frozenset(active))
    p = twin.defaults()
    times = np.append(0.0, expected["time_min"])
    alone = {n: np.array([v]) for n, v in (person | p).items()}
    steps = episode_steps(twin, {n: alone[n] for n in person}, {n: alone[n] for n in p}, events, times[-1])
    one = {n: v[0] for n, v in events.items()}
    run = jax.jit(lambda p: simulate_episode(twin, person, p, one, times, method=method, steps=steps, rtol=rtol))
    result = run(p)
    assert int(result.status[twin.name]) == Status.OK
    markers = twin.name == "alcohol_markers"
    names = QUANTITIES["alcohol"] + (QUANTITIES["alcohol_markers"] if markers else ())
    own = {n: n if n in twin.observables else f"marker_{n}" for n in names}
    return {n: np.max(np.abs(result.values[own[n]][1:] - expected[n])) / np.max(expected[n]) for n in names}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_reference_solver_follows(name, meets):
    reduced = {"quasi_steady"} & TWINS[SCENARIOS[name]["model"]].corrections.keys()
    for quantity, found in differences(name, reduced, "reference").items():
        meets(f"{name}, reference solver", quantity, found, REDUCED)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*sorted(FULL)[:1], LONG])
def test_batch_solver_follows(name, meets):
    for quantity, found in differences(name, {"quasi_steady"}, "batch").items():
        meets(f"{name}, batch solver", quantity, found, BATCH)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - {LONG} - set(sorted(FULL)[:1])))
def test_batch_solver_follows_the_full_equations(name, meets):
    for quantity, found in differences(name, (), "batch").items():
        meets(f"{name}, batch solver, full equations", quantity, found, BATCH)
