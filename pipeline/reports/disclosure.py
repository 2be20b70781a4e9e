"""Which counts may be shown: none below the minimum, and none that a subtraction would give back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """One line of the flow of people: why some left, how many, and how many stayed."""

    reasons: tuple[str, ...]
    removed: int
    left: int


def merge_flow(flow: Sequence[Step], minimum: int) -> list[Step]:
    """The flow with small steps joined to their neighbours, so that every number shown is safe and adds up.

    A step that removed fewer than `minimum` people (but somebody) is joined to the next one, or to the one
    before it at the end. Only when the whole flow removed so few does a small number remain, for the caller
    to word.
    """
    merged: list[Step] = []
    for step in flow[1:]:
        if merged and 0 < merged[-1].removed < minimum:
            last = merged.pop()
            step = Step(last.reasons + step.reasons, last.removed + step.removed, step.left)
        merged.append(step)
    while len(merged) > 1 and 0 < merged[-1].removed < minimum:
        last, before = merged.pop(), merged.pop()
        merged.append(Step(before.reasons + last.reasons, before.removed + last.removed, last.left))
    return [*flow[:1], *merged]


def merge_reasons(reasons: Sequence[tuple[str, int]], minimum: int) -> list[tuple[tuple[str, ...], int]]:
    """Reasons with their counts, the largest first, small ones joined until the sum may be shown."""
    ranked = sorted(((reason, n) for reason, n in reasons if n > 0), key=lambda item: -item[1])
    large = [((reason,), n) for reason, n in ranked if n >= minimum]
    names = tuple(reason for reason, n in ranked if n < minimum)
    few = sum(n for _, n in ranked if n < minimum)
    while large and 0 < few < minimum:
        (name,), n = large.pop()
        names, few = (name, *names), n + few
    return [*large, (names, few)] if names else [*large]


def hidden(counts: Sequence[int], minimum: int) -> set[int]:
    """Positions of the counts that must not be shown beside their total.

    A single withheld count could be had by subtraction, so the next smallest is withheld with it. Zero is
    withheld too: that nobody, like everybody, in a small group had the outcome is a fact about each of them.

    >>> hidden([3, 40, 90], 10) == {0, 1}
    True
    """
    small = {i for i, n in enumerate(counts) if n < minimum}
    rest = sorted((n, i) for i, n in enumerate(counts) if i not in small)
    if len(small) == 1 and rest:
        small.add(rest[0][1])
    return small


def withheld(count: int, minimum: int) -> str:
    """What stands in the place of a count that is not shown."""
    return f"fewer than {minimum}" if count < minimum else "withheld"
