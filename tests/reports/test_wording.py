import math

import pytest

from pipeline.reports import wording
from pipeline.schema import variables

NAN = math.nan


def test_a_risk_is_a_frequency_of_100_people():
    assert wording.of_100(0.123) == "12 of 100"
    assert wording.of_100(0.002) == "fewer than 1 of 100"
    assert wording.of_100(0.999) == "more than 99 of 100"
    assert wording.of_100(0.0) == "0 of 100"
    assert wording.of_100(NAN) == "not known"


def test_minus_is_a_true_minus_and_zero_has_no_sign():
    assert wording.number(-1.25, 1) == "−1.2"
    assert wording.number(-0.01, 1) == "0.0"
    assert wording.signed(0.01, 1) == "0.0"
    assert wording.signed(0.8) == "+0.8"
    assert wording.number(4211) == "4\u202f211"


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        ((0.0, 0.15), "under 15 of 100"),
        ((0.15, 0.25), "15 to 25 of 100"),
        ((0.5, 1.0), "50 of 100 or more"),
        ((0.0, 1.0), "any risk"),
    ],
)
def test_a_band_is_named_by_its_rule(edges, words):
    assert wording.band(*edges) == words


@pytest.mark.parametrize(
    ("values", "answer", "holds"),
    [
        ((0.03, 0.02, 0.04), "yes", "3.0 more of 100 pairs in the right order (95 % interval 2.0 more to 4.0 more)"),
        ((0.004, 0.001, 0.008), "yes", "too small to matter"),
        ((0.02, 0.001, 0.03), "yes", "perhaps too little"),
        ((0.001, -0.004, 0.006), "no", "is ruled out"),
        ((0.0001, -0.002, 0.003), "no", "puts as many of 100 pairs in the right order"),
        ((-0.03, -0.05, -0.01), "no", "made it worse"),
        ((0.01, -0.01, 0.03), "cannot tell", "Cannot tell"),
        ((NAN, NAN, NAN), "cannot tell", "could not be measured"),
    ],
)
def test_mechanism_adds_or_not_or_cannot_be_told(values, answer, holds):
    verdict = wording.mechanism(*values)
    assert verdict.answer == answer
    assert holds in verdict.sentence


def test_calibration_is_worded_by_its_interval():
    level, right = (0.0, -0.1, 0.1), (1.0, 0.9, 1.1)
    assert "too extreme" in wording.agreement((0.7, 0.6, 0.8), level)
    assert "too timid" in wording.agreement((1.4, 1.2, 1.6), level)
    assert "as far as this number of people can tell" in wording.agreement(right, level)
    assert "Too few people" in wording.agreement((1.0, 0.4, 1.6), level)
    assert "could not be measured" in wording.agreement((NAN, NAN, NAN), level)


def test_risks_off_on_average_never_match():
    assert "are too low on average (slope" in wording.agreement((1.0, 0.9, 1.1), (0.3, 0.2, 0.4))
    both = wording.agreement((0.7, 0.6, 0.8), (-0.3, -0.4, -0.2))
    assert "too high on average and too extreme" in both


def test_reasons_name_variables_in_words():
    assert wording.reason("missing weight_kg", variables()) == "weight not recorded"
    words = wording.reason("missing weight_kg, sbp_mmhg", variables())
    assert words == "weight and systolic blood pressure not recorded"
    assert "_" not in wording.reason("did_not converge for pdff_percent", variables())


def test_ages_are_five_years_wide():
    assert wording.age_range(47.9) == "45 to 49 years"
    assert wording.age_range(80.0) == "80 years or more"
