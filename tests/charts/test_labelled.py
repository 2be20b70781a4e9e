"""The example charts: what the rules find against labels made by hand and against the published table."""

import csv
import json
import time

import pytest

from pipeline.charts import agree, extract, list_charts, parse_chart, read_chart, read_labels
from pipeline.schema import TableError
from tests.charts.material import CHARTS, FOLDER

VITAL = {"sbp": "sbp", "dbp": "dbp", "sat": "spo2", "puls": "heart_rate", "temp": "body_temp", "af": "resp_rate",
         "alder": "age"}  # fmt: skip
# What stands as prose in the charts of alarms, read by eye: chart, concept, value, field.
ALARMS = [
    (5, "sbp", 80, "C"), (5, "dbp", 60, "C"), (5, "heart_rate", 110, "C"), (5, "resp_rate", 35, "B"),
    (5, "spo2", 96, "B"),
    (5, "body_temp", 39.7, "E"), (29, "sbp", 190, "C"), (29, "dbp", 100, "C"), (29, "heart_rate", 77, "C"),
    (29, "resp_rate", 12, "B"), (29, "spo2", 99, "B"), (29, "body_temp", 36.2, "E"), (30, "sbp", 190, "C"),
    (30, "dbp", 100, "C"), (30, "resp_rate", 38, "B"), (30, "spo2", 84, "B"), (30, "body_temp", 36.1, "E"),
    (41, "sbp", 100, "C"), (41, "heart_rate", 110, "C"), (41, "resp_rate", 24, "B"), (41, "spo2", 86, "B"),
    (41, "body_temp", 39, "E"), (51, "sbp", 90, "C"), (51, "heart_rate", 119, "C"), (51, "resp_rate", 28, "B"),
    (51, "spo2", 94, "B"), (51, "body_temp", 39.4, "E"),
]  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return {path.stem: extract(read_chart(path)) for path in list_charts(CHARTS)}


def test_labelled_development_charts(found):
    labels = read_labels(FOLDER / "gold_dev.jsonl")
    assert len(labels) == 6
    scores = agree(found, labels)
    assert {kind: score.f1 for kind, score in scores.items() if score.f1 < 0.98} == {}


@pytest.mark.parametrize("name", ["gold_second", "gold_third"])
def test_charts_that_were_labelled_before_the_rules_were_tried_on_them(found, name):
    labels = read_labels(FOLDER / f"{name}.jsonl")
    assert len(labels) == 8
    scores = agree(found, labels)
    least = {"quantity": 0.97, "condition": 0.88, "symptom": 0.82, "medication": 0.9, "diagnosis": 1.0, "habit": 1.0}
    assert {kind: scores[kind].f1 for kind in least if scores[kind].f1 < least[kind]} == {}
    assert scores["negated"].recall >= 0.85
    assert scores["negated"].precision >= 0.95


@pytest.mark.parametrize("name", ["gold_dev", "gold_second", "gold_third"])
def test_labels_point_to_their_words(name):
    for chart, labels in read_labels(FOLDER / f"{name}.jsonl").items():
        text = read_chart(CHARTS / f"{chart}.txt").text
        assert [label["text"] for label in labels] == [text[label["start"] : label["end"]] for label in labels]


def test_vital_signs_equal_the_table_in_all_charts(found):
    with (FOLDER / "dataset.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    compared = 0
    for row in rows:
        structured = {f.section: f for f in found[row["id"]] if f.section in VITAL}
        for key, concept in VITAL.items():
            wanted = float(row[key]) if row[key] else None
            feature = structured.get(key)
            assert (feature.value if feature else None) == wanted, (row["id"], key)
            assert feature is None or feature.concept == concept
            compared += 1
        sex = {"K": "female", "M": "male"}[row["kon"]]
        assert [f.value for f in found[row["id"]] if f.section == "kon"] == [sex]
    assert compared == 350


@pytest.mark.parametrize(("chart", "concept", "value", "field"), ALARMS)
def test_vital_signs_of_alarms_are_read_from_prose(found, chart, concept, value, field):
    there = [f for f in found[str(chart)] if f.concept == concept and f.section == field]
    assert value in [f.value for f in there]


def test_every_code_of_a_diagnosis_is_read(found):
    coded = {chart for chart, features in found.items() if any(f.kind == "diagnosis" for f in features)}
    assert set(found) - coded == {"5", "19"}      # one field is empty, one holds a word alone


def test_every_span_is_the_text_it_says(found):
    for chart, features in found.items():
        text = read_chart(CHARTS / f"{chart}.txt").text
        assert [f.text for f in features] == [text[f.start : f.end] for f in features]


def test_fifty_charts_take_less_than_two_seconds():
    charts = [read_chart(path) for path in list_charts(CHARTS)]
    started = time.process_time()
    for chart in charts:
        extract(chart)
    assert time.process_time() - started < 2


def test_scores_count_each_chart_as_a_set():
    chart = parse_chart("aktuellt: Ingen feber. Hosta.\nlab: CRP 5. Hb 120.", "x")
    labels = [
        {"kind": "symptom", "concept": "fever", "assertion": "negated", "experiencer": "patient"},
        {"kind": "symptom", "concept": "cough", "assertion": "negated", "experiencer": "patient"},
        {"kind": "quantity", "concept": "crp", "value": 5.0},
        {"kind": "quantity", "concept": "wbc", "value": 9.0},
    ]
    scores = agree({"x": extract(chart)}, {"x": labels})
    assert scores["symptom"] == (1, 1, 1)
    assert scores["quantity"] == (1, 1, 1)
    assert scores["negated"] == (1, 0, 1)
    assert (scores["symptom"].precision, scores["symptom"].recall, scores["symptom"].f1) == (0.5, 0.5, 0.5)
    assert scores["medication"].f1 == 1.0


@pytest.mark.parametrize(
    "line", ["not json", "{}", '{"chart": 5}', '{"chart": 5, "annotations": [{"kind": "symptom"}]}', "3"]
)
def test_a_line_that_holds_no_labels_is_named(tmp_path, line):
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps({"chart": 1, "annotations": []}) + f"\n{line}\n")
    with pytest.raises(TableError, match="line 2 holds no labels"):
        read_labels(path)
