"""Properties of the stroke twin: what each correction does, what acts on it, and what it says over age."""

import jax
import numpy as np
import pytest

from pipeline.solving import Status, make_grid
from pipeline.twins import System, simulate
from pipeline.twins.blood_pressure import BloodPressure
from pipeline.twins.stroke_risk import StrokeRisk
from tests.twins.people import YEAR, as_floats, changed

CORRECTED, PUBLISHED = StrokeRisk.build("corrected"), StrokeRisk.build("published")
# The man of the specification; on the mean of the band 60-69 he is the man by whom odds are centred.
MAN = {
    "male": 1.0, "age_years": 40.0, "sbp_mmhg": 140.0, "dbp_mmhg": 85.0, "height_cm": 100.0, "weight_kg": 27.0,
    "cigarettes_per_day": 0.0, "atrial_fibrillation": 0.0, "diabetes": 0.0,
}  # fmt: skip
AVERAGE = {"sbp_mmhg": 146.20493009565857, "dbp_mmhg": 82.40250183958793, "bmi_kg_m2": 27.402991012269492}
WITHOUT_FACTORS = (
    {}, {"male": 0.0}, {"cigarettes_per_day": 20.0}, {"diabetes": 1.0}, {"atrial_fibrillation": 1.0},
    {"sbp_mmhg": 120.0, "dbp_mmhg": 75.0}, {"sbp_mmhg": 180.0, "dbp_mmhg": 105.0},
)  # fmt: skip


def only(*corrections):
    return StrokeRisk(frozenset(corrections))


def say(twin, ages, signals=None, output="stroke_risk_5y", inputs=None, switches=(0.0,), **values):
    """The observable at `ages` of a person whose other values are those of MAN, or as named."""
    person = MAN | {"age_years": 0.0} | values
    person["weight_kg"] = person.pop("bmi_kg_m2", person["weight_kg"])      # one metre: the index is the weight
    k = twin.constants(as_floats(person), as_floats(twin.defaults()))
    times = YEAR * np.asarray(ages, dtype=float)
    return np.asarray(twin.solution(times, k, switches, inputs or [changed()], signals or {})[output])


def test_published_weights_blur_the_ages():
    # At 40 the distances to the limits of the bands are 17.49, 21.47, 35.23 and 63.53 years (Pythagoras).
    shares = np.asarray(PUBLISHED._weights(np.array([40.0])))
    near = 1 / np.sqrt([15.0**2 + 9**2, 10**2 + 19**2, 20**2 + 29**2, 30**2 + 56**2])
    np.testing.assert_allclose(shares, near / near.sum(), rtol=1e-12)
    assert shares[0] == pytest.approx(0.39, abs=0.005)


@pytest.mark.parametrize(
    ("age", "shares"),
    [
        (20.0, [1, 0, 0, 0]),
        (37.0, [1, 0, 0, 0]),
        (40.5, [0.8, 0.2, 0, 0]),  # 3.5 of 17.5 years towards 54.5
        (54.5, [0, 1, 0, 0]),
        (60.5, [0, 0.4, 0.6, 0]),
        (73.75, [0, 0, 0.5, 0.5]),
        (83.0, [0, 0, 0, 1]),
        (99.0, [0, 0, 0, 1]),
    ],
)
def test_own_band_passes_linearly_between_the_centres(age, shares):
    np.testing.assert_allclose(only("own_band")._weights(np.array([age])), shares, atol=1e-12)


def test_own_band_is_continuous_in_age():
    ages = np.linspace(20.0, 100.0, 8001)
    # The steepest stretch is 60-69 to 70 and above: 0.0145 in 18.5 years for the published odds.
    assert np.abs(np.diff(say(only("own_band"), ages))).max() < 2e-5


def test_average_man_of_a_band_has_the_risk_of_its_controls():
    exact = say(only("own_band", "odds_of_controls"), [64.5], **AVERAGE)
    assert exact == pytest.approx(0.02332245, rel=1e-12)
    # In the published form his odds ratio is exp(-0.9522) = 0.386 and his risk 0.0091.
    assert say(only("own_band"), [64.5], output="stroke_odds_ratio", **AVERAGE) == pytest.approx(0.3859, abs=5e-5)
    odds = 0.02332245 / (1 - 0.02332245) * 0.385898
    assert say(only("own_band"), [64.5], **AVERAGE) == pytest.approx(odds / (1 + odds), rel=1e-5)


