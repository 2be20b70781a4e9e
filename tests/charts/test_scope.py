"""Whether something is there, denied, possible or feared, whose it is and since when: mini-charts of each rule."""

import pytest

from tests.charts.material import features, mentions

RULES = {
    "a denial goes on over a list": [
        ("Ingen feber, hosta eller andnöd.", "fever:negated cough:negated dyspnea:negated"),
        ("Inga tecken till stroke, TIA och kramper.", "stroke:negated tia:negated seizure:negated"),
        ("Förnekar bröstsmärta, tryck över bröstet och hjärtklappning.", "chest_pain:negated palpitations:negated"),
        ("Har varken feber eller hosta.", "fever:negated cough:negated"),
        ("Ej feber, hosta eller andnöd.", "fever:negated cough:negated dyspnea:negated"),
    ],
    "a contrast ends it": [
        ("Ingen feber, men haft frossa.", "fever:negated chills:present"),
        ("Illamående, men ej kräkt.", "nausea:present vomiting:negated"),
        ("Inga kräkningar idag, däremot illamående.", "vomiting:negated nausea:present"),
        ("Tidigare frisk förutom migrän.", "migraine:present"),
        ("Inte feberfri trots Alvedon.", "fever:negated paracetamol:present"),
    ],
    "a new statement after a comma ends it": [
        ("Ej kräkts, ont i magen sedan igår.", "vomiting:negated abdominal_pain:present"),
        ("Ingen hosta, har haft feber.", "cough:negated fever:present"),
        ("Ingen feber, diarré sedan igår.", "fever:negated diarrhea:present"),
        ("Ingen hosta, viss trötthet.", "cough:negated fatigue:present"),
        ("Ingen feber, misstänkt pneumoni.", "fever:negated pneumonia:possible"),
    ],
    "a denial may follow": [
        ("Feber och frossa förnekas.", "fever:negated chills:negated"),
        ("Feber nej, hosta ja.", "fever:negated cough:present"),
        ("Hostar inte.", "cough:negated"),
        ("DVT är uteslutet med ultraljud.", "dvt:negated"),
        ("Covid-test negativt.", "covid19:negated"),
    ],
    "what sounds like a denial and is none": [
        ("SAH kan inte uteslutas.", "stroke:possible"),
        ("Går ej att utesluta LE.", "pulmonary_embolism:possible"),
        ("Alvedon utan effekt.", "paracetamol:present"),
        ("Ej kunnat äta. Feber.", "fever:present"),
    ],
    "words that deny by themselves": [
        ("Patienten är afebril.", "fever:negated"),
        ("Feberfri sedan igår.", "fever:negated"),
    ],
    "a denial inside the words": [
        ("Dricker inte alkohol.", "alcohol_use:negated"),
        ("Får ingen luft.", "dyspnea:present"),
    ],
    "possible": [
        ("Sepsis, troligen på basis av pneumoni.", "sepsis:present pneumonia:possible"),
        ("Misstänkt pneumoni eller lungemboli. Hypertoni.",
         "pneumonia:possible pulmonary_embolism:possible hypertension:present"),
        ("Uretärsten? Pneumoni.", "kidney_stone:possible pneumonia:present"),
        ("Hypertoni, DVT?", "hypertension:present dvt:possible"),
        ("Oklart om avsvimmad.", "syncope:possible"),
        ("Oklar huvudvärk.", "headache:present"),
        ("Remiss för ultraljud med frågeställning DVT.", "dvt:possible"),
        ("Nydebuterad sannolikt DM2.", "diabetes_type2:possible"),
        ("Anemi sannolikt pga melena.", "anemia:present melena:possible"),
        ("Låg sannolikhet för DVT.", "dvt:negated"),
        ("Stroke utesluten, ter sig inte som TIA.", "stroke:negated tia:negated"),
    ],
    "only if": [
        ("Åter vid feber, andnöd eller hosta.", "fever:hypothetical dyspnea:hypothetical cough:hypothetical"),
        ("Om feber kontaktas vårdcentral.", "fever:hypothetical"),
        ("Vid ny bröstsmärta ring 112.", "chest_pain:hypothetical"),
        ("Vid ansträngning får han bröstsmärta.", "chest_pain:present"),
        ("Risk för sepsis.", "sepsis:hypothetical"),
    ],
    "another person": [
        ("Bor med dement make.", "dementia:present:other"),
        ("Maken har haft feber. Hostar sedan igår.", "fever:present:other cough:present"),
        ("Barnen hemma har haft kräkningar.", "vomiting:present:family"),
        ("Hustrun fann honom medvetslös.", "syncope:present"),
        ("Enligt dottern har hon varit andfådd.", "dyspnea:present"),
        ("Sonen ringde 112 då patienten fick bröstsmärta.", "chest_pain:present"),
        ("Inga sjuka, ingen covid i omgivningen.", "covid19:negated:other"),
    ],
}  # fmt: skip
CASES = [(rule, *case) for rule, cases in RULES.items() for case in cases]


