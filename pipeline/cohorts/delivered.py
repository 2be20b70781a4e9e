"""Health records, charts, images, or a vault: a delivery whose people get their time zero here.

Time zero is a visit of each person (the first or last day on which anything, or something named, was read) or one day
for everybody; days count from it. Charts have no dates: their time zero is the arrival, and what came before it is of
the day before. Answers that become yes are dated events too, followed from time zero to death, to the end of the last
period of observation or, where the source has none, to the last reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipeline.cohorts.csv_file import Read, read_csv
from pipeline.cohorts.outcome import DAYS_A_YEAR, DEATH
from pipeline.cohorts.source import NO_EVENTS, Defect, Source, long_table
from pipeline.delivery import Delivery, Severity
from pipeline.intake import read
from pipeline.schema import TableError, Variable
from pipeline.sections import CsvFile, Delivered, FhirCohort, OmopCohort, VaultCohort

DIED, OBSERVED = "died", "under_observation"      # of the record itself: no finding of a visit
DAY = np.timedelta64(1, "D")
OLDEST = 120.0
# Days from the arrival, where a reading has a phase instead of a date; what is not here was read too late to predict.
PHASES = {"": 0.0, "arrival": 0.0, "before arrival": -1.0, "history": -1.0}
DONE: Mapping[Severity, str] = {"refused": "not taken over", "suspect": "flagged", "note": "taken over"}
COLUMNS = ["person_id", "time_d", "variable", "value", "text", "flag"]


def load(cohort: Delivered, known: Mapping[str, Variable]) -> Source:
    """Everybody of the delivery who has a time zero, an age and a sex; raises `TableError` where nobody has."""
    if isinstance(cohort, VaultCohort):
        delivery = _from_vault(cohort)
    else:
        identify_by = cohort.identify_by if isinstance(cohort, FhirCohort | OmopCohort) else None
        delivery = read(cohort.path, cohort.source, identify_by=identify_by)
    beside = None if cohort.csv is None else read_csv(cohort.csv, known)
    people, readings = delivery.people.set_index("person_id"), delivery.readings
    if beside is not None:
        people = _told_of(people, beside)
    day = readings["at"].to_numpy().astype("datetime64[D]")
    zero = _time_zero(people.index, readings, day, cohort.time_zero, cohort.visit_with)
    age = _age(people, zero)
    is_dated = not np.isnat(day).all()
    needed = {"sex": people["sex"].notna(), "age": age.notna()}
    if is_dated:
        needed = {"day of a visit": zero.notna(), **needed}
    kept, left_out = pd.Series(True, index=people.index), {}
    for what, known_of in needed.items():
        left_out[f"{what} known"] = int((kept & ~known_of).sum())
        kept &= known_of
    if not kept.any():
        counted = ", ".join(f"{number} without {what.removesuffix(' known')}" for what, number in left_out.items())
        raise TableError(f"{delivery.identity['file']}: nobody can be taken: of {len(people)} people {counted}")
    people, age, zero = people[kept], age[kept], zero[kept]

    of_kept = readings["person_id"].isin(people.index).to_numpy()
    readings, day = readings[of_kept], day[of_kept]
    time_d = (day - zero.loc[readings["person_id"]].to_numpy().astype("datetime64[D]")) / DAY
    dateless = readings["phase"].map(PHASES).to_numpy(dtype=float)
    time_d = np.where(np.isnat(day), dateless, time_d)
    defects = [Defect(f"{f.kind}: {f.what}", f.place, f.times, None, DONE[f.severity]) for f in delivery.findings]
    unmapped = int(delivery.unmapped["count"].sum())
    defects.append(Defect("statements by codes without a variable", "codes", unmapped, None, "counted, not used"))
    late = np.isnan(time_d)
    defects.append(Defect("read after treatment", "phase", int(late.sum()), None, "not used"))
    timed = readings.assign(time_d=time_d)[~late]
    parts = [timed[~timed["variable"].isin([DIED, OBSERVED])][COLUMNS]]
    if beside is not None:
        parts.append(_beside(beside, people.index, cohort.csv, defects))
    observations = _in_order(pd.concat(parts, ignore_index=True), people.index)
    observations = _with_noes(observations, people.index, cohort.absent_is_no)
    table = pd.DataFrame(
        {
            "person_id": people.index,
            "group_id": _groups(people.index, beside),
            "age_years": age.to_numpy(dtype=float),
            "sex": people["sex"].to_numpy(),
        }
    ).astype({"person_id": "str", "group_id": "str", "sex": "str"})
    identity = {k: delivery.identity[k] for k in ("file", "sha256", "licence", "citation", "rows", "note")}
    offered = tuple(dict.fromkeys([*observations["variable"], *(beside.parts if beside else ())]))
    return Source(
        table,
        observations,
        offered,
        identity,
        {} if beside is None else beside.conversions,
        defects,
        _events(timed, people.index, known) if is_dated else NO_EVENTS,
        left_out,
        delivery.identity.get("consent"),
    )


def _from_vault(cohort: VaultCohort) -> Delivery:
    from pipeline.vault import open_vault

    with open_vault(cohort.path, cohort.key) as vault:
        delivery = vault.read(cohort.purpose)
    # The day of reading would make the same people another cohort every day.
    return delivery._replace(identity={**delivery.identity, "note": f"as each person allows for {cohort.purpose}"})


def record_use(cohort: VaultCohort, study: str, people: Iterable[str], snapshot: Mapping[str, Any]) -> str:
    """Write into the vault's ledger that a study used these people; what the ledger calls it.

    It replaces the study's run before; the same people with the same consent are one run.
    """
    from pipeline.vault import open_vault

    used = sorted(people)
    digest = hashlib.sha256("\n".join([snapshot["consent_hmac"], *used]).encode()).hexdigest()[:12]
    with open_vault(cohort.path, cohort.key) as vault:
        before = [run.run for run in vault.runs() if run.run.startswith(f"{study} ")]
        if before and before[-1].endswith(digest):
            return before[-1]
        name = f"{study} {len(before) + 1} {digest}"
        return vault.record_use(name, used, snapshot, before[-1] if before else None).run


def _time_zero(
    people: pd.Index,
    readings: pd.DataFrame,
    day: np.ndarray,
    which: Literal["first", "last"] | date,
    visit_with: Sequence[str],
) -> pd.Series:
    """The day of each person's time zero; missing of whom no day is known."""
    has_value = readings["value"].notna() | readings["text"].notna()
    counts = has_value & (readings["variable"].isin(visit_with) if visit_with else ~readings["variable"].isin([DIED]))
    counts &= readings["variable"] != OBSERVED
    days = pd.Series(day.astype("datetime64[s]"), index=readings["person_id"])[counts.to_numpy()].dropna()
    if isinstance(which, date):
        seen = days[days <= pd.Timestamp(which)]
        return pd.Series(pd.Timestamp(which), index=seen.index.unique()).reindex(people)
    return getattr(days.groupby(level=0), "min" if which == "first" else "max")().reindex(people)


