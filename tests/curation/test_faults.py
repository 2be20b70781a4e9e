"""Each fault that is put into a sound delivery is found; the worst one stands on top; the score only ever falls."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import curation
from pipeline.curation.columns import Columns
from pipeline.curation.concerns import dropped
from pipeline.curation.faults import judge
from pipeline.curation.score import score
from tests.curation.faults import READINGS, WHOLE, without
from tests.curation.material import changed, clean, rows_of


def curate(delivery):
    return curation.curate(delivery).figures


def points(delivery):
    columns = Columns(delivery)
    return score(columns, judge(columns), dropped(delivery.findings)).exact


@pytest.mark.parametrize("size", ["sound", "small"])
def test_a_sound_delivery_has_no_finding_and_all_points(request, size):
    figures = curate(request.getfixturevalue(size))
    assert figures["findings"] == []
    assert figures["score"]["score"] == 100
    assert figures["verdict"] == {"decision": "accept", "questions": 0, "hold_back": []}
    assert figures["score"]["parts"] == []
    assert curate(without("bmi_kg_m2")(request.getfixturevalue(size)))["findings"] == []


@pytest.mark.parametrize("kind", READINGS)
def test_a_fault_of_readings_is_found_and_the_worst_is_on_top(small, kind):
    for share in (0.05, 0.6):
        rows = rows_of(small, "cholesterol_mmol_l", share)
        figures = curate(READINGS[kind](small, rows))
        found = next(row for row in figures["findings"] if row["kind"] == kind)
        assert found["times"] == len(rows)
        assert found["ask"]
        assert figures["score"]["score"] < 100
    assert figures["worst"][0]["kind"] == kind


@pytest.mark.parametrize("name", WHOLE)
def test_a_fault_of_the_whole_is_found_and_on_top(sound, name):
    kind, place, put, share, left_out = WHOLE[name]
    figures = curate(put(without(left_out)(sound) if left_out else sound, share))
    assert (figures["worst"][0]["kind"], figures["worst"][0]["place"]) == (kind, place)
    assert figures["score"]["score"] <= 100


def test_the_graver_of_two_faults_comes_first(small):
    """Three refused of 45 do 3 / 55 harm; so do more than six assumed units."""
    rows = rows_of(small, "alt_u_l")
    for count, first in ((5, "unit does not fit"), (8, "unit assumed")):
        assumed = READINGS["unit assumed"](small, rows[:count])
        figures = curate(READINGS["unit does not fit"](assumed, rows[-3:]))
        assert figures["worst"][0]["kind"] == first


def test_harm_is_weight_times_share_by_hand(small):
    """Nine of 45 readings of one variable are doubtful: 0.5 x 9 / 55."""
    rows = rows_of(small, "alt_u_l")
    assert len(rows) == 45
    figures = curate(READINGS["unit assumed"](small, rows[:9]))
    assert figures["worst"][0]["harm"] == 8.2
    assert figures["worst"][0]["percent"] == 20.0


def test_the_score_by_hand(small):
    """A tenth refused costs 8 of the 80 points, a tenth doubtful 4; a missing sex a third of a person's part of 20."""
    n = len(small.readings)
    rows = np.arange(n // 10)
    assert points(small) == pytest.approx(100)
    assert points(READINGS["unit does not fit"](small, rows)) == pytest.approx(100 - 80 * len(rows) / n)
    assert points(READINGS["unit assumed"](small, rows)) == pytest.approx(100 - 40 * len(rows) / n)
    people = small.people.copy()
    people.loc[0, "sex"] = None
    assert points(small._replace(people=people)) == pytest.approx(100 - 20 / 15 / 3)


step = st.tuples(st.sampled_from([*READINGS, "larger"]), st.integers(1, 25), st.integers(0, 10_000))
faults = st.lists(step, max_size=9)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(faults)
def test_the_score_never_rises_as_sound_readings_become_faulty(steps):
    check_steps(steps)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(faults)
def test_the_score_never_rises_whatever_becomes_faulty(steps):
    check_steps(steps)


def larger(delivery, rows):
    """Numbers that no longer fit: to their unit, to weight and height, to the other pressure."""
    readings = delivery.readings.copy()
    readings.loc[rows, "value"] *= 1.9
    return changed(delivery, readings)


def check_steps(steps):
    """One fault after another, each in readings that have lost nothing yet, whatever others say of them.

    But for those that were sent twice: if one of the two changes they are no longer repeats.
    """
    delivery, puts = SMALL, {**READINGS, "larger": larger}
    before = points(delivery)
    for kind, count, seed in steps:
        twice = delivery.readings.drop(columns="source").duplicated(keep=False).to_numpy()
        sound = np.flatnonzero((judge(Columns(delivery)).loss == 0) & ~twice)
        rows = np.sort(np.random.default_rng(seed).choice(sound, min(count, len(sound)), replace=False))
        delivery = puts[kind](delivery, rows)
        after = points(delivery)
        assert after <= before + 1e-9, (kind, count)
        before = after


SMALL = clean(count=15, visits=3, seed=5)


@pytest.mark.parametrize("name", WHOLE)
def test_more_of_a_fault_of_the_whole_never_scores_better(small, name):
    _, _, put, share, _ = WHOLE[name]
    scores = [points(small), *(points(put(small, share * dose)) for dose in (0.3, 0.7, 1.0))]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(scores))


@pytest.mark.parametrize("kind", READINGS)
def test_more_of_a_fault_of_readings_costs_more(small, kind):
    scores = [points(small)]
    for share in (0.1, 0.5, 1.0):
        rows = rows_of(small, "cholesterol_mmol_l", share)
        scores.append(points(READINGS[kind](small, rows)))
    assert all(later < earlier for earlier, later in pairwise(scores))
