"""Figures of the gallery: data with the best curve and its band, profiles, courses, and how the twins are wired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.reports.figures import COLOURS, DASHES, GREY, INK, RULE, STYLE, Drawing, _finish, _frame
from pipeline.reports.gallery_evidence import Panel

WIDTH, HEIGHT = 3.1, 2.2     # inches of a small panel
CLOCKS = {"d": "days", "min": "minutes", "h": "hours", "years": "years", "hours": "hours"}


class Curve(NamedTuple):
    """One line of a panel of courses."""

    label: str
    values: np.ndarray


def fit(name: str, panel: Panel, title: str, unit: str, description: str) -> Drawing:
    """Means with their spreads, the best fit as a line and the 95 % range of the draws as a band."""
    with mpl.rc_context(STYLE):
        figure, axes = _small(unit, f"{CLOCKS.get(panel.clock, panel.clock)} from the start")
        alone = len(panel.times) == 1
        x = np.linspace(-0.12, 0.12, 2) + panel.times if alone else panel.times
        low, high, best = (np.broadcast_to(v, x.shape) for v in (panel.low, panel.high, panel.best))
        axes.fill_between(x, low, high, color=COLOURS[1], alpha=0.18, linewidth=0)
        axes.plot(x, best, color=COLOURS[1], linewidth=1.8, marker="" if alone else ".", markersize=5)
        axes.errorbar(
            panel.times, panel.mean, yerr=panel.spread, color=COLOURS[2], fmt="s", markersize=4.5, linewidth=1.2, capsize=2.5
        )
        if alone:
            axes.set_xlim(panel.times[0] - 0.5, panel.times[0] + 0.5)
            axes.set_xticks(panel.times)
        seen = np.concatenate([panel.mean - panel.spread, panel.low, [0.0]])
        if np.nanmin(seen) > -0.05 * np.nanmax(panel.mean):
            axes.set_ylim(bottom=0.0)
        return _finish(name, figure, title, description)


def profile(
    name: str, value: np.ndarray, cost: np.ndarray, best: tuple[float, float], limit: float, unit: str, title: str
) -> Drawing:
    """The lowest cost at each value of one quantity; where it stays below the line the data allow the value."""
    with mpl.rc_context(STYLE):
        figure, axes = _small("cost", unit, 1.9)
        order = np.argsort(value)
        axes.axhline(limit, color=GREY, linewidth=1, linestyle=DASHES[3])
        axes.plot(value[order], cost[order], color=COLOURS[1], linewidth=1.6)
        axes.plot(*best, "D", color=COLOURS[2], markersize=5)
        if value.min() > 0 and value.max() / value.min() > 5.0:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
            axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda v, _: f"{v:g}"))
        else:
            axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
        axes.set_ylim(best[1] - 0.08 * (limit - best[1]), limit + 0.25 * (limit - best[1]))
        ends = value[cost <= limit]
        words = f"The cost stays below {limit:.3g} from {ends.min():.3g} to {ends.max():.3g} {unit}." if len(ends) else ""
        return _finish(name, figure, title, f"Lowest at {best[0]:.3g}. {words}")


def courses(name: str, times: np.ndarray, clock: str, curves: Sequence[Curve], unit: str, title: str) -> Drawing:
    """One observable over time, a line for each mode."""
    with mpl.rc_context(STYLE):
        figure, axes = _small(unit, CLOCKS[clock])
        for i, curve in enumerate(curves):
            k = i + 1
            axes.plot(times, curve.values, color=COLOURS[k], linestyle=DASHES[3 * i], linewidth=2.0 if i == 0 else 1.7)
        values = np.concatenate([c.values for c in curves])
        if np.isfinite(values).any() and np.nanmax(values) - np.nanmin(values) < 0.01 * np.nanmax(np.abs(values)):
            middle = float(np.nanmean(values))       # a course that hardly moves must not look like one that does
            reach = 0.05 * abs(middle) or 1.0
            axes.set_ylim(middle - reach, middle + reach)
        ends = [(c.label, c.values[np.isfinite(c.values)]) for c in curves]
        words = "; ".join(f"{label}: {v[0]:.4g} to {v[-1]:.4g} {unit}" for label, v in ends if len(v))
        return _finish(name, figure, title, words)


def swatch(kind: str, i: int = 0) -> str:
    """A sample of a mark for a legend in the page; decoration, so not read aloud."""
    head = '<svg class="swatch" viewBox="0 0 44 12" aria-hidden="true" focusable="false">'
    colour = COLOURS[i + 1]
    if kind == "data":
        body = f'<path d="M22 0V12M18 0h8M18 12h8" stroke="{COLOURS[2]}"/><path d="M18 2h8v8h-8z" fill="{COLOURS[2]}"/>'
    elif kind == "band":
        body = f'<path d="M0 0H44V12H0z" fill="{COLOURS[1]}" opacity="0.18"/><path d="M0 6H44" stroke="{COLOURS[1]}" stroke-width="2"/>'
    elif kind == "best":
        body = f'<path d="M22 0.5L27.5 6 22 11.5 16.5 6z" fill="{COLOURS[2]}"/>'
    elif kind == "limit":
        body = f'<path d="M0 6H44" stroke="{GREY}" stroke-width="1.4" stroke-dasharray="2 2"/>'
    else:
        dash = " ".join(f"{1.7 * d:g}" for d in DASHES[3 * i][1])
        body = f'<path d="M0 6H44" stroke="{colour}" stroke-width="2.4" stroke-dasharray="{dash}"/>'
    return f"{head}{body}</svg>"


def wiring(name: str, clocks: Mapping[str, str], wires: Sequence[tuple[str, str, str]]) -> Drawing:
    """Twins as boxes in wiring order, and an arrow for each signal that one reads of another.

    `clocks` gives each twin's clock, `wires` reader, source and signal.
    """
    order = list(clocks)
    boxes = {twin: 70 + 92 * i for i, twin in enumerate(order)}
    pairs: dict[tuple[str, str], list[str]] = {}
    for reader, source, signal in wires:
        pairs.setdefault((source, reader), []).append(signal)
    left, width, half = 20, 210, 27
    parts = [
        '<defs><marker id="wiring-head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" '
        f'orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L10 5L0 10z" fill="{INK}"/></marker></defs>'
    ]
    ends = {twin: [p for p in pairs if twin in p] for twin in order}
    right, lane, longest = left + width, 0, 0
    for source, reader in sorted(pairs, key=lambda p: (order.index(p[1]) - order.index(p[0]), order.index(p[0]))):
        def port(twin: str, pair: tuple[str, str] = (source, reader)) -> float:
            place, count = ends[twin].index(pair), len(ends[twin])
            return boxes[twin] + (place - (count - 1) / 2) * min(14.0, 44.0 / count)

        a, b, out = port(source), port(reader), right + 34 + 26 * lane
        lane += 1
        text = ", ".join(pairs[source, reader])
        longest = max(longest, len(text))
        parts.append(
            f'<path d="M{right} {a:g}H{out}V{b:g}H{right + 1}" fill="none" stroke="{COLOURS[lane % 4 + 1]}" '
            f'stroke-width="1.6" stroke-dasharray="{" ".join(f"{2 * d:g}" for d in DASHES[lane % 4][1])}" '
            'marker-end="url(#wiring-head)"/>'
        )
        parts.append(
            f'<text x="{right + 34 + 26 * len(pairs)}" y="{(a + b) / 2 + 4:g}" font-size="13" fill="{INK}">{escape(text)}</text>'
            f'<path d="M{out} {(a + b) / 2:g}H{right + 30 + 26 * len(pairs)}" stroke="{RULE}" stroke-width="1"/>'
        )
    for twin, y in boxes.items():
        parts.append(
            f'<a href="{escape(twin)}.html"><rect x="{left}" y="{y - half}" width="{width}" height="{2 * half}" rx="8" '
            f'fill="#f4f7f8" stroke="{GREY}"/><text x="{left + 14}" y="{y - 3}" font-size="16" font-weight="650" fill="{INK}">'
            f'{escape(twin.replace("_", " "))}</text><text x="{left + 14}" y="{y + 16}" font-size="12.5" fill="{GREY}">'
            f"{escape(clocks[twin])}</text></a>"
        )
    wide = right + 44 + 26 * len(pairs) + int(7.2 * longest)
    words = "; ".join(f"{reader} reads {', '.join(signals)} of {source}" for (source, reader), signals in pairs.items())
    tall = 70 + 92 * len(order)
    return Drawing(name, _frame(name, f'viewBox="0 20 {wide} {tall - 40}"', "".join(parts), "How the twins are wired", words))


def _small(y_label: str, x_label: str, height: float = HEIGHT) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes: Any = figure.add_subplot()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.ticklabel_format(useOffset=False)
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    return figure, axes
