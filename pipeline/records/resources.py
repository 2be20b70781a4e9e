"""Statements about patients out of FHIR resources: one function a kind, in `READERS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.records.codes import YES_NO, Target
from pipeline.records.files import Found
from pipeline.records.intake import UCUM, Coded, Intake, Statement, example, place
from pipeline.records.items import Unit
from pipeline.records.people import subject
from pipeline.schema import variables

Resource = dict[str, Any]
NO_DATE = "date not known"
# Statuses under which a resource says nothing of the patient, and those that its readings are flagged with.
SILENT = {
    "Observation": {"entered-in-error", "cancelled"},
    "MedicationRequest": {"entered-in-error", "cancelled", "draft"},
    "MedicationStatement": {"entered-in-error", "intended", "not-taken"},
}
FLAGGED = {"registered", "preliminary", "unknown", "stopped", "on-hold", "inactive", "resolved", "remission"}
ORDERED = {"order", "original-order", "reflex-order", "filler-order", "instance-order"}
CONFIRMED = {"", "confirmed"}
DIED = Target(variables()["died"], level="yes")


def patient(resource: Resource, found: Found, out: Intake) -> None:
    """Who somebody is, and whether and when they died."""
    person = out.people.add(resource, found.url, place(found))
    out.ledger.count("Patient", "taken" if person else "refused")
    died = resource.get("deceasedDateTime", "")
    if person is None or not (died or resource.get("deceasedBoolean")):
        return
    if not out.people.dies(person, died):      # told before: patients stand in many bundles
        out.ledger.count("Patient.deceased", "repeated")
        return
    who = f"Patient/{resource['id']}" if resource.get("id") else subject(found.url)
    flags = () if died else ("day of death not known",)
    nameless = found._replace(resource={"resourceType": "Patient"}, url="")     # may well stand here again
    said = Statement("Patient.deceased", who, died, "", flags, nameless)
    out.take(said, DIED, "Patient.deceased", float("nan"), Unit(), "yes")


def observation(resource: Resource, found: Found, out: Intake) -> None:
    """A measurement or answer, with its components."""
    status = resource.get("status", "unknown")
    components = resource.get("component", ())
    if status in SILENT["Observation"]:
        _ignore("Observation", f"is {status}", found, out)
        out.ledger.count("Observation.component", "ignored", len(components)) if components else None
        return
    who = out.whom(resource, "Observation", found)
    if who is None:
        if components:
            out.ledger.count("Observation.component", "refused", len(components))
        return
    time, flag = _observed(resource)
    flags = tuple(f for f in (flag, status if status in FLAGGED else "", *_own_flags(resource)) if f)
    updated = resource.get("meta", {}).get("lastUpdated", "")
    said = Statement("Observation", who, time, updated, flags, found)
    if components and not any(key.startswith("value") for key in resource):
        out.ledger.count("Observation", "panel")
    else:
        _value(resource, said, out)
    for part, component in enumerate(components, 1):
        _value(component, said._replace(source="Observation.component", part=part), out)


def condition(resource: Resource, found: Found, out: Intake) -> None:
    """A diagnosis: yes on the day of its onset, no where it was refuted."""
    verified = _code(resource.get("verificationStatus"))
    if verified == "entered-in-error":
        _ignore("Condition", f"is {verified}", found, out)
        return
    if verified not in CONFIRMED | {"refuted"}:
        what = f"is {verified}; only confirmed and refuted diagnoses are taken over"
        out.findings.add("diagnosis not confirmed", "Condition.verificationStatus", what, place(found))
        out.ledger.count("Condition", "ignored")
        return
    who = out.whom(resource, "Condition", found)
    if who is None:
        return
    onset = resource.get("onsetDateTime") or resource.get("onsetPeriod", {}).get("start")
    time = onset or resource.get("recordedDate", "")
    clinical = _code(resource.get("clinicalStatus"))
    flags = ("" if onset else "date of recording" if time else NO_DATE, clinical if clinical in FLAGGED else "")
    updated = resource.get("meta", {}).get("lastUpdated", "")
    said = Statement("Condition", who, time, updated, flags, found)
    _stated(resource.get("code", {}), said, out, refuted=verified == "refuted")


def medication_request(resource: Resource, found: Found, out: Intake) -> None:
    """A prescription: the treatment starts on the day it was written."""
    if resource.get("intent", "order") not in ORDERED or resource.get("doNotPerform"):
        _ignore("MedicationRequest", "is no order", found, out)
        return
    _drug("MedicationRequest", resource, resource.get("authoredOn", ""), "", found, out)


def medication_statement(resource: Resource, found: Found, out: Intake) -> None:
    """A drug that somebody is said to take."""
    since = resource.get("effectiveDateTime") or resource.get("effectivePeriod", {}).get("start", "")
    time = since or resource.get("dateAsserted", "")
    _drug("MedicationStatement", resource, time, "" if since else "date of recording", found, out)


def medication(resource: Resource, found: Found, out: Intake) -> None:
    """A drug that others refer to."""
    concept = _of_drug(resource)
    out.ledger.count("Medication", "unused")
    for name in (f"Medication/{resource['id']}" if "id" in resource else "", subject(found.url) if found.url else ""):
        if name:
            out.medications[name] = concept


def resolve(out: Intake) -> None:
    """Drugs given by reference, once every resource was read."""
    for said, reference in out.pending:
        concept = out.medications.get(reference)
        if concept is None:
            what = "refers to a Medication that is not in the delivery"
            out.refuse("medication unknown", f"{said.source}.medicationReference", what, said)
        else:
            _stated(concept, said, out)


READERS: dict[str, Callable[[Resource, Found, Intake], None]] = {
    "Patient": patient,
    "Observation": observation,
    "Condition": condition,
    "MedicationRequest": medication_request,
    "MedicationStatement": medication_statement,
    "Medication": medication,
}


def _value(holder: Resource, said: Statement, out: Intake) -> None:
    """The value of an observation or component, for each variable that its code means."""
    concept = holder["code"]
    meant, label = out.understand(concept)
    if not meant:
        out.leave(concept, said)
        return
    quantity = holder.get("valueQuantity")
    number = holder.get("valueInteger") if quantity is None else quantity.get("value")
    for target in meant:
        if target.level or target.variable.kind == "category":
            _category(holder, target, label, said, out)
        elif number is not None:
            unit, flag = _unit(quantity) if quantity else (Unit(), "")
            if flag:
                what = "is only said to lie below or above the value; taken over as the value and flagged"
                out.findings.add("value is a limit", _place(label, target), what, example(said))
            out.take(said, target, label, float(number), unit, "", (flag,))
        else:
            _no_value(holder, target, label, said, out)


def _category(holder: Resource, target: Target, label: str, said: Statement, out: Intake) -> None:
    variable, coded = target.variable, holder.get("valueCodeableConcept")
    text, flag = holder.get("valueString", ""), ""
    truth = holder.get("valueBoolean")
    if target.level:      # the code says it all, unless it is denied
        said_no = truth is False or (coded is not None and (out.answer(variable.name, coded) or ("",))[0] == "no")
        text = "no" if said_no else target.level
    elif coded is not None:
        known = out.answer(variable.name, coded)
        if known is None and coded.get("coding"):
            out.leave(coded, said)
            return
        text, flag = known or (coded.get("text", ""), "")
    elif truth is not None and variable.levels == YES_NO:
        text = YES_NO[truth]
    if not text:
        _no_value(holder, target, label, said, out)
    elif variable.levels and text not in variable.levels:
        what = f"is not {variable.allowed()}"
        out.refuse("value not understood", _place(label, target), what, said)
    else:
        out.take(said, target, label, float("nan"), Unit(), text, (flag,))


def _no_value(holder: Resource, target: Target, label: str, said: Statement, out: Intake) -> None:
    given = next((key for key in holder if key.startswith("value")), "")
    if given and given not in {"valueQuantity", "valueInteger"}:
        what = f"comes as {given}; {target.variable.name} needs {_wanted(target)}"
        out.refuse("value not understood", _place(label, target), what, said)
    else:
        reason = _code(holder.get("dataAbsentReason")) or "no reason given"
        out.refuse("value absent", _place(label, target), f"has no value ({reason})", said, "absent")


def _stated(concept: Coded, said: Statement, out: Intake, *, refuted: bool = False) -> None:
    """A diagnosis or drug, whose code alone says what is so."""
    meant, label = out.understand(concept)
    meant = tuple(target for target in meant if target.level)
    if not meant:
        out.leave(concept, said)
    for target in meant:
        if refuted and "no" not in target.variable.levels:
            out.refuse("ignored by status", f"{said.source}.verificationStatus", "is refuted", said, "ignored")
        else:
            out.take(said, target, label, float("nan"), Unit(), "no" if refuted else target.level)


def _drug(source: str, resource: Resource, time: str, flag: str, found: Found, out: Intake) -> None:
    status = resource.get("status", "unknown")
    if status in SILENT[source]:
        _ignore(source, f"is {status}", found, out)
        return
    who = out.whom(resource, source, found)
    if who is None:
        return
    updated = resource.get("meta", {}).get("lastUpdated", "")
    flags = (flag if time else NO_DATE, status if status in FLAGGED else "")
    said = Statement(source, who, time, updated, flags, found)
    if "medicationCodeableConcept" in resource:
        _stated(resource["medicationCodeableConcept"], said, out)
        return
    reference = resource.get("medicationReference", {}).get("reference", "")
    inside = (drug for drug in resource.get("contained", ()) if f"#{drug.get('id')}" == reference)
    contained = next(inside, None)
    if contained:
        _stated(_of_drug(contained), said, out)
    else:
        out.pending.append((said._replace(found=found._replace(resource=_stub(resource))), subject(reference)))


def _of_drug(resource: Resource) -> Coded:
    """The codes of a Medication: its own, then those of its ingredients."""
    own = resource.get("code", {})
    ingredients = (i.get("itemCodeableConcept", {}) for i in resource.get("ingredient", ()))
    return own | {"coding": [c for concept in (own, *ingredients) for c in concept.get("coding", ())]}


def _observed(resource: Resource) -> tuple[str, str]:
    """When something was observed, and a flag where that is not what is written."""
    period = resource.get("effectivePeriod", {})
    point = resource.get("effectiveDateTime") or resource.get("effectiveInstant")
    if time := point or period.get("start") or period.get("end"):
        return time, ""
    events = resource.get("effectiveTiming", {}).get("event")
    if events:
        return events[0], ""
    return (resource["issued"], "date of issue") if "issued" in resource else ("", NO_DATE)


def _unit(quantity: Resource) -> tuple[Unit, str]:
    code, words = quantity.get("code", ""), quantity.get("unit", "")
    unit = Unit(code, words) if quantity.get("system", "") in UCUM else Unit("", words or code)
    return unit, {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}.get(quantity.get("comparator", ""), "")


def _own_flags(resource: Resource) -> tuple[str, ...]:
    """Flags that our own export wrote."""
    return tuple(e["valueString"] for e in resource.get("extension", ()) if e.get("url") == "urn:tvilling:flag")


def _ignore(source: str, what: str, found: Found, out: Intake) -> None:
    out.findings.add("ignored by status", f"{source}.status", what, place(found))
    out.ledger.count(source, "ignored")


def _code(concept: Coded | None) -> str:
    return next((c.get("code", "") for c in (concept or {}).get("coding", ())), "")


def _stub(resource: Resource) -> Resource:
    """All that is still asked of a resource whose drug is not known yet."""
    return {key: resource[key] for key in ("resourceType", "id") if key in resource}


def _place(label: str, target: Target) -> str:
    return f"{label} ({target.variable.name})"


def _wanted(target: Target) -> str:
    return "a coded answer" if target.variable.kind == "category" else "a number with its unit"
