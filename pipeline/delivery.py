"""What a source hands over before a study decides about time zero: people, dated readings, and what was found wrong.

Health records, charts and images all become a `Delivery`; a study turns it into its cohort.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import pandas as pd

Severity = Literal["refused", "suspect", "note"]    # not taken over; taken over and flagged; taken over


class Finding(NamedTuple):
    """Something wrong or odd in a delivery, in words that name no person and no value of one."""

    kind: str            # of a closed list that each source documents, such as "unit does not fit"
    severity: Severity
    place: str           # file, and the column, code or element in it
    what: str            # a sentence: what is wrong, and what is allowed
    times: int           # how often
    example: str = ""    # file and line, row or resource of the first


class Delivery(NamedTuple):
    """One handing-over of data from outside, in the library's variables and units.

    `people` has a row a person: person_id, sex (female, male or missing), birth_date (datetime64, or missing) and
    age_years (at the delivery, where no birth date is known). `readings` has a row a reading: person_id, at
    (datetime64, or missing where the source has no dates), phase (when in the course of a visit, where there are no
    dates), variable, value, text, flag, and source (where exactly it stands: file, and line, resource or span).
    `unmapped` counts what was understood and has no variable: system, code, display, count.
    """

    people: pd.DataFrame
    readings: pd.DataFrame
    unmapped: pd.DataFrame
    findings: tuple[Finding, ...]
    identity: Mapping[str, Any]      # file, sha256, licence, citation, rows, note
