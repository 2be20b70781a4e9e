"""Why risks are what they are: what counts, whether its order can be told, and where model and mechanism disagree."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.explain import words
from pipeline.reports import figures, wording
from pipeline.reports.figures import Bar, Drawing
from pipeline.reports.results import Results

TOP = 3
NO_ORDER = (
    "The model does not tell people whom it has not seen apart better than guessing would, so its reasons have no "
    "order and none is given."
)
HOW = (
    "Each bar is a variable, a few that say nearly the same, or a twin: by how much it moves a person away from the "
    "average one, over all people. What was measured and what a twin makes of it share what they say, and how it is "
    "split between them is the model’s choice. None of this says what causes what."
)


def why(results: Results) -> dict[str, Any]:
    """Sentences about what counts for the risk."""
    facts, said = results.explained, [HOW]
    ranked = results.drivers.dropna(subset="rank").sort_values("rank")
    if not facts["ranked"]:
        said.append(NO_ORDER)
    elif ranked.empty:
        said.append("Which counts most cannot be told: the order changes when people are drawn again.")
    else:
        names = wording.listing([f"{words.label(row.group, 'en')} ({row.rank:.0f})" for row in ranked.itertuples()])
        said.append(
            f"The order is told as far as it stays the same in at least 9 of 10 refits to people drawn again: {names}."
        )
    said += [_disagreement(results, row) for row in facts["disagreements"] if row["share"] > 0]
    if facts["disagreements"] and not any(row["share"] for row in facts["disagreements"]):
        said.append(
            "Nowhere does the model clearly call a fall of weight, liver fat or pressure worse, as far as refits agree."
        )
    return {"said": said}


def figure(results: Results) -> Drawing | None:
    """What counts, the most first; `None` if nothing was explained."""
    if results.drivers.empty:
        return None
    bars = []
    for row in results.drivers.sort_values("mean_absolute", ascending=False).itertuples():
        rank = "" if np.isnan(row.rank) else f" ({row.rank:.0f})"
        twin = ", twin" if row.kind == "twin" else ""
        label = wording.capital(words.label(row.group, "en")) + twin + rank
        bars.append(Bar(label, row.mean_absolute, row.low, row.high, row.kind == "twin"))
    told = "; ".join(
        f"{bar.label}: {wording.number(np.exp(bar.value), 2)} times "
        f"({wording.interval(np.exp(bar.low), np.exp(bar.high), 2)})"
        for bar in bars
    )
    return figures.drivers("drivers", bars, f"Odds moved on average by: {told}.")


def why_one(results: Results, person_id: str) -> str:
    """The three reasons that count most for one person, in words; "" if they are not known."""
    if person_id not in results.reasons.index:
        return ""
    rows = results.reasons.loc[[person_id]].dropna(subset="contribution")
    rows = rows.iloc[np.argsort(-rows["contribution"].abs().to_numpy(), kind="stable")[:TOP]]
    if rows.empty:
        return ""
    return f"What counts most, beside the average person: {'; '.join(_reason(row) for row in rows.itertuples())}."


def _reason(row: Any) -> str:
    """One reason: "age raises it (first of all)"."""
    verb = "raises" if row.contribution > 0 else "lowers"
    thing = words.THINGS.get(row.group)
    verb = verb.removesuffix("s") if thing and thing.many else verb
    sure = "" if row.low * row.high > 0 else ", not certain"
    order = f", rank {row.rank:.0f}" if np.isfinite(row.rank) else ""
    return f"{words.label(row.group, 'en')} {verb} it{order}{sure}"


def _disagreement(results: Results, row: dict[str, Any]) -> str:
    """Where the model calls a fall of a mediator worse although less of it is taken to be better."""
    label, _ = wording.output(row["mediator"])
    minimum = results.study.report.min_count
    people = round(row["share"] * row["people"])
    return (
        f"For {wording.count(people, minimum)} of {wording.number(row['people'])} people the model disagrees with the "
        f"mechanism: when {label} changes as “{results.scenario_title(row['scenario'])}” would change it, the model’s "
        "risk goes the other way. There it shows who they are, not what the change does."
    )
