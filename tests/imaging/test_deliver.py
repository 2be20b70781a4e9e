import numpy as np
import pandas as pd
import pytest

from pipeline.cohorts import COHORTS, baseline
from pipeline.fitting.sensors import SENSORS
from pipeline.fitting.visits import collect
from pipeline.imaging import add, deliver, locate, release
from pipeline.runs import RunError
from pipeline.schema import TableError, validate, variables
from pipeline.sections import CsvFile, ImagesCohort
from tests.imaging.conftest import CARD, KEY, VISITS, edit


def test_a_data_set_gives_readings_that_the_twin_of_the_liver_takes(registry):
    delivery = deliver(release(registry, "phantoms", CARD))
    readings = validate(delivery.readings, "delivered_readings", "test")
    people = validate(delivery.people, "delivered_people", "test")
    assert set(readings["variable"]) == {"pdff_percent"} <= set(variables())
    assert sorted(readings["value"]) == pytest.approx(sorted(visit.pdff_percent for visit in VISITS), abs=0.5)
    assert list(readings["flag"]) == ["", "", ""]
    assert sorted(people["sex"]) == ["female", "male"]
    assert sorted(people["age_years"]) == [33.0, 90.0]
    assert people["birth_date"].isna().all()
    assert delivery.findings == ()
    assert delivery.identity["licence"] == "CC0-1.0"

    sensor = next(sensor for sensor in SENSORS if sensor.tells == "pdff_percent")
    assert np.isfinite(sensor.read(collect(readings.assign(time_d=0.0)))).all()


def test_liver_fat_of_images_is_a_reading_of_the_people_of_a_file(tmp_path, registry):
    folder = release(registry, "phantoms", CARD)
    people = deliver(folder).people
    path = tmp_path / "weights.csv"
    rows = [f"{who},{70 + n}" for n, who in enumerate(people["person_id"])]
    path.write_text("\n".join(["who,weight", *rows]), encoding="utf-8")
    beside = CsvFile(path=path, person_id="who", columns={"weight_kg": {"column": "weight"}})
    source = COHORTS["images"](ImagesCohort(source="images", path=folder, csv=beside), variables())
    table = baseline(source.people, source.observations, variables())
    assert table["pdff_percent"].notna().all()
    assert table["weight_kg"].loc[people["person_id"]].tolist() == [70.0, 71.0]


def test_days_between_readings_of_a_person_are_those_of_the_visits(registry):
    readings = deliver(release(registry, "phantoms", CARD)).readings
    person = readings["person_id"].value_counts().idxmax()
    at = readings.loc[readings["person_id"] == person, "at"].sort_values()
    assert (at.iloc[1] - at.iloc[0]) == pd.Timestamp(VISITS[1].day) - pd.Timestamp(VISITS[0].day)


def test_only_purposes_of_the_card_are_served(registry):
    folder = release(registry, "phantoms", CARD)
    with pytest.raises(RunError, match="does not allow product development; it allows research"):
        deliver(folder, purpose="product development")


def test_what_is_not_as_it_was_is_not_delivered(registry):
    draft = locate(registry, "phantoms")
    next(draft.rglob("*.dcm")).unlink()
    with pytest.raises(TableError, match="missing"):
        deliver(draft)


def test_doubt_becomes_a_flag_and_no_reading_a_finding(tmp_path, visit):
    folder, paths = visit
    for path in paths[:-1]:
        edit(path, RescaleType=None)
    draft = add(tmp_path / "registry", "phantoms", folder, CARD, KEY).folder
    delivery = deliver(draft)
    assert list(delivery.readings["flag"]) == ["unit by size"]
    assert [finding.kind for finding in delivery.findings] == ["unit by size"]
    assert delivery.findings[0].place.startswith("series of 6 files from dicom/")
    paths[-1].unlink()
    delivery = deliver(add(tmp_path / "registry", "phantoms", folder, CARD, KEY).folder)
    assert len(delivery.readings) == 0
    assert [finding.kind for finding in delivery.findings] == ["no mask"]
    assert len(delivery.people) == 1
    for path in paths[:-1]:
        edit(path, ImageType=["ORIGINAL", "PRIMARY", "M"], SeriesDescription="T1")
    delivery = deliver(add(tmp_path / "registry", "phantoms", folder, CARD, KEY).folder)
    assert [finding.kind for finding in delivery.findings] == ["no fat fraction"]
