"""Personalisation of a cohort: who gets what, and whose draws depend on whom."""

import numpy as np
import pandas as pd
import pytest

from pipeline.fitting import personalise, read_draws
from pipeline.fitting.people import write_draws
from pipeline.schema import validate
from pipeline.twins import TWINS

STUDIED = ("body_composition", "liver_fat", "blood_pressure")      # twins with a fitter for all that they need
DRAWS = 16


@pytest.fixture(scope="module")
def cohort():
    """Forty people; some lack weight, pressure, or a recall of what they ate."""
    rng = np.random.default_rng(21)
    size = 40
    table = pd.DataFrame(
        {
            "age_years": rng.uniform(20, 80, size),
            "sex": rng.choice(["female", "male"], size),
            "height_cm": rng.normal(170, 9, size),
            "weight_kg": rng.normal(80, 15, size),
            "energy_intake_kcal_d": rng.normal(2100, 500, size),
            "carbohydrate_intake_g_d": rng.normal(240, 60, size),
            "fat_intake_g_d": rng.normal(85, 20, size),
            "body_fat_percent": np.where(rng.random(size) < 0.5, rng.uniform(15, 45, size), np.nan),
            "sbp_mmhg": rng.normal(128, 17, size),
            "dbp_mmhg": rng.normal(76, 9, size),
        },
        index=pd.Index([f"p{i:02d}" for i in range(size)], name="person_id"),
    )
    table.loc["p03", "weight_kg"] = np.nan
    table.loc["p05", ["sbp_mmhg", "dbp_mmhg"]] = np.nan
    table.loc["p07", "dbp_mmhg"] = np.nan
    table.loc["p09", ["energy_intake_kcal_d", "carbohydrate_intake_g_d", "fat_intake_g_d"]] = np.nan
    table["bmi_kg_m2"] = table["weight_kg"] / (table["height_cm"] / 100) ** 2
    recall = ["energy_intake_kcal_d", "carbohydrate_intake_g_d", "fat_intake_g_d"]
    counts = pd.DataFrame({name: rng.integers(1, 3, size) for name in recall}, index=table.index)
    return table, counts


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
    for name, twin in ((name, TWINS[name]) for name in STUDIED):
        assert set(fitted.parameters[name]) == {q.name for q in twin.parameters}
        assert all(v.shape == (DRAWS,) for v in fitted.parameters[name].values())
    assert fitted.person_id.tolist() == cohort[0].index.tolist()


def test_status_names_the_missing_value(fitted):
    assert set(rows(fitted, "p03", "body_composition")["status"]) == {"missing weight_kg"}
    assert set(rows(fitted, "p03", "liver_fat")["status"]) == {"missing pdff_percent"}
    assert set(rows(fitted, "p05", "blood_pressure")["status"]) == {"missing sbp_mmhg"}
    assert set(rows(fitted, "p07", "blood_pressure")["status"]) == {"missing dbp_mmhg"}
    for person, twin in (("p03", "blood_pressure"), ("p05", "body_composition"), ("p09", "body_composition")):
        assert set(rows(fitted, person, twin)["status"]) == {"ok"}
    assert set(rows(fitted, "p00", "body_composition")["status"]) == {"ok"}


def test_failed_fits_are_nan_in_the_table_and_in_the_draws(fitted, cohort):
    failed = fitted.table[fitted.table["status"] != "ok"]
    assert failed[["mode", "sd", "prior_sd"]].isna().all(axis=None)
    assert fitted.table[fitted.table["status"] == "ok"][["mode", "sd", "prior_sd"]].notna().all(axis=None)
    at = cohort[0].index.get_loc
    assert np.isnan(fitted.people["weight_kg"][at("p03")]).all()
    assert np.isnan(fitted.people["sbp_mmhg"][at("p05")]).all()
    assert np.isfinite(fitted.people["carbohydrate_fraction"][at("p09")]).all()


def test_own_measurements_never_widen(fitted):
    table = fitted.table[fitted.table["status"] == "ok"]
    measured = table["basis"] == "measured"
    assert (table.loc[measured, "sd"] < table.loc[measured, "prior_sd"]).all()
    np.testing.assert_allclose(table.loc[~measured, "sd"], table.loc[~measured, "prior_sd"])


