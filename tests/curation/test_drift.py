"""What is changed between two deliveries is found, and only that."""

import numpy as np
import pandas as pd
import pytest

from pipeline import curation
from pipeline.delivery import Delivery
from pipeline.runs import RunError
from tests.curation.faults import scaled
from tests.curation.material import changed, clean, finding


def others(sound):
    """As many other people of the same kind."""
    return clean(seed=9)


def without_people(sound):
    gone = set(sound.people["person_id"][:30])
    people = sound.people[~sound.people["person_id"].isin(gone)]
    return changed(sound, sound.readings[~sound.readings["person_id"].isin(gone)], people)


def without_variable(sound):
    return changed(sound, sound.readings[sound.readings["variable"] != "alt_u_l"])


def without_readings(sound):
    late = (sound.readings["variable"] == "alt_u_l") & (sound.readings["at"] > "2023-01-01")
    return changed(sound, sound.readings[~late])


def corrected(sound):
    readings = sound.readings.copy()
    rows = np.flatnonzero(readings["variable"] == "creatinine_umol_l")[:200]
    readings.loc[rows, "value"] += 1
    return changed(sound, readings)


def of_sicker_people(sound):
    made = clean(seed=9)
    readings = made.readings.copy()
    raised = readings["variable"] == "creatinine_umol_l"
    readings.loc[raised, "value"] = (readings.loc[raised, "value"] + 15).round()
    people = pd.concat([sound.people, made.people])
    rest = sound.readings[sound.readings["variable"] != "creatinine_umol_l"]
    return changed(sound, pd.concat([rest, readings]), people)


def in_other_unit(sound):
    """The same people, measured on other days, in inches."""
    moved = sound.readings.assign(at=sound.readings["at"] + np.timedelta64(7, "D"))
    no_index = moved[moved["variable"] != "bmi_kg_m2"]
    return scaled("height_cm", 1 / 2.54, 0)(changed(sound, no_index), 1.0)


def measured_of_half(sound):
    half = set(sound.people["person_id"][:45])
    gone = (sound.readings["variable"] == "alt_u_l") & sound.readings["person_id"].isin(half)
    return changed(sound, sound.readings[~gone])


def with_other_codes(sound):
    codes = pd.DataFrame([("urn:x", "new", "New", 50)], columns=["system", "code", "display", "count"])
    return sound._replace(unmapped=codes)


CHANGES = {
    "no person in common": (others, "people"),
    "people lost": (without_people, "people"),
    "variable lost": (without_variable, "alt_u_l"),
    "readings lost": (without_readings, "alt_u_l"),
    "values changed": (corrected, "creatinine_umol_l"),
    "distribution shifted": (of_sicker_people, "creatinine_umol_l"),
    "unit may have changed": (in_other_unit, "height_cm"),
    "measured less often": (measured_of_half, "alt_u_l"),
    "codes changed": (with_other_codes, "codes"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_is_found(sound, kind):
    change, place = CHANGES[kind]
    figures = curation.curate(change(sound), sound._replace(identity={"file": "before"})).figures
    found = {row["kind"]: row for row in figures["findings"] if row["dimension"] == "drift"}
    assert found[kind]["place"] == place
    assert found[kind]["harm"] > 0


def test_a_first_delivery_of_other_people_is_told_by_its_ids(sound):
    figures = curation.curate(others(sound), sound).figures
    assert figures["worst"][0]["kind"] == "no person in common"
    assert figures["verdict"]["decision"] == "wait"
    assert figures["drift"]["people"] == {"before": 90, "after": 90, "common": 0, "lost": 90, "new": 90}


def test_few_people_lost_are_not_counted_out(sound):
    people = sound.people.iloc[3:]
    kept = changed(sound, sound.readings[sound.readings["person_id"].isin(people["person_id"])], people)
    told = curation.curate(kept, sound).figures["drift"]["people"]
    assert told == {"before": 90, "after": 87, "common": "all but fewer than 10", "lost": "fewer than 10", "new": 0}


def test_readings_that_were_refused_are_not_told_again_as_lost(sound):
    rows = np.flatnonzero(sound.readings["variable"] == "alt_u_l")
    told = [finding("unit does not fit", place="loinc 1-8 (alt_u_l)", times=len(rows) // 2)]
    kept = changed(sound, sound.readings.drop(index=rows[: len(rows) // 2]), findings=told)
    kinds = {row["kind"] for row in curation.curate(kept, sound).figures["findings"]}
    assert "unit does not fit" in kinds
    assert "readings lost" not in kinds


def test_the_order_of_rows_is_no_change(sound):
    mixed = changed(sound, sound.readings.sample(frac=1, random_state=1), sound.people.sample(frac=1, random_state=2))
    assert curation.curate(mixed, sound).figures["findings"] == []


def test_an_earlier_intake_is_read_as_it_was_written(tmp_path, sound):
    told = changed(sound, findings=[finding("unit absent", times=4, example="x.ndjson, line 3")])
    curation.write(told, curation.curate(told), lambda name: tmp_path / name)
    again = curation.read_before(tmp_path)
    assert isinstance(again, Delivery)
    assert again.findings == told.findings
    assert curation.curate(told, again).figures["drift"]["findings"] == [
        {"kind": "unit absent", "before": 4, "after": 4}
    ]
    assert all(row["changed"] == 0 for row in curation.curate(told, again).figures["drift"]["variables"])


def test_what_is_no_intake_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds no people"):
        curation.read_before(tmp_path)
    for name in ("people", "readings"):
        pd.DataFrame({"person_id": ["a"]}).to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(RunError, match="lacks age_years, birth_date, sex: it is not of an intake"):
        curation.read_before(tmp_path)
    (tmp_path / "people.parquet").write_text("no parquet", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be read as Parquet"):
        curation.read_before(tmp_path)
