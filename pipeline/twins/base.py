"""What a twin is: the interface that every mechanistic model of one person keeps.

A twin sees one person: scalars in, scalars out, pure functions. Batching is the caller's `jax.vmap`, solving
is `pipeline.solving`. Four kinds of values go in, each a dictionary of scalars:

person      what is known of the person (`weight_kg`, `pdff_percent`, ...; `male` is 1 or 0)
p           parameters of the mechanism, in the symbols of the paper
u           inputs of the scenario in the present segment (`pipeline.twins.inputs`)
signals     what twins earlier in the system offer (`fat_ratio`, ...)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Self

from jaxtyping import Array, Float

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


@dataclass(frozen=True)
class Twin(ABC):
    """Common part of all twins: names, parameters, observables, corrections."""

    active: frozenset[str]       # corrections of the published model that are switched on

    name: ClassVar[str]
    citation: ClassVar[str]
    # What it needs of `person`, each with a typical value: where one is missing the twin is computed with that,
    # so that nothing breaks beside it, and its results are NaN.
    needs: ClassVar[Mapping[str, float]]
    hears: ClassVar[tuple[str, ...]]                     # inputs that act on it, directly or through signals
    parameters: ClassVar[tuple[Parameter, ...]]
    accepted: ClassVar[tuple[Mapping[str, float], ...]] = ()   # whole parameter vectors that fit the data alike
    observables: ClassVar[Mapping[str, Observable]]
    corrections: ClassVar[Mapping[str, str]]             # switch -> what it corrects, in words

    def __post_init__(self) -> None:
        for name in self.active:
            self.corrects(name)

    @classmethod
    def build(cls, mode: Mode) -> Self:
        """The twin with all corrections on (`corrected`, for people) or off (`published`, for checking)."""
        return cls(frozenset(cls.corrections) if mode == "corrected" else frozenset())

    def defaults(self) -> dict[str, float]:
        """The population medians of the parameters."""
        return {q.name: q.median for q in self.parameters}

    def corrects(self, name: str) -> bool:
        """Whether the correction `name` is on; raises `KeyError` for one that the twin does not have."""
        if name not in self.corrections:
            raise KeyError(f"{self.name} has no correction {name}; it has {', '.join(self.corrections)}")
        return name in self.active

    @abstractmethod
    def constants(self, person: Values, p: Values) -> Any:
        """Everything that stays fixed while this person is simulated, from person and parameters."""

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

    def offers(self, y: Any, k: Any, u: Values, signals: Values) -> dict[str, Any]:
        """Signals for twins that come later in the system."""
        return {}

    @abstractmethod
    def observe(self, y: Any, k: Any, u: Values, signals: Values) -> dict[str, Any]:
        """The observables at one time."""


class ExactTwin(Twin):
    """A twin whose equations are solved in closed form."""

    @abstractmethod
    def solution(self, t: Any, k: Any, switches: tuple[float, ...], inputs: Sequence[Values]) -> dict[str, Any]:
        """The observables at day `t` of a scenario whose segment i starts at `switches[i]` with `inputs[i]`."""
