"""A page for each twin on which a modeller can check everything, and an index with the wiring.

Nothing here knows a twin by name: a page is made of what every twin declares, and of the tables of its calibration
where there are any.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup

from pipeline.reports import gallery_figures as figures
from pipeline.reports import gallery_tables as tables
from pipeline.reports.gallery_courses import CORRECTED, PUBLISHED, Courses, simulate_courses, upstream
from pipeline.reports.gallery_evidence import (
    Evidence,
    Panel,
    cost,
    predicted_panels,
    read_evidence,
    training_panels,
)
from pipeline.reports.gallery_math import mathml
from pipeline.reports.gallery_words import capital, in_words, linked, number, points, short
from pipeline.reports.pages import environment, style
from pipeline.twins import INPUTS, DynamicTwin, EpisodeTwin, Scenario, Twin

SHOWN = 6                # observables of a story; the rest moves less
MOVES = 1e-3             # of an observable's largest value: it is drawn if modes differ by this or it moves by this


def render_twin(kind: type[Twin], twins: Mapping[str, type[Twin]], scenarios: Iterable[Scenario]) -> str:
    """The page of one twin; `twins` are all that it may be wired to."""
    evidence = read_evidence(kind.name)
    drawn = simulate_courses(kind, twins, scenarios)
    says, *background = _paragraphs(kind)
    training = training_panels(evidence) if evidence else []
    return _templates().get_template("gallery.html").render(
        css=style(),
        name=kind.name,
        says=says,
        background=background,
        citation=kind.citation,
        clock=clock(kind),
        module=kind.__module__,
        calibrated=_calibrated(kind, evidence),
        failures=kind.failures,
        equations=[{"math": mathml(latex), "text": text} for latex, text in kind.equations],
        switches=tables.switches(kind, drawn),
        parameters=tables.parameters(kind, evidence),
        derived=tables.derived(evidence),
        fixed=kind.fixed,
        spread_words=tables.spread_words(kind, evidence),
        needs=[{"name": n, "typical": number(drawn.person[n]), "filler": number(v)} for n, v in kind.needs.items()],
        ports=tables.ports(kind, twins),
        observables=[{"name": n, "unit": o.unit, "text": o.description} for n, o in kind.observables.items()],
        evidence=evidence is not None,
        costs=tables.costs(evidence),
        search_words=tables.search_words(evidence),
        training=_drawn(kind, training, "training"),
        not_drawn="its residuals do not follow its table of studies point by point",
        predictions=_drawn(kind, predicted_panels(evidence) if evidence else [], "held-back"),
        profiles=_profiles(evidence),
        fit_key=_key(("data", "mean and spread of the study"), ("band", "best fit, and 95 % of draws")),
        profile_key=_key(("line", "lowest cost"), ("best", "best fit"), ("limit", "limit of acceptance")),
        course_key=_course_key(kind),
        course_words=_course_words(kind, twins, drawn),
        person="; ".join(f"{n} {number(v)}" for n, v in drawn.person.items() if math.isfinite(v)),
        course_failed=drawn.failed,
        courses=_stories(kind, drawn),
        no_courses="Nothing moves in this twin under the shipped scenarios.",
        finer=drawn.clock == "hours",
        solvers=[{"name": n, "value": f"{v:.1e}"} for n, v in drawn.solvers.items()],
    )  # fmt: skip


def render_index(twins: Mapping[str, type[Twin]]) -> str:
    """The page that leads to all others, with the wiring of the twins."""
    wires = [
        {"reader": reader.name, "signal": signal, "source": source, "text": text}
        for reader in twins.values()
        for signal in reader.reads
        for source, text in [tables.origin(signal, reader, twins)]
        if source
    ]
    rows = [
        {
            "name": kind.name,
            "says": _paragraphs(kind)[0],
            "clock": clock(kind),
            "parameters": len(kind.parameters),
            "fitted": "yes" if read_evidence(kind.name) else "no",
            "citation": kind.citation,
        }
        for kind in twins.values()
    ]
    inputs = [
        {"name": n, "unit": s.unit, "text": s.description, "twins": ", ".join(hearing).replace("_", " ")}
        for n, s in INPUTS.items()
        if (hearing := [kind.name for kind in twins.values() if n in kind.hears])
    ]
    drawing = figures.wiring(
        "wiring",
        {kind.name: clock(kind) for kind in twins.values()},
        [(w["reader"], w["source"], w["signal"]) for w in wires],
    )
    return (
        _templates()
        .get_template("gallery_index.html")
        .render(css=style(), rows=rows, wires=wires, inputs=inputs, wiring=Markup(drawing.svg))
    )


def clock(kind: type[Twin]) -> str:
    """How a twin keeps time, in words."""
    if issubclass(kind, EpisodeTwin):
        return "minutes, over hours of an episode"
    if issubclass(kind, DynamicTwin):
        return "days, over years"
    return "days, over years, as a formula"


def _paragraphs(kind: type[Twin]) -> list[str]:
    """What the twin says of itself: its own words first, then those of its module."""
    module = inspect.getmodule(kind)
    own = inspect.cleandoc(kind.__doc__ or f"{kind.name}: no words yet.").split("\n\n")
    more = inspect.cleandoc(module.__doc__ or "").split("\n\n") if module else []
    return [" ".join(own), *(" ".join(part.split()) for part in more if part)]


def _calibrated(kind: type[Twin], evidence: Evidence | None) -> str:
    if evidence is None and kind.accepted:
        return f"{len(kind.accepted)} vectors of another twin's calibration are drawn; the rest is that of the sources"
    if evidence is None:
        return "not fitted here: values and spreads are those of the sources below"
    points, draws = evidence.summary["points"], len(evidence.draws)
    return f"fitted here to {points} points of studies; {draws} draws of all vectors that they allow are kept"


def _drawn(kind: type[Twin], panels: list[Panel], role: str) -> list[dict[str, Any]]:
    rows = []
    for i, panel in enumerate(panels):
        title, unit = _observable(kind, panel.observable)
        words = f"Best fit {short(panel.best[-1])}, measured {short(panel.mean[-1])} {unit} at the last time."
        drawing = figures.fit(f"{role}-{i}", panel, f"{title}, {panel.study}", unit, words)
        inside = (panel.low <= panel.mean + panel.spread) & (panel.mean - panel.spread <= panel.high)
        met = f"The band misses the measured spread at {points(int((~inside).sum()))}."
        rows.append(
            {
                "title": capital(title),
                "study": f"{panel.study}: cost {short(cost(panel))} of {points(len(panel.times))}",
                "svg": Markup(drawing.svg),
                "note": capital(panel.note),
                "source": panel.source,
                "verdict": "The band meets the measured spread." if inside.all() else met,
            }
        )
    return rows


def _observable(kind: type[Twin], name: str) -> tuple[str, str]:
    """What a study's observable means, and its unit; `bhb_fold` is an observable of bhb over that at the start."""
    if name in kind.observables:
        return kind.observables[name].description, kind.observables[name].unit
    base = next((o for n, o in kind.observables.items() if n.startswith(name.removesuffix("_fold") + "_")), None)
    if name.endswith("_fold") and base:
        return f"{base.description}, over that at the start", "1"
    return name.replace("_", " "), ""


