import json
import math
import re
from pathlib import Path

import pytest

from pipeline.config import read_study
from pipeline.reports import model_card, protocol
from pipeline.reports.documents import Document, Item, Section, ask
from tests.reports.conftest import make_study

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
HOSTILE = '<script>alert("x")</script>'


def everything(document):
    return {item.name: item for section in document.sections for item in section.items}


@pytest.fixture(scope="module")
def card(results):
    return model_card(results)


def documents(results):
    return [model_card(results), protocol(results.study)]


def test_page_and_json_say_the_same(results):
    for document in documents(results):
        html, whole = document.html(), json.loads(document.json())
        assert whole["kind"] == document.kind
        told = [item for section in whole["sections"] for item in section["items"]]
        assert len(told) == len(everything(document))
        for item in told:
            assert re.search(rf'<th scope="row">{re.escape(item["name"])}</th>', html.replace("&#39;", "'"))
            assert item["known"] is (item["value"] is not None)
            assert ("to_be_filled_in_by" in item) is not item["known"]


def test_what_the_software_does_not_know_is_said_with_who_fills_it_in(results):
    for document in documents(results):
        html = document.html()
        assert html.count("Not known to the software: to be filled in by ") == len(document.unknown) > 3
        assert all(item.who for item in document.unknown)
        assert f"{len(document.unknown)} statements are not known" in html


def test_pages_are_whole_and_load_nothing(results):
    for document in documents(results):
        html = document.html()
        assert html.rstrip().endswith("</html>")
        assert "Not a medical device" in html
        ids = re.findall(r' id="([^"]+)"', html)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'(?:aria-labelledby|href)="#?([^"]+)"', html)) <= set(ids)
        assert not re.search(r"<script|<link|@import|src=|url\(", html)


def test_a_statement_is_shown_as_text():
    items = [Item(HOSTILE, HOSTILE, HOSTILE), Item("list", [HOSTILE]), ask(HOSTILE, HOSTILE)]
    document = Document(HOSTILE, HOSTILE, HOSTILE, [Section("key", HOSTILE, items)])
    assert "<script" not in document.html()
    assert document.html().count("&lt;script&gt;") >= 10


def test_a_number_that_is_not_known_is_null():
    document = Document("a", "b", "c", [Section("d", "e", [Item("f", "g", data={"h": [math.nan, 1.0, math.inf]})])])
    assert json.loads(document.json())["sections"][0]["items"][0]["data"] == {"h": [None, 1.0, None]}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_study_has_a_protocol_before_any_result(path):
    study = read_study(path)
    found = everything(protocol(study))
    assert found["Outcome"].value == study.outcome.label
    assert len(found["Routine variables"].value) == len(study.predictors)
    assert found["Seed"].data == study.seed
    assert found["Kind of prediction"].value.startswith("Prognostic" if study.outcome.horizon_years else "Diagnostic")
    rules = found["Whom to include, in this order"].value
    assert rules == "Everybody in the source with a known outcome" or len(rules) == len(study.cohort.include)


def test_rules_stand_in_words():
    rules = everything(protocol(make_study()))["Whom to include, in this order"].value
    assert rules[:3] == [
        "aged 20 or more: age at the time of the record at least 20 years",
        "HbA1c measured: haemoglobin A1c, IFCC is known",
        "no known or borderline diabetes: told by a doctor of diabetes is “no”",
    ]


def test_the_identity_of_a_protocol_is_that_of_its_settings(tmp_path):
    study = make_study()
    same, other = make_study(), make_study(seed=study.seed + 1)
    assert protocol(study).json() == protocol(same).json()
    identity = "Identity of the settings"
    assert everything(protocol(study))[identity].value != everything(protocol(other))[identity].value
    example = CONFIGS[0].with_name("example_csv.toml")
    text = example.read_text(encoding="utf-8").replace("../data/example/clinic.csv", "clinic.csv")
    (tmp_path / "clinic.csv").write_text("x")
    (tmp_path / "moved.toml").write_text(text, encoding="utf-8")
    moved = protocol(read_study(tmp_path / "moved.toml"))
    assert moved.json() == protocol(read_study(example)).json()
    assert str(tmp_path) not in moved.json()


def test_the_card_has_the_measures_as_numbers(card, results):
    found = everything(card)["Ranking (AUROC)"].data
    value, low, high = results.metric("logistic", "both", "auroc")
    assert found == {"metric": "auroc", "value": value, "low": low, "high": high}
    benefit = everything(card)["Usefulness (net benefit per 100 people)"].data
    assert benefit["value"] == pytest.approx(results.metric("logistic", "both", "net_benefit")[0])


def test_the_card_names_nobody_and_counts_nobody_out(build):
    results = build(n=60)
    text = model_card(results).json()
    assert "secret" not in text
    assert '"With the outcome"' in text
    flow = everything(model_card(results))["Kept only, in this order"].value
    assert not any(re.search(r": [1-9] left out", line) for line in flow)
