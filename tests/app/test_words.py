"""Both languages say the same things, and everything that the page may show has a name."""

import re
import string

import pytest

from pipeline.app import GROUPS, SLIDERS, read_words
from pipeline.config import read_study
from pipeline.fitting import asked_for
from pipeline.reports import languages
from tests.repository import ROOT

STUDIES = sorted((ROOT / "configs").glob("*.toml"))
PAGE = ROOT / "pipeline" / "app" / "page"


def holes(sentence: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_language_has_the_same_keys_and_placeholders():
    english, *others = (read_words(code) for code in languages())
    for other in others:
        for table in ("words", "groups", "sliders", "levels", "names", "units"):
            assert getattr(other, table).keys() == getattr(english, table).keys(), table
        for key, sentence in english.words.items():
            assert holes(other.words[key]) == holes(sentence), key


def test_every_word_is_used_and_every_word_used_is_there():
    source = "".join((PAGE / name).read_text(encoding="utf-8") for name in ("app.js", "index.html"))
    words = read_words("en").words
    assert set(re.findall(r'(?:say\(|data-say=)"(\w+)"', source)) <= words.keys()
    assert [key for key in words if not re.search(rf'"{key}"', source) and not key.startswith("basis_")] == []


@pytest.mark.parametrize("code", languages())
def test_whatever_a_study_asks_for_has_a_name(code):
    words = read_words(code)
    for path in STUDIES:
        study = read_study(path)
        known = study.known_variables()
        names = dict.fromkeys(("age_years", "sex", *study.predictors, *asked_for(), *study.report.outputs))
        assert [name for name in names if name not in words.names] == [], path.name
        variables = [known[name] for name in names if name in known]
        assert {v.unit for v in variables} <= words.units.keys(), path.name
        assert {level for v in variables for level in v.levels} <= words.levels.keys(), path.name
    assert words.groups.keys() == {*GROUPS, "other"}
    assert words.sliders.keys() == SLIDERS.keys()
