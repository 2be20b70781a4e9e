"""How far what was found agrees with labels made by hand, chart by chart.

A chart is a set: (kind, concept, value) of quantities, diagnoses and habits, (kind, concept, assertion, experiencer) of
the rest. Where in the chart something stands, and how often, does not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.charts.feature import Feature
from pipeline.schema import TableError

VALUED = {"quantity", "diagnosis", "habit"}
KINDS = ("quantity", "diagnosis", "habit", "condition", "symptom", "medication")


class Score(NamedTuple):
    """Counts over all labelled charts of one kind."""

    both: int          # found and labelled
    only_found: int
    only_labelled: int

    @property
    def precision(self) -> float:
        """Share of what was found that is labelled; 1 where nothing was found."""
        return self.both / (self.both + self.only_found) if self.both + self.only_found else 1.0

    @property
    def recall(self) -> float:
        """Share of what is labelled that was found; 1 where nothing is labelled."""
        return self.both / (self.both + self.only_labelled) if self.both + self.only_labelled else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        wrong = self.only_found + self.only_labelled
        return 2 * self.both / (2 * self.both + wrong) if self.both + wrong else 1.0


def read_labels(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Labels by the name of their chart; raises `TableError` with the line that is none."""
    labels: dict[str, list[dict[str, Any]]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise TableError(f"{path.name}: cannot be read: {fault}") from None
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            labels[str(record["chart"])] = [dict(label) for label in record["annotations"]]
            for label in labels[str(record["chart"])]:
                _identity(label)
        except (ValueError, KeyError, TypeError):
            what = 'a line is {"chart": name, "annotations": [{"kind": ..., "concept": ...}]}'
            raise TableError(f"{path.name}: line {number} holds no labels of a chart; {what}") from None
    return labels


def agree(
    found: Mapping[str, Sequence[Feature]], labels: Mapping[str, Iterable[Mapping[str, Any]]]
) -> dict[str, Score]:
    """The score of each kind and of what is negated, over the charts that have labels."""
    counts = {name: [0, 0, 0] for name in (*KINDS, "negated")}
    for chart, wanted in labels.items():
        there = {_identity(feature._asdict()) for feature in found.get(chart, ())}
        told = {_identity(label) for label in wanted}
        for name, count in counts.items():
            ours, theirs = ({item for item in some if name in item[::2]} for some in (there, told))
            for place, some in enumerate((ours & theirs, ours - theirs, theirs - ours)):
                count[place] += len(some)
    return {name: Score(*count) for name, count in counts.items()}


def _identity(label: Mapping[str, Any]) -> tuple[Any, ...]:
    kind, concept = label["kind"], label["concept"]
    if kind in VALUED:
        return kind, concept, label.get("value")
    return kind, concept, label.get("assertion"), label.get("experiencer")
