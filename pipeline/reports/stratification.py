"""The report of a study: its tables, the words and figures made of them, one HTML file."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from pipeline.reports import (
    background,
    checks,
    evidence,
    experiments,
    figures,
    groups,
    helped,
    reasons,
    sections,
    wording,
)
from pipeline.reports.figures import Drawing
from pipeline.reports.pages import environment, style
from pipeline.reports.results import Results


class Report(NamedTuple):
    """A finished report: the page, and its figures as files."""

    html: str
    figures: dict[str, str]


def render(results: Results) -> Report:
    """The report of a study as one page that needs no network, and its figures by name."""
    drawings: list[Drawing] = []

    def keep(drawing: Drawing | None) -> Markup | None:
        if drawing is None:
            return None
        drawings.append(drawing)
        return Markup(drawing.svg)

    bands = groups.make_bands(results)
    examples = groups.choose_examples(results, bands)
    context: dict[str, Any] = {
        "study": results.study,
        "css": style(),
        "brief": sections.brief(results, bands),
        "help": helped.by_band(results, bands),
        "when": f" {results.study.horizon}" if results.study.outcome.horizon_years else "",
        "people": background.population(results, bands),
        "twins": background.twins(results),
        "warnings": background.warnings(results),
        "calibration": keep(_calibration(results)),
        "calibration_sentence": sections.agreement(results),
        "agreement": evidence.agreement(results),
        "level_sentence": sections.level(results, bands),
        "ranking_sentence": wording.ranking(*sections.metric(results, "auroc")),
        "measures": sections.MEASURES,
        "performance": sections.performance(results),
        "treat_all": sections.treat_all(results),
        "decision": keep(_decision(results)),
        "gains": sections.gains(results),
        "subgroups": evidence.subgroups(results),
        "subgroup_columns": evidence.COLUMNS,
        "missing": evidence.missing(results),
        "over_time": evidence.over_time(results),
        "answers": evidence.answers(results),
        "verdicts": sections.verdicts(results),
        "differences": keep(_differences(results)),
        "chosen": sections.chosen(results),
        "bands": [_band(results, band, i, keep) for i, band in enumerate(bands)],
        "characteristics": groups.describe(results, bands),
        "responses": groups.describe_responses(results, bands),
        "benefit": helped.benefit(results),
        "endotypes": helped.endotypes(results),
        "why": reasons.why(results),
        "drivers": keep(reasons.figure(results)),
        "last_year": sections.last_year(results),
        "response_time": wording.years(groups.RESPONSE_YEAR),
        "single": sections.single(results, examples),
        "legend": _legend(results),
        "examples": [_example(results, example, keep) for example in examples],
        "experiments": experiments.context(experiments.tell(results.experiments), keep),
        "limits": background.limits(results),
        "checks": [
            (title, words, rows, checks.summary(rows))
            for title, words, rows in (
                ("PROBAST", "Could the judgement be wrong?", checks.probast(results.study, results)),
                ("TRIPOD+AI", "Is everything told that should be?", checks.tripod(results.study, results)),
            )
        ],
        "dictionary": results.dictionary.to_dict("records"),
        "provenance": background.provenance(results),
        "packages": background.packages(results),
    }
    html = environment().get_template("stratification.html").render(context)
    return Report(html, {drawing.name: drawing.file() for drawing in drawings})


def _calibration(results: Results) -> Drawing | None:
    bins = results.chosen(results.calibration)
    if not np.isfinite(bins["observed"]).any():
        return None
    known = bins.sort_values("predicted")
    slope = sections.agreement(results)
    ends = [wording.of_100(known["predicted"].iloc[k]) for k in (0, -1)]
    description = f"{len(known)} groups of people by predicted risk, from {ends[0]} to {ends[1]}. {slope}"
    minimum = results.study.report.min_count
    return figures.calibration("calibration", bins, results.smooth, minimum, description)


def _decision(results: Results) -> Drawing | None:
    table = results.decision[results.decision["model"] == results.study.report.model]
    curves = [
        (wording.FEATURE_SETS[name], table[table["feature_set"] == name])
        for name in results.study.models.feature_sets
        if np.isfinite(table.loc[table["feature_set"] == name, "net_benefit"]).any()
    ]
    if not curves:
        return None
    value, low, high = sections.metric(results, "net_benefit")
    description = (
        f"At {wording.of_100(results.study.evaluation.threshold)} the net benefit of the chosen model is "
        f"{wording.number(100 * value, 1)} per 100 people ({wording.interval(100 * low, 100 * high, 1)})."
    )
    return figures.decision("decision", curves, results.study.evaluation.threshold, description)


def _differences(results: Results) -> Drawing | None:
    rows = [(f"{v['model']}: {v['compared']}", *v["values"]) for v in sections.verdicts(results)]
    if not any(wording.is_known(*row[1:]) for row in rows):
        return None
    return figures.differences(
        "differences", rows, " ".join(f"{v['model']}: {v['sentence']}" for v in sections.verdicts(results))
    )


def _band(results: Results, band: groups.Band, i: int, keep: Any) -> dict[str, Any]:
    """A band's card and table row; what may not be shown is already in words."""
    drawing = None
    expected = f"{wording.of_100(band.mean_risk)}"
    if band.shown and wording.is_known(band.observed, band.mean_risk):
        observed = wording.of_100(band.observed)
        drawing = figures.icons(
            f"band-{i + 1}",
            round(100 * band.observed),
            round(100 * band.mean_risk),
            f"{band.name}: {band.rule}",
            f"Of 100 people like these {wording.hundredths(band.observed)} had the outcome; expected "
            f"{wording.hundredths(band.mean_risk)}.",
        )
    else:
        minimum = results.study.report.min_count
        withheld = (
            f"not shown: fewer than {minimum}"
            if band.events.startswith("fewer")
            else "not shown, or a smaller group could be worked out"
        )
        observed = "–" if band.n == 0 else withheld
    everyone = max(len(results.risks), 1)
    return {
        "name": band.name,
        "rule": band.rule,
        "n": band.n,
        "people": band.people,
        "share": wording.of_100(band.n / everyone) if band.counted and band.n else "–",
        "events": band.events,
        "expected": expected if band.n and band.counted else "–",
        "observed": observed,
        "interval": wording.of_100_between(band.low, band.high) if band.shown else "",
        "shown": band.shown,
        "figure": keep(drawing),
    }


