"""What may be shown of people: no count that is small, none that a subtraction makes small, no value of few."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from pipeline.curation.tables import limit
from pipeline.schema import Variable

FILE = re.compile(r"[^\s,;:()'\"]+\.(?:txt|json|ndjson|gz|zip|dcm|csv|parquet|duckdb|xml)\b", re.IGNORECASE)
LONG_NUMBER = re.compile(r"\d{6,8}[ -]?\d{4}|\d{8,}")     # as in a personal number, a telephone number
LONGEST = 90
ONE = "a file of one person"
UNITS = (
    (r"\{PackYears\}", "pack-years"), (r"[{}]", ""), (r"_", " "), (r"\[(Hg|IU)\]", r"\1"), (r"10\*9", "10⁹"),
    (r"^Cel$", "°C"), (r"\bu(?=mol|g|kat)", "µ"), (r"m2$", "m²"), (r"^a$", "years"),
)  # fmt: skip

Count = int | str


def people(count: int, *totals: int) -> Count:
    """A count of people; in words where it, or what it leaves of a total, is small.

    >>> people(250, 1000), people(3), people(995, 1000), people(0, 1000)
    (250, 'fewer than 10', 'all but fewer than 10', 0)
    """
    few = int(limit("few"))
    if 0 < count < few:
        return f"fewer than {few}"
    if count and any(0 < total - count < few for total in totals):
        return f"all but fewer than {few}"
    return count


def percent(count: Count, total: int) -> float | str | None:
    """A shown count as per cent of a total, to one decimal; a bound where the count is in words.

    >>> percent(250, 1000), percent("fewer than 10", 50), percent("all but fewer than 10", 50)
    (25.0, 'below 20', 'above 80')
    """
    if not total:
        return None
    if isinstance(count, int):
        return round(100 * count / total, 1)
    bound = 100 * limit("few") / total
    if bound >= 100:
        return None
    return f"below {math.ceil(bound)}" if count.startswith("fewer") else f"above {math.floor(100 - bound)}"


def number(value: float) -> float | int:
    """Three significant digits: enough to see a level, too few to be somebody's value."""
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded == int(rounded) else rounded


def unit(variable: Variable | None) -> str:
    """The unit of a variable as people write it; "" of a pure number.

    >>> from pipeline.schema import variables
    >>> [unit(variables()[n]) for n in ("sbp_mmhg", "platelets_1e9_l", "egfr_ml_min_173m2", "gcs", "inr")]
    ['mmHg', '10⁹/L', 'mL/min/1.73 m²', 'score', '']
    """
    if variable is None or variable.unit == "1":
        return ""
    text = variable.unit
    for written, plain in UNITS:
        text = re.sub(written, plain, text)
    return text


class Places:
    """Words about where something stands, without names of files that are about one person."""

    def __init__(self, files: Mapping[str, int]) -> None:
        self.files = files
        together = sum(people > 1 for people in files.values())
        # Of a file without readings nobody knows; it is like most others of the delivery.
        self._others = together > 0 and 2 * together >= len(files)

    def shows(self, file: str) -> bool:
        """Whether the name of a file, or table, may stand on the page."""
        if not _is_file(file):
            return True
        return self.files[file] > 1 if file in self.files else self._others

    def example(self, text: str) -> str:
        """Where an example stands: line or entry, and the file if several people are in it."""
        file, comma, rest = text.partition(", ")
        return text if self.shows(file) else f"{ONE}{comma}{rest}"

    def words(self, text: str, example: str = "") -> str:
        """A text in which such names are replaced; `example` tells one that no pattern may know."""
        file = example.partition(", ")[0]
        if file and not self.shows(file):
            text = text.replace(file, ONE)
        return FILE.sub(lambda match: match.group() if self.shows(match.group()) else ONE, text)


def term(text: str) -> str:
    """The words of a code, shortened, long numbers masked: nobody knows what a source wrote there."""
    text = LONG_NUMBER.sub("…", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _is_file(name: str) -> bool:
    return "/" in name or bool(re.search(r"\.\w{2,8}$", name))