def _age(people: pd.DataFrame, zero: pd.Series) -> pd.Series:
    """Years at time zero by the date of birth, else as the source told them."""
    born = (zero - people["birth_date"]) / np.timedelta64(1, "D") / DAYS_A_YEAR
    age = born.fillna(people["age_years"])
    return age.where(age.between(0, OLDEST))


def _told_of(people: pd.DataFrame, beside: Read) -> pd.DataFrame:
    """Sex and age from the file beside the records, where those lack them."""
    for name in ("sex", "age_years"):
        if name in beside.parts:
            told = pd.Series(beside.parts[name].values, index=beside.person_id.to_numpy()).dropna()
            people = people.assign(**{name: people[name].fillna(told.groupby(level=0).first())})
    return people


def _beside(beside: Read, people: pd.Index, file: CsvFile | None, defects: list[Defect]) -> pd.DataFrame:
    """Readings of the file beside the records, of people who are in both."""
    parts = [part for name, part in beside.parts.items() if name not in ("sex", "age_years")]
    table = long_table(beside.person_id, beside.time_d, parts)
    there = table["person_id"].isin(people)
    strangers = int((~beside.person_id.isin(people)).sum())
    column = file.person_id if file else ""
    defects += [*beside.defects, Defect("row of nobody in the records", column, strangers, None, "not used")]
    return table[there]


def _in_order(observations: pd.DataFrame, people: pd.Index) -> pd.DataFrame:
    person = people.get_indexer(pd.Index(observations["person_id"]))
    order = np.lexsort((observations["time_d"].to_numpy(), person))
    texts = {"person_id": "str", "variable": "str", "text": "str", "flag": "str"}
    return observations.iloc[order].reset_index(drop=True).astype(texts | {"value": float, "time_d": float})


def _with_noes(observations: pd.DataFrame, people: pd.Index, names: Sequence[str]) -> pd.DataFrame:
    """Beside the readings a "no" at time zero of everybody of whom nothing was told of an answer by then."""
    told = observations[(observations["time_d"] <= 0) & observations["text"].notna()]
    parts = [observations]
    for name in names:
        silent = people.difference(told.loc[told["variable"] == name, "person_id"], sort=False)
        row = {"time_d": 0.0, "variable": name, "value": np.nan, "text": "no", "flag": ""}
        parts.append(pd.DataFrame({"person_id": silent, **row}))
    return _in_order(pd.concat(parts, ignore_index=True), people) if names else observations


def _groups(people: pd.Index, beside: Read | None) -> np.ndarray:
    """What is kept together in cross-validation: as the file beside the records says, else each person alone."""
    if beside is None:
        return people.to_numpy()
    told = pd.Series(beside.group_id.to_numpy(), index=beside.person_id.to_numpy()).groupby(level=0).first()
    return told.reindex(people).fillna(people.to_series()).to_numpy()


def _events(timed: pd.DataFrame, people: pd.Index, known: Mapping[str, Variable]) -> pd.DataFrame:
    """The first yes of each answer, or how long the person was followed without one."""
    answers = [name for name, v in known.items() if set(v.levels) >= {"no", "yes"} and name != OBSERVED]
    yes = timed[(timed["text"] == "yes") & timed["variable"].isin(answers)]
    first = yes.groupby(["person_id", "variable"])["time_d"].min().unstack().reindex(people)
    closed = timed[(timed["variable"] == OBSERVED) & (timed["text"] == "no")].groupby("person_id")["time_d"].max()
    end = closed.reindex(people).fillna(timed.groupby("person_id")["time_d"].max().reindex(people))
    if DIED in first:
        end = end.where(first[DIED].isna(), first[DIED])
    tables: list[pd.DataFrame] = [NO_EVENTS]
    for name in first.columns:
        happened = first[name].notna() & ((first[name] <= end) | (first[name] <= 0))
        row: dict[str, Any] = {"person_id": people, "event": DEATH if name == DIED else name}
        row |= {"time_d": first[name].where(happened, end).to_numpy(), "happened": happened.to_numpy(dtype=int)}
        tables.append(pd.DataFrame(row))
    events = pd.concat(tables[1:] or tables, ignore_index=True)
    return events.astype({"person_id": "str", "event": "str", "time_d": float, "happened": int})
