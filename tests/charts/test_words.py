"""The tables of words: nothing in them that cannot be used, every concept found by its words, slips and no more."""

import re

import pytest

from pipeline.charts import concepts
from pipeline.charts.diagnosis import find_code
from pipeline.charts.lexicon import spelling
from pipeline.charts.patterns import compile_pattern
from pipeline.charts.spelling import is_one_slip
from pipeline.charts.tables import rows
from pipeline.schema import variables
from tests.charts.material import FOLDER, features, mentions, values

TABLES = ("terms", "cues", "quantities", "habits", "times")


@pytest.mark.parametrize("table", TABLES)
def test_every_pattern_can_be_read(table):
    patterns = [pattern for row in rows(table) for pattern in row["patterns"].split(" ; ")]
    assert all(compile_pattern(pattern) for pattern in patterns)


def test_every_concept_of_the_labelled_charts_has_words_and_its_unit():
    named = {row["concept"] for name in ("terms", "quantities") for row in rows(name)}
    named |= {"sbp", "dbp", "age", "sex", "icd10", "smoking_status", "pack_years", "packs_per_day"}    # from fields
    text = (FOLDER / "concepts.csv").read_text(encoding="utf-8").splitlines()[1:]
    for line in text:
        kind, concept, unit = line.split(",")[:3]
        assert concept in named
        assert concepts()[concept].kind == kind
        assert concepts()[concept].unit == unit or not unit
    assert named - {"pressure", "other"} <= concepts().keys()


@pytest.mark.parametrize("table", ["terms"])
def test_every_plain_word_of_the_lexicon_is_found_as_its_concept(table):
    for row in rows(table):
        for pattern in row["patterns"].split(" ; "):
            if row["reading"] == "none" or row["needs"] or not re.fullmatch(r"[^\W\d_]{5,}(/\w+)?", pattern):
                continue
            field = next((name for name in row["sections"].split() if not name.startswith("!")), "bedomning")
            found = {f.concept for f in features(f"Har {pattern.partition('/')[0]}.", field, listed=False)}
            assert row["concept"] in found, pattern


def test_codes_are_codes():
    """SNOMED CT identifiers end in a Verhoeff check digit."""
    turn = ((1, 5, 7, 6, 2, 8, 3, 0, 9, 4),)
    for _ in range(7):
        turn = (*turn, tuple(turn[-1][turn[0][digit]] for digit in range(10)))

    def product(a, b):      # of the dihedral group of order ten
        if a < 5:
            return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
        return 5 + (a - b) % 5 if b < 5 else (a - b) % 5

    for concept in concepts().values():
        if concept.snomed:
            check = 0
            for place, digit in enumerate(reversed(concept.snomed)):
                check = product(check, turn[(place - 1) % 8][int(digit)] if place % 8 else int(digit))
            assert check == 0, concept.name
        if concept.icd10:
            assert re.fullmatch(r"[A-Z]\d\d(\.\d)?", concept.icd10)


def test_variables_of_the_library_are_spelt_as_there():
    for row in rows("variables"):
        assert row["variable"] in variables()
        assert row["concept"] in concepts()


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Misstänkt pnuemoni.", "pneumonia"), ("Misstänkt penumoni.", "pneumonia"), ("Är anfådd.", "dyspnea"),
        ("Åskknallshuvudärk.", "headache"), ("SUbfebril.", "fever"), ("Diveritkulit.", "diverticulosis"),
        ("Förmaksflimer.", "atrial_fibrillation"), ("andingssvårigheter", "dyspnea"), ("Waranbehandlat", "warfarin"),
        ("DM typ II", "diabetes_type2"), ("T1DM", "diabetes_type1"), ("KOL-exacerbation", "copd"),
        ("Smärta över ffa vänster bröst", "chest_pain"), ("avföringen har varit svart", "melena"),
    ],
)  # fmt: skip
def test_slips_compounds_and_inflections_are_understood(text, concept):
    assert concept in {feature.concept for feature in features(text)}


