"""The checks that need all statements of a delivery together: units, ranges, dates, repeats, pressures.

What fails them is dropped, or kept and flagged, and always a finding.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.records.items import Items, joined, spot
from pipeline.records.kinds import Findings
from pipeline.records.quantities import implausible, in_variable, spelled
from pipeline.records.times import DAY_S, NEVER, PARTIAL, moment, stamps

SLACK_S = {"": DAY_S, PARTIAL[7]: 32 * DAY_S, PARTIAL[4]: 367 * DAY_S}     # time zones; and dates half known
ALWAYS = np.iinfo(np.int64).max
SWAPPED = "systolic not above diastolic, set missing"


class Rows:
    """All statements as columns, with a flag each, and which of them stay."""

    def __init__(self, items: Items, findings: Findings) -> None:
        self.findings = findings
        column = items.columns()
        self.meanings, self.units, self.files = items.meanings.all(), items.units.all(), items.files.all()
        self.meaning, self.unit, self.value = column["meaning"], column["unit"], column["value"]
        self.subject, self.resource = column["subject"], column["resource"]
        self.file, self.line, self.entry, self.part = (column[n] for n in ("file", "line", "entry", "part"))
        resources = pd.DataFrame({"file": self.file, "serial": column["serial"]})
        # One number a resource, or row of a table.
        self.spot = resources.groupby(["file", "serial"], sort=False).ngroup().to_numpy()
        self.text = np.array([*items.texts.all()], dtype=object)[column["text"]]
        self.flag = np.array([*items.flags.all()], dtype=object)[column["flag"]]
        moments = [moment(t) if isinstance(t, str) else t for t in items.times.all()]
        seconds = np.array([m.seconds for m in moments], dtype=np.int64)
        self.seconds, self.updated = seconds[column["time"]], seconds[column["updated"]]
        self.partial = np.array([m.partial for m in moments], dtype=object)[column["time"]]
        names = [m.target.variable.name for m in self.meanings]
        self.variable = np.array(names, dtype=object)[self.meaning] if names else np.array([], dtype=object)
        self.source = np.array([m.source for m in self.meanings], dtype=object)
        self.stays = np.ones(len(self.value), dtype=bool)
        self.repeated = ~self.stays      # dropped because something else says the same

    def where(self, row: int) -> str:
        """The place of a row in the delivery."""
        file, word = self.files[self.file[row]]
        return spot(file, self.line[row], self.entry[row], self.part[row], word=word)

    def place(self, meaning: int) -> str:
        """A code and its variable."""
        return f"{self.meanings[meaning].label} ({self.meanings[meaning].target.variable.name})"

    def find(self, kind: str, rows: np.ndarray, what: str, flag: str = "", *, drop: bool = False) -> None:
        """Rows (a mask, or numbers) with the same fault: found for each code, flagged, dropped if so wished."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        chosen = chosen[self.stays[chosen]]
        for meaning in np.unique(self.meaning[chosen]):
            those = chosen[self.meaning[chosen] == meaning]
            self.findings.add(kind, self.place(int(meaning)), what, self.where(int(those[0])), len(those))
        if flag:
            self.flag[chosen] = [joined(f, flag) for f in self.flag[chosen]]
        if drop:
            self.stays[chosen] = False


