"""Who would benefit from what, and which groups have a mechanism of their own: strata in words and rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.reports import wording
from pipeline.reports.disclosure import hidden, withheld
from pipeline.reports.results import Results
from pipeline.reports.wording import capital, count, interval, is_known, listing, number, of_100

CHOICES = {
    "no clear winner": "No clear winner",
    "not known": "Not known: a twin failed",
    "no trial evidence": "No trial evidence",
}

ASIDE = (
    "Effort, cost and side effects count for nothing here, and every intervention is taken as kept up: it is where a "
    "talk can begin, not what to choose."
)


def benefit(results: Results) -> dict[str, Any]:
    """Groups by best intervention, what they rest on, and what cannot be said."""
    facts = results.strata_facts["benefit"]
    if not facts["effects"]:
        return {"rows": [], "said": [_nothing(facts)]}
    minimum, table = results.study.report.min_count, results.benefit
    table = table[table["people"] > 0].reset_index(drop=True)
    secret = hidden(list(table["people"]), minimum)
    rows = []
    for i, row in enumerate(table.itertuples()):
        shown = i not in secret and is_known(row.arr)
        rows.append(
            {
                "name": CHOICES.get(row.choice) or results.scenario_title(row.choice),
                "people": number(row.people) if i not in secret else withheld(row.people, minimum),
                "arr": _per_1000(row) if shown else ("–", ""),
                "nnt": _needed(row) if shown else ("–", ""),
            }
        )
    through = [f"{wording.output(e['mediator'])[0]} ({e['source']}; {e['in_whom']})" for e in facts["effects"]]
    said = [f"Trial evidence: {'; '.join(through)}.", ASIDE]
    if facts["without_evidence"]:
        named = listing([f"“{results.scenario_title(n)}”" for n in facts["without_evidence"]])
        said.append(f"Nothing can be said of {named}: no trial tells what the change it makes does to this outcome.")
    for name, people in facts["beyond_trials"].items():
        if people:
            said.append(
                f"For {count(people, minimum)} people the twin changes more under “{results.scenario_title(name)}” "
                "than trials have seen; only as much as they saw is counted."
            )
    return {"rows": rows, "said": said}


def help_sentence(results: Results) -> str:
    """The largest group with a clear best intervention, and how many to treat; "" if nothing can be said."""
    table, minimum = results.benefit, results.study.report.min_count
    known = table[np.isfinite(table["arr"]) & (table["people"] >= minimum)]
    if known.empty:
        return ""
    row = known.sort_values("people", ascending=False).iloc[0]
    everybody, within = int(table["people"].sum()), results.study.horizon
    when = f" {within}" if results.study.outcome.horizon_years else ""
    return (
        f"Of all people studied, for {of_100(row['people'] / everybody)} “{results.scenario_title(row['choice'])}” is "
        f"clearly the best of what was tried: of 1 000 of these who keep it up, {_fewer(row, when)}. This is worked "
        "out from the change that the twin expects and what trials say of such changes; side effects are not counted."
    )


def help_one(results: Results, person_id: str) -> str:
    """What would help one person most, and which doubt about it is larger; "" if nothing can be said."""
    row = results.best.loc[person_id]
    if row["choice"] == "no clear winner":
        return "No intervention is clearly the best for this person."
    if not is_known(row["arr"]):
        return ""
    doubt = DOUBTS["person" if row["person_sd"] > row["model_sd"] else "model"]
    return (
        f"Best for this person, if kept up: “{results.scenario_title(row['choice'])}”. Of 1 000 like this "
        f"{_fewer(row)}; most of what is not known of that is {doubt}."
    )


DOUBTS = {"person": "about the person", "model": "about the model and the trials"}


def endotypes(results: Results) -> dict[str, Any]:
    """Groups by mechanism, or why there are none."""
    facts = results.strata_facts["endotypes"]
    said = [f"{capital(VERDICTS[facts['verdict']])} ({facts['reason']})."]
    columns = listing([wording.output(name)[0] for name in facts["columns"]])
    said.append(
        f"Looked for in {number(facts['placed'])} people, by {columns}, each against what is usual for age and sex and "
        "at equal risk."
        if facts["columns"]
        else "Nothing was measured of enough people to look for them."
    )
    table, minimum = results.endotypes, results.study.report.min_count
    sizes = table.drop_duplicates("group").sort_values("group") if len(table) else table
    secret = hidden(list(sizes["people"]), minimum) if len(sizes) else set()
    rows = []
    for i, size in enumerate(sizes.itertuples()):
        outcome = table[(table["group"] == size.group) & (table["kind"] == "outcome")].iloc[0]
        events = outcome["mean"] * size.people
        few = i in secret or min(events, size.people - events) < minimum
        rows.append(
            {
                "name": capital(size.name),
                "people": number(size.people) if i not in secret else withheld(size.people, minimum),
                "outcome": ("withheld", "")
                if few
                else (of_100(outcome["mean"]), interval(100 * outcome["low"], 100 * outcome["high"])),
            }
        )
    return {"rows": rows, "said": said}


VERDICTS = {
    "stable": "groups were found, and stay when people are drawn again",
    "no groups": "no groups: by mechanism people form one continuous whole",
    "unstable: do not use": "groups were found, but they change when people are drawn again, so none are shown",
}


def _nothing(facts: dict[str, Any]) -> str:
    if facts["outcome"] is None:
        return (
            "This study names no outcome of trials, so nothing can be said about who would benefit: what lowers a risk "
            "factor need not lower the risk."
        )
    return "No trial on file tells what a change would do to this outcome, so nothing can be said."


def _per_1000(row: Any) -> tuple[str, str]:
    return number(1000 * row.arr), interval(1000 * row.low, 1000 * row.high)


def _fewer(row: Any, when: str = "") -> str:
    fewer, within = _per_1000(row)
    return f"{fewer} fewer would have the outcome{when} (95 % interval {within})"


def _needed(row: Any) -> tuple[str, str]:
    if np.isinf(row.nnt_high):
        return f"at least {number(row.nnt_low)}", ""
    return number(row.nnt), interval(row.nnt_low, row.nnt_high)
