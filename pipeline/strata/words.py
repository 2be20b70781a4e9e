"""Names of groups in plain words, from how far their people lie from what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from pipeline.schema import variables

DIFFERS, MUCH = 0.5, 1.5       # spreads from usual at which a group's mean is said to differ, and to differ much


class Words(NamedTuple):
    """How a quantity is spoken of."""

    thing: str
    more: str = "more"
    less: str = "less"
    beside: str = ""       # what usual depends on, besides age and sex


WORDS = {
    "height_cm": Words("height"),
    "bmi_kg_m2": Words("weight", beside=" for the height"),
    "body_fat_percent": Words("body fat", beside=" for the weight"),
    "activity_level": Words("physical activity"),
    "carbohydrate_fraction": Words("carbohydrate in the diet"),
    "fat_fraction": Words("fat in the diet"),
    "pdff_percent": Words("liver fat", beside=" for the weight"),
    "alcohol_g_d": Words("alcohol"),
    "cigarettes_if_smoker": Words("cigarettes", beside=" for a smoker"),
    "sbp_mmhg": Words("systolic pressure", "higher", "lower"),
    "dbp_mmhg": Words("diastolic pressure", "higher", "lower", " for the systolic"),
}


def name_groups(means: Float[np.ndarray, "groups columns"], columns: Sequence[str]) -> list[str]:
    """One name a group, such as "more liver fat than usual for the weight, systolic pressure as usual".

    `means` are in spreads from usual. What is as usual in every group is in no name; groups that would share a name are
    numbered.
    """
    differs = np.abs(means) >= DIFFERS
    names = []
    for row, unusual in zip(means, differs, strict=True):
        order = sorted(range(len(columns)), key=lambda i: -abs(row[i]))
        said = [_deviation(columns[i], row[i]) for i in order if unusual[i]]
        said += [f"{_words(columns[i]).thing} as usual" for i in order if differs[:, i].any() and not unusual[i]]
        names.append(", ".join(said) or "all as usual")
    return [f"{n} ({names[: i + 1].count(n)})" if names.count(n) > 1 else n for i, n in enumerate(names)]


def _words(column: str) -> Words:
    known = variables().get(column)
    description = known.description if known else column.replace("_", " ")
    return WORDS.get(column, Words(description[:1].lower() + description[1:]))


def _deviation(column: str, mean: float) -> str:
    words = _words(column)
    much = "much " if abs(mean) >= MUCH else ""
    return f"{much}{words.more if mean > 0 else words.less} {words.thing} than usual{words.beside}"
