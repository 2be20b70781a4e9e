"""What holds of every twin of years in the registry, in both modes; episodes are in `test_episodes.py`."""

from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from pipeline.solving import Status, make_grid
from pipeline.twins import INPUTS, TWINS, YEARS, DynamicTwin, System, build_twins, simulate
from tests.twins.people import MAN, YEAR, as_floats, changed, many

NUMBER = 1000
GRID = make_grid((0.0,), (0.0, YEAR, 3 * YEAR))
CHANGE = changed(
    energy_change_kcal_d=-200.0, carbohydrate_fraction=0.40, pressure_drugs=1.0, alcohol_factor=0.5, smoking_factor=0.0
)
EVERY_TWIN = pytest.mark.parametrize("name", TWINS)
TWIN_OF_YEARS = pytest.mark.parametrize("name", YEARS)
SWITCHED = tuple(name for name in YEARS if TWINS[name].corrections or TWINS[name].extensions)
# Twins that differ from their paper, and that as published; the others are the same in both modes, and PEth's two days
# in minutes take longer to compile than all else.
MODES = {"corrected": YEARS, "published": SWITCHED}
NEEDS = tuple(sorted({n for name in YEARS for n in TWINS[name].needs}))
# Typical size of observables that come from states, for comparing solvers; relative for all others.
SIZE = {
    "glycogen_kg": 0.5,
    "extracellular_fluid_kg": 15.0,
    "fat_mass_kg": 30.0,
    "thermogenesis_kcal_d": 24.0,
    "pdff_percent": 5.0,
    "weight_change_kg": 30.0,      # fat, for the most part
    "fasting_insulin_pmol_l": 30.0,
}


ILL = {"metabolic": {"production": 1.4, "beta_cell": 0.2}}      # glucose so high that it is lost in urine
# Signals under which every correction has something to do: fat lost, then much of it gained.
SIGNALS = {
    "fat_ratio": np.array([0.55, 2.6]),
    "lean_ratio": np.array([0.93, 1.2]),
    "weight_kg": np.array([80.0, 135.0]),
    "bmi_kg_m2": np.array([26.0, 44.0]),
    "weight_change_kg": np.array([-5.0, 8.0]),
    "diabetes": np.array([0.0, 0.0]),
}


def defaults():
    return {name: as_floats(TWINS[name].build("corrected").defaults()) for name in YEARS}


def simulator(mode, method="batch", leave_out=()):
    system = System(build_twins([name for name in MODES[mode] if name not in leave_out], mode))
    return lambda who, p, u, rtol=1e-8: simulate(system, who, p, [u], (0.0,), GRID, method=method, rtol=rtol)


@pytest.fixture(scope="module", params=["corrected", pytest.param("published", marks=pytest.mark.slow)])
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def crowd(mode):
    """Solver of NUMBER people at once, each with own parameters; and what it says of plausible people."""
    solve = jax.jit(jax.vmap(simulator(mode), in_axes=(0, 0, None)))
    people = many(NUMBER, seed=4)
    p = jax.tree.map(lambda v: np.full(NUMBER, v), defaults())
    return SimpleNamespace(solve=solve, people=people, parameters=p, result=solve(people, p, CHANGE))


@EVERY_TWIN
def test_parameters_have_unit_source_and_spread(name):
    parameters = TWINS[name].parameters
    assert len({q.name for q in parameters}) == len(parameters)
    for q in parameters:
        assert q.unit, q
        assert q.source, q
        assert q.median > 0, q  # spreads are on the log scale
        assert q.log_sd >= 0, q
    for vector in TWINS[name].accepted:
        assert set(vector) <= {q.name for q in parameters}


@EVERY_TWIN
def test_twin_says_where_it_is_from_and_what_it_hears(name):
    twin = TWINS[name]
    assert twin.name == name
    assert "doi" in twin.citation
    assert twin.needs
    assert set(twin.hears) <= set(INPUTS)
    assert all(words for words in twin.corrections.values())
    assert all(seen.unit and seen.description for seen in twin.observables.values())


def test_no_two_twins_share_an_observable():
    everything = [n for twin in TWINS.values() for n in twin.observables]
    assert len(everything) == len(set(everything))


def test_unknown_twin_is_refused_by_name():
    with pytest.raises(KeyError, match="astrology"):
        build_twins(["astrology"])


def selections(twin):
    """Corrections: all, none, each alone, all but each."""
    every = frozenset(twin.corrections)
    return {every, frozenset(), *(frozenset({c}) for c in every), *(every - {c} for c in every)}


def solved_alone(twin, who):
    """What one twin, simulated alone, says of somebody: shapes and types, without any number."""
    p = {twin.name: as_floats(twin.defaults())}
    return jax.eval_shape(lambda w, u: simulate(System((twin,)), w, p, [u], (0.0,), GRID, method="batch"), who, CHANGE)


