"""Feature sets: who and what goes into a model."""

import numpy as np
import pandas as pd
import pytest

from pipeline.models import assemble, stack_draws
from pipeline.runs import RunError
from pipeline.schema import Variable, variables

PEOPLE = pd.DataFrame({"person_id": ["c", "a", "b"], "group_id": ["g2", "g1", "g1"]})
OUTCOMES = pd.DataFrame(
    {"person_id": ["a", "c"], "event": [1, 0], "time_d": [5.0, 9.0], "status": ["event", "censored"], "weight": 1.0}
)
BASELINE = pd.DataFrame(
    {"age_years": [30.0, 40.0, 50.0], "sex": pd.array(["male", None, "female"], dtype="str")},
    index=pd.Index(["c", "a", "b"], name="person_id"),
)
FEATURES = pd.DataFrame({"person_id": ["b", "c"], "liver": [1.0, 2.0]})
ASKED = {"predictors": ["age_years", "waist_cm", "sex"], "known": variables()}


def test_people_without_an_outcome_are_left_out_and_rows_are_matched_by_person():
    matrix = assemble(PEOPLE, OUTCOMES, BASELINE, FEATURES, **ASKED, names=["routine", "mechanistic", "both"])
    assert list(matrix.frame.index) == ["a", "c"]
    assert list(matrix.event) == [1, 0]
    assert list(matrix.groups) == ["g1", "g2"]
    assert list(matrix.frame["age_years"]) == [40.0, 30.0]
    np.testing.assert_array_equal(matrix.frame["liver"], [np.nan, 2.0])
    assert matrix.sets["routine"].columns == ["age_years", "waist_cm", "sex"]
    assert matrix.sets["mechanistic"].columns == ["liver"]
    assert matrix.sets["both"].columns == ["age_years", "waist_cm", "liver", "sex"]


def test_a_predictor_that_the_cohort_lacks_is_all_missing_and_named():
    matrix = assemble(PEOPLE, OUTCOMES, BASELINE, None, **ASKED, names=["routine"])
    assert matrix.absent == ("waist_cm",)
    assert matrix.frame["waist_cm"].isna().all()


def test_free_text_is_refused():
    known = {"note": Variable("note", "category", "1", None, None, (), "")}
    with pytest.raises(RunError, match=r"note is free text.*\[variables.note\]"):
        assemble(PEOPLE, OUTCOMES, BASELINE, None, predictors=["note"], known=known, names=["routine"])


def test_a_feature_named_like_a_predictor_is_refused():
    with pytest.raises(RunError, match="waist_cm is also a predictor"):
        assemble(
            PEOPLE,
            OUTCOMES,
            BASELINE,
            FEATURES.rename(columns={"liver": "waist_cm"}),
            **ASKED,
            names=["both"],
        )


def test_draws_are_placed_by_person_and_number():
    draws = pd.DataFrame(
        {"person_id": ["b", "a", "a", "z"], "draw": [4, 7, 4, 4], "liver": [3.0, 2.0, 1.0, 9.0]}
    )
    block = stack_draws(draws, pd.Index(["a", "b", "c"]), ["liver"])
    np.testing.assert_array_equal(block[:, :, 0], [[1, 2], [3, np.nan], [np.nan, np.nan]])
