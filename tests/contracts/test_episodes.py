"""What holds of every episode twin in the registry: hours of drinks and meals, in both modes."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from pipeline.solving import Status
from pipeline.twins import EPISODES, TWINS, Events, episode_steps, event_arrays, simulate_episode
from tests.twins.people import MAN, as_floats, many

pytestmark = pytest.mark.slow

NUMBER = 1000
TIMES = np.linspace(0.0, 720.0, 25)
ENOUGH = 256        # steps for the party below
# Take Diffrax minutes to compile; `tests/twins` compares both solvers with independent solutions.
ELSEWHERE = {"meal", "alcohol_markers"}
EVERY = pytest.mark.parametrize("name", EPISODES)
PARTY = Events.model_validate(
    {
        "meals": [{"start_min": 20.0, "kcal": 600.0}],
        "drinks": [{"start_min": 40.0, "minutes": 20.0, "volume_l": 0.3, "abv_percent": 12.0, "kcal_per_l": 133.0}],
        "urinations_min": [200.0],
    }
)


def random_events(number, seed):
    """Up to three drinks and two meals each; some have none."""
    rng = np.random.default_rng(seed)

    def one():
        drinks = [
            {
                "start_min": float(rng.uniform(0.0, 500.0)),
                "minutes": float(rng.uniform(2.0, 60.0)),
                "volume_l": float(rng.uniform(0.02, 0.7)),
                "abv_percent": float(rng.choice([0.0, 5.0, 12.0, 40.0])),
                "kcal_per_l": float(rng.uniform(0.0, 700.0)),
            }
            for _ in range(rng.integers(0, 4))
        ]
        meals = [
            {"start_min": float(rng.uniform(0.0, 600.0)), "kcal": float(rng.uniform(50.0, 1200.0))}
            for _ in range(rng.integers(0, 3))
        ]
        toilet = [float(rng.uniform(0.0, 700.0))]
        return Events.model_validate({"drinks": drinks, "meals": meals, "urinations_min": toilet})

    return event_arrays([one() for _ in range(number)])


def repeated(twin, number):
    return {n: np.full(number, v) for n, v in twin.defaults().items()}


@pytest.fixture(scope="module")
def crowd():
    """Every twin solved for NUMBER people who eat and drink at random; made when first asked for."""
    made = {}

    def of(name):
        if name not in made:
            twin = TWINS[name].build("corrected")
            people, events, p = many(NUMBER, seed=5), random_events(NUMBER, seed=6), repeated(twin, NUMBER)
            steps = episode_steps(twin, people, p, events, TIMES[-1])
            solve = jax.jit(
                jax.vmap(lambda w, q, e: simulate_episode(twin, w, q, e, TIMES, method="batch", steps=steps))
            )
            result = solve(people, p, events)
            made[name] = SimpleNamespace(
                twin=twin, people=people, events=events, p=p, solve=solve, result=result, steps=steps
            )
        return made[name]

    return of


@EVERY
def test_random_people_have_finite_values_that_are_negative_only_where_flagged(crowd, name):
    """Two large meals at once are beyond the meal twin: it says so."""
    found = crowd(name).result
    assert (np.asarray(found.status[name]) == Status.OK).all()
    doubted = np.any([np.asarray(raised) for raised in found.flags.values()], axis=0)
    assert doubted.mean() < 0.5
    for observable, values in found.values.items():
        assert np.isfinite(values).all(), observable
        believed = np.asarray(values)[~doubted]
        if "uptake" not in observable:
            assert np.min(believed) > -1e-3 * np.max(np.abs(believed), initial=1e-12), observable


@EVERY
def test_nothing_eaten_or_drunk_stays_as_it_is(crowd, name):
    c = crowd(name)
    nothing = event_arrays([Events()] * NUMBER)
    width = {n: v.shape[1] for n, v in c.events.items()}
    padded = {n: np.repeat(v, width[n], axis=1) for n, v in nothing.items()}
    found = c.solve(c.people, c.p, padded)
    assert (np.asarray(found.status[name]) == Status.OK).all()
    for observable, values in found.values.items():
        drift = np.abs(np.asarray(values) - np.asarray(values)[:, :1])
        assert np.max(drift) <= 1e-3 * max(1.0, float(np.max(np.abs(values)))), observable


@EVERY
def test_empty_slots_change_nothing(name):
    twin = TWINS[name].build("corrected")
    events = event_arrays([PARTY])
    fill = event_arrays([Events()])
    longer = {n: np.concatenate([v, fill[n], fill[n]], axis=1) for n, v in events.items()}
    both = [
        simulate_episode(twin, as_floats(MAN), twin.defaults(), one, TIMES, method="batch", steps=ENOUGH)
        for one in ({n: v[0] for n, v in e.items()} for e in (events, longer))
    ]
    assert all(int(found.status[name]) == Status.OK for found in both)
    for observable in twin.observables:
        np.testing.assert_allclose(both[0].values[observable], both[1].values[observable], rtol=1e-9, atol=1e-12)


@EVERY
def test_person_alone_is_the_same_as_in_a_batch(crowd, name):
    c = crowd(name)
    for i in (0, NUMBER - 1):
        who, p, events = ({n: v[i] for n, v in x.items()} for x in (c.people, c.p, c.events))
        alone = jax.jit(
            lambda w, q, e: simulate_episode(c.twin, w, q, e, TIMES, method="batch", steps=c.steps)
        )(who, p, events)
        for observable, values in alone.values.items():
            np.testing.assert_allclose(values, c.result.values[observable][i], rtol=1e-8, atol=1e-9)


@EVERY
def test_missing_value_is_said_and_nan_for_that_person_only(crowd, name):
    c = crowd(name)
    need = next(iter(c.twin.needs))
    people = {n: v.copy() for n, v in c.people.items()}
    people[need][3] = np.nan
    found = c.solve(people, c.p, c.events)
    assert int(found.status[name][3]) == Status.MISSING_INPUT
    for observable, values in found.values.items():
        values, before = np.asarray(values), np.asarray(c.result.values[observable])
        assert np.isnan(values[3]).all()
        np.testing.assert_array_equal(np.delete(values, 3, axis=0), np.delete(before, 3, axis=0))


@EVERY
def test_too_few_steps_are_a_status_and_not_a_wrong_number(name):
    twin = TWINS[name].build("corrected")
    events = {n: v[0] for n, v in event_arrays([PARTY]).items()}
    found = simulate_episode(twin, as_floats(MAN), twin.defaults(), events, TIMES, method="batch", steps=4)
    assert int(found.status[name]) == Status.MAX_STEPS
    assert all(np.isnan(v).all() for v in found.values.values())


@pytest.mark.parametrize("name", [name for name in EPISODES if name not in ELSEWHERE])
def test_batch_and_reference_agree(name):
    twin = TWINS[name].build("corrected")
    events = event_arrays([PARTY])
    one = {n: v[0] for n, v in events.items()}
    p = repeated(twin, 1)
    steps = episode_steps(twin, {n: v[None] for n, v in as_floats(MAN).items()}, p, events, TIMES[-1])
    runs = {
        method: jax.jit(
            lambda q, m=method: simulate_episode(twin, as_floats(MAN), q, one, TIMES, method=m, steps=steps)
        )
        for method in ("batch", "reference")
    }
    batch, reference = (run(twin.defaults()) for run in runs.values())
    assert int(reference.status[name]) == Status.OK
    for observable, values in reference.values.items():
        peak = max(1e-9, float(np.max(np.abs(values))))
        assert np.max(np.abs(batch.values[observable] - values)) < 5e-3 * peak, observable


@EVERY
def test_slopes_in_every_parameter_agree_with_central_differences(name):
    """Forward mode through the batch solver; the sum of the main observable over the hours."""
    twin = TWINS[name].build("corrected")
    events = {n: v[0] for n, v in event_arrays([PARTY]).items()}
    names = list(twin.defaults())
    logs = np.log([twin.defaults()[n] for n in names])
    main = next(iter(twin.observables))

    @jax.jit
    def total(x):
        p = dict(zip(names, jax.numpy.exp(x), strict=True))
        found = simulate_episode(twin, as_floats(MAN), p, events, TIMES, method="batch", steps=ENOUGH)
        return found.values[main].sum()

    slopes = np.asarray(jax.jit(jax.jacfwd(total))(logs))
    assert np.isfinite(slopes).all()
    for i, slope in enumerate(slopes):
        step = np.zeros_like(logs)
        step[i] = 1e-5
        expected = float(total(logs + step) - total(logs - step)) / 2e-5
        assert slope == pytest.approx(expected, rel=1e-3, abs=1e-5 * np.abs(slopes).max()), names[i]
