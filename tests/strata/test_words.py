"""Groups have names that a reader understands without a table."""

import numpy as np

from pipeline.fitting.quantities import FREE
from pipeline.strata.words import WORDS, name_groups

COLUMNS = ["pdff_percent", "sbp_mmhg", "bmi_kg_m2"]


def test_names_say_what_is_unusual_most_unusual_first():
    means = np.array([[2.0, 0.6, 0.1], [0.0, -0.7, 0.2], [0.1, 0.2, -0.3]])
    assert name_groups(means, COLUMNS) == [
        "much more liver fat than usual for the weight, higher systolic pressure than usual",
        "lower systolic pressure than usual, liver fat as usual",
        "systolic pressure as usual, liver fat as usual",
    ]


def test_groups_that_would_share_a_name_are_numbered():
    assert name_groups(np.array([[0.4], [-0.4]]), ["sbp_mmhg"]) == ["all as usual (1)", "all as usual (2)"]


def test_every_unknown_has_words_and_others_their_description():
    assert {q.name for q in FREE} <= set(WORDS)
    assert name_groups(np.array([[1.0]]), ["cholesterol_mmol_l"]) == ["more total cholesterol than usual"]
