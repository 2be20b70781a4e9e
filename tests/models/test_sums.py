"""Logistic regressions as sums over columns, beside the pipelines they are."""

import numpy as np
import pandas as pd
import pytest

from pipeline.models import MODELS
from pipeline.models.sums import Sums
from tests.models.people import make

LEVELS = {"sex": ("female", "male"), "smoking": ("never", "former", "current")}
NUMBERS = ("age", "twin", "lab", "never_measured")


def rows(people: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """People of whom some values are missing, in numbers and in categories, and one column in all."""
    draw = np.random.default_rng(seed)
    matrix = make(people, seed)
    frame = matrix.frame.assign(lab=draw.normal(5.0, 2.0, people), never_measured=np.nan)
    frame["smoking"] = draw.choice(["never", "former", "current", "a pipe"], people)
    for name in ("twin", "lab", "sex", "smoking"):
        frame[name] = frame[name].astype(object).where(draw.random(people) > 0.2)
    return frame.astype(dict.fromkeys(NUMBERS, float)), matrix.event


def fitted(seed: int, numbers=NUMBERS, levels=LEVELS):
    frame, event = rows(200, seed)
    if seed % 2:      # a column of which nothing is missing has no indicator
        frame["lab"] = frame["lab"].fillna(1.0)
    return MODELS["logistic"](1, numbers, levels).fit(frame[[*numbers, *levels]], event)


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize(("numbers", "levels"), [(NUMBERS, LEVELS), (("age", "lab"), {}), ((), LEVELS)])
def test_the_risks_are_those_of_each_pipeline(numbers, levels):
    models = [fitted(seed, numbers, levels) for seed in (1, 2, 3)]
    others, _ = rows(60, 9)
    others = others[[*numbers, *levels]]
    expected = np.column_stack([model.predict_proba(others)[:, 1] for model in models])
    found = Sums.of(models).risks(others)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_other_models_and_other_columns_are_no_such_sums():
    frame, event = rows(200, 1)
    trees = MODELS["forest"](1, ("age",), {}).fit(frame[["age"]], event)
    assert Sums.of([fitted(1), trees]) is None
    assert Sums.of([fitted(1), fitted(2, ("age", "lab"))]) is None
