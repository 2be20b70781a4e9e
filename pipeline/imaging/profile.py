"""What is done with each element of a data set: DICOM PS3.15 Table E.1-1 first, then rules by kind of value.

`profile.csv` holds the table: action codes of the basic profile (PS3.15 2026c), what the options "Retain Longitudinal
Temporal Information With Modified Dates" and "Retain Patient Characteristics" allow instead (2024d; later rows by
their kind of value), and in `action` what this program does, never less strict than both. `search` says whether values
are parts of names (word) or somebody's numbers (code), which must not be found anywhere afterwards.

Every element that the table does not name falls under `rules.csv`, by its tag or by the kind of its value (VR). There
text, bytes and unknown elements go unless named; so the table may be out of date without letting anything through.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.tag import BaseTag

ACTIONS = (
    "remove", "empty", "replace", "pseudonym", "uid", "shift", "age", "keep", "text", "code", "number", "lut",
    "clean",
)  # fmt: skip
REPEATING = (0x5000, 0x6000)      # groups of curves and overlays: 5000 to 501E, 6000 to 601E
NUMBERS = {"DS", "IS", "FL", "FD", "SL", "SS", "UL", "US", "SV", "UV"}


class Entry(NamedTuple):
    """One row of Table E.1-1."""

    name: str
    standard: str              # X, Z, D, U, or several with strokes
    modified_dates: str        # C where the option wants a changed date instead
    characteristics: str       # K or C where the option keeps or cleans
    action: str                # of ACTIONS: what is done here
    search: str                # word, code or ""


class Rule(NamedTuple):
    """What is done with an element, and how its value is searched for afterwards."""

    action: str
    search: str = ""


@cache
def table() -> dict[int, Entry]:
    """Table E.1-1 by tag, without its four rows of whole groups."""
    rows = (row for row in _rows("profile.csv") if "x" not in row["tag"] and row["tag"] != "private")
    return {int(row["tag"], 16): Entry(*(row[field] for field in Entry._fields)) for row in rows}


@cache
def own_rules() -> dict[int, str]:
    """Actions on elements that Table E.1-1 does not name, by tag."""
    found = {}
    for row in _rows("rules.csv"):
        if row["about"] == "tag":
            tag = tag_for_keyword(row["key"])
            if tag is None:
                raise ValueError(f"rules.csv: DICOM has no {row['key']}")
            found[tag] = row["action"]
    return found


@cache
def vr_rules() -> dict[str, str]:
    """Actions by kind of value."""
    return {row["key"]: row["action"] for row in _rows("rules.csv") if row["about"] == "vr"}


@cache
def safe_private() -> frozenset[tuple[str, int, int]]:
    """Private elements that stay if they are numbers: creator, group, and element within the creator's block."""
    rows = _rows("safe_private.csv")
    return frozenset((row["creator"], int(row["group"], 16), int(row["element"], 16)) for row in rows)


def rule(tag: BaseTag, vr: str, creator: str = "") -> Rule:
    """What is done with a public element, or a private one of `creator`, whose value is of kind `vr`."""
    if tag.is_private:
        safe = (creator.strip(), tag.group, tag.element & 0xFF) in safe_private() and vr in NUMBERS
        return Rule("number" if safe else "remove")
    entry = table().get(tag)
    if entry is not None:
        odd = dictionary_has_tag(tag) and vr not in dictionary_VR(tag).split(" or ")
        return Rule("remove" if odd else entry.action, entry.search)
    if tag.group < 0x0008 or tag.element == 0 or any(start <= tag.group < start + 0x20 for start in REPEATING):
        return Rule("remove")
    # An element that the dictionary does not know, or knows with another kind of value, could be anything.
    if not dictionary_has_tag(tag) or vr not in dictionary_VR(tag).split(" or "):
        return Rule("remove")
    action = own_rules().get(tag) or vr_rules()[vr]
    return Rule(action, "word" if vr == "PN" else "")


def _rows(name: str) -> list[dict[str, str]]:
    content = files("pipeline.imaging").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(content.splitlines()))
