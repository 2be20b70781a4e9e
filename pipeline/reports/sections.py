"""What each section of the report says: from numbers to sentences and rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.reports import groups, helped, wording
from pipeline.reports.results import Results
from pipeline.reports.wording import interval, is_known, number, of_100, of_100_between, within

# metric, its name for a reader, the name in the literature, how to read it, digits, factor
MEASURES = (
    ("auroc", "Ranking", "AUROC",
     "Pairs of one person with and one without the outcome in the right order; 0.5 is guessing, "
     "1 perfect.", 3, 1),
    ("auprc", "Finding", "AUPRC",
     "How many of those called at risk have the outcome, over all cut-offs; guessing gives "
     "the overall share, 1 is perfect.", 3, 1),
    ("brier", "Error of the risk", "Brier score",
     "Mean squared distance of the risk from what happened; 0 is perfect, lower is better.", 3, 1),
    ("calibration_slope", "Spread of the risk", "calibration slope",
     "1 is ideal; below 1 the risks are too extreme, above 1 too timid.", 2, 1),
    ("calibration_in_the_large", "Level of the risk", "calibration in the large",
     "0 is ideal; above 0 the risks are too low on average, below 0 too high.", 3, 1),
    ("net_benefit", "Usefulness", "net benefit per 100 people",
     "People rightly acted upon, less those acted upon in vain weighted by how little that harms; acting on "
     "nobody gives 0.", 1, 100),
)  # fmt: skip
PORTRAIT = 4      # rows of the table of bands that tell the groups apart in a sentence
TWIN = (
    "A twin is a computer model of one person’s body. Below it works out how each person would respond, which the data "
    "of this study cannot test."
)
WIDE = 0.3    # an interval wider than 30 of 100 spans from low to high risk
COMPARED = {"both": "routine data and twins", "mechanistic": "twins alone"}


def metric(results: Results, name: str) -> tuple[float, float, float]:
    """A metric of the model that the study chose for its report."""
    return results.metric(results.study.report.model, results.study.report.feature_set, name)


def agreement(results: Results) -> str:
    """Whether the risks of the chosen model match what was observed, in spread and in level."""
    slope, in_the_large = "calibration_slope", "calibration_in_the_large"
    return wording.agreement(metric(results, slope), metric(results, in_the_large))


def chosen(results: Results) -> str:
    """The model of the report in words."""
    report = results.study.report
    name = wording.model(report.model)
    name = name[0].lower() + name[1:]
    return f"{name} on {wording.FEATURE_SETS[report.feature_set]}"


def brief(results: Results, bands: list[groups.Band]) -> list[tuple[str, str]]:
    """Three to five sentences under headings: who, how well known, what the twins add, what would help."""
    label = results.study.outcome.label
    said = [("Who is at high risk", _who(results, bands, label))]
    known = [
        wording.ranking(*metric(results, "auroc")),
        agreement(results),
        _off(bands),
        f"Each of the {number(len(results.risks))} people was judged by a model that had not seen them, but all are of "
        "one source: how good it is elsewhere was not tested here.",
    ]
    said.append(("How well this is known", " ".join(sentence for sentence in known if sentence)))
    value, low, high = results.difference(results.study.report.model, "both", "auroc")
    said.append(("What the twins add to the ranking", f"{wording.mechanism(value, low, high).sentence} {TWIN}"))
    said.append(("What would help whom", _help(results, bands)))
    return said


def _who(results: Results, bands: list[groups.Band], label: str) -> str:
    n = len(results.risks)
    if not n:
        return "No risk could be predicted for anybody."
    found = overall(results, bands)
    text = (
        f"The outcome ({label}) was found in {found}"
        if found
        else f"Too few people (or all but too few) had {label} to count"
    )
    usable = [band for band in bands if band.shown]
    if len(usable) < 2:
        return f"{text}; the groups are too small to compare."
    top, bottom = usable[-1], usable[0]
    return (
        f"{top.people} people have a predicted risk of {top.rule}. Of them {of_100(top.observed)} (95 % interval "
        f"{interval(100 * top.low, 100 * top.high)}) had the outcome, and {wording.hundredths(top.mean_risk)} were "
        f"expected. Of the {bottom.people} people with a risk of {bottom.rule} it was "
        f"{wording.hundredths(bottom.observed)}, and {wording.hundredths(bottom.mean_risk)} expected. "
        f"{_portrait(results, top, bottom)} {text}."
    )


def _off(bands: list[groups.Band]) -> str:
    """In which groups what was expected lies outside the interval of what was observed; "" if in none."""
    off = [
        f"in the {band.name.lower()} group {'more' if band.mean_risk < band.low else 'fewer'} had the outcome than "
        f"expected ({wording.number(100 * band.observed, 1)} against {wording.number(100 * band.mean_risk, 1)} of 100)"
        for band in bands
        if band.shown and not band.low <= band.mean_risk <= band.high
    ]
    return f"Yet {wording.listing(off)}." if off else ""


def _portrait(results: Results, top: groups.Band, bottom: groups.Band) -> str:
    """What the people of two bands have in the middle, one after the other."""
    rows = [
        (f"{row['label'].lower()} {{}} {row['unit']}".strip(), row["cells"])
        for row in groups.describe(results, [top, bottom])[:PORTRAIT]
    ]
    known = [(words, cells) for words, cells in rows if all(value[0].isdigit() for value, _ in cells)]
    if not known:
        return ""
    high, low = (wording.listing([words.format(cells[k][0]) for words, cells in known]) for k in (0, 1))
    return f"Typical of the first, in the middle: {high}; of the second: {low}."


def overall(results: Results, bands: list[groups.Band]) -> str:
    """How many had the outcome: of 100 when any band's number is withheld, so that none can be worked out."""
    n, events = len(results.risks), int(results.risks["event"].sum())
    if min(events, n - events) < results.study.report.min_count:
        return ""
    if not all(band.shown for band in bands if band.n):
        return f"about {of_100(results.observed)} people"
    if (results.risks["weight"] > 0).all():
        return f"{of_100(results.observed)} people ({number(events)} of {number(n)})"
    lost = "; people lost to follow-up allowed for"
    return f"{of_100(results.observed)} people ({number(events)} seen in {number(n)}{lost})"


