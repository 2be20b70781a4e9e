"""What the judgement of the reported model says: agreement, subgroups, missing values, answers, courses over years."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.reports import groups, wording
from pipeline.reports.disclosure import hidden, withheld
from pipeline.reports.results import Results
from pipeline.reports.wording import interval, is_known, listing, number, of_100, of_100_between

EVERYBODY = "everybody"      # the part of all people in the table of subgroups
CHARACTERISTICS = {
    EVERYBODY: "All together", "sex": "Sex", "age": "Age in years", "ethnicity": "Ethnicity, as recorded"
}  # fmt: skip
LEVELS = {
    "female": "women", "male": "men", "white": "White", "black": "Black", "asian": "Asian",
    "mexican_american": "Mexican American", "other_hispanic": "Other Hispanic",
}  # fmt: skip
NOT_SHOWN = ("–", "")
Values = tuple[float, float, float]

# metric, head of its column, the name in the literature, digits, factor, whether it tells who was called
COLUMNS = (
    ("auroc", "Ranking", "AUROC", 2, 1, False),
    ("observed_expected", "Outcomes for each 100 expected", "O/E", 0, 100, False),
    ("calibration_slope", "Spread of the risk", "calibration slope", 2, 1, False),
    ("called", "At or above the threshold", "of 100 people", 0, 100, True),
    ("sensitivity", "Found", "of 100 with the outcome", 0, 100, True),
    ("false_positive_rate", "Called in vain", "of 100 without the outcome", 0, 100, True),
    ("net_benefit", "Usefulness", "net benefit per 100 people", 1, 100, True),
)


def agreement(results: Results) -> list[str]:
    """How many had the outcome for each that was expected, and how far risks lie from the smooth curve."""
    found = results.agreement.set_index("metric")[["value", "low", "high"]]
    ratio, *ends = 100 * found.loc["observed_expected"].to_numpy(dtype=float)
    half, *half_ends = 100 * found.loc["e50"].to_numpy(dtype=float)
    most, *most_ends = 100 * found.loc["e90"].to_numpy(dtype=float)
    if not is_known(ratio):
        return ["Too few people had (or had not) the outcome, or all have one risk: no smooth curve can be drawn."]
    return [
        f"For each 100 people expected to have the outcome, {number(ratio)} had it "
        f"(95 % interval {interval(ends[0], ends[1])}).",
        f"The predicted risk of half of the people lies within {number(half, 1)} of 100 of the smooth curve "
        f"(95 % interval {interval(half_ends[0], half_ends[1], 1)}), that of 9 of 10 within {number(most, 1)} "
        f"({interval(most_ends[0], most_ends[1], 1)}).",
    ]


def subgroups(results: Results) -> dict[str, Any]:
    """Rows of each characteristic, and what they say; a level is withheld wherever a count could be worked out."""
    minimum = results.study.report.min_count
    table = results.subgroups
    wide = {
        name: part.pivot(index="level", columns="metric", values="value").loc[part["level"].unique()]
        for name, part in table.groupby("characteristic", sort=False)
    }
    # Where a risk group is withheld, no total may stand from which it could be worked out.
    exact = all(band.shown for band in groups.make_bands(results) if band.n)
    parts, shown = [], []
    for name, counts in wide.items():
        few, secret, uncalled = _withheld(counts, minimum)
        rows = []
        for i, level in enumerate(counts.index):
            own = table[(table["characteristic"] == name) & (table["level"] == level)].set_index("metric")
            values = {m: tuple(own.loc[m, ["value", "low", "high"]].to_numpy(dtype=float)) for m in own.index}
            visible = [c for c in COLUMNS if i not in (uncalled if c[5] else secret)]
            cells = [
                _cell(values[c[0]], c[3], c[4]) if c in visible and is_known(values[c[0]][0]) else NOT_SHOWN
                for c in COLUMNS
            ]
            n, events = int(values["n"][0]), int(values["events"][0])
            people = withheld(n, minimum) if i in few else number(n)
            had = withheld(events, minimum) if i in secret else number(events) if exact else of_100(events / n)
            label = LEVELS.get(str(level), str(level).replace("_", " "))
            rows.append({"label": wording.capital(label), "people": people, "events": had, "cells": cells})
            if name != EVERYBODY:
                shown.append((_who(name, label), {c[0]: values[c[0]] for c in visible}))
        parts.append({"title": CHARACTERISTICS.get(name, wording.capital(name.replace("_", " "))), "rows": rows})
    return {"parts": parts, "said": _said(shown, results.study.evaluation.threshold)}


def missing(results: Results) -> dict[str, Any]:
    """Predictors that nobody lacks, and for each other one how many lack it, in all and by outcome."""
    minimum, known = results.study.report.min_count, results.study.known_variables()
    rows, whole = [], []
    for row in results.missing.sort_values("missing", ascending=False, kind="stable").to_dict("records"):
        label = known[row["predictor"]].description
        if row["missing"] == 0:
            whole.append(label[:1].lower() + label[1:] if label[:2] != label[:2].upper() else label)
            continue
        cells = ["all" if row["missing"] == row["people"] else _share(row["missing"], row["people"], minimum)]
        sides = [(row[f"missing{side}"], row[f"people{side}"]) for side in ("_events", "_others")]
        # Who lacks a value and who has it are both told by outcome: neither side of either may be small.
        safe = min(min(m, n - m) for m, n in sides) >= minimum
        cells += [of_100(m / n) if safe else "–" for m, n in sides]
        rows.append({"label": label, "cells": cells})
    return {"rows": rows, "whole": listing(whole)}


def answers(results: Results) -> dict[str, Any]:
    """For how many the answer is yes, no, or that it cannot be told, if it must be right for 9 of 10."""
    table, minimum = results.sets, results.study.report.min_count
    if table.empty:
        said = "Too few people had (or had not) the outcome to give answers that are right for 9 of 10."
        return {"said": said, "rows": []}
    share = table.pivot(index="who", columns="measure", values="value")
    ends = table.set_index(["who", "measure"])[["low", "high"]]
    named = [a for a in ("yes", "no", "cannot tell", "neither") if (share[a] > 0).any()]
    known = results.risks[results.risks["weight"] > 0]
    events = int(known["event"].sum())
    sizes = {"everybody": len(known), "event": events, "other": len(known) - events}
    counts = [share.loc[who, a] * sizes[who] for who in sizes for a in named]
    rows = []
    labels = {"everybody": "Everybody", "event": "With the outcome", "other": "Without"}
    if min(counts) >= minimum:
        for who, label in labels.items():
            cells = [(of_100(share.loc[who, a]), of_100_between(*ends.loc[(who, a)])) for a in (*named, "covered")]
            rows.append({"label": label, "cells": cells})
    heads = {"yes": "“Yes”", "no": "“No”", "cannot tell": "“Cannot tell”", "neither": "Unlike both"}
    overall = share.loc["everybody"]
    if min(overall[a] * sizes["everybody"] for a in named) < minimum:
        said = "Answers that are right for 9 of 10 people would set very few apart, so they are not shown."
        return {"said": said, "rows": []}
    said = (
        "Made to be right for 90 of 100 people with the outcome and 90 of 100 without, the answer would be “yes” for "
        f"{wording.hundredths(overall['yes'])}, “no” for {wording.hundredths(overall['no'])} and “cannot tell” for "
        f"{of_100(overall['cannot tell'])} people."
    )
    return {"said": said, "heads": [heads[a] for a in named], "rows": rows}


def over_time(results: Results) -> dict[str, Any]:
    """How good the models are by the end of each year: a row a year, and a sentence over all years."""
    table = results.over_time
    if table.empty:
        return {"rows": []}
    found = table.set_index(["model", "metric", "year"])[["value", "low", "high"]].sort_index()
    models = list(dict.fromkeys(table["model"]))
    columns = [(m, metric) for m in models for metric in ("auroc", "brier") if (m, metric) in found.index.droplevel(2)]
    rows = [
        {
            "label": f"{year:g}",
            "cells": [_cell(tuple(found.loc[(*c, year)]), 3 if c[1] == "brier" else 2, 1) for c in columns],
        }
        for year in sorted(table["year"].unique())
    ]
    said = []
    last = float(table["year"].max())
    for name in models:
        if (name, "integrated_brier", last) not in found.index:
            continue
        own, average = (tuple(found.loc[(name, m, last)]) for m in ("integrated_brier", "integrated_brier_average"))
        if is_known(*own, *average):
            said.append(
                f"{wording.model(name)}: over all years the error of the risk is {number(own[0], 3)} (95 % interval "
                f"{interval(own[1], own[2], 3)}), against {number(average[0], 3)} if everybody were told the same risk."
            )
    formal = {"auroc": "ranking, AUROC", "brier": "error, Brier score"}
    heads = [(wording.model(name), formal[metric]) for name, metric in columns]
    return {"rows": rows, "heads": heads, "said": said}


def _withheld(counts: pd.DataFrame, minimum: int) -> tuple[set[int], set[int], set[int]]:
    """Positions of levels whose people, whose outcomes, and whose calls must not be shown."""
    people, known, events = (counts[c].to_numpy(dtype=int) for c in ("n", "known", "events"))
    hits, vain = (counts[c].to_numpy(dtype=int) for c in ("called_events", "called_others"))
    few = _together([people], minimum)
    secret = few | _together([events, known - events], minimum)
    return few, secret, secret | _together([hits, events - hits, vain, known - events - vain], minimum)


def _together(kinds: list[np.ndarray], minimum: int) -> set[int]:
    """Positions of levels to withhold: those with too few of any kind, and others until all withheld make up enough."""
    fewest = np.min(kinds, axis=0)
    secret = hidden(fewest.tolist(), minimum)
    rest = [i for i in np.argsort(fewest, kind="stable").tolist() if i not in secret]
    while secret and rest and min(kind[list(secret)].sum() for kind in kinds) < minimum:
        secret.add(rest.pop(0))
    return secret


def _said(shown: list[tuple[str, dict[str, Values]]], threshold: float) -> list[str]:
    """Whether the risks are off for anybody, by intervals that exclude the ideal."""
    level = [(who, v["observed_expected"]) for who, v in shown if is_known(*v.get("observed_expected", (np.nan,) * 3))]
    spread = [(who, v["calibration_slope"]) for who, v in shown if is_known(*v.get("calibration_slope", (np.nan,) * 3))]
    if not level:
        return ["The groups are too small to say whether the risks are off for any of them."]
    off = [
        f"{who} ({number(100 * value)} for each 100 expected, 95 % interval {interval(100 * low, 100 * high)}: too "
        f"{'low' if value > 1 else 'high'})"
        for who, (value, low, high) in level
        if low > 1 or high < 1
    ]
    said = [
        f"The risks are off on average among {listing(off)}."
        if off
        else "In every group about as many people had the outcome as were expected, as far as can be told."
    ]
    for faulty, words in (
        ([who for who, (_, _, high) in spread if high < 1], "too extreme, high ones too high and low ones too low"),
        ([who for who, (_, low, _) in spread if low > 1], "too timid, high ones too low and low ones too high"),
    ):
        said += [f"Risks are {words}, among {listing(faulty)}."] if faulty else []
    found = sorted(((v["sensitivity"], who) for who, v in shown if is_known(*v.get("sensitivity", (np.nan,) * 3))))
    if len(found) > 1:
        (least, a), (most, b) = found[0], found[-1]
        said.append(
            f"Acting from a risk of {of_100(threshold)} finds between {of_100(least[0])} "
            f"({interval(100 * least[1], 100 * least[2])}; {a}) and {of_100(most[0])} "
            f"({interval(100 * most[1], 100 * most[2])}; {b}) of those with the outcome."
        )
    looks = len(level) + len(spread)
    said.append(
        f"Of the {looks} intervals looked at here about {number(max(0.05 * looks, 1))} would miss the ideal by chance."
    )
    return said


def _who(characteristic: str, label: str) -> str:
    if characteristic == "sex":
        return label
    if label == "not recorded":
        return f"people whose {characteristic} is not recorded"
    return f"people aged {label}" if characteristic == "age" else f"people recorded as {label}"


def _cell(values: Values, digits: int, factor: int) -> tuple[str, str]:
    value, low, high = (factor * v for v in values)
    return number(value, digits), interval(low, high, digits)


def _share(count: int, of: int, minimum: int) -> str:
    if count < minimum:
        return f"fewer than {minimum} people"
    return f"all but fewer than {minimum} people" if of - count < minimum else of_100(count / of)
