"""Measures against what they are by hand, by another formula, or by going through everything one by one."""

from collections import defaultdict
from math import log

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import curation
from pipeline.curation import psi
from pipeline.curation.columns import Columns
from pipeline.curation.course import sparse
from pipeline.curation.drift import compare
from pipeline.curation.duplicates import count
from pipeline.curation.faults import judge
from pipeline.curation.other_units import changed_unit, misread, two_groups, ways
from pipeline.curation.plausibility import last_digit, repeated
from pipeline.curation.shown import number, people
from pipeline.curation.stability import binned, by_chance, shift_of_numbers
from pipeline.curation.tables import usual
from pipeline.schema import variables
from tests.curation.material import clean, delivery
from tests.repository import ROOT


def test_the_stability_index_by_hand():
    """Half a case in each bin: (10.5, 20.5, 30.5) of 61.5 against thirds: 0.1626 x 0.6691 + 0.1626 x 0.3973."""
    p, q = (10.5 / 61.5, 20.5 / 61.5, 30.5 / 61.5), (1 / 3, 1 / 3, 1 / 3)
    expected = sum((b - a) * log(b / a) for a, b in zip(p, q, strict=True))
    assert psi(np.array([10, 20, 30]), np.array([20, 20, 20])) == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(0.1734, abs=5e-5)


def test_the_stability_index_is_two_kullback_leibler_divergences():
    from scipy.stats import entropy

    rng = np.random.default_rng(1)
    before, after = rng.integers(5, 500, 10), rng.integers(5, 500, 10)
    both = entropy(before + 0.5, after + 0.5) + entropy(after + 0.5, before + 0.5)
    assert psi(before, after) == pytest.approx(both, rel=1e-12)


def test_tenths_of_the_first_sample_are_its_bins():
    before = np.arange(1000.0)
    counts, later = binned(before, before + 100)
    assert counts.tolist() == [100] * 10
    assert later.tolist() == [0] + [100] * 8 + [200]


def test_without_a_change_chance_stays_below_its_threshold_as_often_as_said():
    """Simulated: 0.1 % of pairs of samples of one distribution may lie above; of 2,000 pairs at most 8."""
    rng, above = np.random.default_rng(2), 0
    for _ in range(2000):
        counts = binned(rng.normal(size=60), rng.normal(size=90))
        above += psi(*counts) >= by_chance(10, 60, 90)
    assert above <= 8


def test_a_shift_of_half_a_standard_deviation_is_measured():
    rng = np.random.default_rng(3)
    before = rng.normal(50, 10, 4000)
    assert shift_of_numbers(before, rng.normal(55, 10, 4000)).sd == pytest.approx(0.5, abs=0.06)
    assert shift_of_numbers(before, rng.normal(55, 10, 4000)).has_shifted
    assert not shift_of_numbers(before, rng.normal(50, 10, 4000)).has_shifted


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize(
    ("name", "level", "spread", "factor"),
    [
        ("height_cm", 170, 0.05, 1 / 2.54),
        ("alt_u_l", 300, 0.5, 1 / 60),
        ("triglycerides_mmol_l", 0.6, 0.4, 1 / 0.01129),
    ],
)
def test_two_units_in_one_variable_are_told_apart(name, level, spread, factor, share):
    rng = np.random.default_rng(4)
    values = level * np.exp(rng.normal(0, spread, 2000))
    other = np.arange(2000) < share * 2000
    found = two_groups(np.where(other, values * factor, values), variables()[name])
    if share in (0.0, 1.0):
        assert found is None
        return
    smaller = other if share <= 0.5 else ~other
    assert (found.rows == smaller).mean() > 0.995
    assert found.reading.slope in (pytest.approx(1 / factor, rel=1e-3), pytest.approx(factor, rel=1e-3))


@pytest.mark.parametrize("name", [n for n in variables() if variables()[n].kind == "number" and ways(variables()[n])])
def test_one_group_is_not_taken_for_two(name):
    """Wide, skewed and lumpy distributions of one unit, for every variable with several units."""
    rng, n = np.random.default_rng(5), 1500
    wide, even = np.exp(rng.normal(np.log(50), 1.2, n)), rng.uniform(1, 100, n)
    for values in (wide, even, rng.gamma(1.5, 30, n), np.round(rng.normal(60, 12, n)), rng.exponential(9, n)):
        assert two_groups(values, variables()[name]) is None