def _help(results: Results, bands: list[groups.Band]) -> str:
    """What would lower the risk, as far as trials say; without trials what would change in the twins."""
    said = helped.help_sentence(results, bands)
    return said if results.strata_facts["benefit"]["effects"] else f"{said} {_change(results, bands)}"


def _change(results: Results, bands: list[groups.Band]) -> str:
    usable = [band for band in bands if band.n and band.counted]
    if not usable:
        return "The groups are too small to say what would help whom."
    found = groups.strongest(results, usable[-1])
    if not found:
        return "The twins show no worthwhile change under the interventions of this study."
    parts = []
    for output, scenario, mean, low, high in found:
        label, unit = wording.output(output)
        unit = "percentage points" if unit == "%" else unit
        digits = 0 if -mean >= 10 else 1
        parts.append(
            f"{label} by {number(-mean, digits)} {unit} ({interval(-high, -low, digits)}) with "
            f"“{results.scenario_title(scenario)}”"
        )
    most = "reductions that the twins expect are" if len(parts) > 1 else "reduction that the twins expect is"
    return (
        f"In the {usable[-1].name.lower()} group, after {wording.years(groups.RESPONSE_YEAR)} of keeping it up, the "
        f"largest {most} {wording.listing(parts)}; in brackets the range of 95 of 100 of these people. This is "
        "what a model says, not proof."
    )


def last_year(results: Results) -> float:
    """The last year that was simulated."""
    return float(results.trajectories["year"].max()) if len(results.trajectories) else float("nan")


def performance(results: Results) -> list[dict[str, Any]]:
    """A row a model and feature set: each measure with its interval."""
    rows = []
    report = results.study.report
    for model, feature_set in results.trained:
        cells = []
        for name, _, _, _, digits, factor in MEASURES:
            value, low, high = (factor * v for v in results.metric(model, feature_set, name))
            cells.append((number(value, digits), interval(low, high, digits) if is_known(value) else ""))
        rows.append(
            {
                "model": wording.model(model),
                "features": wording.FEATURE_SETS[feature_set],
                "chosen": (model, feature_set) == (report.model, report.feature_set),
                "cells": cells,
            }
        )
    return rows


def treat_all(results: Results) -> str:
    """The net benefit of acting on everybody, to compare with."""
    value, *_ = metric(results, "net_benefit_treat_all")
    return number(100 * value, 1)


