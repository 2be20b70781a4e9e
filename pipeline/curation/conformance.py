"""Whether the delivery is in the form that was agreed: what became of what was read, codes, units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.curation.shown import term
from pipeline.curation.tables import limit

ENDS = ("read", "taken", "repeated", "unmapped", "refused", "absent", "ignored", "unused", "panel")
CODES = 15      # shown


def describe(identity: Mapping[str, Any], unmapped: pd.DataFrame) -> dict[str, Any]:
    """What became of all records by kind, and codes without a variable, the frequent ones by name."""
    counts = identity.get("counts", {})
    records = [
        {
            "kind": kind,
            **{end: int(ends.get(end, 0)) for end in ENDS},
            "only_counted": ends.get("unused", 0) == ends.get("read", 0),
        }
        for kind, ends in counts.items()
        if any(ends.get(end) for end in ENDS)
    ]
    frame = unmapped[["system", "code", "display", "count"]].fillna("")
    frequent = frame[(frame["count"] >= limit("few")) & (frame["code"] != "")]
    frequent = frequent.sort_values("count", ascending=False, kind="stable")
    codes = [
        {"system": str(system), "code": str(code), "display": term(display), "statements": int(count)}
        for system, code, display, count in frequent.head(CODES).itertuples(index=False, name=None)
    ]
    return {
        "records": records,
        "codes_without_variable": len(frame),
        "statements_without_variable": int(frame["count"].sum()),
        "codes": codes,
        "codes_not_shown": len(frame) - len(codes),
        "statements_without_code": int(frame.loc[frame["code"] == "", "count"].sum()),
    }
