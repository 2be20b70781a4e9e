"""From files to the report: faults put into FHIR that was written from a sound delivery, and what carebundle makes."""

import json

import numpy as np
import pytest

from pipeline import curation, intake, records
from tests.curation.material import DELIVERED, clean
from tests.records.resources import coded
from tests.repository import ROOT


@pytest.fixture(scope="module")
def resources(tmp_path_factory):
    """A sound delivery as FHIR resources, by file."""
    folder = tmp_path_factory.mktemp("fhir")
    sound = clean(count=15, visits=4, seed=7)
    few = sound.readings[sound.readings["variable"].isin(["weight_kg", "sbp_mmhg", "dbp_mmhg", "smoking_status"])]
    records.write_fhir(sound.people, few, folder)
    return {p.name: [json.loads(line) for line in p.read_text().splitlines()] for p in sorted(folder.glob("*.ndjson"))}


def curate(folder, files):
    folder.mkdir()
    for name, those in files.items():
        (folder / name).write_text("".join(json.dumps(one) + "\n" for one in those), encoding="utf-8")
    return curation.curate(intake.read(folder, delivered=DELIVERED)).figures


def is_weight(resource):
    return any(c.get("code") == "29463-7" for c in resource.get("code", {}).get("coding", []))


def unit(resource):
    resource["valueQuantity"] |= {"code": "mm[Hg]", "unit": "mm[Hg]"}


def thousandfold(resource):
    resource["valueQuantity"]["value"] *= 1000


def without_code(resource):
    resource["code"] = {"text": "weight"}


def local_code(resource):
    resource["code"] = coded("urn:oid:1.2.3", "29463-7")


def without_value(resource):
    del resource["valueQuantity"]


def without_subject(resource):
    resource["subject"] = {"reference": "Group/g"}


def without_date(resource):
    resource.pop("effectiveDateTime")


def in_the_future(resource):
    resource["effectiveDateTime"] = "2031-01-01T08:00:00Z"


def without_status(resource):
    resource.pop("status")


FAULTS = {
    "unit does not fit": unit,
    "unit implausible": thousandfold,       # as grams would be
    "code absent": without_code,
    "code system unknown": local_code,
    "value absent": without_value,
    "patient absent": without_subject,
    "date absent": without_date,
    "date in the future": in_the_future,
    "not valid R4": without_status,
}


def test_a_sound_delivery_has_all_points(tmp_path, resources):
    figures = curate(tmp_path / "x", resources)
    assert (figures["score"]["score"], figures["worst"]) == (100, [])


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_the_files_is_on_top_and_costs_more_the_more_there_is(tmp_path, resources, kind):
    rng, scores = np.random.default_rng(1), [100.0]
    for share in (0.3, 0.9):
        files = json.loads(json.dumps(resources))
        for one in files["Observation.ndjson"]:
            if is_weight(one) and rng.random() < share:
                FAULTS[kind](one)
        figures = curate(tmp_path / str(share), files)
        assert figures["worst"][0]["kind"] == kind
        lost = sum(part["lost"] for part in figures["score"]["parts"])
        scores.append(100 - lost)
    assert scores[0] > scores[1] > scores[2]


@pytest.mark.slow
def test_what_carebundle_makes_is_sound(carebundle_folder):
    figures = curation.curate(intake.read(carebundle_folder, delivered="2026-01-02")).figures
    assert figures["score"]["score"] == 100
    assert figures["verdict"]["decision"] == "accept"


def test_embedded_charts_are_without_grave_findings():
    figures = curation.curate(intake.read(ROOT / "data" / "openchart" / "charts")).figures
    assert figures["score"]["score"] >= 99
    assert all(row["grade"] != "lost" for row in figures["findings"])
