import numpy as np
import pandas as pd

from pipeline.reports.unlike import find_unlike
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


def test_an_ordinary_person_has_nothing_that_sets_them_apart():
    found = find_unlike(person(), cohort(), PREDICTORS, KNOWN)
    assert found == ([], [], 3)      # nobody has HDL: it is not asked for
    assert not found.much_missing


def test_a_number_outside_the_middle_99_of_100_is_told_with_the_range():
    for weight, edge in ((50.4, True), (50.6, False), (149.4, False), (149.6, True)):
        found = find_unlike(person(weight_kg=weight), cohort(), PREDICTORS, KNOWN)
        assert bool(found.edges) is edge, weight
    (told,) = found.edges
    np.testing.assert_allclose([told.value, told.low, told.high], [149.6, 50.5, 149.5])


def test_an_answer_that_fewer_than_one_of_100_gave_is_told():
    assert [e.variable for e in find_unlike(person(smoking_status="current"), cohort(), PREDICTORS, KNOWN).edges] == [
        "smoking_status"
    ]
    assert find_unlike(person(smoking_status="current"), cohort(900), PREDICTORS, KNOWN).edges == []      # 1 of 100
    assert find_unlike(person(smoking_status="former"), cohort(), PREDICTORS, KNOWN).edges


def test_what_is_missing_is_listed_and_more_than_a_third_is_much():
    one = find_unlike(person(weight_kg=np.nan), cohort(), PREDICTORS, KNOWN)
    assert (one.missing, one.edges, one.much_missing) == (["weight_kg"], [], False)
    two = find_unlike(person(weight_kg=np.nan, smoking_status=np.nan), cohort(), PREDICTORS, KNOWN)
    assert two.much_missing