def test_fewer_measurements_are_wider(fitted, cohort):
    fat = fitted.table[fitted.table["parameter"] == "body_fat_percent"].set_index("person_id")
    fat = fat[fat["status"] == "ok"]
    with_dxa = cohort[0]["body_fat_percent"].notna().reindex(fat.index)
    assert fat.loc[with_dxa, "sd"].max() < fat.loc[~with_dxa, "sd"].min()
    eats = fitted.table[fitted.table["parameter"] == "carbohydrate_fraction"].set_index("person_id")["sd"]
    days = cohort[1]["carbohydrate_intake_g_d"].drop(["p03", "p09"])
    assert eats[days.index[days == 2]].max() < eats[days.index[days == 1]].min() < eats["p09"]


def same_people(some, fitted, chosen, index):
    where = [index.get_loc(person) for person in chosen]
    assert some.person_id.tolist() == list(chosen)
    for name, values in fitted.people.items():
        np.testing.assert_array_equal(some.people[name], values[where], err_msg=name)
    for twin, parameters in fitted.parameters.items():
        for name, values in parameters.items():
            np.testing.assert_array_equal(some.parameters[twin][name], values)


def test_draws_of_a_person_depend_on_that_row_alone(cohort, fitted):
    table, counts = cohort
    shuffled = table.index[np.random.default_rng(0).permutation(len(table))]
    for chosen in (shuffled, table.index[10:17], table.index[[4]]):
        some = personalise(table.loc[chosen], counts.loc[chosen], STUDIED, DRAWS, seed=5)
        same_people(some, fitted, chosen, table.index)


def test_same_seed_same_values_other_seed_other_values(cohort, fitted):
    same_people(personalise(*cohort, STUDIED, DRAWS, seed=5), fitted, cohort[0].index, cohort[0].index)
    other = personalise(*cohort, STUDIED, DRAWS, seed=6)
    assert not np.array_equal(other.people["sbp_mmhg"], fitted.people["sbp_mmhg"], equal_nan=True)


def test_draws_have_the_mode_and_spread_of_the_table(fitted, cohort):
    pressure = fitted.table[(fitted.table["parameter"] == "sbp_mmhg") & (fitted.table["status"] == "ok")]
    draws = pd.DataFrame(fitted.people["sbp_mmhg"], index=cohort[0].index).loc[pressure["person_id"]]
    np.testing.assert_allclose(draws.mean(axis=1), pressure["mode"], rtol=1e-6)
    np.testing.assert_allclose(draws.std(axis=1, ddof=0), pressure["sd"], rtol=1e-6)


def test_what_is_known_is_not_spread(fitted, cohort):
    for name in ("age_years", "height_cm", "weight_kg"):
        np.testing.assert_array_equal(
            fitted.people[name], np.repeat(cohort[0][name].to_numpy()[:, None], DRAWS, axis=1)
        )
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
    assert total.max() <= 1.0


@pytest.mark.parametrize("name", STUDIED)
def test_one_twin_alone_can_be_fitted(cohort, name):
    alone = personalise(*cohort, [name], DRAWS, seed=5)
    assert set(alone.table["twin"]) == {name}
    assert (alone.table[alone.table["person_id"] == "p00"]["status"] == "ok").all()


def test_draws_are_read_as_they_were_written(tmp_path, fitted):
    write_draws(fitted, tmp_path / "draws.npz")
    fitted.table.to_parquet(tmp_path / "fits.parquet", index=False)
    again = read_draws(tmp_path / "draws.npz", tmp_path / "fits.parquet")
    assert again.person_id.tolist() == fitted.person_id.tolist()
    pd.testing.assert_frame_equal(again.table, fitted.table, check_dtype=False)
    assert set(again.people) == set(fitted.people)
    assert set(again.parameters) == set(fitted.parameters)
    for name, values in fitted.people.items():
        np.testing.assert_array_equal(again.people[name], values)
    np.testing.assert_array_equal(
        again.parameters["liver_fat"]["k_IR"], fitted.parameters["liver_fat"]["k_IR"]
    )
