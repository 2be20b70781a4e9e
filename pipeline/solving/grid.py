"""Time lines: where inputs switch, where results are read, where a batch solver steps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Segment(NamedTuple):
    """A stretch of time with constant inputs."""

    start: float
    end: float
    saved: tuple[float, ...]     # times read in (start, end]
    steps: tuple[float, ...]     # step lengths of the batch solver; they sum to end - start
    place: tuple[int, ...]       # the step that holds each saved time,
    share: tuple[float, ...]     # and where in it, from 0 (start) to 1 (end)


class Grid(NamedTuple):
    """The segments of one scenario and all times at which it is read, the start included."""

    segments: tuple[Segment, ...]
    times: tuple[float, ...]


def make_grid(
    switches: tuple[float, ...],
    times: tuple[float, ...],
    *,
    first_step: float = 0.04,
    growth: float = 1.3,
    max_step: float = 31.0,
) -> Grid:
    """The grid that restarts at every switch; read times may lie inside steps. Same unit as the switches.

    `switches` are the starts of the segments, rising; `times` are read times, rising, from the first switch
    on. After a switch steps start at `first_step` and grow by `growth` up to `max_step`: time scales belong
    to a twin, not to a person, so one graded grid serves everybody.

    Raises `ValueError` if the times do not rise, lie before the start, or none lies after it.
    """
    if list(switches) != sorted(set(switches)) or list(times) != sorted(set(times)):
        raise ValueError(f"switches {switches} and read times {times} must rise, each once")
    if not times or times[-1] <= switches[0]:
        raise ValueError(f"no read time after the start {switches[0]}")
    if times[0] < switches[0]:
        raise ValueError(f"read time {times[0]} lies before the start {switches[0]}")
    ends = [*switches[1:], max(times[-1], switches[-1])]
    segments = []
    for start, end in zip(switches, ends, strict=True):
        saved = tuple(t for t in times if start < t <= end)
        if end > start:
            nodes = _nodes(start, end, first_step, growth, max_step)
            place = np.clip(np.searchsorted(nodes, saved) - 1, 0, None)
            steps = np.diff(nodes)
            share = (np.asarray(saved) - nodes[place]) / steps[place]
            segments.append(Segment(start, end, saved, *(tuple(x.tolist()) for x in (steps, place, share))))
    return Grid(tuple(segments), tuple(times))


def next_node(t: Any, wish: Any, bound: Any, xp: Any) -> Any:
    """Time after a step of about `wish` from `t` that does not pass `bound` nor leave a sliver before it.

    `xp` is the array library of the numbers, NumPy or JAX's.
    """
    left = bound - t
    return xp.where(left <= 1.001 * wish, bound, xp.where(left < 2.0 * wish, t + 0.5 * left, t + wish))


def _nodes(start: float, end: float, first: float, growth: float, largest: float) -> np.ndarray:
    nodes, wish = [start], first
    while nodes[-1] < end:
        nodes.append(float(next_node(nodes[-1], wish, end, np)))
        wish = min(wish * growth, largest)
    return np.asarray(nodes)