@pytest.mark.parametrize(("rule", "text", "wanted"), CASES, ids=[f"{rule}: {text}" for rule, text, _ in CASES])
def test_scope(rule, text, wanted):
    assert mentions(text) == set(wanted.split())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Waran pausas tills vidare, Fragmin insätts.", "warfarin:negated lmwh:present"),
        ("Utsätter Metformin och sätter in insulin.", "metformin:negated insulin:present"),
        ("Waranbehandlad. Waran kryssas.", "warfarin:present warfarin:negated"),
        ("Avstår Brilique tills vidare.", "ticagrelor:negated"),
        ("Alvedon vid behov, ej NSAID.", "paracetamol:present nsaid:negated"),
        ("Allergisk mot ASA.", "aspirin:negated"),
        ("Har inte tagit sin Waran.", "warfarin:negated"),
        ("Överväg insulin.", "insulin:possible"),
    ],
)
def test_a_drug_is_taken_stopped_or_thought_of(text, wanted):
    assert mentions(text, "bedomning") == set(wanted.split())


def test_heredity_is_of_the_family():
    assert mentions("Far avled i hjärtinfarkt. Ingen migrän i släkten.", "hereditet") == {
        "myocardial_infarction:present:family", "migraine:negated:family",
    }  # fmt: skip


def test_services_in_the_social_history_are_no_diseases():
    assert mentions("Ensamboende, ingen SAH. Dement make.", "socialt") == {"dementia:present:other"}


@pytest.mark.parametrize(
    ("field", "text", "wanted"),
    [
        ("tidigare_sjukdomar", "Hypertoni.", "history"),
        ("bedomning", "Pneumoni.", "current"),
        ("aktuellt", "Tidigare haft urosepsis.", "history"),
        ("aktuellt", "Hade hjärtinfarkt för 3 år sedan.", "history"),
        ("aktuellt", "Feber sedan igår.", "current"),
    ],
)
def test_what_was_before_is_history(field, text, wanted):
    assert {feature.temporality for feature in features(text, field)} == {wanted}


def test_the_first_mention_of_a_field_counts_and_each_field_for_itself():
    assert mentions("Ingen feber. Senare feber.") == {"fever:negated"}
    assert [f.assertion for f in features("Ingen feber.\nallmantillstand: Febril.")] == ["negated", "present"]


def test_what_a_diagnosis_is_called_is_a_mention_only_without_a_code_or_of_a_symptom():
    assert mentions("N20.1 Uretärsten", "huvuddiagnos_001") == set()
    assert mentions("Uretärsten", "huvuddiagnos_001") == {"kidney_stone:present"}
    assert mentions("R060 Dyspne", "huvuddiagnos_001") == {"dyspnea:present"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Feber sedan två dagar.", "sedan två dagar"),
        ("Bröstsmärta igår kväll ca kl 22.", "igår kväll ca kl 22"),
        ("Hjärtinfarkt för 10 år sedan.", "för 10 år sedan"),
        ("Hosta senaste veckan.", "senaste veckan"),
        ("Hosta.", ""),
    ],
)
def test_when_it_began_is_told_as_the_sentence_says_it(text, wanted):
    (feature,) = features(text)
    assert feature.when == wanted
