"""Rows of the tables on a twin's page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.reports.gallery_courses import Courses, effects
from pipeline.reports.gallery_evidence import Evidence, role_costs
from pipeline.reports.gallery_math import mathml, symbol
from pipeline.reports.gallery_words import apart, number, short, span, unit
from pipeline.twins import INPUTS, Twin

NORMAL = 1.959964        # standard deviations on each side of 95 %
CONVERGED = 1.05         # r-hat up to which chains have found the same distribution


def origin(signal: str, reader: type[Twin], twins: Mapping[str, type[Twin]]) -> tuple[str, str]:
    """The twin whose observable the signal is, and what it means; empty if nobody gives it."""
    for kind in twins.values():
        if kind is not reader and signal in kind.observables:
            return kind.name, kind.observables[signal].description
    return "", ""


def switches(kind: type[Twin], courses: Courses) -> list[dict[str, str]]:
    """Corrections and extensions, and where each shows."""
    shown = {e.switch: e for e in effects(kind, courses)}
    rows = []
    for name, text in {**kind.corrections, **kind.extensions}.items():
        effect = shown.get(name)
        words = "no difference for this person under these scenarios"
        if effect:
            what = kind.observables[effect.observable]
            with_it, without = apart(effect.with_it, effect.without)
            words = f"{what.description}: {with_it}{unit(what.unit)} with it, {without} without ({effect.story}, "
            words += f"{_after(effect.time, courses.clock)})"
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


def _after(time: float, clock: str) -> str:
    if time == 0.0:
        return "at the start"
    return f"after {short(365.25 * time)} days" if clock == "years" and time < 0.25 else f"after {short(time)} {clock}"


def parameters(kind: type[Twin], evidence: Evidence | None) -> list[dict[str, Any]]:
    """Every parameter: value, spread, verdict, source."""
    rows = []
    for q in kind.parameters:
        judged = evidence.by_quantity.get(q.name) if evidence else None
        if judged:
            within, basis = span(judged["sample_low"], judged["sample_high"]), "of draws"
        elif kind.accepted and q.name in kind.accepted[0]:
            within = span(*np.percentile([vector[q.name] for vector in kind.accepted], (2.5, 97.5)))
            basis = "of the whole vectors drawn"
        elif q.log_sd > 0.0:
            ends = (q.median * math.exp(sign * NORMAL * q.log_sd) for sign in (-1.0, 1.0))
            within, basis = span(*ends), f"spread {q.log_sd:.2g} on the log scale"
        else:
            within, basis = "fixed", ""
        rows.append(
            {
                "name": q.name,
                "symbol": mathml(symbol(q.name), display=False),
                "unit": q.unit,
                "value": number(q.median),
                "best": number(judged["best"]) if judged else "not fitted",
                "profile": span(judged["low"], judged["high"]) if judged else "",
                "range": within,
                "basis": basis,
                "verdict": judged["verdict"] if judged else "not fitted",
                "reason": judged["reason"] if judged else "",
                "source": q.source,
            }
        )
    return rows


def derived(evidence: Evidence | None) -> list[dict[str, str]]:
    """Quantities that follow from the fitted parameters."""
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
            "profile": span(r["low"], r["high"]),
            "range": span(r["sample_low"], r["sample_high"]),
            "verdict": r["verdict"],
            "reason": r["reason"],
        }
        for r in rows
    ]


def _quantities(name: str) -> dict[str, str]:
    from pipeline.calibration import PROBLEMS  # late: it builds and compiles the problems

    return {n: q.description for n, q in PROBLEMS[name].quantities.items()} if name in PROBLEMS else {}


def spread_words(kind: type[Twin], evidence: Evidence | None) -> str:
    """How to read the ranges."""
    words = ""
    if kind.accepted:
        words = f"For people one of {len(kind.accepted)} whole vectors is drawn, because single parameters say little. "
    if evidence is None:
        return words + "The 95 % range follows from the spread between people; a parameter without one is fixed."
    return words + (
        "The value used is the twin's own default. Identified: data or a published band close the interval on both "
        "sides, and it spans less than a factor of three. Identified only as a ratio or share: the parameter is not, "
        "but a quantity below that is made of it is."
    )


def ports(kind: type[Twin], twins: Mapping[str, type[Twin]]) -> list[dict[str, str]]:
    """Inputs and signals that act on the twin."""
    rows = []
    for name in kind.hears:
        known = INPUTS.get(name)
        words = {"unit": known.unit, "text": known.description} if known else {"unit": "", "text": ""}
        rows.append({"name": name, "origin": "the scenario", **words})
    for name in kind.reads:
        source, text = origin(name, kind, twins)
        words = {"unit": twins[source].observables[name].unit if source else "", "text": text}
        rows.append({"name": name, "origin": source.replace("_", " ") or "no registered twin", **words})
    return rows


def costs(evidence: Evidence | None) -> list[dict[str, str]]:
    """Cost and limit of each role, and whether it passes."""
    rows = role_costs(evidence.summary) if evidence else []
    return [
        {"name": n, "cost": short(value), "limit": short(limit), "verdict": "passes" if value <= limit else "fails"}
        for n, value, limit in rows
    ]


def search_words(evidence: Evidence | None) -> str:
    """How the best fit was found."""
    if evidence is None:
        return ""
    s = evidence.summary
    published = f"The published vector costs {short(s['published_cost'])}. " if "published_cost" in s else ""
    starts = "starts" in s and "starts_reaching_best" in s
    reached = f"{s['starts_reaching_best']} of {s['starts']} random starts reached the best fit. " if starts else ""
    if "r_hat_max" not in s:
        return f"{published}{reached}"
    agree = "Chains agree" if s["r_hat_max"] <= CONVERGED else "Chains do not fully agree: read ranges as rough"
    return f"{published}{reached}{agree} (r-hat at most {s['r_hat_max']:.2f})."
