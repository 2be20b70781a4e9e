"""What readers of resources share: where statements, people, unmapped codes and findings are gathered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from pipeline.records.codes import Target, elsewhere, level, short, targets
from pipeline.records.files import Found
from pipeline.records.items import Items, Ledger, Meaning, Unit, Unmapped, joined, spot
from pipeline.records.kinds import Findings
from pipeline.records.people import People, subject

UCUM = ("http://unitsofmeasure.org", "")
Coded = dict[str, Any]      # a CodeableConcept


class Statement(NamedTuple):
    """One coded statement of a resource, apart from its code and value."""

    source: str         # kind of resource, such as "Observation.component"
    who: str            # reference to the patient
    time: str           # FHIR text, "" where there is none
    updated: str        # meta.lastUpdated
    flags: tuple[str, ...]
    found: Found
    part: int = 0       # of a component, 1-based


class Intake:
    """Everything that one delivery holds, as it is read."""

    def __init__(self, *, identify_by: str = "id") -> None:
        self.items, self.ledger, self.unmapped, self.findings = Items(), Ledger(), Unmapped(), Findings()
        self.people = People(self.findings, identify_by=identify_by)
        self.medications: dict[str, Coded] = {}
        self.pending: list[tuple[Statement, str]] = []      # drugs by reference, until all resources are read
        self.broken: Counter[str] = Counter()               # elements that were not R4
        self._coded: dict[tuple[Any, ...], tuple[tuple[Target, ...], str]] = {}

    def understand(self, concept: Coded) -> tuple[tuple[Target, ...], str]:
        """What a coded concept means by the first of its codes that the table has; and that code."""
        codings = concept.get("coding", ())
        key = tuple((c.get("system", ""), c.get("code", "")) for c in codings)
        if key not in self._coded:
            found: tuple[tuple[Target, ...], str] = ((), "")
            for system, code in key:
                if meant := targets(short(system), code):
                    found = (meant, f"{short(system)} {code}")
                    break
            self._coded[key] = found
        return self._coded[key]

    def leave(self, concept: Coded, said: Statement) -> None:
        """Count a statement whose code has no variable; one without any code is a finding."""
        first: Coded = next((c for c in concept.get("coding", ()) if c.get("code")), {})
        if not first:
            what = "has no code; nothing tells what it is about"
            self.findings.add("code absent", f"{said.source}.code", what, example(said))
        display = first.get("display") or concept.get("text") or ""
        self.unmapped.add(first.get("system", ""), first.get("code", ""), display, example(said))
        self.ledger.count(said.source, "unmapped")

    def answer(self, variable: str, concept: Coded) -> tuple[str, str] | None:
        """The level of a category that a coded answer gives, and its flag."""
        for coding in concept.get("coding", ()):
            if known := level(variable, short(coding.get("system", "")), coding.get("code", "")):
                return known
        return None

    def refuse(self, kind: str, place: str, what: str, said: Statement, ending: str = "refused") -> None:
        """A statement is not taken over."""
        self.findings.add(kind, place, what, example(said))
        self.ledger.count(said.source, ending)

    def take(self, said: Statement, target: Target, label: str, value: float, unit: Unit, text: str,
             flags: Iterable[str] = ()) -> None:  # fmt: skip
        """Keep a statement for the checks."""
        items, found = self.items, said.found
        identity = found.resource.get("id") or found.url
        items.add(
            items.subjects(said.who),
            items.times(said.time),
            items.times(said.updated),
            items.meanings(Meaning(target, label, said.source)),
            items.units(unit),
            value,
            items.texts(text),
            items.flags(joined(*said.flags, *flags, target.flag)),
            items.files((found.file, "line")),
            found.line,
            found.entry,
            said.part,
            found.serial,
            hash((said.who, found.resource["resourceType"], identity)) if identity else 0,
        )

    def whom(self, resource: dict[str, Any], source: str, said_of: Found) -> str | None:
        """The patient that a resource is about, in one spelling; None, and a finding, where that is nobody."""
        about = resource.get("subject", {})
        reference = about.get("reference", "")
        if reference.startswith("#") or (not reference and not about.get("identifier", {}).get("value")):
            what = "refers to no patient outside itself"
        elif not reference:
            identifier = about["identifier"]
            return f"identifier {identifier.get('system', '')}|{identifier['value']}"
        else:
            name = subject(reference)
            if name.startswith(("Patient/", "urn:")):
                return name
            what = f"is about a {name.split('/')[0]}, no patient"
        self.findings.add("patient absent", f"{source}.subject", what, place(said_of))
        self.ledger.count(source, "refused")
        return None

    def find_strangers(self) -> None:
        """Codes that the table has, but under another system than they came with."""
        for (system, code), (_, times, first) in self.unmapped.rows.items():
            if code and not short(system) and (name := elsewhere(code)):
                what = f"is a code of {name}, given under another system; it was left unmapped"
                self.findings.add("code system unknown", f"{system or 'no system'} {code}", what, first, times)


def place(found: Found) -> str:
    """Where a resource stands, in words."""
    return spot(found.file, found.line, found.entry)


def example(said: Statement) -> str:
    """Where a statement stands, in words."""
    return spot(said.found.file, said.found.line, said.found.entry, said.part)
