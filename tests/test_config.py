"""A study file: what is right is frozen, and what is wrong is said with file, section, key, given and allowed."""

import re
import time
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.config import ConfigError, Study, read_study, read_toml
from pipeline.sections import SOURCES, CsvCohort, Strict

ROOT = Path(__file__).parents[1]
ALLOWED = ", ".join(f"'{source}'" for source in SOURCES)
STUDIES = sorted((ROOT / "configs").glob("*.toml"))
STUDY = """\
title = "Small"
question = "Who?"
population = "Invented people."
horizon = "at the same visit"
seed = 7
predictors = ["age_years", "sex", "daily_steps"]

[variables.daily_steps]
description = "Steps on a usual day"
unit = "/d"
min = 0
max = 60000

[cohort]
source = "csv"
path = "people.csv"
person_id = "patient"

[cohort.columns]
age_years = { column = "age" }
sex = { column = "sex", codes = { F = "female", M = "male" } }
weight_kg = { column = "weight", unit = "kg" }
daily_steps = { column = "steps" }

[[cohort.include]]
variable = "age_years"
min = 18
reason = "aged 18 or more"

[[cohort.include]]
variable = "sex"
equals = "female"
reason = "women"

[outcome]
name = "dysglycaemia"
label = "HbA1c of 5.7 % or more"
any_of = [{ variable = "hba1c_mmol_mol", min = 39, reason = "HbA1c" }]

[twins]
draws = 4

[models]
folds = 4

[evaluation]
threshold = 0.3

[report]
bands = [0.2, 0.5]
"""


def write(folder: Path, text: str = STUDY) -> Path:
    (folder / "people.csv").write_text("patient,age,sex,weight\n1,40,F,70\n", encoding="utf-8")
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    return path


def fault(folder: Path, old: str, new: str) -> str:
    """What is said of the study in which `old` was replaced by `new`."""
    assert STUDY.count(old) == 1, f"{old!r} stands {STUDY.count(old)} times in the study"
    path = write(folder, STUDY.replace(old, new))
    with pytest.raises(ConfigError) as raised:
        read_study(path)
    message = str(raised.value)
    assert all(line.startswith(f"{path}: ") for line in message.splitlines()), message
    return message


def test_the_study_of_these_tests_is_right(tmp_path):
    study = read_study(write(tmp_path))
    assert isinstance(study.cohort, CsvCohort)
    assert study.cohort.path == (tmp_path / "people.csv").resolve()
    assert study.twins.draws == 4
    assert study.models.repeats == 3, "what is not said keeps its default"
    assert study.known_variables()["daily_steps"].high == 60000


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_shipped_studies_are_right(path):
    study = read_study(path)
    assert set(study.predictors) <= set(study.known_variables())
    assert study.report.model in study.models.names
    assert study.report.feature_set in study.models.feature_sets


def test_the_default_study_of_make_is_shipped():
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("STUDY ?="))
    assert line.split()[-1] in {path.stem for path in STUDIES}