@TWIN_OF_YEARS
def test_observables_are_exactly_those_declared(name):
    for active in {frozenset(TWINS[name].corrections), frozenset()}:
        result = solved_alone(TWINS[name](active), as_floats(MAN))
        assert set(result.values) == set(TWINS[name].observables)
        assert all(v.shape == (len(GRID.times),) and v.dtype == np.float64 for v in result.values.values())
        assert set(result.status) == {name}


@pytest.mark.parametrize("name", SWITCHED)
def test_observables_are_the_same_whatever_the_corrections(name):
    """What the twin itself says is what a simulation gives back."""

    def speak(who, u, twin):
        k = twin.constants(who, as_floats(twin.defaults()))
        u = twin.settle(k, u)
        if isinstance(twin, DynamicTwin):
            return twin.observe(twin.initial(k), k, u, {})
        return twin.solution(np.zeros(2), k, (0.0,), [u], {})

    for active in selections(TWINS[name]):
        seen = jax.eval_shape(partial(speak, twin=TWINS[name](active)), as_floats(MAN), CHANGE)
        assert set(seen) == set(TWINS[name].observables), active
        assert all(v.dtype == np.float64 for v in seen.values()), active


@pytest.mark.slow
@pytest.mark.parametrize("name", SWITCHED)
def test_every_correction_changes_something(name):
    def speak(twin):
        """What the twin says at once of a lean and a fat person, whose habits and weight change."""
        said = []
        for who, ill in ((MAN, {}), (MAN | {"age_years": 47.0, "weight_kg": 120.0, "diabetes": 1.0}, ILL)):
            k = twin.constants(as_floats(who), as_floats(twin.defaults() | ill.get(name, {})))
            u = changed(
                energy_change_kcal_d=-200.0, carbohydrate_fraction=0.3, fat_fraction=0.5, pressure_drugs=1.0,
                arb_dose=1.0, alcohol_factor=0.5, activity_factor=1.1,
            )  # fmt: skip
            u = twin.settle(k, u)
            if isinstance(twin, DynamicTwin):
                said.append((twin.initial(k), twin.vector_field(0.0, twin.initial(k), k, u, {})))
            else:
                said.append(twin.solution(np.array([0.0, YEAR]), k, (0.0,), [u], SIGNALS))
        return said

    every = frozenset({*TWINS[name].corrections, *TWINS[name].extensions})
    corrected = jax.tree.leaves(speak(TWINS[name](every)))
    for switch in every:
        without = jax.tree.leaves(speak(TWINS[name](every - {switch})))
        assert any(np.any(a != b) for a, b in zip(corrected, without, strict=True)), switch


@EVERY_TWIN
def test_unknown_correction_is_a_key_error(name):
    with pytest.raises(KeyError, match="no correction mistyped"):
        TWINS[name].build("corrected").corrects("mistyped")


@pytest.mark.slow
def test_plausible_people_are_finite(crowd):
    for twin, status in crowd.result.status.items():
        assert (np.asarray(status) == Status.OK).all(), twin
    for name, values in crowd.result.values.items():
        assert np.isfinite(values).all(), name
    assert (np.asarray(crowd.result.values["weight_kg"]) > 0).all()
    assert (np.asarray(crowd.result.values["pdff_percent"]) > 0).all()


@pytest.mark.slow
def test_whole_parameter_prior_is_finite(crowd):
    rng = np.random.default_rng(9)
    drawn = {
        name: {q.name: q.median * np.exp(q.log_sd * rng.normal(size=NUMBER)) for q in TWINS[name].parameters}
        for name in YEARS
    }
    result = crowd.solve(crowd.people, drawn, CHANGE)
    assert all((np.asarray(s) == Status.OK).all() for s in result.status.values())
    assert all(np.isfinite(v).all() for v in result.values.values())


@pytest.mark.slow
def test_person_alone_is_the_same_as_in_a_batch(crowd, mode):
    alone = jax.jit(simulator(mode))
    for i in (0, 17, NUMBER - 1):
        who = {n: v[i] for n, v in crowd.people.items()}
        for name, values in alone(who, defaults(), CHANGE).values.items():
            np.testing.assert_allclose(
                values, crowd.result.values[name][i], rtol=1e-9, atol=1e-9, err_msg=name
            )


@pytest.mark.slow
def test_parameters_of_one_person_do_not_reach_another(crowd):
    p = jax.tree.map(np.copy, crowd.parameters)
    p["liver_fat"]["k_box"][5] *= 2.0
    p["blood_pressure"]["a0"][5] *= 2.0
    found = crowd.solve(crowd.people, p, CHANGE)
    others = np.arange(NUMBER) != 5
    for name, values in found.values.items():
        np.testing.assert_array_equal(
            np.asarray(values)[others], np.asarray(crowd.result.values[name])[others]
        )
    assert not np.allclose(found.values["sbp_mmhg"][5], crowd.result.values["sbp_mmhg"][5])


