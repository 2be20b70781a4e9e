"""What the report says of the evidence: in words a clinician reads, and no count that must not be told."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation import EVERYBODY
from pipeline.reports import evidence, render
from tests.reports.conftest import make_study, words


def section(html: str, name: str) -> str:
    start = html.index(f'<section id="{name}"')
    return words(html[start : html.index("</section>", start)])


def levels(told: dict, title: str) -> dict:
    (part,) = [part for part in told["parts"] if part["title"] == title]
    return {row["label"]: row for row in part["rows"]}


def changed(results, characteristic: str, level: str, **values: float) -> pd.DataFrame:
    table = results.subgroups.copy()
    own = (table["characteristic"] == characteristic) & (table["level"] == level)
    for metric, value in values.items():
        table.loc[own & (table["metric"] == metric), "value"] = value
    return table


def test_a_curve_with_its_band_and_its_distance_in_words(page):
    said = section(page, "good")
    assert "For each 100 people expected to have the outcome," in said
    assert "The predicted risk of half of the people lies within" in said
    assert "The curve with its pale band is what was observed" in said


def test_every_group_stands_in_the_table(results):
    told = evidence.subgroups(results)
    assert [part["title"] for part in told["parts"]] == ["All together", "Sex", "Age in years"]
    assert list(levels(told, "Sex")) == ["Women", "Men"]
    assert list(levels(told, "Age in years")) == ["Under 40", "40 to 59", "60 or more"]
    assert "of those with the outcome." in " ".join(told["said"])


def test_a_group_that_is_off_is_named_with_its_interval(results):
    table = results.subgroups.copy()
    own = (table["level"] == "female") & (table["metric"] == "observed_expected")
    table.loc[own, ["value", "low", "high"]] = 1.3, 1.1, 1.5
    said = evidence.subgroups(replace(results, subgroups=table))["said"][0]
    assert said.startswith("The risks are off on average among women (130 for each 100 expected, 95 % interval 110 to")
    assert "too low" in said


@pytest.mark.parametrize("few", [0, 3])
def test_a_small_group_hides_another_so_that_it_cannot_be_worked_out(results, few):
    told = evidence.subgroups(replace(results, subgroups=changed(results, "age", "under 40", events=few)))
    rows = levels(told, "Age in years")
    hidden = [label for label, row in rows.items() if row["events"] in ("fewer than 10", "withheld")]
    assert len(hidden) == 2
    assert rows["Under 40"]["events"] == "fewer than 10"
    assert all(cell == evidence.NOT_SHOWN for label in hidden for cell in rows[label]["cells"])
    assert all(row["people"].replace("\u202f", "").isdigit() for row in rows.values())


def test_withheld_groups_together_are_never_few(results):
    table = changed(results, "age", "under 40", events=3)
    own = (table["characteristic"] == "age") & (table["level"] == "40 to 59") & (table["metric"] == "events")
    rows = levels(evidence.subgroups(replace(results, subgroups=table.assign(value=table["value"].mask(own, 4)))),
                  "Age in years")      # fmt: skip
    assert [row["events"] for row in rows.values()] == ["fewer than 10", "fewer than 10", "withheld"]


def test_few_people_called_in_a_group_hide_what_was_called_but_not_the_rest(results):
    told = evidence.subgroups(replace(results, subgroups=changed(results, "sex", "male", called_events=4)))
    for row in levels(told, "Sex").values():      # of two levels one would tell of the other
        shown = {column[0]: cell for column, cell in zip(evidence.COLUMNS, row["cells"], strict=True)}
        assert shown["auroc"] != evidence.NOT_SHOWN
        assert all(shown[c[0]] == evidence.NOT_SHOWN for c in evidence.COLUMNS if c[5])
    assert levels(told, "All together")["Everybody"]["cells"][3] != evidence.NOT_SHOWN


def test_a_level_in_hostile_words_is_text(results):
    table = results.subgroups.replace({"level": {"female": "<b>&x"}})
    html = render(replace(results, subgroups=table)).html
    assert "<b>&x" not in html
    assert "&lt;b&gt;&amp;x" in html


def test_missing_shares_are_told_by_outcome_only_if_nobody_could_be_told_from_them(results):
    row = {"predictor": "weight_kg", "people": 1000, "people_events": 300, "people_others": 700}
    for missing, events, expected in (
        (100, 40, ["10 of 100", "13 of 100", "9 of 100"]),
        (50, 4, ["5 of 100", "–", "–"]),
        (6, 3, ["fewer than 10 people", "–", "–"]),
        (996, 298, ["all but fewer than 10 people", "–", "–"]),
        (1000, 300, ["all", "–", "–"]),
    ):
        counts = {"missing": missing, "missing_events": events, "missing_others": missing - events}
        table = pd.DataFrame([{**row, **counts}])
        assert evidence.missing(replace(results, missing=table))["rows"][0]["cells"] == expected


def test_what_everybody_has_is_listed(results):
    told = evidence.missing(results)
    assert "age" in told["whole"].lower()
    assert any("weight" in row["label"].lower() for row in told["rows"])


def test_answers_are_counted_and_right_as_often_as_promised(results, page):
    told = evidence.answers(results)
    assert told["said"].startswith("Made to be right for 90 of 100 people with the outcome and 90 of 100 without")
    assert [row["label"] for row in told["rows"]] == ["Everybody", "With the outcome", "Without"]
    assert "“Cannot tell” counts as right." in section(page, "single")


def test_a_rare_answer_is_not_split_by_outcome(results):
    table = results.sets.copy()
    table.loc[(table["who"] == "event") & (table["measure"] == "no"), "value"] = 0.002
    assert evidence.answers(replace(results, sets=table))["rows"] == []


def test_too_few_people_are_said_in_sentences_not_in_numbers(build):
    results = build(study=make_study(), n=24)
    html = render(results).html
    assert "no smooth curve can be drawn" in section(html, "good")
    assert "The groups are too small to say whether the risks are off" in section(html, "subgroups")
    assert "Too few people had (or had not) the outcome to give answers" in section(html, "single")
    everybody = results.subgroups[results.subgroups["characteristic"] == EVERYBODY]
    assert np.isfinite(everybody.loc[everybody["metric"] == "n", "value"]).all()


@pytest.mark.slow
def test_followed_people_are_judged_year_by_year(results):
    rows = [
        {"model": model, "feature_set": "both", "year": year, "metric": metric, "value": v, "low": v - 0.02,
         "high": v + 0.02}
        for model, metrics in (
            ("logistic", {"auroc": 0.75}),
            ("cox", {"auroc": 0.8, "brier": 0.06, "brier_average": 0.07, "integrated_brier": 0.05,
                     "integrated_brier_average": 0.055}),
        )
        for metric, v in metrics.items()
        for year in ((1.0, 2.0) if "integrated" not in metric else (2.0,))
    ]  # fmt: skip
    html = render(replace(results, over_time=pd.DataFrame(rows))).html
    said = section(html, "good")
    assert "over all years the error of the risk is 0.050 (95 % interval 0.030 to 0.070), against 0.055" in said
    assert "Years Logistic regression ranking, AUROC Cox regression ranking, AUROC Cox regression error" in said
    assert "How good year by year?" not in render(results).html