@pytest.mark.parametrize(
    ("old", "new", "said", "known"),
    [
        ("seed = 7", "seed = 7\nsede = 8", "does not know sede", "seed"),
        ("unit = \"/d\"", "units = \"/d\"", "[variables.daily_steps] does not know units", "unit"),
        ("person_id =", "person_idd = 1\nperson_id =", "[cohort] does not know person_idd", "person_id"),
        ("{ column = \"age\" }", "{ colum = 1, column = \"age\" }",
         "[cohort.columns.age_years] does not know colum", "column"),
        ("min = 18", "min = 18\nminn = 18", "[cohort.include.0] does not know minn", "min"),
        ("label =", "labels = 1\nlabel =", "[outcome] does not know labels", "label"),
        ("min = 39", "min = 39, maxx = 40", "[outcome.any_of.0] does not know maxx", "max"),
        ("draws = 4", "draws = 4\ndraw = 5", "[twins] does not know draw", "draws"),
        ("folds = 4", "folds = 4\nfold = 5", "[models] does not know fold", "folds"),
        ("threshold = 0.3", "threshold = 0.3\ntreshold = 1", "[evaluation] does not know treshold", "threshold"),
        ("bands = [0.2", "band = 1\nbands = [0.2", "[report] does not know band", "bands"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_named_with_those_that_are_known(tmp_path, old, new, said, known):
    line = next(line for line in fault(tmp_path, old, new).splitlines() if "does not know" in line)
    assert said in line
    assert known in line.split("; it knows ")[1].split(", ")


def test_an_unknown_section_is_named(tmp_path):
    assert "does not know evaluate; it knows" in fault(tmp_path, "[twins]", "[evaluate]\nx = 1\n[twins]")


def test_keys_of_another_source_are_not_offered(tmp_path):
    text = STUDY.replace('source = "csv"', 'source = "nhanes"')
    with pytest.raises(ConfigError, match=r"\[cohort\] does not know path; it knows include, source\n") as raised:
        read_study(write(tmp_path, text))
    assert len(str(raised.value).splitlines()) == 3, "path, person_id and columns, each on its line"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 7", 'seed = "seven"', ["seed is 'seven'", "integer"]),
        ("seed = 7", "seed = 7.5", ["seed is 7.5", "integer"]),
        ("seed = 7", "seed = -7", ["seed is -7", "greater than or equal to 0"]),
        ('title = "Small"', "title = 5", ["title is 5", "string"]),
        ('["age_years",', "[5,", ["predictors", "5", "string"]),
        ('["age_years", "sex", "daily_steps"]', "[]", ["predictors is []", "at least 1"]),
        ('unit = "/d"', "unit = 4", ["[variables.daily_steps] unit is 4", "string"]),
        ("max = 60000", 'max = "many"', ["[variables.daily_steps] max is 'many'", "number"]),
        ('unit = "/d"', 'kind = "word"', ["[variables.daily_steps] kind is 'word'", "'number' or 'category'"]),
        ('{ column = "age" }', "{ column = 3 }", ["[cohort.columns.age_years] column is 3", "string"]),
        ('{ column = "age" }', '"age"', ["[cohort.columns] age_years is 'age'", "Column"]),
        ("min = 18", 'min = "old"', ["[cohort.include.0] min is 'old'", "number"]),
        ("draws = 4", "draws = 1", ["[twins] draws is 1", "greater than or equal to 2"]),
        ("draws = 4", "draws = 9999", ["[twins] draws is 9999", "less than or equal to 1024"]),
        ("draws = 4", "years = [0]", ["[twins.years] 0 is 0", "greater than 0"]),
        ("draws = 4", 'mode = "new"', ["[twins] mode is 'new'", "'corrected' or 'published'"]),
        ("folds = 4", "folds = 1", ["[models] folds is 1", "greater than or equal to 2"]),
        ("threshold = 0.3", "threshold = 30", ["[evaluation] threshold is 30", "less than 1"]),
        ("threshold = 0.3", "threshold = 0", ["[evaluation] threshold is 0", "greater than 0"]),
        ("threshold = 0.3", "threshold = nan", ["[evaluation] threshold is nan", "than"]),
        ("threshold = 0.3", "threshold = 0.3\nbootstrap = 3",
         ["[evaluation] bootstrap is 3", "greater than or equal to 100"]),
        ("[0.2, 0.5]", "[0.2, 1.5]", ["[report.bands] 1 is 1.5", "less than 1"]),
        ("[0.2, 0.5]", "[]", ["[report] bands is []", "at least 1"]),
        ("[0.2, 0.5]", "[0.5]\nmin_count = 1", ["[report] min_count is 1", "greater than or equal to 5"]),
        ("[0.2, 0.5]", '[0.5]\nmodel = "best"', ["report: model is 'best'", "logistic, boosting"]),
        ('"dysglycaemia"', '"Raised sugar"', ["[outcome] name is 'Raised sugar'", "pattern"]),
        ("[models]", "[[models]]", ["models is [", "dictionary"]),
    ],
)  # fmt: skip
def test_a_wrong_type_or_value_is_told_with_what_is_allowed(tmp_path, old, new, said):
    message = fault(tmp_path, old, new)
    assert any(all(part in line for part in said) for line in message.splitlines()), message


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("seed = 7\n", "seed is missing"),
        ('person_id = "patient"\n', "[cohort] person_id is missing"),
        ('source = "csv"\n', f"[cohort] source is missing; allowed: {ALLOWED}"),
        ("threshold = 0.3\n", "[evaluation] threshold is missing"),
        ("[evaluation]\nthreshold = 0.3\n", "evaluation is missing"),
        ('label = "HbA1c of 5.7 % or more"\n', "[outcome] label is missing"),
        ('reason = "women"\n', "[cohort.include.1] reason is missing"),
    ],
)
def test_what_is_missing_is_named(tmp_path, old, said):
    message = fault(tmp_path, old, "")
    assert any(line.endswith(f": {said}") for line in message.splitlines()), message