def test_centred_odds_keep_the_ratios_between_people():
    def ratio(twin, **change):
        changed_odds = say(twin, [64.5], output="stroke_odds_ratio", **change)
        return changed_odds / say(twin, [64.5], output="stroke_odds_ratio")

    for change in ({"male": 0.0}, {"sbp_mmhg": 170.0}, {"cigarettes_per_day": 10.0}, {"diabetes": 1.0}):
        np.testing.assert_allclose(
            ratio(only("own_band", "odds_of_controls"), **change), ratio(only("own_band"), **change), rtol=1e-12
        )


def test_diabetes_below_fifty_takes_the_coefficient_of_the_other_bands():
    # (607 * 1.03568 + 1359 * 1.11859 + 2508 * 0.20998) / 4474 = 2675.46 / 4474 = 0.5980 instead of -0.4240.
    for corrections, coefficient in ((("own_band",), -0.4240), (("own_band", "plausible_signs"), 0.5980)):
        odds = [say(only(*corrections), [37.0], output="stroke_odds_ratio", diabetes=d) for d in (0.0, 1.0)]
        assert np.log(odds[1] / odds[0]) == pytest.approx(coefficient, abs=5e-5)


def test_smoking_at_fifty_takes_the_coefficient_of_the_other_bands():
    # (196 * 0.0033659 + 1359 * 0.0319107 + 2508 * 0.0249857) / 4063 = 106.690 / 4063 = 0.026259, not -0.007314.
    for corrections, coefficient in ((("own_band",), -0.007314), (("own_band", "plausible_signs"), 0.026259)):
        odds = [
            say(only(*corrections), [54.5], output="stroke_odds_ratio", cigarettes_per_day=c) for c in (0.0, 10.0)
        ]
        assert np.log(odds[1] / odds[0]) / 10 == pytest.approx(coefficient, abs=5e-7)


def test_other_coefficients_keep_their_signs():
    odds = [say(only("own_band", "plausible_signs"), [64.5], output="stroke_odds_ratio", diabetes=d) for d in (0, 1)]
    assert np.log(odds[1] / odds[0]) == pytest.approx(1.1185912589726623, rel=1e-9)


@pytest.mark.parametrize("values", WITHOUT_FACTORS)
def test_corrected_risk_never_falls_with_age_and_the_published_does(values):
    ages = np.linspace(20.0, 100.0, 801)
    assert np.diff(say(CORRECTED, ages, **values)).min() >= -1e-15
    assert np.diff(say(PUBLISHED, ages, **values)).min() < 0
    corrected = say(CORRECTED, ages, **values)
    assert corrected[-1] > 4 * corrected[0]


def test_published_coefficients_let_diabetes_in_smokers_lose_more_than_age_brings():
    # Diabetes weighs 1.12 at 60-69 and 0.21 from 70 on: known of the ensemble, and not corrected.
    risk = say(CORRECTED, [64.5, 83.0], diabetes=1.0, cigarettes_per_day=20.0)
    assert risk[1] < risk[0]


@pytest.mark.parametrize("factor", ["cigarettes_per_day", "diabetes", "atrial_fibrillation"])
def test_corrected_risk_rises_with_every_factor_at_every_age(factor):
    ages = np.linspace(25.0, 96.0, 143)
    assert (say(CORRECTED, ages, **{factor: 1.0}) > say(CORRECTED, ages)).all()


@pytest.mark.parametrize("measure", ["sbp_mmhg", "dbp_mmhg", "weight_kg"])
def test_risk_rises_with_pressure_and_weight_at_every_age(measure):
    ages = np.linspace(25.0, 96.0, 143)
    assert (say(CORRECTED, ages, **{measure: MAN[measure] + 5.0}) > say(CORRECTED, ages)).all()


def test_risks_stay_fractions_for_extreme_people():
    extreme = {"sbp_mmhg": 260.0, "dbp_mmhg": 150.0, "bmi_kg_m2": 80.0, "cigarettes_per_day": 80.0, "diabetes": 1.0}
    for twin in (CORRECTED, PUBLISHED):
        risk = say(twin, [20.0, 60.0, 110.0], atrial_fibrillation=1.0, **extreme)
        assert ((risk > 0) & (risk < 1)).all()


