"""What a twin is: the interface that every mechanistic model of one person keeps.

A twin sees one person: scalars in, scalars out, pure functions. Batching is the caller's `jax.vmap`, solving
is `pipeline.solving`. Four kinds of values go in, each a dictionary of scalars:

person      what is known of the person (`weight_kg`, `pdff_percent`, ...; `male` is 1 or 0)
p           parameters of the mechanism, in the symbols of the paper
u           inputs of the scenario in the present segment (`pipeline.twins.inputs`)
signals     observables of twins earlier in the system that this one reads (`fat_ratio`, ...)

Three clocks: a `DynamicTwin` runs in days over years, an `ExactTwin` is a formula of the same days, and an
`EpisodeTwin` runs in minutes over the hours of drinks and meals.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Self

import jax
from jaxtyping import Array, Float

from pipeline.solving import Pace, Timeline

Scalar = Float[Array, ""] | float
Values = Mapping[str, Any]
Mode = Literal["corrected", "published"]


class Parameter(NamedTuple):
    """A constant of the mechanism: a population median with its spread on the log scale, and where it is from."""

    name: str
    unit: str
    median: float
    log_sd: float        # 0 for a fixed constant
    source: str


class Observable(NamedTuple):
    """A number that the twin says about the person at a time."""

    unit: str
    description: str


class Table(NamedTuple):
    """Numbers that are the same in everybody, for the gallery."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Twin(ABC):
    """Common part of all twins: names, parameters, observables, corrections."""

    active: frozenset[str]       # corrections of the published model, and extensions, that are switched on

    name: ClassVar[str]
    citation: ClassVar[str]
    # What it needs of `person`, each with a typical value: where one is missing the twin is computed with that,
    # so that nothing breaks beside it, and its results are NaN.
    needs: ClassVar[Mapping[str, float]]
    reads: ClassVar[tuple[str, ...]] = ()                # observables of earlier twins that act on it, its signals
    hears: ClassVar[tuple[str, ...]]                     # inputs that act on it, directly or through signals
    parameters: ClassVar[tuple[Parameter, ...]]
    accepted: ClassVar[tuple[Mapping[str, float], ...]] = ()   # whole parameter vectors that fit the data alike
    observables: ClassVar[Mapping[str, Observable]]
    at_visit: ClassVar[tuple[str, ...]] = ()             # observables that become features at the visit,
    over_years: ClassVar[tuple[str, ...]] = ()           # and over the years under a scenario
    ages: ClassVar[bool] = False                         # changes over the years without any change of habit
    equations: ClassVar[tuple[tuple[str, str], ...]] = ()    # LaTeX and what it says, for the gallery
    fixed: ClassVar[tuple[Table, ...]] = ()              # what is drawn for nobody, for the gallery
    failures: ClassVar[tuple[str, ...]] = ()             # what the twin is known to get wrong, in words
    corrections: ClassVar[Mapping[str, str]] = {}        # switch -> what it corrects, in words
    as_published: ClassVar[frozenset[str]] = frozenset()     # corrections that the cited paper itself has right
    extensions: ClassVar[Mapping[str, str]] = {}         # switch -> link that no paper of the twin has, and its source

    def __post_init__(self) -> None:
        for name in self.active:
            self.corrects(name)

    @classmethod
    def build(cls, mode: Mode) -> Self:
        """The twin with all corrections and extensions on (`corrected`, for people) or off (`published`, to check)."""
        return cls(frozenset(cls.corrections) | frozenset(cls.extensions) if mode == "corrected" else cls.as_published)

    def defaults(self) -> dict[str, float]:
        """The population medians of the parameters."""
        return {q.name: q.median for q in self.parameters}

    def corrects(self, name: str) -> bool:
        """Whether the correction or extension `name` is on; raises `KeyError` for one that the twin does not have."""
        if name not in self.corrections and name not in self.extensions:
            there = ", ".join((*self.corrections, *self.extensions))
            raise KeyError(f"{self.name} has no correction {name}; it has {there}")
        return name in self.active

    @abstractmethod
    def constants(self, person: Values, p: Values) -> Any:
        """Everything that stays fixed while this person is simulated, from person and parameters."""

    def settle(self, k: Any, u: Values) -> dict[str, Any]:
        """Inputs `u` of one segment with what follows from them for all of it, computed once."""
        return dict(u)

    def flags(self, k: Any, seen: Values) -> dict[str, Any]:
        """Warnings about observables `seen`, by name: true where a number should not be believed."""
        return {}


class DynamicTwin(Twin):
    """A twin given by differential equations; time in days."""

    scale: ClassVar[Any]         # a state of typical magnitudes, for tolerances

    @abstractmethod
    def initial(self, k: Any) -> Any:
        """State at the start."""

    @abstractmethod
    def vector_field(self, t: Any, y: Any, k: Any, u: Values, signals: Values) -> Any:
        """Rate of each state, per day."""

    def solved(self, t: Any, start: Any, k: Any, u: Values) -> Any:
        """The state `t` days after `start` while the inputs stay `u`, None where that is not known in closed form.

        A declaration that the batch solver uses instead of steps; it must agree with the vector field.
        """
        return jax.tree.map(lambda _: None, start)

    @abstractmethod
    def observe(self, y: Any, k: Any, u: Values, signals: Values) -> dict[str, Any]:
        """The observables at one time."""


class ExactTwin(Twin):
    """A twin whose equations are solved in closed form."""

    @abstractmethod
    def solution(
        self, times: Any, k: Any, switches: tuple[float, ...], inputs: Sequence[Values], signals: Values
    ) -> dict[str, Any]:
        """The observables at all `times` (days).

        Segment i of the scenario starts at `switches[i]` with `inputs[i]`; `signals` are arrays over the same times.
        """


class EpisodeTwin(Twin):
    """A twin of hours: drinks, meals and other events of one person, in minutes."""

    scale: ClassVar[Any]
    pace: ClassVar[Pace]         # steps of the batch solver

    @abstractmethod
    def initial(self, k: Any) -> Any:
        """State before the first event."""

    @abstractmethod
    def timeline(self, k: Any, events: Values, start: Any, end: Any) -> Timeline:
        """Segments between `start` and `end` within which the vector field is smooth, and their inputs.

        `events` are arrays (`pipeline.twins.events`); times at which the state itself switches something are found
        here, so that solvers restart there and gradients flow through them.
        """

    def jump(self, y: Any, k: Any, u: Values) -> Any:
        """State after what happens at the very start of a segment with inputs `u`."""
        return y

    def hold(self, t: Any, end: Any, y: Any, k: Any, u: Values) -> dict[str, Any]:
        """Further inputs that the batch solver fixes for a step from `t` to `end`: the side of a kink, if stiff."""
        return {}

    @abstractmethod
    def vector_field(self, t: Any, y: Any, k: Any, u: Values) -> Any:
        """Rate of each state, per minute."""

    @abstractmethod
    def observe(self, t: Any, y: Any, k: Any, u: Values) -> dict[str, Any]:
        """The observables at one time."""