def test_an_unknown_source_is_told_with_the_known_ones(tmp_path):
    message = fault(tmp_path, 'source = "csv"', 'source = "excel"')
    assert f"[cohort] source is 'excel'; allowed: {ALLOWED}" in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"daily_steps"]', '"bmi_kg_m"]', ["predictors", "bmi_kg_m;", "bmi_kg_m2"]),
        ("weight_kg =", "wieght_kg =", ["cohort.columns", "wieght_kg", "weight_kg"]),
        ('variable = "age_years"', 'variable = "age_year"', ["cohort.include", "age_year;", "age_years"]),
        ("hba1c_mmol_mol", "hba1c_mmol", ["outcome.any_of", "hba1c_mmol;", "hba1c_mmol_mol"]),
        ('"daily_steps"]', '"daily_step"]', ["predictors", "daily_step;", "daily_steps"]),
        ('"daily_steps"]', '"qqqqqqqq"]', ["predictors", "qqqqqqqq;", "variables.csv"]),
    ],
)
def test_an_unknown_variable_comes_with_a_suggestion(tmp_path, old, new, said):
    message = fault(tmp_path, old, new)
    assert all(part in message for part in said), message


def test_what_defines_the_outcome_may_not_predict_it(tmp_path):
    message = fault(tmp_path, '"daily_steps"]', '"hba1c_mmol_mol"]')
    assert "predictors" in message
    assert "hba1c_mmol_mol defines the outcome" in message


@pytest.mark.parametrize("bands", ["[0.5, 0.2]", "[0.2, 0.2]"])
def test_bands_must_rise(tmp_path, bands):
    message = fault(tmp_path, "[0.2, 0.5]", bands)
    assert "report" in message
    assert "bands must rise" in message


@pytest.mark.parametrize("test", ["", "min = 18\nmeasured = true", 'equals = "a"\nnot_equals = "b"'])
def test_a_rule_has_one_test(tmp_path, test):
    message = fault(tmp_path, "min = 18", test)
    assert "[cohort.include] 0" in message
    assert "exactly one test" in message


def test_a_column_has_one_unit(tmp_path):
    message = fault(tmp_path, 'unit = "kg"', 'unit = "kg", unit_column = "weight_unit"')
    assert "[cohort.columns] weight_kg" in message
    assert "unit or unit_column, not both" in message


@pytest.mark.parametrize("test", ["equals", "not_equals"])
def test_a_level_that_is_impossible_is_told_with_those_that_are(tmp_path, test):
    message = fault(tmp_path, 'equals = "female"', f'{test} = "femal"')
    assert "'femal'" in message
    assert "sex" in message
    assert "one of female, male" in message


@pytest.mark.parametrize("text", ["seed = = 7", "seed = 7\nseed = 8", "[cohort", 'title = "open'])
def test_bad_toml_is_told_with_its_line(tmp_path, text):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=r"not valid TOML: .*(line|end of document)") as raised:
        read_study(path)
    assert str(path) in str(raised.value)


