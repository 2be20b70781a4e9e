"""Consent rules as FHIR R4B `Consent` resources, in both directions.

One resource is one rule: status, scope, category, patient, dateTime, and one provision with type, period, purposes and
codes of variables or groups. The base rule is opt-in: nothing is allowed but what a provision permits.

Reading is strict. What a Consent says that a rule cannot (an actor, an action, a nested provision, a purpose of another
list, a time of day) is refused with a sentence, for leaving it out would allow more than the person did. A consent that
is no longer in force becomes a refusal. A `dateTime` without a time of day counts as the day's first moment for a
permission, and as its last for a refusal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple

from pipeline.runs import RunError
from pipeline.schema import TableError, variables
from pipeline.vault.consent import ALL, BIRTH_DATE, Rule, groups, purposes

LOINC = "http://loinc.org"
REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACTS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
CATEGORY = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
VARIABLE, GROUP, PERSON = (f"urn:tvilling:{what}" for what in ("variable", "group", "person"))

OPT_IN = (ACTS, "OPTIN")
PRIVACY, RESEARCH = (SCOPE, "patient-privacy"), (SCOPE, "research")
DOCUMENT = (LOINC, "59284-0")      # consent document
# Categories that only classify; others limit what is allowed, such as access in an emergency alone.
CATEGORIES = {DOCUMENT, (CATEGORY, "research"), (ACTS, "INFA"), (ACTS, "IDSCL")}
ENDED = {"inactive", "rejected", "entered-in-error"}
# Elements without bearing on what is allowed: who recorded it where, and the words for a reader.
SILENT = {"resourceType", "id", "meta", "language", "text", "identifier", "performer", "organization",
          "sourceAttachment", "sourceReference"}  # fmt: skip
USED = {"status", "scope", "category", "patient", "dateTime", "policyRule", "provision"}
PROVISION = {"type", "period", "purpose", "code"}
FIRST, LAST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))      # where a day begins first, ends last


class Received(NamedTuple):
    """A rule out of a document, and what it calls the person."""

    identifiers: tuple[str, ...]      # each a person_id that may be meant
    rule: Rule
    place: str


def write_consent(rule: Rule, person_id: str, patient: str, name: str) -> dict[str, Any]:
    """The rule as a resource called `name`; `patient` is the id of the Patient resource."""
    scope = RESEARCH if rule.purposes == ("research",) else PRIVACY
    period = {"start": rule.start.isoformat()} | ({"end": rule.end.isoformat()} if rule.end else {})
    provision: dict[str, Any] = {
        "type": "permit" if rule.granted else "deny",
        "period": period,
        "purpose": [_coding(REASONS, purposes()[name].fhir, purposes()[name].words["en"]) for name in rule.purposes],
    }
    if ALL not in rule.variables:
        provision["code"] = [{"coding": _codings(name)} for name in rule.variables]
    return {
        "resourceType": "Consent",
        "id": name,
        "status": "active",
        "scope": {"coding": [_coding(*scope)]},
        "category": [{"coding": [_coding(*DOCUMENT)]}],
        "patient": {"reference": f"Patient/{patient}", "identifier": {"system": PERSON, "value": person_id}},
        "dateTime": rule.decided.isoformat(),
        "policyRule": {"coding": [_coding(*OPT_IN)]},
        "provision": provision,
    }


def read_consents(
    document: Mapping[str, Any], source: str, now: datetime, *, identify_by: str = "id"
) -> list[Received]:
    """The rules of a Consent, or of all in a Bundle.

    A person is who our own identifier names; where there is none, `identify_by` tells whether the logical id of the
    Patient or another identifier does ("id" or "identifier"): ids are local to a system, and could be somebody else's.

    Raises `TableError` with a sentence for everything that cannot be taken over as it is said; then nothing is.
    """
    entries = _entries(document, source)
    patients = {key: one for keys, one in entries if one.get("resourceType") == "Patient" for key in keys}
    consents = [resource for _, resource in entries if resource.get("resourceType") == "Consent"]
    if not consents:
        raise TableError(f"{source}: no Consent in it; give a Consent resource, or a Bundle that holds some")
    found, faults = [], []
    for place, given in enumerate(consents, 1):
        where = f"{source}, Consent {place}"
        resource, fault = _validated(given)
        said = [fault] if fault else list(_unfit(resource))
        if said:
            faults += [f"{where}: {what}" for what in said]
            continue
        who = _identifiers(resource["patient"], patients, identify_by)
        found.append(Received(who, _rule(resource, now), where))
    if faults:
        raise TableError("\n".join([*faults, "nothing of it was taken over; where a person refused, refuse by hand"]))
    return found


def _entries(document: Mapping[str, Any], source: str) -> list[tuple[set[str], Mapping[str, Any]]]:
    """Every resource, with the names under which others refer to it."""
    if not isinstance(document, Mapping) or "resourceType" not in document:
        raise TableError(f"{source}: no FHIR resource: it should be a JSON object with a resourceType")
    if document["resourceType"] != "Bundle":
        return [(set(), document)]
    entries = []
    for place, entry in enumerate(document.get("entry") or [], 1):
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        if not isinstance(resource, Mapping):
            raise TableError(f"{source}: entry {place} of the Bundle holds no resource")
        names = {entry.get("fullUrl"), f"{resource.get('resourceType')}/{resource.get('id')}"}
        entries.append((names - {None}, resource))
    return entries


def _unfit(resource: Mapping[str, Any]) -> Iterator[str]:
    """What of a Consent a rule cannot say."""
    for element in sorted(resource.keys() - SILENT - USED):
        yield f"{element} cannot be represented, and leaving it out could allow more than was meant"
    for element in sorted(resource.keys() & USED):
        if _has_extension(resource[element]):
            yield f"{element} holds an extension, and leaving it out could allow more than was meant"
    status = resource.get("status")
    if status not in {"active", *ENDED}:
        yield f"status is {status!r}; in force is active, and {', '.join(sorted(ENDED))} are taken as refusals"
    if _codes(resource["scope"]) not in ({PRIVACY}, {RESEARCH}):
        yield "scope is neither patient-privacy nor research"
    if any(not _codes(category) <= CATEGORIES or not _codes(category) for category in resource["category"]):
        yield "category is of a kind that can limit what is allowed; known are LOINC 59284-0, research, INFA, IDSCL"
    if "patient" not in resource:
        yield "patient is missing"
    if _codes(resource.get("policyRule", {})) != {OPT_IN}:
        yield "policyRule is not OPTIN, the rule that nothing is allowed but what a provision permits"
    if not _is_moment(resource.get("dateTime", "")):
        yield "dateTime is missing or names no day: which of two consents counts is told by when they were given"
    yield from _unfit_provision(resource, status != "active")


def _unfit_provision(resource: Mapping[str, Any], is_ended: bool) -> Iterator[str]:
    provision = resource.get("provision")
    if not provision:
        yield "provision is missing: it says nothing about purposes"
        return
    for element in sorted(provision.keys() - PROVISION):
        yield f"provision.{element} cannot be represented, and leaving it out could allow more than was meant"
    if provision.get("type") not in ("permit", "deny"):
        yield "provision.type is neither permit nor deny"
    elif provision["type"] == "deny" and is_ended:
        yield "a refusal that is no longer in force allows nothing by itself; record what the person allows"
    for element, moment in provision.get("period", {}).items():
        if element not in ("start", "end") or len(str(moment)) != len("2024-01-01"):
            yield f"provision.period.{element} is no day such as 2024-01-01; rules begin and end with a day"
    known = {purpose.fhir: purpose.name for purpose in purposes().values()}
    codes = [(coding.get("system"), coding.get("code")) for coding in provision.get("purpose", [])]
    if not codes or any(system != REASONS or code not in known for system, code in codes):
        yield f"provision.purpose must be of {REASONS}, at least one, of {', '.join(known)}"
    elif _codes(resource["scope"]) == {RESEARCH} and {code for _, code in codes} != {purposes()["research"].fhir}:
        yield "scope is research, and provision.purpose names something else"
    for place, concept in enumerate(provision.get("code", []), 1):
        if len(_names(concept)) != 1:
            yield f"provision.code {place} is no variable or group of this library (LOINC, {VARIABLE} or {GROUP})"
    if "code" in provision and not provision["code"]:
        yield "provision.code is empty"


def _has_extension(element: Any) -> bool:
    if isinstance(element, Mapping):
        return "extension" in element or any(name.startswith("_") or _has_extension(element[name]) for name in element)
    return isinstance(element, list) and any(_has_extension(part) for part in element)


def _rule(resource: Mapping[str, Any], now: datetime) -> Rule:
    provision, said = resource["provision"], resource["dateTime"]
    granted = provision["type"] == "permit" and resource["status"] == "active"
    if len(said) > len("2024-01-01"):
        decided = datetime.fromisoformat(said)
    elif granted:
        decided = datetime.combine(date.fromisoformat(said), time.min, FIRST)
    else:
        decided = min(datetime.combine(date.fromisoformat(said), time.max, LAST), now)
    period = {element: date.fromisoformat(day) for element, day in provision.get("period", {}).items()}
    known = {purpose.fhir: purpose.name for purpose in purposes().values()}
    return Rule(
        tuple(dict.fromkeys(known[coding["code"]] for coding in provision["purpose"])),
        tuple(dict.fromkeys(name for concept in provision.get("code", []) for name in _names(concept))) or (ALL,),
        granted,
        period.get("start", date.fromisoformat(said[:10])),
        period.get("end"),
        decided,
    )


def _is_moment(said: str) -> bool:
    try:
        datetime.fromisoformat(said)
    except ValueError:      # also 2024, 2024-05 and a leap second
        return False
    return True


def _identifiers(
    patient: Mapping[str, Any], patients: Mapping[str, Mapping[str, Any]], identify_by: str
) -> tuple[str, ...]:
    """What the person may be called in the vault: by the reference itself, and by the Patient that it points to."""
    reference = patient.get("reference", "")
    target = patients.get(reference, {})
    named = [one for one in (patient.get("identifier", {}), *target.get("identifier", [])) if one.get("value")]
    own = [one["value"] for one in named if one.get("system") == PERSON]
    values = [one["value"] for one in named] if identify_by == "identifier" else [target.get("id") or _tail(reference)]
    return tuple(dict.fromkeys(own or values))


def _tail(reference: str) -> str:
    """The logical id in a reference, whatever server and version it names."""
    return reference.split("/_history/")[0].rpartition("/")[2].removeprefix("urn:uuid:")


def _validated(resource: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The resource as FHIR R4B understands it, or what makes it invalid, without its values."""
    from pydantic import ValidationError

    try:
        from fhir.resources.R4B.consent import Consent
    except ImportError:
        raise RunError('FHIR needs the package fhir.resources: pip install "tvilling[clinical]"') from None
    try:
        valid = json.loads(Consent.model_validate(resource).model_dump_json(exclude_none=True))
    except ValidationError as fault:
        first = fault.errors(include_input=False)[0]
        return {}, f"not valid in FHIR R4B: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return valid, None


def _names(concept: Mapping[str, Any]) -> set[str]:
    """The variables and groups that the codings of one concept stand for."""
    of_loinc = {variable.loinc: name for name, variable in variables().items() if variable.loinc}
    own = {name: name for name in (*variables(), BIRTH_DATE)}
    known = {LOINC: of_loinc, VARIABLE: own, GROUP: {name: name for name in groups()}}
    found = (known.get(system or "", {}).get(code or "") for system, code in _codes(concept))
    return {name for name in found if name}


def _codings(name: str) -> list[dict[str, str]]:
    if name in groups():
        return [_coding(GROUP, name, groups()[name].words["en"])]
    if name not in variables():      # the date of birth
        return [_coding(VARIABLE, name)]
    variable = variables()[name]
    loinc = [_coding(LOINC, variable.loinc, variable.description)] if variable.loinc else []
    return [*loinc, _coding(VARIABLE, name, variable.description)]


def _codes(concept: Mapping[str, Any]) -> set[tuple[str | None, str | None]]:
    return {(coding.get("system"), coding.get("code")) for coding in concept.get("coding", [])}


def _coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": display} if display else {})
