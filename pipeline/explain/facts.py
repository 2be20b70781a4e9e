"""What the explanations of a cohort come to: counts and shares, nobody's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def facts(tables: Mapping[str, pd.DataFrame], ranked: bool) -> dict[str, Any]:
    """Whether the model tells people apart at all (`ranked`), how many reasons have a rank, where model and mechanism
    disagree and for what share of those whose mediator is moved, and for how many something tried would be enough."""
    reasons, chains, ways = (tables[name] for name in ("attributions", "chains", "counterfactuals"))
    moved = chains[(chains["low"] * chains["high"] > 0)]
    share = moved.groupby(["scenario", "mediator"], sort=False)["disagrees"].agg(["mean", "size"])
    aims = ways[ways["goal"] != "lowest"].drop_duplicates("person_id")
    return {
        "ranked": ranked,
        "with_first": int((reasons["rank"] == 1).sum()),
        "with_three": int((reasons["rank"] == 3).sum()),
        "disagreements": [
            {"scenario": s, "mediator": m, "share": round(float(row["mean"]), 4), "people": int(row["size"])}
            for (s, m), row in share.iterrows()
        ],
        "with_goal": len(aims),
        "with_enough": int(aims["scenario"].notna().sum()),
        "basis": str(chains["basis"].iloc[0]) if len(chains) else "",
    }
