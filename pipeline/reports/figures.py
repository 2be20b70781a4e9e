"""Figures as inline SVG: text stays text, nothing is told by colour alone, each says what it shows."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tvilling",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.parse_math": False,  # titles come from study files: a dollar sign is a dollar sign
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a949c",
    "axes.labelcolor": "#26323a",
    "axes.linewidth": 0.8,
    "xtick.color": "#4a5861",
    "ytick.color": "#4a5861",
    "text.color": "#26323a",
    "legend.frameon": False,
}
INK, GREY, RULE = "#26323a", "#5d6a73", "#dfe5e9"
# Okabe and Ito's palette, darkened for thin lines on white; each goes with its own dash and marker.
COLOURS = ("#4a5861", "#0b63a5", "#c04a00", "#00795a", "#8f4a7d")
DASHES: tuple[tuple[int, tuple[float, ...]], ...] = (
    (0, ()), (0, (6, 2)), (0, (6, 2, 1.5, 2)), (0, (1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)),
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v")


class Drawing(NamedTuple):
    """One figure: its name, and the SVG element to put into a page."""

    name: str
    svg: str

    def file(self) -> str:
        """The same figure as a file of its own."""
        return '<?xml version="1.0" encoding="utf-8"?>\n' + self.svg + "\n"


def calibration(
    name: str, bins: pd.DataFrame, smooth: pd.DataFrame, minimum: int, description: str
) -> Drawing:
    """Predicted against observed risk, of 100 people: a curve with its band, and groups of people.

    Groups with few outcomes show where they may lie.
    """
    with mpl.rc_context(STYLE):
        figure, axes = _panel(4.4, 4.0)
        known = bins[np.isfinite(bins["predicted"]) & np.isfinite(bins["observed"]) & (bins["n"] > 0)]
        few = np.minimum(known["events"], known["n"] - known["events"]) < minimum
        clear, vague = known[~few], known[few]
        ends = [clear["high"].max(), known["predicted"].max(), smooth["high"].max(), 0.1]
        top = 100 * min(1.0, math.ceil(10 * float(np.nanmax(ends)) + 0.2) / 10)
        axes.plot([0, top], [0, top], color=GREY, linewidth=1, linestyle=DASHES[3])
        axes.text(0.93 * top, 0.955 * top, "perfect match", ha="right", va="bottom", fontsize=8, color=GREY)
        if len(smooth):
            x, y, low, high = (100 * smooth[c].to_numpy() for c in ("predicted", "observed", "low", "high"))
            axes.fill_between(x, low, high, color=COLOURS[2], alpha=0.16, linewidth=0)
            axes.plot(x, y, color=COLOURS[2], linewidth=1.6)
        if len(clear):
            x, y = 100 * clear["predicted"], 100 * clear["observed"]
            spread = [np.clip(y - 100 * clear["low"], 0, None), np.clip(100 * clear["high"] - y, 0, None)]
            axes.errorbar(
                x, y, yerr=spread, color=COLOURS[1], fmt="o", markersize=5.5, linewidth=1.2, capsize=2.5
            )
        for _, row in vague[vague["n"] >= minimum].iterrows():
            # Fewer outcomes (or non-outcomes) than may be counted: all that is said is where the share lies.
            share = 100 * minimum / row["n"]
            low, high = (0, share) if row["events"] < minimum else (100 - share, 100)
            axes.plot(
                [100 * row["predicted"]] * 2, [low, min(high, 100)], color=COLOURS[1], linewidth=4, alpha=0.35
            )
        axes.set(
            xlim=(0, top), ylim=(0, top), xlabel="Predicted: of 100 people", ylabel="Observed: of 100 people"
        )
        axes.set_aspect("equal")
        axes.grid(color=RULE, linewidth=0.7)
        return _finish(name, figure, "Predicted and observed risk", description)


def decision(
    name: str, curves: Sequence[tuple[str, pd.DataFrame]], threshold: float, description: str
) -> Drawing:
    """Net benefit per 100 people against the risk at which one acts, one line a feature set."""
    with mpl.rc_context(STYLE):
        figure, axes = _panel(4.4, 3.4)
        highest, shown = 0.0, min(1.0, 2.4 * threshold)
        for i, (label, curve) in enumerate(curves):
            rows = curve[np.isfinite(curve["net_benefit"]) & (curve["threshold"] <= shown)].sort_values(
                "threshold"
            )
            k = (i + 1) % 5
            style: dict[str, Any] = {"color": COLOURS[k], "linestyle": DASHES[k], "linewidth": 1.6}
            axes.plot(100 * rows["threshold"], 100 * rows["net_benefit"], label=label, **style)
            highest = max(highest, float(rows["net_benefit"].max()) if len(rows) else 0.0)
        if curves:
            rows = curves[0][1].sort_values("threshold")
            axes.plot(
                100 * rows["threshold"],
                100 * rows["treat_all"],
                color=GREY,
                linewidth=1,
                label="act on everybody",
            )
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.axvline(100 * threshold, color=GREY, linewidth=1, linestyle=DASHES[3])
        top = 100 * max(highest, 0.01) * 1.12
        axes.text(100 * threshold, top, " acted on here", va="top", fontsize=8, color=GREY)
        axes.set(
            xlim=(0, 100 * shown),
            ylim=(-0.12 * top, top),
            xlabel="Risk at which one acts: of 100",
            ylabel="Net benefit per 100 people",
        )
        axes.legend(fontsize=8, loc="upper right", bbox_to_anchor=(1.0, 0.92), handlelength=3.2)
        axes.grid(color=RULE, linewidth=0.7)
        return _finish(name, figure, "Net benefit by the risk at which one acts", description)


def differences(name: str, rows: Sequence[tuple[str, float, float, float]], description: str) -> Drawing:
    """Paired differences with intervals, a line each, in pairs of 100; right of zero is better."""
    with mpl.rc_context(STYLE):
        figure, axes = _panel(4.4, 1.1 + 0.62 * len(rows))
        values = 100 * np.array([[v, low, high] for _, v, low, high in rows], dtype=float).reshape(-1, 3)
        reach = max(1.5, 1.1 * float(np.nanmax(np.abs(values), initial=0.0)))
        axes.axvspan(-1, 1, color="#eef2f4", linewidth=0)
        axes.axvline(0, color=INK, linewidth=1)
        for i, (label, *_) in enumerate(rows):
            value, low, high = values[i]
            y = len(rows) - 1 - i
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            axes.text(-reach, y + 0.2, label, fontsize=8.5, va="bottom", bbox=box)
            if np.isfinite(value):
                axes.plot([low, high], [y, y], color=COLOURS[1], linewidth=2, solid_capstyle="butt")
                axes.plot(value, y, MARKERS[i % 2], color=COLOURS[1], markersize=7)
            else:
                axes.text(0, y, " not measured", fontsize=8.5, va="center", color=GREY)
        axes.set(xlim=(-reach, reach), ylim=(-0.5, len(rows) - 0.2), yticks=[])
        axes.set_xlabel("More of 100 pairs in the right order")
        axes.text(-reach, len(rows) - 0.15, "← worse than routine data", fontsize=8, color=GREY, va="bottom")
        axes.text(reach, len(rows) - 0.15, "better →", fontsize=8, color=GREY, ha="right", va="bottom")
        axes.spines["left"].set_visible(False)
        return _finish(name, figure, "What the twins add to routine data", description)


class Bar(NamedTuple):
    """How much a group of columns counts, as a change of log odds with its interval, and whether it is a twin."""

    label: str
    value: float
    low: float
    high: float
    twin: bool


FACTORS = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)


def drivers(name: str, bars: Sequence[Bar], description: str) -> Drawing:
    """What counts, the most first, as a factor of the odds with 95 % intervals; twins are hatched and named so."""
    with mpl.rc_context(STYLE):
        figure, axes = _panel(6.4, 0.9 + 0.27 * len(bars))
        places = np.arange(len(bars))[::-1]
        for place, bar in zip(places, bars, strict=True):
            style: dict[str, Any] = {"facecolor": COLOURS[1]}
            if bar.twin:
                style = {"facecolor": "white", "edgecolor": COLOURS[2], "hatch": "////"}
            axes.barh(place, bar.value, height=0.62, linewidth=0.8, **style)
            axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.6, solid_capstyle="butt")
        top = 1.08 * max((bar.high for bar in bars), default=0.1)
        shown = [factor for factor in FACTORS if np.log(factor) <= top]
        axes.set_yticks(places, [bar.label for bar in bars])
        axes.set_xticks(np.log(shown), [f"×{factor:g}" for factor in shown])
        axes.set(xlim=(0, top), xlabel="Times by which it moves the odds, up or down, on average")
        axes.grid(color=RULE, linewidth=0.7, axis="x")
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        return _finish(name, figure, "What raises and lowers the risk", description)


class Line(NamedTuple):
    """One course with its band: of a scenario over years, or of a model over numbers of people."""

    label: str
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def trajectories(
    name: str,
    title: str,
    unit: str,
    lines: Sequence[Line],
    description: str,
    axis: str = "Years from now",
    decimal: str = ".",
) -> Drawing:
    """Courses of one output under each scenario with 95 % bands; ends stand again as bars at the right."""
    with mpl.rc_context(STYLE):
        figure, axes = _panel(3.1, 2.6)
        last = max((float(line.x.max()) for line in lines), default=1.0)
        gap = 0.055 * last
        for i, line in enumerate(lines):
            colour, end = COLOURS[i % 5], last + gap * (i + 1)
            if i == 0 or not np.allclose(
                line.mean, lines[0].mean, rtol=1e-3
            ):  # the same course twice is drawn once
                axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.10, linewidth=0)
            axes.plot(
                line.x, line.mean, color=colour, linestyle=DASHES[i % 5], linewidth=2.2 if i == 0 else 1.7
            )
            axes.plot([end, end], [line.low[-1], line.high[-1]], color=colour, linewidth=1.3, clip_on=False)
            axes.plot(end, line.mean[-1], MARKERS[i % 5], color=colour, markersize=4.5, clip_on=False)
        axes.set_title(f"{title} ({unit})" if unit else title, fontsize=9.5, loc="left", color=INK)
        axes.set_xlabel(axis)
        axes.set_xlim(0, last + gap * (len(lines) + 0.6))
        axes.set_xticks(np.unique([0, last // 2, last]))
        if decimal != ".":
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.10g}".replace(".", decimal))
        axes.grid(color=RULE, linewidth=0.7)
        axes.set_axisbelow(True)
        return _finish(name, figure, title, description)


def learning(name: str, lines: Sequence[Line], description: str) -> Drawing:
    """Pairs in the right order by how many people a model has learned from, each with its 95 % band."""
    with mpl.rc_context(STYLE):
        figure, axes = _panel(4.4, 3.2)
        for i, line in enumerate(lines):
            k = (i + 1) % 5
            axes.fill_between(line.x, 100 * line.low, 100 * line.high, color=COLOURS[k], alpha=0.10, linewidth=0)
            axes.plot(
                line.x, 100 * line.mean, label=line.label, color=COLOURS[k], linestyle=DASHES[k], marker=MARKERS[k],
                linewidth=1.6, markersize=4.5,
            )  # fmt: skip
        sizes = lines[0].x
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
        axes.minorticks_off()
        axes.set(xlabel="People learned from", ylabel="Of 100 pairs in the right order")
        axes.legend(fontsize=8, loc="lower right", handlelength=3.2)
        axes.grid(color=RULE, linewidth=0.7)
        return _finish(name, figure, "How good with few people", description)


def icons(name: str, observed: int, expected: int, title: str, description: str) -> Drawing:
    """A hundred people: filled ones had the outcome, a line marks how many the model expected."""
    spots = [(6 + 12 * (i % 10), 6 + 12 * (i // 10)) for i in range(100)]
    filled = "".join(f'<circle cx="{x}" cy="{y}" r="4.4"/>' for x, y in spots[:observed])
    empty = "".join(f'<circle cx="{x}" cy="{y}" r="3.4"/>' for x, y in spots[observed:])
    body = f'<g fill="{COLOURS[2]}">{filled}</g><g fill="none" stroke="{GREY}">{empty}</g>'
    if 0 < expected < 100:
        row, column = divmod(expected, 10)
        path = f"M0 {12 * row + 12}H{12 * column}V{12 * row}H120" if column else f"M0 {12 * row}H120"
        body += f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="1.6" stroke-dasharray="4 2"/>'
    return Drawing(name, _frame(name, 'viewBox="-1 -1 122 122"', body, title, description))


def swatch(i: int) -> str:
    """The line and marker of scenario `i`, for a legend in the page; decoration, so not read aloud."""
    dash = " ".join(f"{1.7 * d:g}" for d in DASHES[i % 5][1])
    colour = COLOURS[i % 5]
    shape = {
        "o": '<circle cx="38" cy="6" r="4"/>',
        "s": '<path d="M34 2h8v8h-8z"/>',
        "^": '<path d="M38 1.5l4.6 8.4h-9.2z"/>',
        "D": '<path d="M38 .8L43.2 6 38 11.2 32.8 6z"/>',
        "v": '<path d="M38 10.5l4.6-8.4h-9.2z"/>',
    }[MARKERS[i % 5]]
    line = f'<path d="M0 6H28" fill="none" stroke="{colour}" stroke-width="2.4" stroke-dasharray="{dash}"/>'
    head = '<svg class="swatch" viewBox="0 0 44 12" aria-hidden="true" focusable="false">'
    return f'{head}{line}<g fill="{colour}">{shape}</g></svg>'


def _panel(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _finish(name: str, figure: Figure, title: str, description: str) -> Drawing:
    """The figure as an SVG element whose ids are its own, without metadata or fixed size."""
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = buffer.getvalue()
    view = re.search(r'viewBox="[^"]*"', text)
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'(url\(|href=")#', rf"\1#{name}-", body)
    body = re.sub(r"\s*\n\s*", "\n", body).strip()
    return Drawing(name, _frame(name, view[0] if view else "", body, title, description))


def _frame(name: str, view: str, body: str, title: str, description: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{view} role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
        f"{body}</svg>"
    )
