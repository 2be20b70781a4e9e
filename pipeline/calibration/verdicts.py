"""What the data identify, in words, by one rule.

"identified"                               the profile closes on both sides, by the data or a published band, and
                                           profile and sample both span less than a factor of three
"identified only as a ratio or share"      a parameter that is not identified, but belongs to a ratio, share or
                                           product that is
"not identified"                           everything else

Three is a convention: such a quantity is known to within a factor of 1.7 of its middle.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.calibration.posterior import Sample
from pipeline.calibration.problem import Problem
from pipeline.calibration.profiles import Profile

IDENTIFIED = "identified"
ONLY_RATIO = "identified only as a ratio or share"
NOT_IDENTIFIED = "not identified"
FACTOR = 3.0
RANGE = (2.5, 97.5)      # per cent of draws
STOPS = {"data": "the data", "band": "a published band", "bound": "a bound of the search"}


def verdicts(problem: Problem, profiles: list[Profile], sample: Sample) -> pd.DataFrame:
    """One row a parameter and derived quantity: best value, both 95 % intervals, verdict, reason."""
    intervals = np.exp(np.percentile(sample.values, RANGE, axis=0)).T
    spans = dict(zip(problem.labels, intervals, strict=True))
    kept = {p.name: _is_identified(p, spans[p.name]) for p in profiles}
    units = {q.name: q.unit for q in problem.parameters} | {n: q.unit for n, q in problem.quantities.items()}
    rows = []
    for p in profiles:
        within = [n for n, q in problem.quantities.items() if p.name in q.of and kept[n]]
        verdict = IDENTIFIED if kept[p.name] else ONLY_RATIO if within else NOT_IDENTIFIED
        reason = _reason(p, spans[p.name])
        if verdict == ONLY_RATIO:
            reason += f"; part of {', '.join(within)}"
        rows.append(
            {
                "quantity": p.name,
                "kind": "derived" if p.name in problem.quantities else "parameter",
                "unit": units[p.name],
                "best": np.exp(p.best),
                "low": np.exp(p.low.limit),
                "high": np.exp(p.high.limit),
                "sample_low": spans[p.name][0],
                "sample_high": spans[p.name][1],
                "verdict": verdict,
                "reason": reason,
            }
        )
    return pd.DataFrame(rows)


def agreement(table: pd.DataFrame) -> Mapping[str, float]:
    """Of each quantity, how much of the sample's range lies in the profile's interval, on the log scale.

    They answer different questions: a profile asks for the best fit at a value, a sample for the volume of fits.
    """
    low = np.maximum(table["low"], table["sample_low"])
    high = np.minimum(table["high"], table["sample_high"])
    shared = np.log(high / low) / np.log(table["sample_high"] / table["sample_low"])
    return dict(zip(table["quantity"], np.clip(shared, 0.0, 1.0).round(3).tolist(), strict=True))


def _is_identified(profile: Profile, span: np.ndarray) -> bool:
    closed = "bound" not in (profile.low.stop, profile.high.stop)
    widest = max(profile.high.limit - profile.low.limit, np.log(span[1] / span[0]))
    return bool(closed and widest < np.log(FACTOR))


def _reason(profile: Profile, span: np.ndarray) -> str:
    stops = f"stopped below by {STOPS[profile.low.stop]}, above by {STOPS[profile.high.stop]}"
    factor = np.exp(profile.high.limit - profile.low.limit)
    return f"profile spans a factor of {factor:.3g}, sample {span[1] / span[0]:.3g}; {stops}"
