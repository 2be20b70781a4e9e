"""What the experiments of a study say: a table each, and a figure of learning from few people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.reports import figures, wording
from pipeline.reports.figures import Drawing, Line
from pipeline.reports.wording import interval, number, of_100, of_100_between, signed

Cell = tuple[str, str]


class Told(NamedTuple):
    """One experiment in words and rows."""

    key: str
    title: str
    lead: str
    heads: tuple[str, ...]
    rows: list[tuple[str, list[Cell]]]
    figure: Drawing | None = None


def tell(tables: Mapping[str, pd.DataFrame]) -> list[Told]:
    """The experiments that were made, in the order in which they are told."""
    told = []
    for name, word in TELLERS.items():
        if name in tables:
            apart = ["variable", "visits", "target"] if name == "forecast" else []
            table = tables[name]
            told += [word(part) for _, part in table.groupby(apart, sort=False)] if apart else [word(table)]
    return told


def _pairs(difference: float, low: float, high: float) -> Cell:
    """A difference of AUROC in pairs of 100, with its interval."""
    return signed(100 * difference), interval(100 * low, 100 * high, 1, sign=True)


def _learning_curve(table: pd.DataFrame) -> Told:
    sizes = list(dict.fromkeys(table["size"]))
    lines, rows = [], []
    for name, found in table.groupby("model", sort=False):
        rows.append(
            (
                wording.model(str(name)),
                [
                    (number(100 * r.auroc), f"slope {number(r.slope, 2)}" if np.isfinite(r.slope) else "no slope")
                    for r in found.itertuples()
                ],
            )
        )
        course = (found[c].to_numpy(dtype=float) for c in ("size", "auroc", "auroc_low", "auroc_high"))
        lines.append(Line(wording.model(str(name)), *course))
    said = "; ".join(f"{line.label}: {number(100 * line.mean[0])} to {number(100 * line.mean[-1])}" for line in lines)
    return Told(
        "learning-curve",
        "With few people to learn from",
        "Pairs of 100 in the right order, and calibration slope (1 is ideal), after learning from so many people: "
        f"means over {int(table['draws'].iloc[0])} draws of people.",
        tuple(f"{number(size)} people" for size in sizes),
        rows,
        figures.learning(
            "learning-curve", lines, f"From {number(sizes[0])} to {number(sizes[-1])} people learned from. {said}."
        ),
    )


def _missing_at_use(table: pd.DataFrame) -> Told:
    rows = [
        (
            wording.model(r.model),
            [
                (number(100 * r.auroc, 1), ""),
                (number(100 * r.auroc_without, 1), ""),
                _pairs(-r.fall, -r.fall_high, -r.fall_low),
                (number(100 * r.auroc_relearned, 1), ""),
            ],
        )
        for r in table.itertuples()
    ]
    return Told(
        "missing-at-use",
        "Without some measurements where it is used",
        "Learned with everything, then used without the measurements that the study names: pairs of 100 in the right "
        "order. A model that falls little can be used where they are not taken; one that falls no lower than a model "
        "which never had them has lost no more than the measurements are worth.",
        ("Everything measured", "Without them", "Change", "Never had them"),
        rows,
    )


def _range_shift(table: pd.DataFrame) -> Told:
    first = table.iloc[0]
    rows = [
        (wording.model(r.model), [(of_100(r.predicted), ""), (number(100 * r.auroc), "")]) for r in table.itertuples()
    ]
    return Told(
        "range-shift",
        "Beyond the range it learned from",
        f"Learned from {number(first.learned_from)} people below a limit, tried on {number(first.tested_on)} above it, "
        f"of whom {of_100(first.observed)} had the outcome "
        f"({of_100_between(first.observed_low, first.observed_high)}).",
        ("Predicted", "Pairs of 100 in the right order"),
        rows,
    )


def _forecast(table: pd.DataFrame) -> Told:
    first = table.iloc[0]
    label, _ = wording.output(first.variable)
    learned = list(dict.fromkeys(table["learned_from"].astype(str)))
    said = {name: "all others" if name == "all" else f"{number(float(name))} people" for name in learned}
    rows = []
    for name, found in table.groupby("model", sort=False):
        by = found.set_index(found["learned_from"].astype(str))
        rows.append((FORECASTERS.get(str(name), str(name)), [c for part in learned for c in _foretold(by.loc[part])]))
    visits = "visit 1" if first.visits == 1 else f"visits 1 to {first.visits}"
    return Told(
        f"forecast-{first.variable}",
        f"{wording.capital(label)} at visit {first.target}, foretold from {visits}",
        f"{number(first.people)} people. Mean distance of the forecast from what was read, and how it differs from "
        "ridge regression on all readings (a minus is better). Of the 90 % intervals 90 of 100 should hold what was "
        "read.",
        tuple(h for name in learned for h in (f"Learned from {said[name]}: distance", "Against ridge", "Inside")),
        rows,
    )


def _foretold(row: pd.Series) -> list[Cell]:
    """Distance, difference and coverage of one forecaster."""
    gap = (signed(row["difference"], 2), interval(row["difference_low"], row["difference_high"], 2, sign=True))
    return [
        (number(row["mae"], 2), interval(row["mae_low"], row["mae_high"], 2)),
        ("–", "") if row["model"] == "ridge" else gap,
        (of_100(row["coverage_90"]), "") if np.isfinite(row["coverage_90"]) else ("–", ""),
    ]


FORECASTERS = {
    "carry_forward": "Last reading",
    "mean": "Mean of the readings",
    "ridge": "Ridge regression",
    "twin": "Twin",
    "hybrid": "Twin, corrected by what was learned",
}


def _repeated_visits(table: pd.DataFrame) -> Told:
    rows = []
    for r in table.itertuples():
        compared = np.isfinite(r.auroc_gain)
        gain = _pairs(r.auroc_gain, r.auroc_gain_low, r.auroc_gain_high) if compared else ("–", "")
        cells = [(number(100 * r.auroc, 1), ""), gain, (number(r.slope, 2), "")]
        rows.append((f"{wording.model(r.model)}, {r.history}", cells))
    return Told(
        "repeated-visits",
        "With earlier visits",
        "The last visit alone, earlier readings as columns of their own, their mean, or the usual value that the twin "
        "makes of all of them: pairs of 100 in the right order.",
        ("Right order", "Against the last visit", "Slope"),
        rows,
    )


def _transport(table: pd.DataFrame) -> Told:
    rows = [
        (
            wording.model(r.model),
            [
                (number(100 * r.auroc, 1), interval(100 * r.auroc_low, 100 * r.auroc_high, 1)),
                _pairs(-r.fall, -r.fall_high, -r.fall_low),
                (number(r.slope, 2), interval(r.slope_low, r.slope_high, 2)),
                (number(r.expected_observed, 2), interval(r.expected_observed_low, r.expected_observed_high, 2)),
            ],
        )
        for r in table.itertuples()
    ]
    first = table.iloc[0]
    return Told(
        "transport",
        "Learned from another cohort",
        f"Learned from {number(first.learned_from)} people of another study by the {number(first['columns'])} columns "
        f"that both have, tried on {number(first.tested_on)} people of this one.",
        ("Right order", "Against learning here", "Slope", "Expected over observed"),
        rows,
    )


TELLERS: dict[str, Callable[[pd.DataFrame], Told]] = {
    "learning_curve": _learning_curve,
    "missing_at_use": _missing_at_use,
    "range_shift": _range_shift,
    "repeated_visits": _repeated_visits,
    "forecast": _forecast,
    "transport": _transport,
}


def context(told: list[Told], keep: Callable[[Drawing | None], Any]) -> list[dict[str, Any]]:
    """The experiments for the template, their figures kept."""
    return [{**t._asdict(), "figure": keep(t.figure)} for t in told]
