"""Readings over time as bars: a small drawing that prints, with words for those who do not see it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

WIDTH, HEIGHT = 720, 190
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 14, 28
LABELS = 8


def bars(periods: Sequence[Mapping[str, Any]], grain: str) -> Markup:
    """The drawing; periods almost without readings carry a cross, so that they are seen without colour."""
    counts = [int(period["readings"]) for period in periods]
    top = _round_up(max(counts, default=0))
    wide = (WIDTH - LEFT - RIGHT) / max(len(counts), 1)
    tall = HEIGHT - TOP - BOTTOM
    parts = [_axis(value, TOP + tall * (1 - value / top)) for value in (0, top // 2, top) if value == 0 or top > 1]
    every = math.ceil(len(counts) / LABELS)
    for number, (period, count) in enumerate(zip(periods, counts, strict=True)):
        x, height = LEFT + number * wide, tall * count / top
        parts.append(
            Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                x + 0.05 * wide, TOP + tall - height, max(0.9 * wide, 0.6), height
            )
        )
        if period["sparse"]:
            cross = '<text class="gap" x="{:.1f}" y="{:.1f}" text-anchor="middle">×</text>'
            parts.append(Markup(cross).format(x + wide / 2, TOP + tall - height - 3))
        if number % every == 0:
            tick = '<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'
            spot, side = (x, "start") if number == 0 else (x + wide / 2, "middle")
            parts.append(Markup(tick).format(spot, HEIGHT - 8, side, period["period"]))
    busiest = periods[counts.index(max(counts))]
    gaps = sum(bool(period["sparse"]) for period in periods)
    words = (
        f"Bars from {periods[0]['period']} to {periods[-1]['period']}, one a {grain}; "
        f"the highest is {busiest['period']} with {max(counts):,} readings; in {gaps} almost nobody was measured."
    )
    frame = (
        '<svg role="img" aria-labelledby="bars-title bars-words" viewBox="0 0 {} {}">'
        '<title id="bars-title">Readings a {}</title><desc id="bars-words">{}</desc>{}</svg>'
    )
    return Markup(frame).format(WIDTH, HEIGHT, grain, words, Markup("").join(parts))


def _axis(value: int, y: float) -> Markup:
    line = '<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    label = escape(f"{value:,}".replace(",", "\u202f"))
    return Markup(line).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, label)


def _round_up(value: int) -> int:
    """The next number of one digit and noughts, or with a half between."""
    if value < 2:
        return 1
    unit = 10 ** int(math.log10(value))
    return next(int(step * unit) for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * unit >= value)