def verdicts(results: Results) -> list[dict[str, Any]]:
    """For each model, whether the twins added to (or alone beat) routine data, in a sentence."""
    rows = []
    for model in results.study.models.names:
        for feature_set, compared in COMPARED.items():
            if not {(model, feature_set), (model, "routine")} <= set(results.trained):
                continue
            values = results.difference(model, feature_set, "auroc")
            added = "adding the twins" if feature_set == "both" else "using the twins instead of routine data"
            verdict = wording.mechanism(*values, added)
            rows.append(
                {
                    "key": (model, feature_set),
                    "model": wording.model(model),
                    "compared": compared,
                    "values": values,
                    **verdict._asdict(),
                }
            )
    return rows


def gains(results: Results) -> list[dict[str, Any]]:
    """Paired differences from routine data for every measure in which better has a direction."""
    directed = [m for m in MEASURES if m[0] in ("auroc", "auprc", "brier", "net_benefit")]
    rows = []
    for row in verdicts(results):
        model, feature_set = row["key"]
        cells = []
        for name, _, _, _, digits, factor in directed:
            value, low, high = (factor * v for v in results.difference(model, feature_set, name))
            digits = max(digits, 2) if factor == 1 else 2
            cells.append(
                (
                    wording.signed(value, digits),
                    interval(low, high, digits, sign=True) if is_known(value) else "",
                )
            )
        rows.append({"model": row["model"], "compared": row["compared"], "cells": cells})
    return rows


def level(results: Results, bands: list[groups.Band]) -> str:
    """Whether risks are right on average: how many were foretold, how many came."""
    value, *_ = metric(results, "calibration_in_the_large")
    if not overall(results, bands) or not is_known(value):
        return ""
    risks = results.risks
    return (
        f"On average {of_100(risks['risk'].mean())} people were expected to have the outcome, and "
        f"{of_100(results.observed)} had it."
    )


DOUBTS = {
    "person": "what was not measured of the person",
    "model": "how much the model depends on the people it learned from",
}


def single(results: Results, examples: list[groups.Example]) -> list[str]:
    """How sure the risk of one person is, and whether the person or the model is the larger doubt."""
    risks = results.risks.dropna(subset=["low", "high"])
    if risks.empty:
        return ["For the chosen model no interval of a single person's risk was worked out."]
    width = risks["high"] - risks["low"]
    low, middle, high = np.quantile(width, [0.05, 0.5, 0.95])
    said = [
        f"For half of the people the interval of their own risk is narrower than {number(100 * middle, 1)} "
        "of 100, for half wider; "
        f"in 9 of 10 people it is {interval(100 * low, 100 * high, 1)} of 100 wide."
    ]
    if middle > WIDE:
        said.insert(
            0,
            "Hardly at all: what is not known leaves room for almost any risk, so the numbers here describe groups, "
            "not single people.",
        )
    parts = groups.larger_part(risks)
    if (parts == "").all():
        said.append(
            f"The interval tells {DOUBTS['model']}. This model uses no twins, so what was not measured of the person "
            "comes on top and is not known."
        )
    else:
        share = float((parts == "person").mean())
        said.append(
            f"The interval holds two doubts: {DOUBTS['person']}, and {DOUBTS['model']}. The first is the larger one "
            f"for {of_100(share)} people, the second for the others."
        )
    with_interval = [e for e in examples if is_known(e.low, e.high)]
    if with_interval:
        person = with_interval[len(with_interval) // 2]
        larger = f"; most of that is {DOUBTS[person.doubt]}" if person.doubt else ""
        said.append(
            f"{person.label} below, for example, has a predicted risk of {of_100(person.risk)}; what is not known "
            f"leaves room for {of_100_between(person.low, person.high)}{larger}."
        )
    return said


def changes(results: Results, courses: dict[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """For each intervention one sentence on what is different at the end of the simulated years."""
    said = []
    for scenario in results.scenario_names[1:]:
        parts = []
        for output, course in courses.items():
            label, unit = wording.output(output)
            last = course[course["year"] == course["year"].max()].set_index("scenario")
            new, old = last.loc[scenario], last.loc["no_change"]
            if abs(new["mean"] - old["mean"]) < groups.NOTABLE.get(output, 0.0):
                continue
            digits = 1 if abs(old["mean"]) < 30 else 0
            parts.append(
                f"{label} {number(new['mean'], digits)} {unit}{within(new['low'], new['high'], digits)} "
                f"instead of {number(old['mean'], digits)}{within(old['low'], old['high'], digits)}"
            )
        said.append(
            (
                results.scenario_title(scenario),
                wording.listing(parts) or "nothing worth noting changes in the twins",
            )
        )
    return said
