"""Who would benefit from what, and which groups have a mechanism of their own: strata in words and rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.reports import groups, wording
from pipeline.reports.disclosure import hidden, withheld
from pipeline.reports.results import Results
from pipeline.reports.wording import capital, count, interval, is_known, listing, number, of_100

UNCLEAR = "no clear winner"
CHOICES = {
    UNCLEAR: "No clear winner",
    "not known": "Not known: a twin failed",
    "no trial evidence": "No trial evidence",
}

ASIDE = (
    "Effort, cost and side effects count for nothing here, and every intervention is taken as kept up: it is where a "
    "talk can begin, not what to choose."
)


def benefit(results: Results) -> dict[str, Any]:
    """Groups by best intervention, who is in them, what they rest on, and what cannot be said."""
    facts = results.strata_facts["benefit"]
    if not facts["effects"]:
        return {"rows": [], "lead": "", "heads": [], "apart": [], "said": [_nothing(facts)]}
    minimum, table = results.study.report.min_count, _by_choice(results)
    rows = [
        {
            "name": row.name,
            "people": number(row.people) if row.shown else withheld(row.people, minimum),
            "arr": _per_1000(row.arr, row.low, row.high) if row.shown and is_known(row.arr) else ("–", ""),
            "nnt": _needed(row) if row.shown and is_known(row.arr) else ("–", ""),
        }
        for row in table.itertuples()
    ]
    told = table[table["people"] >= minimum]
    members = [results.best.index, *(results.best.index[results.best["choice"] == name] for name in told["choice"])]
    sorts = [groups.Members(len(ids), ids) for ids in members]
    through = [f"{wording.output(e['mediator'])[0]} ({e['source']}; {e['in_whom']})" for e in facts["effects"]]
    said = [f"Trial evidence: {'; '.join(through)}.", ASIDE]
    if facts["without_evidence"]:
        named = listing([_quoted(results, n) for n in facts["without_evidence"]])
        said.append(f"Nothing can be said of {named}: no trial tells what the change it makes does to this outcome.")
    for name, people in facts["beyond_trials"].items():
        if people:
            said.append(
                f"For {count(people, minimum)} people the twin changes more under {_quoted(results, name)} "
                "than trials have seen; only as much as they saw is counted."
            )
    return {
        "rows": rows,
        "lead": _clearly(results),
        "heads": [{"name": name, "rule": ""} for name in ("Everybody", *told["name"])],
        "apart": groups.describe(results, sorts, risk=True) if len(told) else [],
        "said": said,
    }


def by_band(results: Results, bands: list[groups.Band]) -> dict[str, Any]:
    """What each intervention would do in each risk group, beside what happened there: rows, the highest group first.

    No rows where no trial tells of any.
    """
    table, minimum = results.benefit_bands, results.study.report.min_count
    names = [name for name in results.study.twins.interventions if name in set(table["scenario"])]
    rows, leading = [], []
    for band in (band for band in bands if band.n and names):
        mine = table[table["band"] == band.number].set_index("scenario").reindex(names)
        told = band.counted and (mine["people"] >= minimum).all()
        leading.append((band.n, mine["best"].fillna(0).astype(int).max(), mine["best"].fillna(0).idxmax()))
        rows.append(
            {
                "name": band.name,
                "rule": band.rule,
                "people": band.people,
                "expected": number(1000 * mine["risk"].iloc[0]) if told else "–",
                "observed": _in_brackets(band.observed, band.low, band.high) if band.shown else ("–", ""),
                "fewer": [_in_brackets(*mine.loc[n, ["arr", "low", "high"]]) if told else ("–", "") for n in names],
                "told": told,
            }
        )
    secret = hidden([best for _, best, _ in leading], minimum)
    if any(best < n for n, best, _ in leading):       # that it is so for everybody tells nothing of anybody
        secret |= hidden([n - best for n, best, _ in leading], minimum)
    for k, (row, (n, best, name)) in enumerate(zip(rows, leading, strict=True)):
        shown = row["told"] and k not in secret
        row["clearly"] = (of_100(best / n), _quoted(results, name)) if shown else ("–", "")
    return {"heads": [f"Fewer with {_quoted(results, name)}" for name in names], "rows": rows[::-1]}


def help_sentence(results: Results, bands: list[groups.Band]) -> str:
    """What would help the highest risk group, whom it would help most clearly, and where that comes from."""
    facts, table = results.strata_facts["benefit"], results.benefit_bands
    if not facts["effects"]:
        return _nothing(facts)
    known = table[(table["people"] >= results.study.report.min_count) & np.isfinite(table["arr"])]
    told = [band for band in bands if band.counted and band.number in set(known["band"])]
    if not told:
        return "The groups are too small to say what would help whom."
    band = told[-1]
    row = known.loc[known.loc[known["band"] == band.number, "arr"].idxmax()]
    when = f" {results.study.horizon}" if results.study.outcome.horizon_years else ""
    fewer, within = _per_1000(row["arr"], row["low"], row["high"])
    group = f"in the {band.name.lower()} group ({band.people} people)"
    best = (
        f"{group} {_quoted(results, row['scenario'])}, kept up throughout, lowers the risk most: of 1 000 such people "
        f"{number(1000 * (row['risk'] - row['arr']))} instead of {number(1000 * row['risk'])} would have the "
        f"outcome{when}, {fewer} fewer (95 % interval {within})."
        if row["arr"] > 0
        else f"{group} nothing that was compared lowers the risk."
    )
    steps = " ".join(_step(results, effect, band, row["scenario"]) for effect in facts["effects"])
    return (
        f"Worked out, not tried on these people: {best} {_clearly(results)} Side effects, cost and effort are not "
        f"counted. {steps}"
    )


def _step(results: Results, effect: dict[str, Any], band: groups.Band, scenario: str) -> str:
    """From the twin's change of a mediator to the outcome: how far, what trials say of it, and for whom not surely."""
    mediator = effect["mediator"]
    label, unit = wording.output(mediator)
    change = [c for o, s, c in groups.responses(results) if (o, s) == (mediator, scenario)]
    mean = change[0].reindex(band.members).mean() if change else np.nan
    far = f" (on average {wording.signed(mean)} {unit} in that group after {wording.years(groups.RESPONSE_YEAR)})"
    source = effect["source"].partition(";")[0]
    said = (
        f"How far {label} would change comes from the twins{far if is_known(mean) else ''}, what such a change does "
        f"from published studies ({source}: {effect['in_whom']})."
    )
    below, measured = effect.get("disputed_below"), results.people.get(mediator, pd.Series(dtype=float)).dropna()
    mine = measured[measured.index.isin(band.members)]
    if below is None or mine.empty:
        return said
    return (
        f"{said} Below {number(below)} {unit} are {of_100((mine < below).mean())} of the {band.name.lower()} group, "
        f"and {of_100((measured < below).mean())} of all people studied."
    )


