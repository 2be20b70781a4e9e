"""Figures of the gallery: data with the best curve and its band, profiles, courses, and how the twins are wired."""

from __future__ import annotations

import math
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
        mark: dict[str, Any] = {"color": COLOURS[2], "fmt": "s", "markersize": 4.5, "linewidth": 1.2, "capsize": 2.5}
        axes.errorbar(panel.times, panel.mean, yerr=panel.spread, **mark)
        if alone:
            axes.set_xlim(panel.times[0] - 0.5, panel.times[0] + 0.5)
            axes.set_xticks(panel.times)
        else:
            axes.set_xlim(left=min(0.0, panel.times[0]) - 0.02 * np.ptp(panel.times))
        ends = np.concatenate([panel.mean - panel.spread, panel.mean + panel.spread, panel.low, panel.high])
        bottom, top = np.nanmin(ends), np.nanmax(ends)
        positive = bottom > -0.05 * np.nanmax(panel.mean)
        axes.set_ylim(0.0 if positive else bottom - 0.06 * (top - bottom), top + 0.06 * (top - min(bottom, 0.0)))
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
        words = f"Lowest at {best[0]:.3g}."
        if len(ends):
            words += f" The cost stays below {limit:.3g} from {ends.min():.3g} to {ends.max():.3g} {unit}."
        return _finish(name, figure, title, words)


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
        body = f'<path d="M0 0H44V12H0z" fill="{COLOURS[1]}" opacity="0.18"/>'
        body += f'<path d="M0 6H44" stroke="{COLOURS[1]}" stroke-width="2"/>'
    elif kind == "best":
        body = f'<path d="M22 0.5L27.5 6 22 11.5 16.5 6z" fill="{COLOURS[2]}"/>'
    elif kind == "limit":
        body = f'<path d="M0 6H44" stroke="{GREY}" stroke-width="1.4" stroke-dasharray="2 2"/>'
    else:
        dash = " ".join(f"{1.7 * d:g}" for d in DASHES[3 * i][1])
        body = f'<path d="M0 6H44" stroke="{colour}" stroke-width="2.4" stroke-dasharray="{dash}"/>'
    return f"{head}{body}</svg>"


def wiring(name: str, clocks: Mapping[str, str], wires: Sequence[tuple[str, str, str]]) -> Drawing:
    """Twins as boxes in wiring order, and an arrow for each pair of which one reads the other.

    `clocks` gives each twin's clock, `wires` reader, source and signal.
    """
    order = list(clocks)
    middle = {twin: 70 + 92 * i for i, twin in enumerate(order)}
    pairs: dict[tuple[str, str], list[str]] = {}
    for reader, source, signal in wires:
        pairs.setdefault((source, reader), []).append(signal)
    # Short arrows run inside long ones, so that few cross.
    lanes = sorted(pairs, key=lambda p: (order.index(p[1]) - order.index(p[0]), order.index(p[0])))
    ports = {t: sorted((p for p in pairs if t in p), key=lambda p: (p[1] != t, lanes.index(p))) for t in order}
    left, width, half = 20, 260, 27
    right = left + width
    labels = right + 30 + 26 * len(pairs)

    def port(twin: str, pair: tuple[str, str]) -> float:
        place, count = ports[twin].index(pair), len(ports[twin])
        return middle[twin] + (place - (count - 1) / 2) * min(14.0, 44.0 / count)

    parts = [
        '<defs><marker id="wiring-head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" '
        f'orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L10 5L0 10z" fill="{INK}"/></marker></defs>'
    ]
    heights = _apart([(port(p[0], p) + port(p[1], p)) / 2 for p in lanes])
    for lane, (pair, height) in enumerate(zip(lanes, heights, strict=True)):
        source, reader = pair
        colour, dashes = COLOURS[lane % 4 + 1], " ".join(f"{2 * d:g}" for d in DASHES[lane % 4][1])
        out = right + 30 + 26 * lane
        parts.append(
            f'<path d="M{right} {port(source, pair):g}H{out}V{port(reader, pair):g}H{right + 1}" fill="none" '
            f'stroke="{colour}" stroke-width="1.6" stroke-dasharray="{dashes}" marker-end="url(#wiring-head)"/>'
            f'<path d="M{out} {height:g}H{labels}" stroke="{colour}" stroke-width="0.8" opacity="0.5"/>'
            f'<circle cx="{out}" cy="{height:g}" r="2.6" fill="{colour}"/>'
            f'<text x="{labels + 6}" y="{height + 4:g}" font-size="13" fill="{INK}">'
            f"{escape(', '.join(pairs[pair]))}</text>"
        )
    for twin, y in middle.items():
        parts.append(
            f'<a href="{escape(twin)}.html"><rect x="{left}" y="{y - half}" width="{width}" height="{2 * half}" rx="8" '
            f'fill="#f4f7f8" stroke="{GREY}"/><text x="{left + 14}" y="{y - 3}" font-size="16" font-weight="650" '
            f'fill="{INK}">{escape(twin.replace("_", " "))}</text>'
            f'<text x="{left + 14}" y="{y + 16}" font-size="12.5" fill="{GREY}">{escape(clocks[twin])}</text></a>'
        )
    longest = max((len(", ".join(signals)) for signals in pairs.values()), default=0)
    wide, tall = max(900, labels + 20 + int(7.4 * longest)), 92 * len(order) + 16
    words = "; ".join(f"{reader} reads {', '.join(signals)} of {source}" for (source, reader), signals in pairs.items())
    svg = _frame(name, f'viewBox="0 16 {wide} {tall}"', "".join(parts), "How the twins are wired", words)
    return Drawing(name, svg)


def _apart(heights: Sequence[float], least: float = 20.0) -> list[float]:
    """Heights of labels, moved down where two would overlap."""
    moved = dict(enumerate(heights))
    last = -math.inf
    for i in sorted(moved, key=lambda i: moved[i]):
        moved[i] = last = max(moved[i], last + least)
    return [moved[i] for i in range(len(heights))]


def _small(y_label: str, x_label: str, height: float = HEIGHT) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes: Any = figure.add_subplot()
    axes.set(xlabel="" if x_label == "1" else x_label, ylabel="" if y_label == "1" else y_label)
    axes.grid(color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.ticklabel_format(useOffset=False)
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    return figure, axes
