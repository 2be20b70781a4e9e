"""What can be wrong with health records: a closed list of kinds, and the findings of one delivery."""

from __future__ import annotations

from pipeline.delivery import Finding, Severity

# refused: no value is taken over; suspect: taken over and flagged; note: worth knowing, nothing is changed.
KINDS: dict[str, Severity] = {
    "not valid R4": "refused",
    "file not read": "note",
    "table absent": "note",
    "entry without resource": "note",
    "more pages": "suspect",
    "resource not used": "note",
    "resource repeated": "refused",
    "ignored by status": "note",
    "diagnosis not confirmed": "note",
    "code absent": "refused",
    "code system unknown": "note",
    "medication unknown": "refused",
    "value absent": "note",
    "value not understood": "refused",
    "value is a limit": "suspect",
    "value implausible": "refused",
    "unit absent": "refused",
    "unit assumed": "suspect",
    "unit does not fit": "refused",
    "unit implausible": "refused",
    "unit of another kind": "suspect",
    "unit contradicts itself": "refused",
    "pressures exchanged": "refused",
    "duplicate reading": "refused",
    "told by several codes": "note",
    "date absent": "suspect",
    "date partial": "suspect",
    "date in the future": "refused",
    "date before birth": "refused",
    "date after death": "suspect",
    "patient absent": "refused",
    "patient unknown": "suspect",
    "patients share an identifier": "suspect",
    "sex contradictory": "suspect",
    "sex neither female nor male": "note",
    "birth date contradictory": "suspect",
    "birth date impossible": "suspect",
    "birth date partial": "note",
    "death contradictory": "suspect",
}
ORDER = ("refused", "suspect", "note")


class Findings:
    """Gathers findings: the same thing at the same place is one, counted, with the first as example."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], list] = {}

    def add(self, kind: str, place: str, what: str, example: str = "", times: int = 1) -> None:
        """One more finding of a kind of `KINDS`, `times` over."""
        if times:
            self._found.setdefault((kind, place, what), [0, example])[0] += times

    def all(self) -> tuple[Finding, ...]:
        """Every finding, the gravest first, then the most frequent."""
        rows = [
            Finding(kind, KINDS[kind], place, what, times, example)
            for (kind, place, what), (times, example) in self._found.items()
        ]
        return tuple(sorted(rows, key=lambda f: (ORDER.index(f.severity), f.kind, -f.times, f.place)))
