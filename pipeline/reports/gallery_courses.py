"""Courses of a typical person under shipped scenarios: corrected, as published, and with single corrections off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pipeline.solving import Pace, Status, make_grid
from pipeline.twins import (
    NO_CHANGE,
    DynamicTwin,
    EpisodeTwin,
    Events,
    Scenario,
    System,
    Twin,
    episode_steps,
    event_arrays,
    simulate,
    simulate_episode,
)

# A person who has something of everything that the shipped scenarios change; a twin's own typical value elsewhere.
PERSON: dict[str, float] = {
    "male": 1.0, "age_years": 50.0, "height_cm": 175.0, "weight_kg": 85.0, "bmi_kg_m2": 85.0 / 1.75**2,
    "body_fat_percent": 28.0, "activity_level": 1.5, "carbohydrate_fraction": 0.45, "fat_fraction": 0.37,
    "pdff_percent": 8.0, "sbp_mmhg": 145.0, "dbp_mmhg": 92.0, "alcohol_g_d": 30.0, "cigarettes_per_day": 10.0,
}  # fmt: skip
EPISODES: dict[str, Events] = {
    "A mixed meal of 700 kcal": Events.model_validate({"meals": [{"start_min": 0.0, "kcal": 700.0}]}),
    "Three beers on an empty stomach": Events.model_validate(
        {"drinks": [{"start_min": 40.0 * i, "minutes": 20.0, "volume_l": 0.33, "abv_percent": 5.1, "kcal_per_l": 129.83}
                    for i in range(3)], "urinations_min": [240.0]}
    ),
    "The same beers after the meal": Events.model_validate(
        {"drinks": [{"start_min": 40.0 * i, "minutes": 20.0, "volume_l": 0.33, "abv_percent": 5.1, "kcal_per_l": 129.83}
                    for i in range(3)], "meals": [{"start_min": 0.0, "kcal": 700.0}], "urinations_min": [240.0]}
    ),
}  # fmt: skip
STORIES = 6              # scenarios on a page
YEARS, YEARS_OF_AGEING = 3, 40
POINTS, EARLY = 73, 12
HOURS = 12
RTOL = 1e-7              # of the reference solver
FINER = 4                # times shorter steps, against which those of people are checked in episodes
SAME = 1e-6              # of an observable's largest value: a smaller difference is not told
CORRECTED, PUBLISHED = "corrected", "published"


class Courses(NamedTuple):
    """What a twin says of the typical person over time."""

    clock: str                                       # "years" or "hours"
    times: np.ndarray
    stories: tuple[Scenario, ...]
    person: dict[str, float]
    values: dict[str, dict[str, np.ndarray]]         # mode -> observable -> (stories, times)
    switched: dict[str, dict[str, np.ndarray]]       # the same without one switch; "" is with all, same solver
    solvers: dict[str, float]                        # observable -> largest difference of the two solvers
    failed: tuple[str, ...]                          # variants that could not be solved, in words


class Effect(NamedTuple):
    """Where one correction shows most."""

    switch: str
    observable: str
    story: str
    time: float
    with_it: float
    without: float


def simulate_courses(kind: type[Twin], twins: Mapping[str, type[Twin]], scenarios: Iterable[Scenario]) -> Courses:
    """Simulate the typical person in both modes and without each switch; the twins that it reads from are corrected."""
    if issubclass(kind, EpisodeTwin):
        return _hours(kind)
    return _years(kind, upstream(kind, twins), choose(kind, scenarios))


def upstream(kind: type[Twin], twins: Mapping[str, type[Twin]]) -> tuple[type[Twin], ...]:
    """The twins that `kind` reads from, and those that they read from, in wiring order."""
    wanted, found = set(kind.reads), []
    for twin in reversed([t for t in twins.values() if t is not kind and not issubclass(t, EpisodeTwin)]):
        if wanted & set(twin.observables):
            found.append(twin)
            wanted |= set(twin.reads)
    return tuple(reversed(found))


def choose(kind: type[Twin], scenarios: Iterable[Scenario]) -> tuple[Scenario, ...]:
    """No change, then the simplest scenarios that together use as many inputs that the twin hears as possible."""

    def used(scenario: Scenario) -> set[str]:
        return {name for segment in scenario.segments for name in segment.inputs}

    chosen, covered = [NO_CHANGE], set[str]()
    for scenario in sorted(scenarios, key=lambda s: (len(used(s)), len(s.segments), s.title)):
        heard = used(scenario) & set(kind.hears)
        if len(chosen) < STORIES and heard - covered:
            chosen.append(scenario)
            covered |= heard
    return tuple(chosen)


def effects(kind: type[Twin], courses: Courses) -> list[Effect]:
    """For each correction and extension the observable that changes most without it, relative to its own size."""
    found = []
    for switch in (*kind.corrections, *kind.extensions):
        largest, place = SAME, ("", 0, 0)
        for name in kind.observables:
            with_it, without = courses.switched[""][name], courses.switched[switch][name]
            size = np.nanmax(np.abs(with_it), initial=0.0) or 1.0
            off = np.abs(without - with_it) / size
            if np.isfinite(off).any() and np.nanmax(off) > largest:
                story, time = divmod(int(np.nanargmax(off)), off.shape[1])
                largest, place = float(np.nanmax(off)), (name, story, time)
        if place[0]:
            name, story, time = place
            values = [float(courses.switched[v][name][story, time]) for v in ("", switch)]
            found.append(Effect(switch, name, courses.stories[story].title, float(courses.times[time]), *values))
    return found


def _years(kind: type[Twin], before: tuple[type[Twin], ...], stories: tuple[Scenario, ...]) -> Courses:
    days = 365.25 * (YEARS_OF_AGEING if kind.ages else YEARS)
    start = stories[0].switches[0]
    switches = tuple(sorted({day for s in stories for day in s.switches if day < days}))
    early = np.geomspace(0.25, days / POINTS, EARLY)      # what settles within days
    times = tuple((start + np.sort([*np.linspace(0.0, days, POINTS), *early[:-1]])).tolist())
    grid = make_grid(switches, times)
    rows = [s.at(switches).arrays() for s in stories]
    inputs = [{n: jnp.asarray([row[i][n] for row in rows]) for n in rows[0][i]} for i in range(len(switches))]
    earlier = tuple(t.build("corrected") for t in before)
    person = _person((*before, kind))
    given = _arrays(person)
    parameters = {t.name: _arrays(t.defaults()) for t in (*earlier, kind.build("corrected"))}

    def run(active: frozenset[str], method: Any) -> tuple[Any, Any]:
        system = System((*earlier, kind(active)))

        def one(inputs: Any) -> tuple[Any, Any]:
            result = simulate(system, given, parameters, inputs, switches, grid, method=method, rtol=RTOL)
            return {n: result.values[n] for n in kind.observables}, result.status[kind.name]

        return jax.jit(jax.vmap(one))(inputs)

    stepped = any(issubclass(t, DynamicTwin) for t in (*before, kind))
    return _collect(kind, run, ("years", np.asarray(times) / 365.25, stories, person), stepped)


def _hours(kind: type[EpisodeTwin]) -> Courses:
    times = np.linspace(0.0, 60.0 * HOURS, 4 * POINTS)
    events = event_arrays(list(EPISODES.values()))
    person = _person((kind,))
    given = _arrays(person)

    def run(active: frozenset[str], method: Any) -> tuple[Any, Any]:
        twin = kind(active)
        p = _arrays(twin.defaults())
        people, vectors = ({n: jnp.full(len(EPISODES), v) for n, v in values.items()} for values in (given, p))
        pace = twin.pace if method == "batch" else _finer(twin.pace)
        steps = episode_steps(twin, people, vectors, events, float(times[-1]), pace=pace)

        def one(events: Any) -> tuple[Any, Any]:
            result = simulate_episode(twin, given, p, events, times, method="batch", steps=steps, pace=pace)
            return {n: result.values[n] for n in kind.observables}, result.status[kind.name]

        return jax.jit(jax.vmap(one))(events)

    stories = tuple(Scenario(title=title) for title in EPISODES)
    return _moving(_collect(kind, run, ("hours", times / 60.0, stories, person), True))


def _finer(pace: Pace) -> Pace:
    """Steps a quarter as long: the adaptive reference solver takes minutes and gigabytes to compile an episode."""
    return Pace(pace.first / FINER, pace.growth ** (1.0 / FINER), pace.largest / FINER)


def _person(kinds: tuple[type[Twin], ...]) -> dict[str, float]:
    """What the twins need of the person, and what else they may ask for."""
    needed = {name: value for kind in kinds for name, value in kind.needs.items()}
    return {name: PERSON.get(name, needed.get(name, np.nan)) for name in {**needed, **PERSON}}


def _arrays(values: Mapping[str, float]) -> dict[str, Any]:
    return {name: jnp.asarray(value, dtype=float) for name, value in values.items()}


def _collect(kind: type[Twin], run: Any, about: Any, stepped: bool) -> Courses:
    """Everything by the batch solver, and corrected by the better one too; a formula needs no second."""
    every = frozenset((*kind.corrections, *kind.extensions))
    failed: list[str] = []

    def seen(active: frozenset[str], method: str, what: str) -> dict[str, np.ndarray]:
        values, status = jax.device_get(run(active, method))
        bad = [Status(int(s)).words for s in status if int(s) != Status.OK]
        failed.extend(f"{what}: {words}" for words in bad[:1])
        return {n: np.asarray(v) for n, v in values.items()}

    values = {CORRECTED: seen(every, "reference", CORRECTED)}
    if every:
        values[PUBLISHED] = seen(kind.as_published, "batch", PUBLISHED)
    switched = {"": seen(every, "batch", "corrected, batch solver") if stepped else values[CORRECTED]}
    for name in (*kind.corrections, *kind.extensions):
        switched[name] = seen(every - {name}, "batch", f"without {name}")
    solvers = {}
    for name, exact in values[CORRECTED].items():
        size = np.nanmax(np.abs(exact), initial=0.0) or 1.0
        if stepped:
            solvers[name] = float(np.nanmax(np.abs(switched[""][name] - exact), initial=0.0) / size)
    clock, times, stories, person = about
    return Courses(clock, times, stories, person, values, switched, solvers, tuple(failed))


def _moving(courses: Courses) -> Courses:
    """Without the stories in which nothing happens: a twin of meals does not hear of beer."""
    seen = courses.values[CORRECTED].values()
    does = [[np.ptp(v[i]) > SAME * (np.abs(v).max() or 1.0) for v in seen] for i in range(len(courses.stories))]
    moves = [i for i, changes in enumerate(does) if any(changes)]

    def kept(variants: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
        return {k: {n: v[moves] for n, v in variant.items()} for k, variant in variants.items()}

    stories = tuple(courses.stories[i] for i in moves)
    return courses._replace(stories=stories, values=kept(courses.values), switched=kept(courses.switched))