def convert_units(rows: Rows) -> None:
    """Every number to the unit of its variable, by groups of one code and unit; what cannot be goes missing."""
    written = rows.value
    rows.value = written.copy()
    count = len(rows.units) or 1
    numbers = np.flatnonzero(~np.isnan(written))
    groups = pd.Series(numbers).groupby(rows.meaning[numbers] * count + rows.unit[numbers])
    for key, members in groups:
        index = members.to_numpy()
        target, unit = rows.meanings[int(key) // count].target, rows.units[int(key) % count]
        done = in_variable(written[index], unit, target)
        if done.values is None:
            rows.find(done.kind, index, done.what, drop=True)
            continue
        used = spelled(unit, target)
        outside, likely = implausible(done.values, written[index], used, target.variable)
        rows.value[index] = np.where(outside, np.nan, done.values)
        if done.kind:
            rows.find(done.kind, index[~outside], done.what, done.flag)
        for other in sorted(set(likely[outside])):
            those = index[outside & (likely == other)]
            allowed = f"allowed {target.variable.allowed()}; set missing"
            flag = f"implausible: outside {target.variable.allowed()}, set missing"
            if other:
                what = f"is implausible in {used or 'no unit'}, but not in {other}; {allowed}"
                rows.find("unit implausible", those, what, flag)
            else:
                rows.find("value implausible", those, f"is implausible; {allowed}", flag)


def check_dates(rows: Rows, person: np.ndarray, births: np.ndarray, delivered: int) -> None:
    """Dates that cannot be, that are half known, or absent."""
    known = rows.seconds != NEVER
    slack = np.array([SLACK_S[p] for p in rows.partial], dtype=np.int64)
    late = np.where(rows.updated == NEVER, delivered, np.minimum(rows.updated, delivered)) + DAY_S
    ahead = known & (rows.seconds > late)
    rows.find("date in the future", ahead, "is dated after the delivery, or after the resource was written", drop=True)
    born = births[person]
    before = known & (born != NEVER) & (rows.seconds < born - slack)
    rows.find("date before birth", before, "is dated before the patient was born", drop=True)

    dying = known & (rows.variable == "died") & (rows.text == "yes") & rows.stays
    first, gone = (np.full(len(births), ALWAYS, dtype=np.int64) for _ in range(2))
    np.minimum.at(first, person[dying], rows.seconds[dying])
    np.minimum.at(gone, person[dying], (rows.seconds + slack)[dying])
    several = dying & (rows.seconds - slack > first[person])
    what = "is dated on two days for the same person; flagged"
    rows.find("death contradictory", several, what, "another day of death is told")
    after = known & ~dying & (rows.seconds > gone[person])
    rows.find("date after death", after, "is dated after the patient died; taken over and flagged", "after death")
    rows.find("date absent", ~known, "has no date; taken over and flagged")
    for words in PARTIAL.values():
        rows.find("date partial", rows.partial == words, f"has its {words}; stands at the start of that time", words)


def check_repeats(rows: Rows, person: np.ndarray) -> None:
    """The same resource twice, of which the last counts, and the same reading twice, of which the first does."""
    frame = pd.DataFrame({"resource": rows.resource, "spot": rows.spot})[rows.stays]
    last = frame.groupby("resource")["spot"].transform("last")
    repeated = np.zeros(len(rows.stays), dtype=bool)
    repeated[frame.index[(frame["resource"] != 0) & (frame["spot"] != last)]] = True
    what = "stands in the delivery again under the same id; the last one counts"
    rows.find("resource repeated", repeated, what, drop=True)

    labels = {label: number for number, label in enumerate(dict.fromkeys(m.label for m in rows.meanings))}
    label = np.array([labels[m.label] for m in rows.meanings], dtype=np.int64)
    frame = pd.DataFrame(
        {
            "person": person, "seconds": rows.seconds, "variable": rows.variable, "value": rows.value,
            "text": rows.text, "label": label[rows.meaning] if len(label) else rows.meaning,
        }
    )[rows.stays & (rows.seconds != NEVER)]  # fmt: skip
    same = ["person", "seconds", "variable", "value", "text"]
    again, by_code = (np.zeros(len(rows.stays), dtype=bool) for _ in range(2))
    by_code[frame.index[frame.duplicated([*same, "label"])]] = True
    again[frame.index[frame.duplicated(same)]] = True
    what = "is the same value of the same person at the same time again; the first one counts"
    rows.find("duplicate reading", by_code, what, drop=True)
    what = "says what another code says of the same person at the same time; one reading is kept"
    rows.find("told by several codes", again & ~by_code, what, drop=True)
    rows.repeated = repeated | again | by_code


def check_pressures(rows: Rows, person: np.ndarray) -> None:
    """Systolic pressures not above the diastolic one of the same panel, or of the same moment where there is one."""
    stays = rows.stays & ~np.isnan(rows.value)
    upper, lower = (stays & (rows.variable == name) for name in ("sbp_mmhg", "dbp_mmhg"))
    if not (upper.any() and lower.any()):
        return
    swapped = np.zeros(len(stays), dtype=bool)
    swapped |= _paired(rows, upper, lower, pd.DataFrame({"a": rows.spot, "b": 0}))
    dated = (rows.seconds != NEVER) & (rows.partial == "")
    swapped |= _paired(rows, upper & dated, lower & dated, pd.DataFrame({"a": person, "b": rows.seconds}))
    rows.find("pressures exchanged", swapped, "systolic is not above diastolic; both set missing", SWAPPED)
    rows.value[swapped] = np.nan


def _paired(rows: Rows, upper: np.ndarray, lower: np.ndarray, key: pd.DataFrame) -> np.ndarray:
    """Rows of pairs with one systolic and one diastolic under the same key, the first not above the second."""
    frame = key.assign(row=np.arange(len(key)), value=rows.value)
    sides = [frame[mask].drop_duplicates(["a", "b"], keep=False) for mask in (upper, lower)]
    pairs = sides[0].merge(sides[1], on=["a", "b"], suffixes=("_upper", "_lower"))
    wrong = pairs[pairs["value_upper"] <= pairs["value_lower"]]
    found = np.zeros(len(key), dtype=bool)
    found[wrong["row_upper"]] = True
    found[wrong["row_lower"]] = True
    return found


def readings(rows: Rows, persons: list[str], person: np.ndarray) -> pd.DataFrame:
    """What stays, as the readings of a delivery."""
    stays = np.flatnonzero(rows.stays)
    named = np.array(persons, dtype=object) if persons else np.array([], dtype=object)
    texts = rows.text[stays]
    return pd.DataFrame(
        {
            "person_id": pd.Series(named[person[stays]], dtype="str"),
            "at": stamps(rows.seconds[stays]),
            "phase": pd.Series([""] * len(stays), dtype="str"),
            "variable": pd.Series(rows.variable[stays], dtype="str"),
            "value": rows.value[stays],
            "text": pd.Series(np.where(texts == "", None, texts), dtype="str"),
            "flag": pd.Series(rows.flag[stays], dtype="str"),
            "source": pd.Series([rows.where(row) for row in stays.tolist()], dtype="str"),
        }
    )