def test_a_file_in_another_encoding_is_told(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes('title = "åäö"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.toml: not valid TOML: 'utf-8'"):
        read_study(path)


def test_a_missing_study_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        read_study(tmp_path / "none.toml")


@pytest.mark.parametrize("given", ["poeple.csv", "."])
def test_a_missing_csv_file_is_told_with_where_it_was_sought(tmp_path, given):
    message = fault(tmp_path, '"people.csv"', f'"{given}"')
    assert f"[cohort] path: no file {(tmp_path / given).resolve()}" in message


def test_every_mistake_is_told_at_once(tmp_path):
    text = STUDY.replace("seed = 7", "seed = -7").replace("folds = 4", "folds = 1").replace("draws = 4", "draw = 4")
    with pytest.raises(ConfigError) as raised:
        read_study(write(tmp_path, text))
    assert len(str(raised.value).splitlines()) == 3


def test_settings_are_frozen(tmp_path):
    study = read_study(write(tmp_path))
    for model, key in ((study, "seed"), (study.models, "folds"), (study.cohort, "path"), (study.report, "bands")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(model, key, 1)


def test_every_section_is_frozen_and_knows_its_keys():
    def below(model: type) -> list[type]:
        return [model, *(each for child in model.__subclasses__() for each in below(child))]

    models = below(Strict)
    assert len(models) > 8
    for model in models:
        assert model.model_config.get("frozen"), model
        assert model.model_config.get("extra") == "forbid", model


def test_another_model_is_read_the_same_way(tmp_path, check):
    class Scenario(Strict):
        """A stand-in."""

        title: str

    path = tmp_path / "one.toml"
    path.write_text('titel = "x"')
    with pytest.raises(ConfigError, match=r"title is missing\n.*does not know titel; it knows title"):
        read_toml(path, Scenario)


@pytest.fixture
def check(command):
    return lambda path, runs: command("check", path, "--runs", runs)


def test_checking_a_bad_study_is_fast_and_writes_nothing(tmp_path, check):
    path = write(tmp_path, STUDY.replace("folds = 4", "folds = 1"))
    before = sorted(tmp_path.rglob("*"))
    started = time.monotonic()
    done = check(path, tmp_path / "runs")
    assert time.monotonic() - started < 10
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip() == f"{path}: [models] folds is 1; it should be greater than or equal to 2"
    assert sorted(tmp_path.rglob("*")) == before


def test_checking_a_good_study_writes_settings_once(tmp_path, check):
    path, runs = write(tmp_path), tmp_path / "runs"
    assert check(path, runs).returncode == 0
    written = {p: p.stat().st_mtime_ns for p in sorted((runs / "small" / "config").iterdir())}
    names = {p.stem for p in written}
    assert names == set(re.findall(r"\$\(OUT\)/config/(\w+)\.json", (ROOT / "Makefile").read_text()))
    assert check(path, runs).returncode == 0
    assert {p: p.stat().st_mtime_ns for p in written} == written
    path.write_text(STUDY.replace("threshold = 0.3", "threshold = 0.4"), encoding="utf-8")
    assert check(path, runs).returncode == 0
    changed = {p.stem for p, mtime in written.items() if p.stat().st_mtime_ns != mtime}
    assert changed == {"evaluate", "experiments", "explain", "package", "report"}


def test_an_outcome_that_no_trial_is_known_for_is_told(tmp_path, check):
    text = STUDY.replace("[outcome]\n", '[outcome]\nevidence = "stroke"\n')
    assert check(write(tmp_path, text), tmp_path / "runs").returncode == 0
    done = check(write(tmp_path, text.replace('"stroke"', '"strokes"')), tmp_path / "runs")
    assert done.returncode == 2
    assert "[outcome] evidence: no strokes; there are cardiovascular_event, death, diabetes, stroke" in done.stderr


def test_a_changed_csv_file_changes_the_settings_of_the_cohort_alone(tmp_path, check):
    path, runs = write(tmp_path), tmp_path / "runs"
    assert check(path, runs).returncode == 0
    before = {p: p.read_text() for p in (runs / "small" / "config").iterdir()}
    (tmp_path / "people.csv").write_text("patient,age,sex,weight\n1,40,F,71\n", encoding="utf-8")
    assert check(path, runs).returncode == 0
    assert {p.stem for p, text in before.items() if p.read_text() != text} == {"cohort"}


@pytest.mark.parametrize(
    ("old", "new", "place", "given"),
    [
        ("folds = 4", "names = []", "[models] names", "[]"),
        ("folds = 4", "feature_sets = []", "[models] feature_sets", "[]"),
        ("draws = 4", "names = []", "[twins] names", "[]"),
        ("draws = 4", "years = []", "[twins] years", "[]"),
    ],
)
def test_a_list_that_would_leave_nothing_to_do_is_told(tmp_path, old, new, place, given):
    assert f"{place} is {given}" in fault(tmp_path, old, new)


@pytest.mark.parametrize(
    ("old", "new", "place", "twice"),
    [
        ('"sex", "daily_steps"]', '"sex", "age_years"]', "predictors", "age_years"),
        ("folds = 4", 'names = ["logistic", "logistic"]', "models", "logistic"),
        ("draws = 4", 'names = ["liver_fat", "liver_fat"]', "twins", "liver_fat"),
    ],
)
def test_what_stands_twice_in_a_list_is_told(tmp_path, old, new, place, twice):
    message = fault(tmp_path, old, new)
    assert place in message
    assert twice in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("folds = 4", 'names = ["boosting"]', ["report", "model", "'logistic'", "boosting"]),
        ("folds = 4", 'feature_sets = ["routine"]', ["report", "feature_set", "'both'", "routine"]),
    ],
)
def test_the_report_cannot_show_what_is_not_trained(tmp_path, old, new, said):
    message = fault(tmp_path, old, new)
    assert all(part in message for part in said), message


def test_a_variable_of_the_library_is_not_declared_anew(tmp_path):
    message = fault(tmp_path, "[variables.daily_steps]", "[variables.bmi_kg_m2]")
    assert "bmi_kg_m2" in next(line for line in message.splitlines() if "variables" in line)


def test_an_impossible_range_of_an_own_variable_is_told(tmp_path):
    message = fault(tmp_path, "max = 60000", "max = -5")
    assert "variables" in message
    assert "daily_steps" in message


def test_an_impossible_range_of_a_rule_is_told(tmp_path):
    message = fault(tmp_path, "min = 18", "min = 18\nmax = 3")
    assert "[cohort.include] 0" in message


def test_an_impossible_level_is_told_with_its_place(tmp_path):
    assert "cohort.include" in fault(tmp_path, 'equals = "female"', 'equals = "femal"')


def test_a_folder_in_the_place_of_a_study_is_told(tmp_path):
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path))):
        read_study(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("draws = 4", 'interventions = ["fasting"]', ["[twins] interventions", "fasting", "low_carbohydrate"]),
        ("draws = 4", 'names = ["lung"]', ["[twins] names", "lung", "liver_fat"]),
        ("folds = 4", 'names = ["oracle", "logistic"]', ["[models] names", "oracle", "boosting"]),
        ("[0.2, 0.5]", '[0.5]\noutputs = ["pulse"]', ["[report] outputs", "pulse", "sbp_mmhg"]),
    ],
)
def test_a_name_that_no_registry_has_is_told_by_the_check(tmp_path, old, new, said, check):
    done = check(write(tmp_path, STUDY.replace(old, new)), tmp_path / "runs")
    assert done.returncode == 2
    assert all(part in done.stderr for part in said), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_a_predictor_without_a_column_is_told():
    text = (Path(__file__).parents[1] / "configs" / "example_csv.toml").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"no column gives waist_cm; map it under \[cohort\.columns\]"):
        Study.model_validate(tomllib.loads(text.replace('waist_cm = { column = "waist_cm" }\n', "")))


def test_a_model_that_makes_its_own_features_is_reported_on_routine_data(tmp_path, check):
    text = STUDY.replace("folds = 4", 'folds = 4\nnames = ["logistic", "hybrid"]')
    text = text.replace("bands = [0.2, 0.5]", 'model = "hybrid"\nbands = [0.2]')
    done = check(write(tmp_path, text), tmp_path / "runs")
    assert done.returncode == 2
    assert "[report] feature_set: hybrid makes its own" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()