def test_a_signal_replaces_what_was_measured_at_the_visit():
    ages = np.array([45.0, 65.0])
    by_signal = say(CORRECTED, ages, signals={"sbp_mmhg": np.array([150.0, 120.0]), "diabetes": np.array([0.0, 1.0])})
    np.testing.assert_allclose(by_signal[0], say(CORRECTED, ages, sbp_mmhg=150.0)[0], rtol=1e-12)
    np.testing.assert_allclose(by_signal[1], say(CORRECTED, ages, sbp_mmhg=120.0, diabetes=1.0)[1], rtol=1e-12)


def test_stopping_to_smoke_acts_from_its_day_on():
    ages, stop = np.array([59.0, 60.0, 61.0]), YEAR * 60.0
    course = say(
        CORRECTED, ages, inputs=[changed(), changed(smoking_factor=0)], switches=(0.0, stop), cigarettes_per_day=20.0
    )
    smoking, free = say(CORRECTED, ages, cigarettes_per_day=20.0), say(CORRECTED, ages)
    np.testing.assert_allclose(course, [smoking[0], free[1], free[2]], rtol=1e-12)


def test_a_pressure_drug_lowers_the_risk_through_the_pressure_twin():
    who = as_floats(MAN | {"age_years": 60.0, "sbp_mmhg": 154.0, "dbp_mmhg": 97.0})
    twins = (BloodPressure.build("corrected"), CORRECTED)
    p = {t.name: as_floats(t.defaults()) for t in twins}
    grid = make_grid((0.0,), (0.0, YEAR, 5 * YEAR))
    drug, none = (
        simulate(System(twins), who, p, [changed(pressure_drugs=n)], (0.0,), grid) for n in (1.0, 0.0)
    )
    assert int(drug.status["stroke_risk"]) == Status.OK
    assert drug.values["stroke_risk_5y"][0] == none.values["stroke_risk_5y"][0]
    assert (drug.values["stroke_risk_5y"][1:] < none.values["stroke_risk_5y"][1:]).all()
    # By hand at 61: the drug takes 9.1/5.5 mmHg of pressure; nothing else differs.
    pressure = {n: np.asarray(drug.values[n])[1] for n in ("sbp_mmhg", "dbp_mmhg")}
    np.testing.assert_allclose(np.asarray(none.values["sbp_mmhg"])[1] - pressure["sbp_mmhg"], 9.1, rtol=1e-9)
    np.testing.assert_allclose(np.asarray(drug.values["stroke_risk_5y"])[1], say(CORRECTED, 61.0, **pressure))


def test_missing_values_are_named_by_status():
    p = {CORRECTED.name: as_floats(CORRECTED.defaults())}
    needs = list(CORRECTED.needs)       # the first person misses the first value, and so on; the last none
    people = {n: np.where(np.arange(len(needs) + 1) == i, np.nan, MAN[n]) for i, n in enumerate(needs)}
    grid = make_grid((0.0,), (0.0, YEAR))
    result = jax.vmap(lambda who: simulate(System((CORRECTED,)), who, p, [changed()], (0.0,), grid))(people)
    missing = [int(Status.MISSING_INPUT)] * len(needs)
    assert np.asarray(result.status["stroke_risk"]).tolist() == [*missing, int(Status.OK)]
    risk = np.asarray(result.values["stroke_risk_5y"])
    assert np.isnan(risk[:-1]).all()
    assert np.isfinite(risk[-1]).all()


def test_ages_without_a_model_are_flagged():
    for age, told in ((20.0, True), (25.0, False), (96.0, False), (97.0, True)):
        k = CORRECTED.constants(as_floats(MAN | {"age_years": age}), as_floats(CORRECTED.defaults()))
        assert [bool(v) for v in CORRECTED.flags(k, {}).values()] == [told]


def test_no_coefficient_has_a_spread_because_none_is_published():
    assert all(q.log_sd == 0 and "no standard error" in q.source for q in StrokeRisk.parameters)


def test_risk_has_a_slope_in_pressure():
    def risk(sbp):
        person = as_floats(MAN) | {"sbp_mmhg": sbp}
        k = CORRECTED.constants(person, as_floats(CORRECTED.defaults()))
        return CORRECTED.solution(np.asarray(0.0), k, (0.0,), [changed()], {})["stroke_risk_5y"]

    slope = float(jax.grad(risk)(140.0))
    assert slope == pytest.approx(float(risk(140.01) - risk(139.99)) / 0.02, rel=1e-6)
