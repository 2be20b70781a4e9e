"""Values with comparator and unit: what is a measurement and what only looks like one."""

import pytest

from pipeline.charts.numbers import in_words
from tests.charts.material import features, values

PROSE = [
    ("C", "BT 190/100. Puls 77.", "sbp=190 dbp=100 heart_rate=77"),
    ("C", "Blodtryck 80/60, p 119. KÅF 4 sek.", "sbp=80 dbp=60 heart_rate=119"),
    ("C", "Blodtryck 85 systoliskt. HF 130/min.", "sbp=85 heart_rate=130"),
    ("C", "190/100, takykard 130.", "sbp=190 dbp=100 heart_rate=130"),
    ("B", "AF 35, pox 96% på 10 liter syrgas.", "resp_rate=35 spo2=96"),
    ("B", "AF. 28. Sat 84% på 10 liter.", "resp_rate=28 spo2=84"),
    ("B", "RR 22, sat 95%", "resp_rate=22 spo2=95"),
    ("D", "RLS 1-2.", "rls=1-2"),
    ("E", "Temp 39,7.", "body_temp=39.7"),
    ("aktuellt", "Temp vid något tillfälle >38 men annars afebril.", "body_temp=>38"),
    ("aktuellt", "Haft 40 graders feber.", "body_temp=40"),
    ("aktuellt", "Utvecklat feber, 39 grader.", "body_temp=39"),
    ("aktuellt", "Temp trettionio grader.", "body_temp=39"),
    ("aktuellt", "NRS 6-7 som värst, nu ca 4-5 efter Alvedon.", "pain_nrs=6-7 pain_nrs=4-5"),
    ("aktuellt", "Sat 77% som nu stigit till 88% på syrgas.", "spo2=77 spo2=88"),
    ("aktuellt", "Högt blodsocker >20 och väger 80kg.", "glucose=>20 weight=80"),
    ("ekg", "Förmaksflimmer frekvens 145.", "heart_rate=145"),
    ("bedomning", "Efter 2 liter Ringer BT 110/70, puls 88.", "sbp=110 dbp=70 heart_rate=88"),
]
LAB = [
    ("Vita 14,4. CRP < 5. Hb 110.", "wbc=14.4 crp=<5 hemoglobin=110"),
    ("TnT 60-90-300.", "troponin=60"),
    ("hsTnT 14 -> 15. NT-proBNP 12 000.", "troponin=14 ntprobnp=12000"),
    ("Krea 120 (62 tidigare). CRP 90 (tidigare 50).", "creatinine=120 creatinine=62 crp=90 crp=50"),
    ("Hb sänkt till 108 jämfört med 127 en månad sedan.", "hemoglobin=108 hemoglobin=127"),
    ("pH 7,32. pCO2 7,8. pO2 7,2. BE -28, laktat 18.", "ph=7.32 pco2=7.8 po2=7.2 base_excess=-28 lactate=18"),
    ("PK 7,2. Trc 150, K 5.7, Na 144.", "inr=7.2 platelets=150 potassium=5.7 sodium=144"),
    ("Hb118 CRP23 LPK9,8", "hemoglobin=118 crp=23 wbc=9.8"),
    ("Venös blodgas ua. TnI normalt. TSH + T4 normalt.", "blood_gas=normal troponin=normal tsh=normal"),
    ("Hb, vita crp ua. Normalt laktat.", "hemoglobin=normal wbc=normal crp=normal lactate=normal"),
    ("CRP och blodstatus utan anmärkning.", "crp=normal"),
    ("Opverkade leverprover.", "liver_tests=normal"),
]
NONE = [
    ("lab", "U-sticka 3+ vita, vita 2+, 3+ glukos, 2+ röda."),
    ("bedomning", "Hb x 6. Transfusionsgräns 90. Nytt PK kl 20."),
    ("bedomning", "Systoliskt blodtrycksmål <160mmHg. Titreras till sat 88%."),
    ("bedomning", "CRP om 2 dagar. Hb-kontroll imorgon. Transfusion vid Hb <70."),
    ("planering", "Åter vid temp >39."),
    ("aktuellt", "Fått 10 mg morfin kl 14. Gått ner 8 kg. Född 1950."),
    ("hjarta", "RR, inga blåsljud."),
]


@pytest.mark.parametrize(("field", "text", "wanted"), PROSE)
def test_vital_signs_in_prose(field, text, wanted):
    assert values(text, field) == set(wanted.split())


@pytest.mark.parametrize(("text", "wanted"), LAB)
def test_laboratory_values(text, wanted):
    assert values(text, "lab") == set(wanted.split())


@pytest.mark.parametrize(("field", "text"), NONE)
def test_strips_targets_plans_and_doses_are_no_measurements(field, text):
    assert values(text, field) == set()


def test_af_is_a_rate_with_a_number_and_an_arrhythmia_without():
    assert {f.concept for f in features("AF 35.", "B")} == {"resp_rate"}
    assert {f.concept for f in features("Känt AF sedan 2010.", "tidigare_sjukdomar")} == {"atrial_fibrillation"}


def test_the_phase_follows_from_the_field_and_from_words():
    phases = {
        (f.concept, f.value): f.phase
        for f in features("CRP 60.\nsbp: 120\nlab: CRP 90 (tidigare 50).\nbedomning: Efter vätska BT 100/80.")
    }
    assert phases == {
        ("crp", 60.0): "before arrival",
        ("sbp", 120.0): "arrival",
        ("crp", 90.0): "arrival",
        ("crp", 50.0): "before arrival",
        ("sbp", 100.0): "after treatment",
        ("dbp", 80.0): "after treatment",
    }


def test_a_written_unit_is_kept_in_ucum():
    units = {(f.value, f.unit) for f in features("Hb 11,2 g/dl. CRP 12 mg/l. TnT 0,05 µg/l.", "lab")}
    assert units == {(11.2, "g/dL"), (12.0, "mg/L"), (0.05, "ug/L")}


def test_structured_fields_give_their_number_whatever_stands_beside_it():
    text = "96% på luft\npuls: ca 120 oreg\ntemp: 38,5\naf: >30"
    found = {f.concept: (f.value, f.comparator) for f in features(text, "sat")}
    assert found == {
        "spo2": (96.0, ""), "heart_rate": (120.0, ""), "body_temp": (38.5, ""), "resp_rate": (30.0, ">"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "number"),
    [("ett", 1), ("trettioåtta", 38), ("hundratjugo", 120), ("tvåhundra", 200), ("halvannan", 1.5), ("hund", None),
     ("nittiofem", 95), ("tjugohundra", None), ("etthundrahundra", None)],
)  # fmt: skip
def test_numbers_in_words(word, number):
    assert in_words(word) == number