def reads(twin):
    """Names of twins that `twin` reads from, directly or through others."""
    found = []
    for other in YEARS[: YEARS.index(twin)]:
        if set(TWINS[twin].reads) & set(TWINS[other].observables):
            found += [other, *reads(other)]
    return found


@pytest.mark.slow
def test_missing_value_is_nan_and_said_for_that_twin_and_that_person_only(crowd):
    people = {n: v.copy() for n, v in crowd.people.items()}
    for i, need in enumerate(NEEDS):
        people[need][i] = np.nan
    found = crowd.solve(people, crowd.parameters, CHANGE)
    wrong = []
    for name in found.status:
        twin = TWINS[name]
        lacking = set(twin.needs).union(*(TWINS[t].needs for t in reads(name)))
        for i, need in enumerate([*NEEDS, "nothing"]):
            values = np.stack([np.asarray(found.values[n])[i] for n in twin.observables])
            expected = Status.MISSING_INPUT if need in lacking else Status.OK
            told = Status(int(found.status[name][i]))
            is_nan = np.isnan(values).all() if need in lacking else np.isfinite(values).all()
            if told != expected or not is_nan:
                wrong.append(f"without {need}, {name} says {told.name} instead of {expected.name}")
    assert not wrong, "\n".join(wrong)
    others = np.arange(NUMBER) >= len(NEEDS)
    for name, values in found.values.items():
        np.testing.assert_array_equal(
            np.asarray(values)[others], np.asarray(crowd.result.values[name])[others]
        )


@TWIN_OF_YEARS
def test_values_that_are_not_there_at_all_are_missing_too(name):
    twin = TWINS[name].build("corrected")
    who = {n: v for n, v in as_floats(MAN).items() if n not in twin.needs}
    assert set(solved_alone(twin, who).values) == set(twin.observables)


@pytest.fixture(scope="module")
def exact(mode):
    """Reference solution of one person, and the slope of liver fat at three years in everything that goes in."""
    return sloped(mode, "reference")


def sloped(mode, method):
    """Without PEth, whose two days in minutes are slow to differentiate and reach nothing else."""
    run = simulator(mode, method, leave_out=["peth"])

    def pdff(who, p, rtol):
        result = run(who, p, CHANGE, rtol)
        return result.values["pdff_percent"][-1], result

    return jax.jit(jax.value_and_grad(pdff, argnums=(0, 1), has_aux=True))


@pytest.mark.slow
def test_batch_and_reference_agree(crowd, exact):
    for i in range(8):
        (_, result), _ = exact({n: v[i] for n, v in crowd.people.items()}, defaults(), 1e-8)
        assert {int(s) for s in result.status.values()} == {Status.OK}
        for name, values in result.values.items():
            ours, theirs = np.asarray(crowd.result.values[name])[i], np.asarray(values)
            size = SIZE.get(name, np.maximum(np.abs(theirs), 1.0))
            assert np.max(np.abs(ours - theirs) / size) < 1e-4, name


PERSONAL = ("weight_kg", "body_fat_percent", "pdff_percent", "activity_level", "carbohydrate_fraction")
MECHANISM = (
    ("liver_fat", "k_box"),
    ("liver_fat", "k_s"),
    ("liver_fat", "k_IR"),
    ("body_composition", "eta_L"),
)


def check_gradients(solve):
    """Slopes at rtol 1e-6 against central differences at 1e-9."""
    who, p = as_floats(MAN), defaults()
    _, (of_person, of_mechanism) = solve(who, p, 1e-6)

    def difference(shifted, value):
        step = 1e-4 * value
        (up, _), _ = solve(*shifted(value + step), 1e-9)
        (down, _), _ = solve(*shifted(value - step), 1e-9)
        return float(up - down) / float(2 * step)

    pairs = {
        name: (float(of_person[name]), difference(lambda v, n=name: (who | {n: v}, p), who[name]))
        for name in PERSONAL
    }
    for twin, name in MECHANISM:
        moved = lambda v, t=twin, n=name: (who, p | {t: p[t] | {n: v}})  # noqa: E731
        pairs[name] = float(of_mechanism[twin][name]), difference(moved, p[twin][name])
    for name, (slope, expected) in pairs.items():
        assert slope == pytest.approx(expected, rel=1e-4, abs=1e-12), name
    assert sum(abs(expected) > 0 for _, expected in pairs.values()) >= 4


@pytest.mark.slow
def test_gradients_of_the_reference_solver_agree_with_central_differences(exact):
    check_gradients(exact)


@pytest.mark.slow
def test_gradients_of_the_batch_solver_agree_with_central_differences(mode):
    check_gradients(sloped(mode, "batch"))
