"""Answers to PROBAST and TRIPOD+AI: only what is known, and never a pass for what is not."""

from dataclasses import replace

import pytest

from pipeline.reports import evidence, probast, render, tripod, wording
from tests.reports.conftest import make_study, words


def status(results, item: str) -> str:
    return {check.item: check.status for check in probast(results.study, results)}[item]


def test_every_question_stands_there_once(results):
    asked = [check.item for check in probast(results.study, results)]
    assert len(asked) == len(set(asked)) == 20
    items = [check.item for check in tripod(results.study, results)]
    assert len(items) == len(set(items)) == 52
    assert {item.rstrip("abcdefg") for item in items} == {str(n) for n in range(1, 28)}
    assert all(check.why for check in (*probast(results.study, results), *tripod(results.study, results)))


def test_what_needs_a_physician_is_never_passed(results):
    for item in ("1.1", "1.2", "2.1", "3.1", "3.6"):
        assert status(results, item) == "not known"
    told = {check.item: check for check in tripod(results.study, results)}
    for item in ("3c", "17", "18a", "18b", "19", "25"):
        assert told[item].status == "not known"
        assert told[item].why == "The software does not know; the authors have to tell."


@pytest.mark.parametrize("events", [5, 120, 1190])
def test_few_with_the_outcome_or_without_it_for_the_columns_fail(results, events):
    predictions = results.predictions
    first = predictions.drop_duplicates("person_id")["person_id"].head(events)
    changed = replace(results, predictions=predictions.assign(event=predictions["person_id"].isin(first).astype(int)))
    assert status(changed, "4.1") == "fail"


def test_many_events_for_few_columns_pass(results):
    study = make_study(predictors=("age_years", "sex"))
    study = study.model_copy(update={"report": study.report.model_copy(update={"feature_set": "routine"})})
    assert {c.item: c.status for c in probast(study, results)}["4.1"] == "pass"


def test_missing_people_and_values_are_told(results):
    assert status(results, "4.3") == "pass"
    fewer = results.predictions[results.predictions["person_id"] != results.people.index[0]]
    assert status(replace(results, predictions=fewer), "4.3") == "fail"
    table = results.missing
    for missing, expected in ((0, "pass"), (40, "pass"), (300, "not known")):
        assert status(replace(results, missing=table.assign(missing=missing)), "4.4") == expected


def test_unmeasured_calibration_fails(results):
    blank = results.metrics.assign(value=float("nan"))
    assert status(replace(results, metrics=blank), "4.7") == "fail"
    assert status(results, "4.7") == "pass"


def test_a_recalibrated_model_is_named(results):
    models = results.study.models.model_copy(update={"names": ("logistic", "boosting", "boosting_recalibrated")})
    study = results.study.model_copy(update={"models": models})
    told = {check.item: check for check in tripod(study, results)}
    assert "Boosted trees, recalibrated" in told["12f"].why
    assert told["24"].status == "not known"


def test_the_report_counts_the_answers_and_folds_the_lists(page):
    start = page.index('<section id="checks"')
    text = words(page[start : page.index("</section>", start)])
    assert "Could the judgement be wrong? PROBAST:" in text
    assert "Is everything told that should be? TRIPOD+AI:" in text
    assert page[start:].count("<details>") == 3


def test_a_total_is_rounded_where_a_risk_group_is_withheld(results):
    strata = results.strata.copy()
    strata.loc[(strata["band"] == 1), "events"] = 3
    events = int(results.risks["event"].sum())
    hidden = replace(results, strata=strata)
    assert f"({events} of 1200)" not in words(render(hidden).html)
    everybody, wanted = (evidence.subgroups(r)["parts"][0]["rows"][0]["events"] for r in (hidden, results))
    assert (everybody, wanted) == (wording.of_100(events / 1200), str(events))