def _profiles(evidence: Evidence | None) -> list[dict[str, Any]]:
    if evidence is None or evidence.profiles.empty:
        return []
    rows = []
    for i, (name, part) in enumerate(evidence.profiles.groupby("quantity", sort=False)):
        judged = evidence.by_quantity.get(str(name))
        if judged is None:
            continue
        drawing = figures.profile(
            f"profile-{i}",
            part["value"].to_numpy(),
            part["cost"].to_numpy(),
            (judged["best"], evidence.summary["best_cost"]),
            evidence.limit,
            judged["unit"],
            f"Profile of {name}",
        )
        title = Markup("<code>{}</code>").format(name)
        rows.append({"title": title, "verdict": judged["verdict"], "svg": Markup(drawing.svg)})
    return rows


def _course_words(kind: type[Twin], twins: Mapping[str, type[Twin]], courses: Courses) -> str:
    read = upstream(kind, twins)
    words = "One invented person under shipped scenarios, with the values used above."
    if courses.clock == "hours":
        words = "One invented person in a few episodes, with the values used above."
    if PUBLISHED in courses.values:
        words += " Where the lines part, the published model is wrong or lacks a link."
    if read:
        names = ", ".join(t.name.replace("_", " ") for t in read)
        words += f" The twins that act on it ({names}) are corrected in both."
    return words


def _stories(kind: type[Twin], courses: Courses) -> list[dict[str, Any]]:
    """For each scenario the observables that tell most: where modes part, then what moves."""
    told = [(CORRECTED, "corrected"), (PUBLISHED, "published")]
    shown = [values for v, _ in told if (values := courses.values.get(v))]
    sizes = {n: max(np.nanmax(np.abs(values[n]), initial=0.0) for values in shown) or 1.0 for n in kind.observables}
    rows = []
    for i, story in enumerate(courses.stories):
        courses_of = {
            n: [figures.Curve(label, courses.values[v][n][i]) for v, label in told if v in courses.values]
            for n in kind.observables
        }
        scores = {n: _score(curves, sizes[n]) for n, curves in courses_of.items()}
        chosen = sorted((n for n in scores if scores[n] > MOVES), key=lambda n: -scores[n])[:SHOWN]
        panels = []
        for name in [n for n in kind.observables if n in chosen]:
            what = kind.observables[name]
            drawing = figures.courses(
                f"course-{i}-{name}", courses.times, courses.clock, courses_of[name], what.unit, what.description
            )
            panels.append({"title": capital(what.description), "svg": Markup(drawing.svg)})
        left = len(kind.observables) - len(chosen)
        rest = f"Not drawn: {left} of {len(kind.observables)} observables, which move or differ less." if left else ""
        text = " ".join(part for part in (story.description, story.source) if part)
        rows.append({"title": story.title, "text": text, "panels": panels, "rest": rest})
    return [row for row in rows if row["panels"]]


def _score(curves: list[figures.Curve], size: float) -> float:
    """How far modes part, which counts ten times, and how far the first moves, over the largest value anywhere."""
    values = np.stack([c.values for c in curves])
    apart = np.nanmax(np.abs(values - values[0]), initial=0.0)
    moves = np.nanmax(values[0], initial=-np.inf) - np.nanmin(values[0], initial=np.inf)
    return float((10.0 * apart + max(moves, 0.0)) / size)


def _course_key(kind: type[Twin]) -> list[dict[str, Any]]:
    if not kind.corrections and not kind.extensions:
        return _key(("line", "the twin"))
    marks = [figures.swatch("line", 0), figures.swatch("line", 1)]
    texts = ["corrected, with extensions" if kind.extensions else "corrected", "published"]
    return [{"swatch": Markup(mark), "text": text} for mark, text in zip(marks, texts, strict=True)]


def _key(*marks: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"swatch": Markup(figures.swatch(kind)), "text": text} for kind, text in marks]


def _templates() -> Environment:
    templates = environment()
    templates.filters |= {"linked": linked, "words": in_words, "plain": number}
    return templates
