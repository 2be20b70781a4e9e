"""What is worth telling the sender, whoever found it: the reader of the delivery or a look at the whole of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pipeline.curation.tables import kind_of, limit, weigh
from pipeline.delivery import Finding, Severity
from pipeline.schema import variables


class Concern(NamedTuple):
    """A finding with what it is counted against, and so how much harm it does."""

    kind: str
    dimension: str
    weight: float        # of a case, 0 to 1
    place: str           # variable, element or table
    what: str
    times: int
    of: int              # what it touches: readings of the variable, people, records of the kind
    touches: str
    example: str         # where the first stands
    ask: str

    @property
    def share(self) -> float:
        """Cases of what they touch, held down where that is little: 3 of 3 are no sure thing."""
        if self.touches == "delivery":
            return 1.0
        return min(self.times / (max(self.of, self.times) + limit("steadying")), 1.0)

    @property
    def harm(self) -> float:
        """Weight times share, 0 to 1."""
        return self.weight * self.share

    @property
    def grade(self) -> str:
        """The weight in a word."""
        return "lost" if self.weight >= 1 else "doubtful" if self.weight > limit("note_weight") else "remark"


def concern(
    kind: str, place: str, what: str, times: int, of: int, *, example: str = "", severity: Severity = "suspect"
) -> Concern:
    """A finding of a kind of the table."""
    known = kind_of(kind)
    weight = weigh(kind, severity)
    return Concern(kind, known.dimension, weight, place, what, times, of, known.touches, example, known.ask)


class Dropped(NamedTuple):
    """Cases of a finding that left no row in the delivery's tables."""

    finding: Finding
    weight: float    # what is lost of each
    what: str        # reading or person
    variable: str    # "" where it is not known of which


def dropped(findings: Iterable[Finding]) -> list[Dropped]:
    """Everything that readers refused and did not take over."""
    found = []
    for finding in findings:
        drops = kind_of(finding.kind).drops
        weight = weigh(finding.kind, finding.severity)
        if drops and weight > limit("note_weight"):      # a file that is no part of the delivery is a remark
            person = finding.place.startswith("Patient.")
            found.append(Dropped(finding, weight, "person" if person else drops, variable_of(finding.place)))
    return found


def variable_of(place: str) -> str:
    """The variable that a finding's place names, as itself or in brackets after a code; or ""."""
    name = place
    if match := re.search(r"\((\w+)\)$", place):
        name = match.group(1)
    return name if name in variables() else ""


class Denominators(NamedTuple):
    """What findings of readers are counted against."""

    by_variable: Mapping[str, int]      # readings, with those that were dropped
    readings: int                       # of all variables, the same
    people: int
    rows: int
    records: Mapping[str, Any]          # by kind, what became of them; empty where a reader does not tell

    def of(self, finding: Finding, touches: str) -> tuple[int, str]:
        """The denominator of a finding, and what it counts."""
        kind = finding.place.split(".")[0].split(",")[0]
        if touches == "people" or finding.place.startswith("Patient."):
            return self.people, "people"
        if touches in {"rows", "delivery"}:
            return self.rows, touches
        if variable := variable_of(finding.place):
            return self.by_variable.get(variable, 0), touches
        if kind in self.records:
            return int(self.records[kind].get("read", 0)), "records"
        return self.readings, touches


def from_reader(findings: Iterable[Finding], denominators: Denominators) -> list[Concern]:
    """Findings of a reader with what they touch."""
    found = []
    for finding in findings:
        known = kind_of(finding.kind)
        of, touches = denominators.of(finding, known.touches)
        weight = weigh(finding.kind, finding.severity)
        found.append(
            Concern(
                finding.kind, known.dimension, weight, finding.place, finding.what, finding.times, of, touches,
                finding.example, known.ask,
            )
        )  # fmt: skip
    return found


def by_harm(one: Concern) -> tuple[float, int, str, str]:
    """The order of findings: the most harmful first; of equal harm the more frequent."""
    return (-one.harm, -one.times, one.kind, one.place)
