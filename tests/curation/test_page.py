"""The page and its figures: what they say, what they keep to themselves, and that any delivery gives them."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from pipeline import curation
from tests.curation.conftest import TEXT
from tests.curation.material import changed, clean, finding


def words(html):
    body = re.sub(r"<(style|svg)\b.*?</\1>", " ", html.replace("\u202f", ""), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_page_and_file_say_the_same(figures):
    told = json.loads(curation.to_json(figures))
    assert told == json.loads(json.dumps(figures))
    text = words(curation.to_html(figures))
    assert f"{told['score']['score']} of 100" in text
    for row in told["worst"]:
        assert row["kind"].capitalize() in text
        assert row["ask"].replace("'", "&#39;") in text
    assert len(told["worst"]) == 10
    harms = [row["harm"] for row in told["worst"] if row["harm"] is not None]
    assert harms == sorted(harms, reverse=True)


def test_the_page_needs_nothing_else(figures):
    html = curation.to_html(figures)
    assert not re.search(r"(src|href)=\"(?!#)", html)
    assert "@import" not in html
    assert "url(" not in html


def test_text_of_the_source_is_shown_as_text(figures):
    html = curation.to_html(figures)
    assert "<b onload" not in html
    assert html.count("&lt;b onload") >= 2
    assert TEXT in figures["conformance"]["codes"][0]["display"]


def test_nobody_can_be_found_on_the_page(faulty, figures):
    for text in (curation.to_html(figures), curation.to_json(figures)):
        assert "secret-" not in text
        assert "Kanarina" not in text
        assert "seldom" not in text


def test_names_of_files_about_one_person_are_left_out():
    delivery = clean(count=12, visits=2)
    readings = delivery.readings.assign(source=delivery.readings["person_id"] + " Anna.json, entry 3")
    name = delivery.people["person_id"][0] + " Anna.json"
    told = [
        finding("file not read", "refused", name, 1, "is cut off", f"{name}, line 2"),
        finding("unit absent", "refused", "loinc 1-8 (weight_kg)", 9, f"has no unit in {name}", f"{name}, entry 9"),
        finding("not valid R4", "refused", "Observation.status", 2, "is missing", "Erik.json, entry 1"),
    ]
    quality = curation.curate(changed(delivery, readings, findings=told))
    text = curation.to_html(quality.figures) + curation.to_json(quality.figures)
    assert "Anna" not in text
    assert "Erik" not in text
    assert "a file of one person, entry 9" in text
    exact = quality.questions.set_index("kind")
    assert exact.loc["unit absent", "example"] == f"{name}, entry 9"
    assert exact.loc["file not read", "place"] == name


def test_files_of_many_people_are_named():
    delivery = clean(count=12, visits=2)
    told = [finding("code absent", "refused", "MedicationRequest.code", 4, "has no code", "Requests.ndjson, line 7")]
    figures = curation.curate(changed(delivery, findings=told)).figures
    assert figures["worst"][0]["example"] == "Requests.ndjson, line 7"


def test_small_counts_of_people_are_not_shown_and_cannot_be_had_by_subtraction():
    delivery = clean(count=60, visits=2)
    people = delivery.people.copy()
    people.loc[:2, "sex"] = None
    rare = delivery.readings["variable"].eq("alt_u_l") & ~delivery.readings["person_id"].isin(people["person_id"][:4])
    figures = curation.curate(changed(delivery, delivery.readings[~rare], people)).figures
    known = {row["label"]: row for row in figures["completeness"]["people"]}
    assert known["sex known"]["people"] == "all but fewer than 10"
    assert known["sex known"]["percent"] == "above 83"
    variables = {row["variable"]: row for row in figures["completeness"]["variables"]}
    assert variables["alt_u_l"]["people"] == "fewer than 10"
    assert variables["alt_u_l"]["readings"] == "fewer than 10"
    found = next(row for row in figures["findings"] if row["kind"] == "sex not known")
    assert (found["times"], found["percent"], found["harm"]) == ("fewer than 10", None, None)
    part = next(part for part in figures["score"]["parts"] if part["part"] == "People")
    assert part["at_most"]
    assert part["lost"] == pytest.approx(10 * 20 / 60, abs=0.01)      # what ten people with nothing known would lose
    assert "fewer than 10" in words(curation.to_html(figures))


def test_findings_about_records_keep_their_count(figures):
    found = next(row for row in figures["findings"] if row["kind"] == "not valid R4")
    assert found["times"] == 7


@pytest.mark.parametrize(
    ("people", "median", "middle"), [(15, False, None), (30, True, None), (60, True, 50), (210, True, 90)]
)
def test_levels_are_shown_as_far_as_ten_people_lie_beyond(people, median, middle):
    rows = curation.curate(clean(count=people, visits=1)).figures["plausibility"]
    row = next(row for row in rows if row["variable"] == "sbp_mmhg")
    assert (row["median"] is not None, row["middle_percent"]) == (median, middle)


def test_nothing_of_a_variable_is_shown_that_one_person_gives_most_of():
    delivery = clean(count=30, visits=1)
    one = delivery.people["person_id"][0]
    more = clean(count=1, visits=60).readings.assign(person_id=one)
    figures = curation.curate(changed(delivery, pd.concat([delivery.readings, more]))).figures
    assert all(row["median"] is None for row in figures["plausibility"])


def odd(name):
    delivery = clean(count=12, visits=3)
    readings, people = delivery.readings, delivery.people
    none = changed(delivery, readings.iloc[:0])
    if name == "nobody":
        return changed(none, people=people.iloc[:0])
    if name == "no readings":
        return none
    if name == "one person":
        return changed(delivery, readings[readings["person_id"] == people["person_id"][0]], people.iloc[:1])
    if name == "all missing":
        empty = readings.assign(value=np.nan, text=pd.Series(None, index=readings.index, dtype="str"))
        return changed(delivery, empty, people.assign(sex=pd.Series(None, index=people.index, dtype="str")))
    if name == "no dates":
        return changed(delivery, readings.assign(at=np.datetime64("NaT", "s"), phase="arrival"))
    if name == "infinite":
        return changed(delivery, readings.assign(value=np.inf))
    if name == "huge":
        return changed(delivery, readings.assign(value=-1e300))
    assert name == "first days"
    return changed(delivery, readings.assign(at=np.datetime64("0001-01-01", "s")))


ODD = ("nobody", "no readings", "one person", "all missing", "no dates", "infinite", "huge", "first days")


@pytest.mark.parametrize("name", ODD)
def test_any_delivery_gives_a_page_alone_and_beside_another(name):
    delivery, usual = odd(name), clean(count=12, visits=1)
    alone = curation.curate(delivery).figures
    for figures in (alone, curation.curate(delivery, usual).figures, curation.curate(usual, delivery).figures):
        assert 0 <= figures["score"]["score"] <= 100
        assert "Intake report" in curation.to_html(figures)
        json.loads(curation.to_json(figures))
    sound = name in {"one person", "no dates"}
    assert (alone["score"]["score"] == 100) == sound
    assert alone["verdict"]["decision"] == ("accept" if sound else "wait")


def test_an_empty_delivery_is_told_first_and_has_no_points():
    figures = curation.curate(odd("nobody")).figures
    assert (figures["score"]["score"], figures["worst"][0]["kind"]) == (0, "no people")
    assert "There are no readings" in words(curation.to_html(figures))


def test_what_cannot_be_said_is_said_to_be_so():
    text = words(curation.to_html(curation.curate(odd("no dates")).figures))
    assert "No reading has a date, so nothing can be said of months, gaps or jumps." in text
    assert "No earlier delivery was given to compare with." in text
    assert "cannot be told: that needs birth dates and dated readings" in text