def _clearly(results: Results) -> str:
    """For how many people one intervention stands out, and of what; "" where too few people to tell."""
    everybody, minimum = len(results.best), results.study.report.min_count
    facts = results.strata_facts["benefit"]
    tried = [_quoted(results, name) for name in facts["beyond_trials"]]
    compared = f"only {listing(['no change', *tried])} were compared"
    table = _by_choice(results)
    known = table[table["shown"] & np.isfinite(table["arr"])].sort_values("people", ascending=False)
    found = [
        f"{_quoted(results, row.choice)} is clearly the best for {of_100(row.people / everybody)} of all people "
        f"studied ({number(row.people)} of {number(everybody)})"
        for row in known.itertuples()
        if row.people == everybody or everybody - row.people >= minimum
    ]
    if not found:
        return f"For nobody is one of them clearly the best; {compared}." if table["arr"].isna().all() else ""
    unclear = table.loc[table["choice"] == UNCLEAR, "people"].sum()
    most = unclear > 0.5 * (everybody - known["people"].sum())
    rest = "; for most of the others it is too close to call" if most else ""
    clearly = f"its chance to lower the risk more than the others is at least {of_100(facts['sure'])}"
    return f"{listing(found)}{rest}. Clearly means that {clearly}; {compared}."


def _by_choice(results: Results) -> pd.DataFrame:
    """The groups by best intervention that have people, their names, and whether their number may be shown."""
    table = results.benefit[results.benefit["people"] > 0].reset_index(drop=True)
    secret = hidden(list(table["people"]), results.study.report.min_count)
    names = [CHOICES.get(choice) or results.scenario_title(choice) for choice in table["choice"]]
    return table.assign(name=names, shown=[i not in secret for i in table.index])


def _quoted(results: Results, scenario: str) -> str:
    return f"“{results.scenario_title(scenario)}”"


def help_one(results: Results, person_id: str) -> str:
    """What would help one person most, and which doubt about it is larger; "" if nothing can be said."""
    row = results.best.loc[person_id]
    if row["choice"] == UNCLEAR:
        return "No intervention is clearly the best for this person."
    if not is_known(row["arr"]):
        return ""
    fewer, within = _per_1000(row["arr"], row["low"], row["high"])
    doubt = DOUBTS["person" if row["person_sd"] > row["model_sd"] else "model"]
    return (
        f"Best for this person, if kept up: {_quoted(results, row['choice'])}. Of 1 000 like this "
        f"{fewer} fewer would have the outcome (95 % interval {within}); most of what is not known of that is {doubt}."
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


def _per_1000(value: float, low: float, high: float) -> tuple[str, str]:
    return number(1000 * value), interval(1000 * low, 1000 * high)


def _in_brackets(value: float, low: float, high: float) -> tuple[str, str]:
    of_1000, within = _per_1000(value, low, high)
    return of_1000, f"({within})"


def _needed(row: Any) -> tuple[str, str]:
    if np.isinf(row.nnt_high):
        return f"at least {number(row.nnt_low)}", ""
    return number(row.nnt), interval(row.nnt_low, row.nnt_high)