def _legend(results: Results) -> list[dict[str, Any]]:
    return [
        {
            "swatch": Markup(figures.swatch(i)),
            "title": results.scenario_title(name),
            "description": results.scenarios.get(name, {}).get("description", ""),
            "source": results.scenarios.get(name, {}).get("source", ""),
        }
        for i, name in enumerate(results.scenario_names)
    ]


def _example(results: Results, example: groups.Example, keep: Any) -> dict[str, Any]:
    """An example person's words and pictures; starting values are rounded, the identifier stays here."""
    drawings = []
    courses = {output: groups.blur(results, example.person_id, output) for output in results.outputs}
    for output, course in courses.items():
        label, unit = wording.output(output)
        lines = []
        for name in results.scenario_names:
            rows = course[course["scenario"] == name]
            values = [rows[c].to_numpy(dtype=float) for c in ("year", "mean", "low", "high")]
            lines.append(figures.Line(results.scenario_title(name), *values))
        slug = "".join(c if c.isalnum() else "-" for c in output)
        words = "; ".join(
            f"{line.label}: {wording.number(line.mean[-1], 1)} "
            f"({wording.interval(line.low[-1], line.high[-1], 1)})"
            for line in lines
        )
        description = f"{example.label}, after {wording.number(lines[0].x.max())} years. {words}."
        name = f"{example.label.lower().replace(' ', '-')}-{slug}"
        drawings.append(keep(figures.trajectories(name, wording.capital(label), unit, lines, description)))
    return {
        "label": example.label,
        "band": example.band.name,
        "rule": example.band.rule,
        "who": f"{wording.capital(example.sex)}, {example.age}",
        "risk": wording.of_100(example.risk),
        "interval": wording.of_100_between(example.low, example.high),
        "helped": helped.help_one(results, example.person_id),
        "why": reasons.why_one(results, example.person_id),
        "figures": drawings,
        "changes": sections.changes(results, courses),
    }
