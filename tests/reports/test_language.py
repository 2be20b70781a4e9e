import re
from pathlib import Path
from string import Formatter

import pytest

from pipeline.config import read_study
from pipeline.fitting import QUANTITIES
from pipeline.reports.language import languages, read_language
from pipeline.twins import read_scenarios

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / "configs").glob("*.toml"))
TABLES = ("words", "bands", "names", "units")
OTHERS = [code for code in languages() if code != "en"]


def holes(sentence):
    return sorted(name for _, name, _, _ in Formatter().parse(sentence) if name is not None)


def test_english_comes_first_and_swedish_is_there():
    assert languages()[:1] == ["en"]
    assert "sv" in languages()


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("table", TABLES)
def test_languages_have_the_same_keys_and_placeholders(code, table):
    english, other = getattr(read_language("en"), table), getattr(read_language(code), table)
    assert list(other) == list(english)
    assert {key: holes(text) for key, text in other.items()} == {key: holes(text) for key, text in english.items()}


@pytest.mark.parametrize("code", OTHERS)
def test_no_sentence_is_left_in_english(code):
    english, other = read_language("en").words, read_language(code).words
    same = [text for key, text in other.items() if text == english[key]]
    assert [text for text in same if re.search("[a-z]{3}", re.sub("{.*?}", "", text))] == []


def test_every_sentence_is_used_and_every_used_one_is_there():
    package = ROOT / "pipeline" / "reports"
    files = (package / "patient.html", package / "patient_page.py", package / "language.py")
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    words = set(read_language("en").words)
    assert [key for key in words if not re.search(rf"['\"]{key}['\"]", code) and not key.startswith("basis_")] == []
    assert set(re.findall(r'say\("([a-z0-9_]+)"', code)) <= words


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_what_a_study_of_the_repository_says_has_words(code, path):
    language, study = read_language(code), read_study(path)
    needed = [*study.predictors, *study.report.outputs, *study.twins.names, *(q.name for q in QUANTITIES)]
    assert [name for name in needed if name not in language.names and name not in study.variables] == []
    if code != "en":
        said = [study.title, study.outcome.label, study.horizon, study.population, study.caution]
        scenarios = read_scenarios(path.parent / "scenarios", study.twins.interventions)
        said += [scenario.title for scenario in scenarios.values()]
        assert [text for text in said if text and text not in language.texts] == []


@pytest.mark.parametrize("code", languages())
def test_units_of_predictors_and_quantities_are_written_out(code):
    language = read_language(code)
    units = {q.unit for q in QUANTITIES}
    for path in STUDIES:
        study = read_study(path)
        known = study.known_variables()
        units |= {known[name].unit for name in study.predictors if name not in study.variables}
    assert units <= set(language.units)


def test_numbers_in_swedish_have_a_comma_and_a_true_minus():
    swedish, english = read_language("sv"), read_language("en")
    assert (swedish.number(1234.56, 1), english.number(1234.56, 1)) == ("1\u202f234,6", "1\u202f234.6")
    assert (swedish.signed(-0.42, 1), english.signed(0.42, 1)) == ("−0,4", "+0.4")
    assert swedish.number(float("nan")) == "okänt"
    assert swedish.quantity("carbohydrate_fraction", 0.481, "1") == "48\u00a0%"
    assert [swedish.hundredths(p) for p in (0.0, 0.001, 0.123, 0.999)] == ["0", "färre än 1", "12", "fler än 99"]
    assert swedish.band(0.15, 0.25) == "15 till 25 av 100"
    assert [swedish.listing(items) for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a och b", "a, b och c",
    ]  # fmt: skip


def test_a_text_without_translation_is_marked_as_english_and_escaped():
    swedish = read_language("sv")
    assert swedish.text("No change") == "Ingen förändring"
    assert swedish.text("<b>My own</b>") == '<span lang="en">&lt;b&gt;My own&lt;/b&gt;</span>'
    assert read_language("en").text("a & b") == "a &amp; b"
