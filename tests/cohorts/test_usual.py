import numpy as np
import pandas as pd
import pytest

from pipeline.cohorts import Usual, find_unlike, find_usual
from pipeline.schema import variables

KNOWN = variables()
PREDICTORS = ("weight_kg", "sbp_mmhg", "smoking_status", "hdl_mmol_l")


def cohort(n=1000):
    return pd.DataFrame(
        {
            "weight_kg": np.linspace(50, 150, n),
            "sbp_mmhg": np.where(np.arange(n) % 2, 120.0, np.nan),
            "smoking_status": ["current"] * 9 + ["never"] * (n - 9),
        }
    )


def person(**values):
    return pd.Series({"weight_kg": 80.0, "sbp_mmhg": 120.0, "smoking_status": "never", **values})


def beside(one, people):
    return find_unlike(one, find_usual(people, PREDICTORS, KNOWN))


def test_an_ordinary_person_has_nothing_that_sets_them_apart():
    found = beside(person(), cohort())
    assert found == ([], [], 3)      # nobody has HDL: it is not asked for
    assert not found.much_missing


def test_a_number_outside_the_middle_99_of_100_is_told_with_the_range():
    for weight, edge in ((50.4, True), (50.6, False), (149.4, False), (149.6, True)):
        found = beside(person(weight_kg=weight), cohort())
        assert bool(found.edges) is edge, weight
    (told,) = found.edges
    np.testing.assert_allclose([told.value, told.low, told.high], [149.6, 50.5, 149.5])


def test_an_answer_that_fewer_than_one_of_100_gave_is_told():
    assert [e.variable for e in beside(person(smoking_status="current"), cohort()).edges] == [
        "smoking_status"
    ]
    assert beside(person(smoking_status="current"), cohort(900)).edges == []      # 1 of 100
    assert beside(person(smoking_status="former"), cohort()).edges


def test_what_is_missing_is_listed_and_more_than_a_third_is_much():
    one = beside(person(weight_kg=np.nan), cohort())
    assert (one.missing, one.edges, one.much_missing) == (["weight_kg"], [], False)
    two = beside(person(weight_kg=np.nan, smoking_status=np.nan), cohort())
    assert two.much_missing


def test_where_too_few_people_lie_beyond_them_no_ends_are_told():
    assert find_usual(cohort(1999), PREDICTORS, KNOWN, least=10)["weight_kg"] == Usual()
    assert find_usual(cohort(2000), PREDICTORS, KNOWN, least=10)["weight_kg"].low == pytest.approx(50.5)
    few = find_usual(cohort(200), PREDICTORS, KNOWN, least=10)
    assert find_unlike(person(weight_kg=400.0, smoking_status="former"), few).edges[0].variable == "smoking_status"
