"""FHIR R4 to a `Delivery`: bundles and ndjson, one resource after the other."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tqdm import tqdm

from pipeline.delivery import Delivery
from pipeline.records import r4
from pipeline.records.delivering import as_day, deliver, fingerprint, today
from pipeline.records.files import LIMITS, Found, Limits, Skipped, walk
from pipeline.records.intake import Intake, place
from pipeline.records.resources import READERS, resolve
from pipeline.records.times import NEVER, moment
from pipeline.schema import TableError

IDENTIFY = ("id", "identifier")
TRIED = 20      # resources with a fault in the same element that are tried as other versions of FHIR, which takes long


def read_fhir(
    path: Path,
    *,
    delivered: date | str | None = None,
    identify_by: str = "id",
    limits: Limits = LIMITS,
    progress: bool = False,
) -> Delivery:
    """People and readings of a file or folder of FHIR R4.

    `delivered` is the day on which the records were handed over, after which nothing can be dated; if it is not told,
    the newest timestamp of a bundle, else today. A person is the patient's logical id, or with
    `identify_by="identifier"` the first identifier. A reading in `readings` whose value is missing was implausible, and
    its flag says so. `identity` holds beside the file's what became of all statements (`counts`).

    Raises `TableError` where a file is damaged, is no FHIR or another version than R4: then nothing is taken.
    """
    if identify_by not in IDENTIFY:
        raise TableError(f"identify_by is {identify_by!r}; allowed: {', '.join(IDENTIFY)}")
    given, newest, resources = as_day(delivered), NEVER, 0
    out = Intake(identify_by=identify_by)
    for found in tqdm(walk(path, limits), desc="records", unit="", disable=None if progress else True):
        if isinstance(found, Skipped):
            kind = "entry without resource" if "entries" in found.what else "file not read"
            out.findings.add(kind, found.file, found.what)
            continue
        resources += found.resource["resourceType"] != "Bundle"
        newest = max(newest, _one(found._replace(serial=resources), out))
    if not resources:
        raise TableError(f"{path.name}: holds no resource of FHIR R4")
    resolve(out)
    now = today()
    end = given if given is not None else newest if NEVER < newest <= now else now
    identity = {
        "file": path.name,
        "sha256": fingerprint(path),
        "licence": "that of the records' owner",
        "citation": "health records of the user",
        "rows": resources,
        "note": "FHIR R4",
    }
    return deliver(out, end, identity)


def _one(found: Found, out: Intake) -> int:
    """Take one resource in; the time at which its bundle says it was put together."""
    resource = found.resource
    kind = resource["resourceType"]
    if kind not in r4.MODELS:
        out.findings.add("resource not used", kind, "holds no variable of the library; counted only", place(found))
        out.ledger.count(kind, "unused")
        return NEVER
    try:
        r4.check(resource)
    except r4.Invalid as fault:
        _refuse(found, fault, out)
        return NEVER
    if kind != "Bundle":
        READERS[kind](resource, found, out)
        return NEVER
    if any(link.get("relation") == "next" for link in resource.get("link", ())):
        out.findings.add("more pages", found.file, "is one page of a search; the next ones are not in the file")
    return moment(resource.get("timestamp", "")).seconds


def _refuse(found: Found, fault: r4.Invalid, out: Intake) -> None:
    kind = found.resource["resourceType"]
    where = fault.place(kind)
    out.broken[where] += 1
    other = r4.other_version(found.resource) if out.broken[where] <= TRIED else ""
    if other:
        raise TableError(f"{place(found)}: is FHIR {other}, not R4 ({where} {fault.what}); export the records as R4")
    no_code = where in {f"{kind}.code", f"{kind}.code.coding.code"} and fault.what in {r4.MISSING, r4.EMPTY}
    out.findings.add("code absent" if no_code else "not valid R4", where, fault.what, place(found))
    out.ledger.count(kind, "refused")
