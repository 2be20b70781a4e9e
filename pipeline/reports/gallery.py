"""A page for each twin on which a modeller can check everything, and an index with the wiring.

Nothing here knows a twin by name: a page is made of what every twin declares, and of the tables of its calibration
where there are any.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.reports import gallery_figures as figures
from pipeline.reports.gallery_courses import CORRECTED, PUBLISHED, Courses, effects, simulate_courses
from pipeline.reports.gallery_evidence import (
    Evidence,
    Panel,
    cost,
    predicted_panels,
    read_evidence,
    role_costs,
    training_panels,
)
from pipeline.reports.gallery_math import mathml, symbol
from pipeline.twins import INPUTS, DynamicTwin, EpisodeTwin, Scenario, Twin

DOI = re.compile(r"\b10\.\d{4,9}/[^\s,;)]*[^\s,;).:]")
SHOWN = 6                # observables of a story; the rest moves less
NORMAL = 1.959964        # standard deviations on each side of 95 %
MOVES = 1e-3             # of an observable's largest value: it is drawn if modes differ by this or it moves by this


def render_twin(kind: type[Twin], twins: Mapping[str, type[Twin]], scenarios: Iterable[Scenario]) -> str:
    """The page of one twin; `twins` are all that it may be wired to."""
    evidence = read_evidence(kind.name)
    drawn = simulate_courses(kind, twins, scenarios)
    says, *background = _paragraphs(kind)
    training = training_panels(evidence) if evidence else []
    return _environment().get_template("gallery.html").render(
        css=_css(),
        name=kind.name,
        says=says,
        background=background,
        citation=kind.citation,
        clock=clock(kind),
        module=kind.__module__,
        calibrated=_calibrated(evidence),
        failures=kind.failures,
        equations=[{"math": mathml(latex), "text": text} for latex, text in kind.equations],
        switches=_switches(kind, drawn),
        parameters=_parameters(kind, evidence),
        derived=_derived(evidence),
        spread_words=_spread_words(kind, evidence),
        needs=[{"name": n, "typical": number(drawn.person[n]), "filler": number(v)} for n, v in kind.needs.items()],
        ports=_ports(kind, twins),
        observables=[{"name": n, "unit": o.unit, "text": o.description} for n, o in kind.observables.items()],
        evidence=evidence is not None,
        costs=_costs(evidence),
        search_words=_search_words(evidence),
        training=_drawn(kind, training, "training"),
        not_drawn="its residuals do not follow its table of studies point by point",
        predictions=_drawn(kind, predicted_panels(evidence) if evidence else [], "held-back"),
        profiles=_profiles(evidence),
        fit_key=_key(("data", "mean and spread of the study"), ("band", "best fit, and 95 % of draws")),
        profile_key=_key(("line", "lowest cost"), ("best", "best fit"), ("limit", "limit of acceptance")),
        course_key=_course_key(kind),
        course_words=_course_words(kind, twins, drawn),
        person="The person: " + "; ".join(f"{n} {number(v)}" for n, v in drawn.person.items() if math.isfinite(v)) + ".",
        course_failed=drawn.failed,
        courses=_stories(kind, drawn),
        no_courses="Nothing moves in this twin under the shipped scenarios.",
        solvers=[{"name": n, "value": f"{v:.1e}"} for n, v in drawn.solvers.items()],
    )  # fmt: skip


def render_index(twins: Mapping[str, type[Twin]]) -> str:
    """The page that leads to all others, with the wiring of the twins."""
    wires = [
        {"reader": reader.name, "signal": signal, "source": source, "text": text}
        for reader in twins.values()
        for signal in reader.reads
        for source, text in [_origin(signal, reader, twins)]
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
        _environment()
        .get_template("gallery_index.html")
        .render(css=_css(), rows=rows, wires=wires, inputs=inputs, wiring=Markup(drawing.svg))
    )


def clock(kind: type[Twin]) -> str:
    """How a twin keeps time, in words."""
    if issubclass(kind, EpisodeTwin):
        return "minutes, over hours of an episode"
    if issubclass(kind, DynamicTwin):
        return "days, over years"
    return "days, over years, as a formula"


def number(value: float) -> str:
    """A number to six significant digits, with a power of ten where it is very large or small."""
    if not math.isfinite(value):
        return "not known"
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        digits, power = f"{value:.6g}".split("e") if "e" in f"{value:.6g}" else f"{value:.5e}".split("e")
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
        return f"{digits} × 10{_raised(int(power))}".replace("-", "−")
    return f"{value:.6g}".replace("-", "−")


def short(value: float) -> str:
    """A number to three significant digits."""
    return number(float(f"{value:.3g}"))


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _span(low: float, high: float) -> str:
    return f"{short(low)} to {short(high)}"


def _paragraphs(kind: type[Twin]) -> list[str]:
    """What the twin says of itself: its own words first, then those of its module."""
    module = inspect.getmodule(kind)
    own = inspect.cleandoc(kind.__doc__ or f"{kind.name}: no words yet.").split("\n\n")
    more = inspect.cleandoc(module.__doc__ or "").split("\n\n") if module else []
    return [" ".join(own), *(" ".join(part.split()) for part in more if part)]


def _origin(signal: str, reader: type[Twin], twins: Mapping[str, type[Twin]]) -> tuple[str, str]:
    """The twin whose observable the signal is, and what it means; empty if nobody gives it."""
    for kind in twins.values():
        if kind is not reader and signal in kind.observables:
            return kind.name, kind.observables[signal].description
    return "", ""


def _calibrated(evidence: Evidence | None) -> str:
    if evidence is None:
        return "not fitted here: values and spreads are those of the sources below"
    points, draws = evidence.summary["points"], len(evidence.draws)
    return f"fitted here to {points} points of studies; {draws} draws of all vectors that they allow are kept"


def _switches(kind: type[Twin], courses: Courses) -> list[dict[str, str]]:
    shown = {e.switch: e for e in effects(kind, courses)}
    rows = []
    for name, text in {**kind.corrections, **kind.extensions}.items():
        effect = shown.get(name)
        words = "no difference for this person under these scenarios"
        if effect:
            what = kind.observables[effect.observable]
            words = (
                f"{what.description}: {short(effect.with_it)} with it, {short(effect.without)} without ({what.unit}; "
                f"{effect.story}, after {short(effect.time)} {courses.clock})"
            )
        has = name in kind.as_published
        rows.append(
            {
                "name": name,
                "kind": "extension" if name in kind.extensions else "correction",
                "text": text,
                "published": "on: the cited paper has this right" if has else "off",
                "effect": words,
            }
        )
    return rows


def _parameters(kind: type[Twin], evidence: Evidence | None) -> list[dict[str, Any]]:
    rows = []
    for q in kind.parameters:
        judged = evidence.by_quantity.get(q.name) if evidence else None
        if judged:
            span, basis = _span(judged["sample_low"], judged["sample_high"]), "of draws"
        elif q.log_sd > 0.0:
            ends = (q.median * math.exp(sign * NORMAL * q.log_sd) for sign in (-1.0, 1.0))
            span, basis = _span(*ends), f"spread {q.log_sd:.2g} on the log scale"
        else:
            span, basis = "fixed", ""
        rows.append(
            {
                "name": q.name,
                "symbol": mathml(symbol(q.name), display=False),
                "unit": q.unit,
                "value": number(q.median),
                "best": number(judged["best"]) if judged else "not fitted",
                "profile": _span(judged["low"], judged["high"]) if judged else "",
                "range": span,
                "basis": basis,
                "verdict": judged["verdict"] if judged else "not fitted",
                "reason": judged["reason"] if judged else "",
                "source": q.source,
            }
        )
    return rows


def _derived(evidence: Evidence | None) -> list[dict[str, str]]:
    if evidence is None or evidence.verdicts.empty:
        return []
    words = _quantities(evidence.name)
    rows = evidence.verdicts[evidence.verdicts["kind"] == "derived"].to_dict("records")
    return [
        {
            "name": r["quantity"],
            "text": words.get(r["quantity"], ""),
            "unit": r["unit"],
            "best": number(r["best"]),
            "profile": _span(r["low"], r["high"]),
            "range": _span(r["sample_low"], r["sample_high"]),
            "verdict": r["verdict"],
            "reason": r["reason"],
        }
        for r in rows
    ]


def _quantities(name: str) -> dict[str, str]:
    from pipeline.calibration import PROBLEMS      # late: it builds and compiles the problems

    return {n: q.description for n, q in PROBLEMS[name].quantities.items()} if name in PROBLEMS else {}


def _spread_words(kind: type[Twin], evidence: Evidence | None) -> str:
    words = ""
    if kind.accepted:
        words = f"For people whole vectors are drawn, {len(kind.accepted)} of them, because single parameters say little. "
    if evidence is None:
        return words + "The 95 % range follows from the spread between people; a parameter without one is fixed."
    return words + (
        "The value used is the twin's own default. Identified: data or a published band close the interval on both sides, "
        "and it spans less than a factor of three. Identified only as a ratio or share: the parameter is not, but a "
        "quantity below that is made of it is."
    )


def _ports(kind: type[Twin], twins: Mapping[str, type[Twin]]) -> list[dict[str, str]]:
    rows = [
        {"name": n, "origin": "the scenario", "unit": INPUTS[n].unit, "text": INPUTS[n].description}
        if n in INPUTS
        else {"name": n, "origin": "the scenario", "unit": "", "text": ""}
        for n in kind.hears
    ]
    for signal in kind.reads:
        source, text = _origin(signal, kind, twins)
        unit = twins[source].observables[signal].unit if source else ""
        rows.append({"name": signal, "origin": source.replace("_", " ") or "no registered twin", "unit": unit, "text": text})
    return rows


def _costs(evidence: Evidence | None) -> list[dict[str, str]]:
    if evidence is None:
        return []
    rows = []
    for name, value, limit in role_costs(evidence.summary):
        known = math.isfinite(limit)
        verdict = ("passes" if value <= limit else "fails") if known else "no limit: it is not a sum of squares"
        rows.append({"name": name, "cost": short(value), "limit": short(limit) if known else "none", "verdict": verdict})
    return rows


def _search_words(evidence: Evidence | None) -> str:
    if evidence is None:
        return ""
    s = evidence.summary
    published = f"The published vector costs {short(s['published_cost'])}. " if "published_cost" in s else ""
    reached = f"{s['starts_reaching_best']} of {s['starts']} random starts reached the best fit. " if "starts" in s else ""
    mixed = f"Chains agree (r-hat at most {s['r_hat_max']:.3f})." if "r_hat_max" in s else ""
    return f"{published}{reached}{mixed}"


def _drawn(kind: type[Twin], panels: list[Panel], role: str) -> list[dict[str, Any]]:
    rows = []
    for i, panel in enumerate(panels):
        known = kind.observables.get(panel.observable)
        title = known.description if known else panel.observable.replace("_", " ")
        unit = known.unit if known else "over start" if panel.observable.endswith("_fold") else ""
        words = f"Best fit {short(panel.best[-1])}, measured {short(panel.mean[-1])} {unit} at the last time."
        drawing = figures.fit(f"{role}-{i}", panel, f"{title}, {panel.study}", unit, words)
        inside = (panel.low <= panel.mean + panel.spread) & (panel.mean - panel.spread <= panel.high)
        rows.append(
            {
                "title": _capital(title),
                "study": f"{panel.study}: cost {short(cost(panel))} of {_points(len(panel.times))}",
                "svg": Markup(drawing.svg),
                "note": _capital(panel.note),
                "source": panel.source,
                "verdict": "The band meets the measured spread." if inside.all()
                else f"The band misses the measured spread at {_points(int((~inside).sum()))}.",
            }
        )  # fmt: skip
    return rows


def _points(n: int) -> str:
    return "1 point" if n == 1 else f"{n} points"


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
    read = [t for t in twins.values() if t is not kind and set(t.observables) & set(kind.reads)]
    words = "One invented person under shipped scenarios, with the values used above, by the reference solver."
    if PUBLISHED in courses.values:
        words += " Where the lines part, the published model is wrong or lacks a link."
    if read:
        words += f" The twins that it reads from ({', '.join(t.name.replace('_', ' ') for t in read)}) are corrected in both."
    return words


def _stories(kind: type[Twin], courses: Courses) -> list[dict[str, Any]]:
    """For each scenario the observables that tell most: where modes part, then what moves."""
    told = [(CORRECTED, "corrected"), (PUBLISHED, "published")]
    rows = []
    for i, story in enumerate(courses.stories):
        courses_of = {
            n: [figures.Curve(label, courses.values[v][n][i]) for v, label in told if v in courses.values]
            for n in kind.observables
        }
        scores = {n: _score(curves) for n, curves in courses_of.items()}
        chosen = sorted((n for n in scores if scores[n] > MOVES), key=lambda n: -scores[n])[:SHOWN]
        panels = []
        for name in [n for n in kind.observables if n in chosen]:
            what = kind.observables[name]
            drawing = figures.courses(
                f"course-{i}-{name}", courses.times, courses.clock, courses_of[name], what.unit, what.description
            )
            panels.append({"title": _capital(what.description), "svg": Markup(drawing.svg)})
        left = len(kind.observables) - len(chosen)
        rest = f"Not drawn: {left} of {len(kind.observables)} observables, which move or differ less." if left else ""
        text = " ".join(part for part in (story.description, story.source) if part)
        rows.append({"title": story.title, "text": text, "panels": panels, "rest": rest})
    return [row for row in rows if row["panels"]]


def _score(curves: list[figures.Curve]) -> float:
    """How far modes part, which counts ten times, and how far the first moves, over the largest value."""
    values = np.stack([c.values for c in curves])
    size = np.nanmax(np.abs(values), initial=0.0) or 1.0
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


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def linked(text: str) -> Markup:
    """Text with every doi as a link, which is followed only when asked."""
    parts, end = [], 0
    for found in DOI.finditer(text):
        parts += [escape(text[end : found.start()]), Markup('<a href="https://doi.org/{0}">{0}</a>').format(found[0])]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def in_words(text: str) -> Markup:
    """Text with what stands between backticks as code, and every doi as a link."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else linked(p) for i, p in enumerate(parts))


def _css() -> Markup:
    return Markup(files("pipeline.reports").joinpath("report.css").read_text(encoding="utf-8"))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"linked": linked, "words": in_words}
    return environment