def test_single_values_that_look_like_another_unit():
    known = variables()["weight_kg"]
    values = np.array([80.0, 180.0, 160.0, 35.0, 350.0, 20.0])      # 180 lb is 82 kg; 35 kg read twice is 77 kg
    assert misread(values, known, usual()["weight_kg"]).tolist() == [False, True, False, True, True, True]
    assert changed_unit(80.0, 176.0, known).unit == "lb"
    assert changed_unit(80.0, 90.0, known) is None


def test_usual_values_are_those_of_nhanes():
    """Half a per cent of adults lie below and above, rounded outward."""
    from pipeline import cohorts
    from pipeline.config import read_study

    study = read_study(ROOT / "configs" / "nhanes_cvd.toml")
    built = cohorts.build(study)
    table = cohorts.baseline(built.people, built.observations, study.known_variables())
    measured = {name: known for name, known in usual().items() if "NHANES" in known.source}
    assert len(measured) == 6
    for name, known in measured.items():
        low, high = np.quantile(table[name].dropna(), [0.005, 0.995])
        assert (known.low, known.high) == (np.floor(low), np.ceil(high))


@given(st.lists(st.integers(0, 3000), min_size=100, max_size=300), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_last_digits_by_their_text(numbers, places):
    """The last digit of the number as it is written."""
    values = np.array(numbers) / 10**places
    found = last_digit(values)
    if found is None:
        return
    shortest = next(d for d in range(4) if np.mean([abs(v * 10**d - round(v * 10**d)) < 1e-6 for v in values]) >= 0.9)
    written = [f"{v:.{shortest}f}" for v in values if abs(v * 10**shortest - round(v * 10**shortest)) < 1e-6]
    digits = [int(text[-1]) for text in written]
    assert found[1] == pytest.approx(max(digits.count(d) for d in range(10)) / len(digits))
    assert digits.count(found[0]) / len(digits) == found[1]


def test_converted_values_have_no_last_digit():
    rng = np.random.default_rng(6)
    assert last_digit(np.round(rng.uniform(0.3, 3, 500), 1) * 17.1) is None
    assert last_digit(np.round(rng.uniform(60, 200, 500)) * 0.0555) is None
    assert last_digit(np.round(rng.uniform(90, 180, 500)))[1] < 0.2


def test_one_value_repeated_stands_out_from_the_second():
    spread = np.arange(100.0)
    assert repeated(np.concatenate([spread, np.full(25, 7.0)])) == pytest.approx(26 / 125)
    assert repeated(spread) is None
    assert repeated(np.repeat([1.0, 2.0, 3.0], 50)) is None      # a score of few values


def test_months_with_almost_nobody_between_busy_ones():
    assert sparse(np.array([0, 15, 20, 22, 1, 0, 19, 25, 0])).tolist() == [False] * 4 + [True] * 2 + [False] * 3
    assert not sparse(np.array([3, 0, 3, 0, 2])).any()
    assert not sparse(np.array([90, 0, 0, 0, 95, 0, 0, 0, 99])).any()      # a check-up once a year


def small_delivery(rng, persons):
    n = 60
    people = pd.DataFrame(
        {
            "person_id": [f"p{i}" for i in range(persons)],
            "sex": rng.choice(["female", "male"], persons),
            "birth_date": np.datetime64("1960-01-01", "s") + rng.integers(1, 3, persons) * 86_400,
            "age_years": np.nan,
        }
    )
    readings = pd.DataFrame(
        {
            "person_id": rng.choice(people["person_id"], n),
            "at": np.datetime64("2024-01-01T08:00", "s") + rng.integers(0, 4, n) * 3600,
            "variable": rng.choice(["sbp_mmhg", "weight_kg", "smoking_status"], n),
        }
    )
    answers = readings["variable"] == "smoking_status"
    readings["value"] = np.where(answers, np.nan, rng.integers(80, 83, n).astype(float))
    readings["text"] = np.where(answers, rng.choice(["never", "former"], n), None)
    return delivery(people, readings)


def key(row):
    return row.variable, row.at, row.text if isinstance(row.text, str) else row.value


@pytest.mark.parametrize("seed", range(12))
def test_people_under_two_ids_one_by_one(seed):
    """Every pair of equal sex and birth date with three readings in common that at most five of them share."""
    made = small_delivery(np.random.default_rng(seed), 8)
    said, birth = defaultdict(set), made.people.set_index("person_id")
    for row in made.readings.itertuples():
        said[row.person_id].add(key(row))
    twins = set()
    for one in said:
        for other in said:
            group = [p for p in birth.index if birth.loc[p].tolist()[:2] == birth.loc[one].tolist()[:2]]
            if one < other and other in group:
                common = {k for k in said[one] & said[other] if sum(k in said[p] for p in group) <= 5}
                twins |= {one, other} if len(common) >= 3 else set()
    columns = Columns(made)
    assert count(columns, np.zeros(len(columns), dtype=bool)).twins == len(twins)


@pytest.mark.parametrize("seed", range(12))
def test_changes_between_deliveries_one_by_one(seed):
    """Per person, variable and time: both lists of values sorted and laid side by side."""
    rng = np.random.default_rng(100 + seed)
    before, after = small_delivery(rng, 8), small_delivery(rng, 6)
    found = compare(before, Columns(before), after, Columns(after))
    both = set(before.people["person_id"]) & set(after.people["person_id"])
    sides = []
    for made in (before, after):
        lists = defaultdict(list)
        for row in made.readings.itertuples():
            if row.person_id in both:
                lists[row.person_id, row.variable, row.at].append(key(row)[2])
        sides.append(lists)
    expected = {name: [0, 0, 0, 0] for name in found.names}
    for where in sides[0].keys() | sides[1].keys():
        old, new = sorted(sides[0].get(where, [])), sorted(sides[1].get(where, []))
        tally = expected[where[1]]
        for a, b in zip(old, new, strict=False):
            tally[0 if a == b else 1] += 1
        tally[2] += max(len(old) - len(new), 0)
        tally[3] += max(len(new) - len(old), 0)
    got = {n: [int(c[i]) for c in found.changes[:4]] for i, n in enumerate(found.names)}
    numbers = [name for name in expected if name != "smoking_status"]
    assert {n: got[n] for n in numbers} == {n: expected[n] for n in numbers}
    assert [sum(v) for v in got.values()] == [sum(v) for v in expected.values()]
    assert found.common == len(both)


@pytest.mark.parametrize(
    ("count", "totals", "told"),
    [
        (0, (100,), 0), (9, (100,), "fewer than 10"), (10, (100,), 10), (91, (100,), "all but fewer than 10"),
        (100, (100,), 100), (90, (100, 95), "all but fewer than 10"),
    ],
)  # fmt: skip
def test_counts_of_people(count, totals, told):
    assert people(count, *totals) == told


def test_levels_have_three_digits():
    assert [number(v) for v in (81.5432, 0.012345, 123456.0, 0.0)] == [81.5, 0.0123, 123000, 0]


def test_the_same_people_without_change_have_no_drift():
    sound = clean(count=60, visits=6)
    figures = curation.curate(sound, sound).figures
    assert figures["findings"] == []
    assert all(row["changed"] == row["lost"] == row["new"] == 0 for row in figures["drift"]["variables"])


def test_pressures_of_one_person_and_time_are_found_one_by_one():
    """Where a person has one value of each at a time, however often it is said; of several none is taken."""
    rng, total = np.random.default_rng(200), 0
    for _ in range(20):
        made = small_delivery(rng, 4)
        names, values = rng.choice(["sbp_mmhg", "dbp_mmhg"], 60), rng.integers(80, 83, 60).astype(float)
        made = delivery(made.people, made.readings.assign(variable=names, value=values, text=None).iloc[:25])
        sides = defaultdict(lambda: defaultdict(set))
        for row in made.readings.itertuples():
            sides[row.person_id, row.at][row.variable].add(row.value)
        pairs = [(both["sbp_mmhg"], both["dbp_mmhg"]) for both in sides.values() if len(both) == 2]
        wrong = sum(len(upper) == len(lower) == 1 and min(upper) <= min(lower) for upper, lower in pairs)
        found = dict(judge(Columns(made)).own).get("pressures exchanged", np.zeros(1))
        assert found.sum() == 2 * wrong
        total += wrong
    assert total > 10
