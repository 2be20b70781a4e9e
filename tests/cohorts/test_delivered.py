"""Records, charts and vaults as cohorts: time zero, dated events, files beside them, and consent."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import records, vault
from pipeline.cohorts import baseline, build, record_use
from pipeline.cohorts.delivered import load
from pipeline.config import ConfigError, read_study
from pipeline.delivery import Delivery
from pipeline.runs import RunError
from pipeline.schema import TableError, validate, variables
from pipeline.sections import CsvFile, FhirCohort, VaultCohort

CONFIGS = Path(__file__).parents[2] / "configs"
PEOPLE = [          # invented: who, sex, birth
    ("a", "female", "1950-06-01"),
    ("b", "male", "1960-06-01"),
    ("c", "male", "1940-06-01"),
    ("d", None, "1970-06-01"),
    ("e", "female", None),
    ("f", "female", "1980-06-01"),
]
READINGS = [        # who, when, what, value or answer
    ("a", "2010-06-01 08:00", "sbp_mmhg", 140.0),
    ("a", "2010-06-01 15:00", "weight_kg", 70.0),
    ("a", "2012-06-01 08:00", "sbp_mmhg", 150.0),
    ("a", "2015-06-01 08:00", "stroke", "yes"),
    ("a", "2016-06-01 08:00", "weight_kg", 71.0),
    ("b", "2010-06-01 08:00", "sbp_mmhg", 130.0),
    ("b", "2011-01-01 08:00", "weight_kg", 90.0),
    ("b", "2014-06-01 00:00", "died", "yes"),
    ("c", "2009-06-01 08:00", "stroke", "yes"),
    ("c", "2010-06-01 08:00", "sbp_mmhg", 160.0),
    ("c", "2010-06-01 08:00", "under_observation", "yes"),
    ("c", "2013-06-01 08:00", "under_observation", "no"),
    ("d", "2010-06-01 08:00", "sbp_mmhg", 120.0),
    ("e", "2010-06-01 08:00", "sbp_mmhg", 125.0),
]


def people_and_readings():
    people = pd.DataFrame(PEOPLE, columns=["person_id", "sex", "birth_date"]).assign(age_years=np.nan)
    people["birth_date"] = pd.to_datetime(people["birth_date"]).astype("datetime64[s]")
    said = [(v, None) if isinstance(v, float) else (np.nan, v) for *_, v in READINGS]
    rows = [(who, at, "", what, *given, "", "x") for (who, at, what, _), given in zip(READINGS, said, strict=True)]
    readings = pd.DataFrame(rows, columns=["person_id", "at", "phase", "variable", "value", "text", "flag", "source"])
    readings["at"] = pd.to_datetime(readings["at"]).astype("datetime64[s]")
    texts = dict.fromkeys(("person_id", "phase", "variable", "text", "flag", "source"), "str")
    return people.astype({"person_id": "str", "sex": "str"}), readings.astype(texts)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("records") / "records.ndjson"
    records.write_fhir(*people_and_readings(), path)
    return path


def cohort_of(bundle, **settings):
    return load(FhirCohort(source="fhir", path=bundle, **settings), variables())


def days(source, who):
    mine = source.observations[source.observations["person_id"] == who]
    return list(zip(mine["variable"], mine["time_d"], strict=True))


def test_the_same_clinic_by_file_fhir_and_omop_is_the_same_cohort():
    known = read_study(CONFIGS / "example_csv.toml").known_variables()
    built = {name: build(read_study(CONFIGS / f"example_{name}.toml")) for name in ("csv", "fhir", "omop")}
    table = {name: baseline(c.people, c.observations, known) for name, c in built.items()}
    for name in ("fhir", "omop"):
        pd.testing.assert_frame_equal(table[name].loc[table["csv"].index], table["csv"], rtol=1e-3)      # age by date
        pd.testing.assert_series_equal(built[name].outcomes["event"], built["csv"].outcomes["event"])
        exact = table["csv"].columns.drop("age_years")
        pd.testing.assert_frame_equal(table[name][exact], table["csv"][exact], rtol=1e-12)


def test_charts_have_their_table_beside_them_and_what_they_lack_stays_missing():
    study = read_study(CONFIGS / "example_charts.toml")
    cohort = build(study)
    table = baseline(cohort.people, cohort.observations, study.known_variables())
    ward = pd.read_csv(CONFIGS.parent / "data" / "example" / "ward.csv", dtype={"chart": str}).set_index("chart")
    pd.testing.assert_series_equal(table["weight_kg"], ward["weight_kg"].loc[table.index], check_names=False)
    dataset = pd.read_csv(CONFIGS.parent / "data" / "openchart" / "dataset.csv", sep=";", dtype=str).set_index("id")
    written = dataset["sbp"].dropna().astype(float)
    assert len(written) > 35
    pd.testing.assert_series_equal(table["sbp_mmhg"].loc[written.index], written, check_names=False, atol=1e-9)
    assert table["bmi_kg_m2"].isna().sum() == (ward["weight_kg"].isna() | ward["height_cm"].isna()).sum()
    assert set(table["hypertension"]) == {"no", "yes"}
    assert "waist_cm" not in table
    assert "cholesterol_mmol_l" not in table


@pytest.mark.parametrize(
    ("settings", "zero"),
    [
        ({"time_zero": "first"}, "2010-06-01"),
        ({"time_zero": "last"}, "2016-06-01"),
        ({"time_zero": "last", "visit_with": ["sbp_mmhg"]}, "2012-06-01"),
        ({"time_zero": date(2013, 1, 1)}, "2013-01-01"),
    ],
)
def test_days_count_from_the_visit_that_is_named(bundle, settings, zero):
    source = cohort_of(bundle, **settings)
    told = days(source, "a")
    assert ("sbp_mmhg", (pd.Timestamp("2012-06-01") - pd.Timestamp(zero)).days) in told
    assert ("weight_kg", (pd.Timestamp("2010-06-01") - pd.Timestamp(zero)).days) in told
    age = source.people.set_index("person_id")["age_years"]["a"]
    assert age == pytest.approx((pd.Timestamp(zero) - pd.Timestamp("1950-06-01")).days / 365.25, abs=1e-9)


def test_who_lacks_a_sex_an_age_or_a_visit_is_counted_and_left_out(bundle):
    source = cohort_of(bundle)
    assert sorted(source.people["person_id"]) == ["a", "b", "c"]
    assert source.left_out == {"day of a visit known": 1, "sex known": 1, "age known": 1}
    with pytest.raises(TableError, match=r"nobody can be taken: of 6 people 6 without day of a visit"):
        cohort_of(bundle, visit_with=["hba1c_mmol_mol"])


def test_answers_that_become_yes_are_events_followed_to_death_or_the_last_sign(bundle):
    source = cohort_of(bundle, time_zero="first", visit_with=["sbp_mmhg"])
    events = source.events.set_index(["person_id", "event"])[["time_d", "happened"]]
    since = lambda day: (pd.Timestamp(day) - pd.Timestamp("2010-06-01")).days  # noqa: E731
    assert tuple(events.loc[("a", "stroke")]) == (since("2015-06-01"), 1)
    assert tuple(events.loc[("a", "death")]) == (since("2016-06-01"), 0), "followed to the last reading"
    assert tuple(events.loc[("b", "stroke")]) == (since("2014-06-01"), 0), "followed to death"
    assert tuple(events.loc[("b", "death")]) == (since("2014-06-01"), 1)
    assert tuple(events.loc[("c", "stroke")]) == (since("2009-06-01"), 1), "before time zero"
    assert tuple(events.loc[("c", "death")]) == (since("2013-06-01"), 0), "followed to the end of the period"
    assert {"died", "under_observation"}.isdisjoint(source.observations["variable"])


def test_silence_is_no_only_where_the_study_says_so(bundle):
    known = variables()
    for absent_is_no, said in (((), None), (("stroke",), "no")):
        source = cohort_of(bundle, time_zero="first", visit_with=["sbp_mmhg"], absent_is_no=absent_is_no)
        validate(source.observations, "observations", "observations")
        stroke = baseline(source.people, source.observations, known)["stroke"]
        assert stroke["c"] == "yes"
        for who in ("a", "b"):       # a had the stroke later
            assert (stroke[who] if pd.notna(stroke[who]) else None) == said


def test_a_file_beside_tells_more_of_those_who_are_in_both(bundle, tmp_path):
    path = tmp_path / "more.csv"
    rows = ("who,height,sex,set", "a,165,female,1", "b,180,male,1", "d,190,male,2", "stranger,170,male,2")
    path.write_text("\n".join(rows), encoding="utf-8")
    columns = {"height_cm": {"column": "height"}, "sex": {"column": "sex"}}
    source = cohort_of(bundle, csv=CsvFile(path=path, person_id="who", group_id="set", columns=columns))
    assert sorted(source.people["person_id"]) == ["a", "b", "c", "d"], "the file tells d's sex"
    heights = baseline(source.people, source.observations, variables())["height_cm"]
    assert heights.dropna().to_dict() == {"a": 165.0, "b": 180.0, "d": 190.0}
    assert dict(zip(source.people["person_id"], source.people["group_id"], strict=True))["b"] == "1"
    assert [d.found for d in source.defects if d.what == "row of nobody in the records"] == [1]


def test_what_was_found_wrong_in_the_records_stands_in_the_quality_report(bundle, tmp_path):
    spoiled = tmp_path / "spoiled.ndjson"
    spoiled.write_text(bundle.read_text(encoding="utf-8").replace('"mm[Hg]"', '"kg"', 2), encoding="utf-8")
    defects = {d.what.split(":")[0]: d for d in cohort_of(spoiled).defects}
    assert defects["unit does not fit"].found >= 1
    assert defects["unit does not fit"].done == "not taken over"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('path = "../data/example/clinic.ndjson"', 'path = "nothing.ndjson"', r"\[cohort\] path: no file or folder"),
        ('time_zero = "last"', 'time_zero = "middle"', "time_zero"),
        ('# visit_with = ["hba1c_mmol_mol"]', 'visit_with = ["hba1c"]', "visit_with: no variable hba1c; did you mean"),
        ('# absent_is_no = ["stroke"]', 'absent_is_no = ["weight_kg"]', "absent_is_no: weight_kg cannot be no"),
        ('person_id = "patient"', 'person = "patient"', "does not know person"),
    ],
)
def test_a_mistake_in_the_study_is_named(tmp_path, old, new, said):
    text = (CONFIGS / "example_fhir.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    text = text.replace(old, new).replace("../data", str(CONFIGS.parent / "data"))
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_study(tmp_path / "study.toml")


@pytest.fixture
def kept(tmp_path):
    """A vault with the people, of whom a, b and c allow research on everything; and its settings."""
    folder, key = tmp_path / "vault", tmp_path / "keys" / "vault.key"
    empty = pd.DataFrame({"system": [], "code": [], "display": [], "count": []})
    with vault.make_vault(folder, key, by="tests") as held:
        held.load(Delivery(*people_and_readings(), empty, (), {"file": "invented"}))
        rule = vault.Rule(("research",), (vault.ALL,), True, date(2020, 1, 1), None)
        held.consents({who: [rule] for who in "abc"})
    return VaultCohort(source="vault", path=folder, key=key, time_zero="first", visit_with=("sbp_mmhg",))


def test_a_vault_gives_whom_allows_it_under_codes_and_keeps_who_was_used(kept):
    source = load(kept, variables())
    assert len(source.people) == 3
    assert not {"a", "b", "c"} & set(source.people["person_id"])
    first = record_use(kept, "study", source.people["person_id"], source.consent)
    assert record_use(kept, "study", source.people["person_id"], load(kept, variables()).consent) == first
    with vault.open_vault(kept.path, kept.key, by="tests") as held:
        assert [use.run.run for use in held.uses("a")] == [first]
        assert [found.run.run for found in held.withdraw("a")] == [first]
    without = load(kept, variables())
    assert len(without.people) == 2
    second = record_use(kept, "study", without.people["person_id"], without.consent)
    with vault.open_vault(kept.path, kept.key, by="tests") as held:
        assert [(run.run, run.people, run.replaces) for run in held.runs()] == [(first, 3, None), (second, 2, first)]
        assert held.affected() == [], "the run that used a was replaced"


def test_a_vault_without_consent_for_the_purpose_gives_nobody(kept):
    with pytest.raises(TableError, match="nobody can be taken: of 0 people"):
        load(kept.model_copy(update={"purpose": "education"}), variables())
    with pytest.raises(RunError, match="amusement"):
        load(kept.model_copy(update={"purpose": "amusement"}), variables())
