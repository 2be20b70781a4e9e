"""Personalisation of a cohort: who gets what, and whose draws depend on whom."""

import numpy as np
import pandas as pd
import pytest

from pipeline.fitting import QUANTITIES, personalise, read_draws, usual
from pipeline.fitting.people import write_draws
from pipeline.schema import validate
from pipeline.twins import TWINS, YEARS
from tests.fitting.people import readings, someone

STUDIED = ("body_composition", "liver_fat", "blood_pressure")      # twins of which all is covered
DRAWS = 16
RECALL = ("energy_intake_kcal_d", "carbohydrate_intake_g_d", "fat_intake_g_d")


@pytest.fixture(scope="module")
def cohort():
    """Forty people; some lack weight, pressure, a recall of what they ate, or everything."""
    rng = np.random.default_rng(21)
    size = 40
    people = someone(size)
    people["age_years"], people["sex"] = rng.uniform(20, 80, size), rng.choice(["female", "male"], size)
    usual = {
        "height_cm": (170, 9), "weight_kg": (80, 15), "energy_intake_kcal_d": (2100, 300),
        "carbohydrate_intake_g_d": (240, 40), "fat_intake_g_d": (85, 15), "sbp_mmhg": (128, 17), "dbp_mmhg": (76, 9),
        "body_fat_percent": (30, 6),
    }  # fmt: skip
    lacks = {
        "p003": {"weight_kg"}, "p005": {"sbp_mmhg", "dbp_mmhg"}, "p007": {"dbp_mmhg"}, "p009": set(RECALL),
        "p011": set(usual),
    }  # fmt: skip
    seen = []
    for person in people["person_id"]:
        days = rng.integers(1, 3)
        for name, spread in usual.items():
            if name in lacks.get(person, ()) or (name == "body_fat_percent" and rng.random() < 0.5):
                continue
            seen += [(person, name, rng.normal(*spread))] * (days if name in RECALL else 1)
    return people, readings(*seen)


@pytest.fixture(scope="module")
def fitted(cohort):
    return personalise(*cohort, STUDIED, DRAWS, seed=5)


def rows(fitted, person, twin):
    table = fitted.table
    return table[(table["person_id"] == person) & (table["twin"] == twin)]


def test_fits_keep_their_contract(fitted):
    validate(fitted.table, "fits", "fits")
    assert not fitted.table.duplicated(["person_id", "twin", "parameter"]).any()


def test_every_need_of_every_twin_is_drawn(fitted, cohort):
    for twin in (TWINS[name] for name in STUDIED):
        for name in twin.needs:
            assert fitted.people[name].shape == (len(cohort[0]), DRAWS), name
            assert np.isfinite(fitted.people[name]).all(), name
    for name, twin in ((name, TWINS[name]) for name in STUDIED):
        assert set(fitted.parameters[name]) == {q.name for q in twin.parameters}
        assert all(v.shape == (DRAWS,) for v in fitted.parameters[name].values())
    assert fitted.person_id.tolist() == cohort[0]["person_id"].tolist()


@pytest.mark.slow
def test_usual_values_are_those_of_the_fits(fitted, cohort):
    found = usual(*cohort)
    assert list(found.mode.columns) == list(found.sd.columns) == [q.name for q in QUANTITIES]
    once = fitted.table.drop_duplicates(["person_id", "parameter"])
    for name, values in (("mode", found.mode), ("sd", found.sd)):
        fits = once.pivot(index="person_id", columns="parameter", values=name)
        pd.testing.assert_frame_equal(values[fits.columns], fits, check_names=False)
    index = found.mode["weight_kg"] / (found.mode["height_cm"] / 100.0) ** 2
    np.testing.assert_allclose(found.mode["bmi_kg_m2"], index)      # which no twin asks for


def test_few_measurements_give_a_wide_posterior_and_never_a_failure(fitted):
    assert (fitted.table["status"] == "ok").all()
    for person, twin, quantity in (
        ("p003", "body_composition", "weight_kg"), ("p005", "blood_pressure", "sbp_mmhg"),
        ("p009", "body_composition", "carbohydrate_fraction"),
    ):  # fmt: skip
        row = rows(fitted, person, twin).set_index("parameter").loc[quantity]
        assert row["basis"] in ("assumed", "estimated")
        assert row["contraction"] < 0.8      # of weight, body fat tells a part
    assert rows(fitted, "p011", "body_composition")["contraction"].abs().max() < 1e-9
    assert set(rows(fitted, "p011", "blood_pressure")["basis"]) == {"assumed"}


def test_what_no_quantity_covers_is_a_status_and_nan(cohort, monkeypatch):
    monkeypatch.setattr(TWINS["peth"], "needs", {**TWINS["peth"].needs, "vitamin_d_nmol_l": 50.0})
    found = personalise(*cohort, ["body_composition", "peth"], DRAWS, seed=5)
    assert set(found.status()["peth"]) == {"missing vitamin_d_nmol_l"}
    assert set(found.status()["body_composition"]) == {"ok"}
    assert np.isnan(found.people["vitamin_d_nmol_l"]).all()


