"""What every registered model has to keep."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io

from pipeline.models import MODELS, TRUSTED_TYPES, FeatureSet, FollowUp, describe, fit, load, save, settings
from pipeline.runs import RunError
from tests.models.people import marks

PEOPLE = 211  # a length that no other array of a fitted model has
COLUMNS = FeatureSet(
    ("age", "weight", "constant", "empty"), {"sex": ("female", "male"), "unasked": ("no", "yes")}, ()
)
EVERY = [pytest.param(builder, id=name, marks=marks(name)) for name, builder in MODELS.items()]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "age": draw.normal(50, 10, PEOPLE),
            "weight": draw.normal(80, 12, PEOPLE),
            "constant": 1.0,
            "empty": np.nan,
            "sex": pd.array(draw.choice(["female", "male"], PEOPLE), dtype="str"),
            "unasked": pd.array([None] * PEOPLE, dtype="str"),
        }
    )
    table.loc[:19, "weight"] = np.nan
    table.loc[5:9, "sex"] = np.nan
    return table


@pytest.fixture(scope="module")
def event(frame: pd.DataFrame) -> np.ndarray:
    noise = np.random.default_rng(6).normal(0, 5, PEOPLE)
    return (frame["age"] + noise + 8 * (frame["sex"] == "male") > 54).to_numpy(dtype=int)


def follow(event: np.ndarray) -> FollowUp:
    """Somebody with the event had it within the horizon of 100 days, anybody else was followed for longer."""
    time_d = np.where(event == 1, np.random.default_rng(7).uniform(1, 100, len(event)), 200.0)
    return FollowUp(time_d, np.where(event == 1, "event", "censored"), np.ones(len(event)), 100.0)


@pytest.fixture(params=EVERY)
def fitted(request: pytest.FixtureRequest, frame: pd.DataFrame, event: np.ndarray) -> Any:
    return fit(request.param, frame, event, COLUMNS, seed=3, follow=follow(event))


def taken(estimator: Any, frame: pd.DataFrame) -> pd.DataFrame:
    return frame[estimator.feature_names_in_]


def test_gives_probabilities_that_rank_people(fitted, frame, event):
    risk = fitted.predict_proba(taken(fitted, frame))
    np.testing.assert_allclose(risk.sum(axis=1), 1)
    assert risk.min() >= 0
    assert risk[event == 1, 1].mean() > risk[event == 0, 1].mean() + 0.1


def test_leaves_out_a_column_that_nobody_has(fitted):
    assert list(fitted.feature_names_in_) == ["age", "weight", "constant", "sex"]


def test_takes_missing_values_however_written(fitted, frame):
    one = taken(fitted, frame).iloc[[30]]
    as_nan = one.assign(sex=np.nan, weight=np.nan)
    as_null = one.astype({"sex": object}).assign(sex=None, weight=np.nan)
    assert np.isfinite(fitted.predict_proba(as_nan)).all()
    np.testing.assert_array_equal(fitted.predict_proba(as_nan), fitted.predict_proba(as_null))


def test_takes_a_level_never_declared(fitted, frame):
    assert np.isfinite(fitted.predict_proba(taken(fitted, frame).assign(sex="unheard of"))).all()


@pytest.mark.parametrize("model", EVERY)
def test_fits_twenty_people_or_says_what_is_too_few(model, frame, event):
    few = event[20:40]
    assert 2 < few.sum() < 18

    def risks() -> np.ndarray:
        return fit(model, frame.iloc[20:40], few, COLUMNS, seed=3, follow=follow(few)).predict_proba(frame)

    needed = getattr(model(3, ("age",), {})[-1], "fewest_events", 0)
    if needed > few.sum():
        with pytest.raises(RunError, match=f"{few.sum()} events to learn from are too few, it needs {needed}: widen"):
            risks()
    else:
        assert np.isfinite(risks()).all()


@pytest.mark.parametrize("model", EVERY)
def test_takes_numbers_alone_and_categories_alone(model, frame, event):
    for columns in (COLUMNS._replace(numbers=()), COLUMNS._replace(categories={})):
        estimator = fit(model, frame, event, columns, seed=3, follow=follow(event))
        assert np.isfinite(estimator.predict_proba(taken(estimator, frame))).all()


@pytest.mark.parametrize("model", EVERY)
def test_same_seed_gives_the_same_risks(model, frame, event):
    first, second = (
        fit(model, frame, event, COLUMNS, seed=3, follow=follow(event)).predict_proba(frame) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def arrays(thing: Any, seen: set[int]) -> Iterator[np.ndarray]:
    """Every array that an estimator reaches."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        yield thing
        thing = list(thing.flat) if thing.dtype == object else []
    inner = (
        thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list | tuple | set) else []
    )
    for part in [*inner, *vars(thing).values()] if hasattr(thing, "__dict__") else inner:
        yield from arrays(part, seen)


def test_holds_no_row_of_the_people_it_learned_from(fitted):
    found = list(arrays(fitted, set()))
    assert len(found) > 3
    assert not [a.shape for a in found if PEOPLE in a.shape]


def test_survives_being_saved_without_pickle(fitted, frame, tmp_path):
    path = tmp_path / "model.skops"
    save(fitted, path)
    assert set(skops.io.get_untrusted_types(file=path)) <= set(TRUSTED_TYPES)
    save(load(path), tmp_path / "again.skops")
    assert (tmp_path / "again.skops").read_bytes() == path.read_bytes()
    np.testing.assert_array_equal(
        load(path).predict_proba(taken(fitted, frame)), fitted.predict_proba(taken(fitted, frame))
    )


def test_describes_its_input_without_anybodys_row(fitted, frame):
    told = describe(fitted, frame, COLUMNS)
    assert [c["name"] for c in told["columns"]] == list(fitted.feature_names_in_)
    assert told["columns"][-1] == {"name": "sex", "type": "string", "levels": ["female", "male"]}
    assert told["example"]["weight"] == round(frame["weight"].median(), 2)
    assert np.isfinite(fitted.predict_proba(pd.DataFrame([told["example"]]))).all()
    assert settings(fitted).get("random_state", 3) == 3
    assert settings(fitted)
