"""The patient's page: two sheets of paper in plain words, in the reader's language."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from pipeline.reports import figures, wording
from pipeline.reports.groups import RESPONSE_YEAR
from pipeline.reports.language import Language, read_language
from pipeline.reports.pages import environment, style
from pipeline.reports.patient import Patient
from pipeline.reports.sections import WIDE

# What fits on a sheet.
DRIVERS, ROUTES, GOALS, EDGES = 4, 3, 1, 2


def render_patient(patient: Patient, language: str) -> str:
    """The page of one person as HTML that needs no network and prints on two sheets of A4."""
    t = read_language(language)
    context: dict[str, Any] = {
        "t": t,
        "css": style(),
        "patient": patient,
        "study": patient.study,
        "it_line": _markup(t, "it_line", label=patient.study.outcome.label, horizon=patient.study.horizon),
        "sure_only": _markup(t, "sure_only", population=patient.study.population),
        "warnings": _warnings(patient, t),
        "stand": _stand(patient, t),
        "icons": _icons(patient, t),
        "drivers": _drivers(patient, t),
        "routes": _routes(patient, t),
        "goals": _goals(patient, t),
        "sure": _sure(patient, t),
        "best": _best(patient, t),
        "legend": [(Markup(figures.swatch(i)), t.text(title)) for i, title in enumerate(patient.scenarios.values())],
        "curves": _curves(patient, t),
        "changes": _changes(patient, t),
        "years": t.number(patient.courses["year"].max()) if len(patient.courses) else "",
        "first_years": t.years(RESPONSE_YEAR),
        "measured": _measured(patient, t),
        "not_measured": t.listing([t.called(name) for name in patient.unlike.missing]),
    }
    return environment().get_template("patient.html").render(context)


def _markup(t: Language, key: str, **texts: str) -> Markup:
    """A sentence around texts of the study, which may be in English still."""
    values = {name: t.text(text) for name, text in texts.items()}
    return Markup(t.words[key]).format(**values)


def _warnings(patient: Patient, t: Language) -> list[str]:
    """Why this person's numbers deserve less trust than others': the twin fits badly, or few people are alike."""
    fits, unlike = patient.fits, patient.unlike
    said = [t.say("warn_unlikely")] if fits["unlikely"].any() else []
    if failed := list(dict.fromkeys(fits.loc[fits["status"] != "ok", "twin"])):
        said.append(t.say("warn_failed", twins=t.listing([t.called(name) for name in failed])))
    known = patient.study.known_variables()
    for edge in unlike.edges[:EDGES]:
        called = wording.capital(t.called(edge.variable))
        if isinstance(edge.value, str):
            said.append(t.say("warn_level", variable=called))
            continue
        ends = (edge.value, edge.low, edge.high)
        value, low, high = (t.quantity(edge.variable, v, known[edge.variable].unit) for v in ends)
        said.append(t.say("warn_value", variable=called, value=value, low=low, high=high))
    if len(unlike.edges) > EDGES:
        said.append(t.say("warn_more", number=len(unlike.edges) - EDGES))
    if unlike.much_missing:
        said.append(t.say("warn_missing", missing=len(unlike.missing), all=unlike.asked))
    return said


def _stand(patient: Patient, t: Language) -> list[str]:
    later = patient.study.outcome.horizon_years is not None
    risk, rest = t.hundredths(patient.risk), t.hundredths(1 - patient.risk)
    below, above = t.hundredths(patient.others.below), t.hundredths(patient.others.above)
    said = [t.say("stand_risk_later" if later else "stand_risk", risk=risk, rest=wording.capital(rest))]
    if wording.is_known(patient.low, patient.high):
        said.append(t.say("stand_interval", low=t.hundredths(patient.low), high=t.hundredths(patient.high)))
    said.append(t.say("stand_all", observed=t.hundredths(patient.others.observed)))
    said.append(t.say("stand_rank", below=below, above=above))
    return said


def _icons(patient: Patient, t: Language) -> Markup:
    risk, observed = patient.risk, patient.others.observed
    text = t.say("icons_text", risk=t.hundredths(risk), observed=t.hundredths(observed))
    drawing = figures.icons("people", round(100 * risk), round(100 * observed), t.say("icons_title"), text)
    return Markup(drawing.svg)


def _drivers(patient: Patient, t: Language) -> dict[str, Any] | None:
    """What moves the risk most; in order only where the order survives refitting. None without explanations.

    Beside each reason stands the risk of a person who is average in it alone: its contribution to the log odds is taken
    away. What may as well be nothing is no reason.
    """
    from pipeline.explain import words

    table = patient.explained.attributions
    if table.empty:
        return None
    clear = table[table["low"] * table["high"] > 0]
    top = clear.loc[clear["contribution"].abs().sort_values(ascending=False, kind="stable").index[:DRIVERS]]
    top = top.sort_values(["rank", "group"], na_position="last")
    widest, odds = float(clear["contribution"].abs().max()), float(np.log(patient.risk / (1 - patient.risk)))
    rows = []
    for row in top.itertuples():
        without, low, high = (1 / (1 + np.exp(v - odds)) for v in (row.contribution, row.high, row.low))
        ends = {"low": t.hundredths(low), "high": t.hundredths(high)}
        rows.append(
            {
                "name": wording.capital(words.label(row.group, t.code)),
                "words": words.reason(row, t.code),
                "without": t.say("why_without", number=t.hundredths(without), **ends),
                "bar": round(50 * row.contribution / widest, 1),
            }
        )
    ranked = top["rank"].notna()
    order = "why_ranked" if ranked.all() else "why_first" if ranked.any() else "why_unranked"
    return {"rows": rows, "order": t.say(order if rows else "why_none")}


def _routes(patient: Patient, t: Language) -> list[str]:
    """From a change over what it moves in the body to the risk, one for each change, the strongest first."""
    from pipeline.explain import words

    table = patient.explained.chains
    if table.empty:
        return []
    known = table[table["scenario"].map(lambda name: bool(words.action(name, t.code)))]
    order = known["risk_change"].abs().sort_values(ascending=False, kind="stable", na_position="last").index
    strongest = known.loc[order].drop_duplicates("scenario")[:ROUTES]
    return [" ".join(words.link(row, t.code)) for row in strongest.itertuples()]


def _goals(patient: Patient, t: Language) -> list[str]:
    """The least that would be enough to come below a risk that matters, or that nothing tried would."""
    from pipeline.explain import words

    table = patient.explained.counterfactuals
    if table.empty:
        return []
    least = table[table["smallest"] | table["scenario"].isna()]
    return [words.enough(row, t.code) for row in least[:GOALS].itertuples()]


def _scenario(patient: Patient, name: str, t: Language) -> str:
    return t.plain(patient.scenarios.get(name) or name.replace("_", " "))


def _sure(patient: Patient, t: Language) -> list[str]:
    """Interval, whose doubt it is, and how it went for people alike."""
    said = []
    person, model = patient.person_sd**2, patient.model_sd**2
    if wording.is_known(person, model) and person + model > 0:
        share = round(100 * person / (person + model))
        said.append(t.say("sure_person" if share > 50 else "sure_model", person=share, model=100 - share))
    else:
        said.append(t.say("sure_unsplit"))
    if patient.high - patient.low > WIDE:
        said.append(t.say("sure_wide"))
    if group := patient.others.group:
        observed, low, high = (t.hundredths(v) for v in (group.observed, group.low, group.high))
        rule = t.band(*patient.others.band)
        said.append(t.say("sure_group", people=group.people, rule=rule, observed=observed, low=low, high=high))
    if wording.is_known(patient.others.pairs):
        said.append(t.say("sure_pairs", pairs=t.number(100 * patient.others.pairs)))
    return said


def _best(patient: Patient, t: Language) -> str:
    """Which change is clearly the best, or why none can be named."""
    choice, arr, low, high = patient.best.values()
    if choice in ("no clear winner", "no trial evidence"):
        return t.say("change_no_winner" if choice == "no clear winner" else "change_no_trials")
    if not wording.is_known(arr, low, high):
        return t.say("change_not_known")
    name = _scenario(patient, choice, t)
    return t.say("change_best", scenario=name, fewer=t.hundredths(arr), low=t.hundredths(low), high=t.hundredths(high))


def _curves(patient: Patient, t: Language) -> list[Markup]:
    """A figure an output, each with a line a scenario."""
    drawn = []
    for output, rows in _by_output(patient):
        unit = wording.output(output)[1]
        lines, courses = [], []
        for name in patient.scenarios:
            course = rows[rows["scenario"] == name].sort_values("year")
            if course.empty:
                continue
            values = [course[c].to_numpy(dtype=float) for c in ("year", "mean", "low", "high")]
            lines.append(figures.Line(name, *values))
            mean, low, high = (t.quantity(output, v[-1], unit) for v in values[1:])
            courses.append(t.say("curve_course", scenario=_scenario(patient, name, t), value=mean, low=low, high=high))
        text = t.say("curve_text", years=t.years(int(rows["year"].max())), courses="; ".join(courses))
        slug = "".join(c if c.isalnum() else "-" for c in output)
        title = wording.capital(t.called(output))
        drawing = figures.trajectories(
            f"course-{slug}", title, unit, lines, text, axis=t.say("years_axis"), decimal=t.decimal
        )
        drawn.append(Markup(drawing.svg))
    return drawn


def _changes(patient: Patient, t: Language) -> dict[str, Any]:
    """The same after a year as a table: a row a scenario, a column an output."""
    outputs = [output for output, _ in _by_output(patient)]
    table = patient.courses[patient.courses["year"] == RESPONSE_YEAR].set_index(["scenario", "output"])
    rows = []
    for name, title in patient.scenarios.items():
        cells = []
        for output in outputs:
            there = (name, output) in table.index
            found = table.loc[(name, output), ["mean", "low", "high"]] if there else [np.nan] * 3
            mean, low, high = (t.quantity(output, float(v), "") for v in found)
            cells.append((mean, t.say("to", low=low, high=high) if wording.is_known(*found) else ""))
        rows.append((t.text(title), cells))
    heads = [(wording.capital(t.called(output)), wording.output(output)[1]) for output in outputs]
    return {"heads": heads, "rows": rows}


def _by_output(patient: Patient) -> list[tuple[str, pd.DataFrame]]:
    grouped = dict(list(patient.courses.groupby("output")))
    return [(output, grouped[output]) for output in patient.study.report.outputs if output in grouped]


def _measured(patient: Patient, t: Language) -> list[tuple[str, list[str]]]:
    """What the twins rest on, by how it came to be known; values only of what was measured or worked out.

    Of an output that is drawn, the value that its curves start from.
    """
    fits, courses = patient.fits.drop_duplicates("parameter"), patient.courses
    start = courses[(courses["year"] == 0) & (courses["scenario"] == "no_change")].set_index("output")["mean"]
    found = []
    for basis in ("measured", "estimated", "assumed", "none"):
        rows = fits[fits["basis"] == basis]
        told = []
        for row in rows.itertuples():
            name, value = t.called(row.parameter), start.get(row.parameter, row.mode)
            meant = row.unit != "1" or row.parameter.endswith("_fraction")      # a pure number tells a reader nothing
            valued = basis in ("measured", "estimated") and np.isfinite(value) and meant
            told.append(f"{name} {t.quantity(row.parameter, value, row.unit)}" if valued else name)
        if told:
            found.append((t.say(f"basis_{basis}"), told))
    return found