@pytest.mark.slow
def test_every_twin_over_years_can_be_fitted_to_age_and_sex_alone():
    found = personalise(someone(2), readings(), YEARS, DRAWS, seed=5)
    assert {twin: set(words) for twin, words in found.status().items()} == {twin: {"ok"} for twin in YEARS}
    assert set(found.table["basis"]) == {"assumed"}
    assert not found.table["unlikely"].any()


def test_own_measurements_narrow(fitted):
    measured = fitted.table["basis"] == "measured"
    assert (fitted.table.loc[measured, "contraction"] > 0.1).all()
    assert (fitted.table.loc[fitted.table["basis"] == "assumed", "contraction"].abs() < 0.05).all()


def test_draws_of_a_person_depend_on_that_person_alone(cohort, fitted):
    people, observations = cohort
    shuffled = people.sample(frac=1, random_state=0)
    for chosen in (shuffled, people.iloc[[4]]):
        some = personalise(chosen, observations, STUDIED, DRAWS, seed=5)
        where = people.index.get_indexer(chosen.index)
        for name, values in fitted.people.items():
            np.testing.assert_allclose(some.people[name], values[where], rtol=1e-9, err_msg=name)


def test_same_seed_same_values_other_seed_other_values(cohort, fitted):
    again = personalise(*cohort, STUDIED, DRAWS, seed=5)
    for name, values in fitted.people.items():
        np.testing.assert_array_equal(again.people[name], values)
    other = personalise(*cohort, STUDIED, DRAWS, seed=6)
    assert not np.array_equal(other.people["sbp_mmhg"], fitted.people["sbp_mmhg"])


def test_draws_have_the_mode_and_spread_of_the_table(cohort):
    many = personalise(*cohort, STUDIED, 512, seed=5)
    pressure = many.table[many.table["parameter"] == "sbp_mmhg"]
    np.testing.assert_allclose(many.people["sbp_mmhg"].mean(axis=1), pressure["mode"], rtol=1e-3)
    np.testing.assert_allclose(many.people["sbp_mmhg"].std(axis=1), pressure["sd"], rtol=0.02)


def test_draws_follow_from_the_unknowns(fitted):
    """Of the population that is learned from them; height is the first, 7.6 cm a unit in men and 6.9 in women."""
    assert np.isfinite(fitted.unknowns.mode).all()
    spread = np.where(fitted.people["male"] > 0.5, 7.6, 6.9)
    height = fitted.people["height_cm"] - fitted.people["height_cm"].mean(axis=1, keepdims=True)
    z = fitted.unknowns.z[:, :, 0] - fitted.unknowns.z[:, :, 0].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(height, spread * z, atol=1e-4)


def test_age_and_sex_are_known(fitted, cohort):
    ages = cohort[0]["age_years"].to_numpy()
    np.testing.assert_array_equal(fitted.people["age_years"], np.repeat(ages[:, None], DRAWS, axis=1))
    assert set(np.unique(fitted.people["male"])) == {0.0, 1.0}


def test_liver_parameters_are_whole_calibrated_vectors(fitted):
    vectors = TWINS["liver_fat"].accepted
    drawn = fitted.parameters["liver_fat"]
    for d in range(DRAWS):
        assert {n: drawn[n][d] for n in vectors[0]} in [dict(v) for v in vectors]
    assert len({drawn["k_s"][d] for d in range(DRAWS)}) == min(DRAWS, len(vectors))
    assert len(np.unique(drawn["k_IR"])) == DRAWS


def test_diet_of_a_draw_is_possible(fitted):
    total = fitted.people["carbohydrate_fraction"] + fitted.people["fat_fraction"]
    assert total.max() <= 0.95 + 1e-12


@pytest.mark.parametrize("name", STUDIED)
def test_one_twin_alone_can_be_fitted(cohort, name):
    alone = personalise(*cohort, [name], DRAWS, seed=5)
    assert set(alone.table["twin"]) == {name}
    assert (alone.table["status"] == "ok").all()


def test_draws_are_read_as_they_were_written(tmp_path, fitted):
    write_draws(fitted, tmp_path / "draws.npz")
    fitted.table.to_parquet(tmp_path / "fits.parquet", index=False)
    again = read_draws(tmp_path / "draws.npz", tmp_path / "fits.parquet")
    assert again.person_id.tolist() == fitted.person_id.tolist()
    assert again.settled.tolist() == fitted.settled.tolist()
    pd.testing.assert_frame_equal(again.table, fitted.table, check_dtype=False)
    assert set(again.people) == set(fitted.people)
    assert set(again.parameters) == set(fitted.parameters)
    for name, values in fitted.people.items():
        np.testing.assert_array_equal(again.people[name], values)
    for name, values in fitted.unknowns._asdict().items():
        np.testing.assert_array_equal(getattr(again.unknowns, name), values, err_msg=name)
    np.testing.assert_array_equal(again.parameters["liver_fat"]["k_IR"], fitted.parameters["liver_fat"]["k_IR"])