@pytest.mark.parametrize(
    "word",
    ["regelbundet", "tydligt", "symmetrisk", "sittande", "räkningar", "pneumonit", "simning", "kliniskt", "krystande",
     "hypotermi", "behandlas", "observeras", "kontakter", "parapares", "dysfagin", "glukosuri"],
)  # fmt: skip
def test_another_word_is_no_slip(word):
    assert spelling().forms(word) == (word,)


@pytest.mark.parametrize(
    ("written", "meant", "one"),
    [("ab", "ba", True), ("abc", "ac", True), ("ac", "abc", True), ("abc", "axc", True), ("abc", "abc", False),
     ("abcd", "badc", False), ("hypotoni", "hypertoni", False), ("abc", "bca", False), ("", "a", True)],
)  # fmt: skip
def test_one_slip(written, meant, one):
    assert is_one_slip(written, meant) == one
    assert is_one_slip(meant, written) == one


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Covid-vaccinerad x 3.", "covid19"), ("Inlägges covidavdelning.", "covid19"), ("ST-depression.", "depression"),
        ("Pulmonell hypertension.", "hypertension"), ("Flimmer för ögonen.", "atrial_fibrillation"),
        ("Krampande smärta i magen.", "seizure"), ("Febernedsättande.", "fever"),
        ("Le mot läkaren.", "pulmonary_embolism"),
        ("Smärta vid palpation av bröstkorg.", "chest_pain"), ("Njursvikt.", "heart_failure"),
        ("Ej kunnat äta eller dricka.", "alcohol_use"), ("Vadkramp.", "seizure"), ("Järnbrist.", "iron"),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_concept_is_not_it(text, wrong):
    assert wrong not in {feature.concept for feature in features(text)}


def test_an_infarction_is_of_the_heart_unless_the_sentence_is_about_the_brain():
    assert mentions("Gammal inferior infarkt.", "ekg") == {"myocardial_infarction:present"}
    assert mentions("CT hjärna utan tecken till infarkt.") == {"stroke:negated"}


def test_a_drug_level_in_the_laboratory_is_no_treatment():
    assert mentions("Paracetamol och salicylat ua.", "lab") == set()


@pytest.mark.parametrize(
    ("text", "code"),
    [("K573 Divertikulit", "K57.3"), ("I 48.9 FF", "I48.9"), ("160.9 SAH", "I60.9"), ("R56.8X", "R56.8X"),
     ("O22.4", "O22.4"), ("S4220", "S42.20"), ("I10", "I10"), ("u071", "U07.1"), ("N20,1", "N20.1"), ("Dyspne", None),
     ("B 12-brist", None), ("I48. Ett", "I48")],
)  # fmt: skip
def test_diagnosis_codes(text, code):
    found = find_code(text, 0, len(text))
    assert (found[0] if found else None) == code


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Ja, ett paket/dag sedan 15 åå.", "smoking_status=current packs_per_day=1"),
        ("Ja, ett halvt paket om dagen.", "smoking_status=current packs_per_day=0.5"),
        ("Slutat för 5 år sedan. Totalt 30 paketår.", "smoking_status=former pack_years=30"),
        ("Nej, slutade 1995.", "smoking_status=former"), ("Tidigare rökare", "smoking_status=former"),
        ("nej", "smoking_status=never_or_no"), ("Aldrig varit rökare", "smoking_status=never_or_no"),
        ("Röker e-cigaretter.", "smoking_status=ecig"), ("10 cig/dag", "smoking_status=current"),
        ("Okänt.", ""), ("-", ""), ("Ja 20 pack-years", "smoking_status=current pack_years=20"),
    ],
)  # fmt: skip
def test_smoking(text, wanted):
    assert values(text, "rokning") == set(wanted.split())


def test_smoking_in_prose_is_the_patients():
    assert values("Gift. Röker ett paket om dagen.", "socialt") == {"smoking_status=current", "packs_per_day=1"}
    assert values("Maken röker.", "socialt") == set()
