import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.reports import groups, render, wording
from tests.reports.conftest import CONFIG, make_study, words, write_study

SECTIONS = [
    "brief", "people", "good", "subgroups", "mechanism", "strata", "benefit", "endotypes", "why", "single", "examples",
    "limits", "checks", "provenance",
]  # fmt: skip
VOID = {"meta", "br", "link", "img", "hr"}
HOSTILE = '<script>alert("x")</script> & $\\frac{1}{2}$'


class Outline(HTMLParser):
    """Ids, references, headings and whether tags close in order."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.loaded, self.named, self.headings, self.stack = [], [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.named += found.get("aria-labelledby", "").split()
        self.loaded += [found[k] for k in ("src", "href", "xlink:href", "data", "poster") if found.get(k)]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def test_every_section_stands_in_order(page):
    places = [page.index(f'<section id="{name}"') for name in SECTIONS]
    assert places == sorted(places)
    assert page.index("Not a medical device") < page.index('id="brief"')
    assert page.rindex("Not a medical device") > page.index('id="provenance"')


def test_page_is_well_formed_and_ids_are_unique(page):
    outline = Outline(page)
    assert outline.stack == []
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.named) <= set(outline.ids)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.headings[:-1], outline.headings[1:], strict=True))


def test_nothing_is_loaded_and_local_links_lead_somewhere(page):
    outline = Outline(page)
    outside = [link for link in outline.loaded if not link.startswith("#")]
    assert outside == ["../cohort/quality.html", "model_card.html", "protocol.html", "../features/dictionary.csv"]
    assert {link[1:] for link in outline.loaded if link.startswith("#")} <= set(outline.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(outline.ids)
    assert not re.search(r"@import|<script|<link|url\((?!#)", page)
    assert len(page.encode()) < 2_000_000


def test_every_column_of_the_twins_is_explained(page, results):
    for row in results.dictionary.itertuples():
        assert f"<code>{row.feature}</code>" in page
        assert row.definition in page


def test_nobody_is_named(page, results):
    assert "secret-" not in page
    for value in results.people["weight_kg"].dropna().head(200):
        assert repr(value) not in page


def test_calibration_comes_in_words_first(page):
    text = words(page)
    assert text.index("How well predicted matches observed") < text.index("calibration slope")
    assert not re.search(r"\b1 in \d", text)


def test_numbers_of_the_flow_add_up(page):
    text = words(page)
    flow = re.search(r"From the source(.*?)Could a twin", text)[1]
    start = int(re.search(r"(\d+) people in the source file", flow)[1])
    for removed, left in re.findall(r"(\d+) left out (\d+) people", flow):
        start -= int(removed)
        assert start == int(left)
    assert start == 1200


def test_failed_fits_are_counted_in_words(page, results):
    missing = int(results.people["weight_kg"].isna().sum())
    assert f"Not fitted: {missing} :" in words(page)
    assert f"{missing}: weight not recorded" in words(page)


def test_values_out_of_the_ordinary_are_counted(build, say):
    results = build(n=200)
    facts = {"flags": {"BMI below 15": 57, "body fat below 3 %": 2, "intake below 500 kcal/d": 0}}
    manifests = {**results.manifests, "features": {**results.manifests["features"], "facts": facts}}
    text = say(replace(results, manifests=manifests))
    assert "57 people: BMI below 15" in text
    assert "fewer than 10 people: body fat below 3 %" in text
    assert "intake below" not in text


def test_wide_personal_intervals_are_said(build, say):
    results = build(n=200)
    wide = results.uncertainty.assign(low=0.05, high=0.95)
    assert "Hardly at all" in say(replace(results, uncertainty=wide))


def test_the_larger_doubt_is_named(build, say):
    results = build(n=200)
    for person_sd, model_sd, said in ((0.2, 0.1, "larger one for 100 of 100"), (0.1, 0.2, "larger one for 0 of 100")):
        parts = results.uncertainty.assign(person_sd=person_sd, model_sd=model_sd)
        assert said in say(replace(results, uncertainty=parts))
    alone = results.uncertainty.assign(person_sd=np.nan)
    assert "uses no twins" in say(replace(results, uncertainty=alone))


def test_small_bands_are_withheld_and_cannot_be_worked_out(build):
    results = build(n=60, seed=3)
    bands = groups.make_bands(results)
    secret = [band for band in bands if band.n and not band.shown]
    assert secret
    assert len(secret) != 1
    html = render(results).html
    assert "fewer than 10" in words(html)
    for i, band in enumerate(bands):
        assert (f'id="band-{i + 1}-title"' in html) == band.shown
    assert f"({int(results.risks['event'].sum())} of 60)" not in words(html)


def test_hostile_names_stay_text(build):
    study = make_study(title=HOSTILE, question=HOSTILE, caution=HOSTILE, population=HOSTILE)
    study = study.model_copy(update={"outcome": study.outcome.model_copy(update={"label": HOSTILE})})
    results = build(study, n=300)
    evil = {name: {"title": HOSTILE, "description": HOSTILE, "source": HOSTILE} for name in results.scenarios}
    table = results.trajectories.replace({"output": {"sbp_mmhg": HOSTILE}})
    report = study.report.model_copy(update={"outputs": ("weight_kg", HOSTILE)})
    study = study.model_copy(update={"report": report})
    columns = results.dictionary.replace({"feature": {"now_sbp_mmhg": HOSTILE}})
    assert HOSTILE in set(columns["feature"])
    evil_results = replace(results, study=study, scenarios=evil, trajectories=table, dictionary=columns)
    html = render(evil_results).html
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert Outline(html).stack == []


def test_caution_stands_at_the_top(build):
    html = render(build(make_study(caution="Causes may be consequences."), n=200)).html
    assert html.index("Causes may be consequences.") < html.index('id="brief"')


def test_twenty_people_give_a_report_that_says_so(build, say):
    text = say(build(n=20, seed=2))
    assert "fewer than 10" in text
    assert "Nobody is in this group" in text or "too few" in text


def test_no_fit_gives_a_report_that_says_so(build, say):
    results = build(n=200)
    fits = results.fits.assign(status="did not settle", mode=np.nan, basis="none")
    manifests = {**results.manifests, "features": {**results.manifests["features"], "facts": {}}}
    empty = replace(results, fits=fits, trajectories=results.trajectories.head(0), manifests=manifests)
    text = say(empty)
    assert "No twin could be fitted to anybody" in text
    assert "There is nobody to show" in text
    assert "nothing can be said of what would follow" in text


def test_missing_metrics_are_not_known(build, say):
    results = build(n=200)
    blank = {"value": np.nan, "low": np.nan, "high": np.nan}
    differences = results.differences.assign(difference=np.nan, low=np.nan, high=np.nan)
    curve = results.decision.assign(net_benefit=np.nan, treat_all=np.nan)
    calibration = results.calibration.assign(observed=np.nan, low=np.nan, high=np.nan)
    metrics = results.metrics.assign(**blank)
    gaps = replace(results, metrics=metrics, differences=differences, decision=curve, calibration=calibration)
    text = say(gaps)
    assert "not known" in text
    assert "could not be measured" in text
    assert "nan" not in text.lower().split()


def test_single_model_cannot_say_what_mechanism_adds(build, say):
    study = make_study()
    models = study.models.model_copy(update={"names": ("logistic",), "feature_sets": ("both",)})
    text = say(build(study.model_copy(update={"models": models}), n=200))
    assert "did not compare models with and without twins" in text


def test_empty_band_is_said(build, say):
    study = make_study()
    report = study.report.model_copy(update={"bands": (0.15, 0.25, 0.9999)})
    text = say(build(study.model_copy(update={"report": report}), n=300))
    assert "Nobody is in this group" in text


def test_example_people_start_at_round_values(results):
    for example in groups.choose_examples(results, groups.make_bands(results)):
        for output, step in (("weight_kg", 5), ("sbp_mmhg", 5)):
            rows = groups.blur(results, example.person_id, output)
            start = rows.loc[rows["scenario"] == "no_change", "mean"].iloc[0]
            assert start % step == pytest.approx(0, abs=1e-9) or start % step == pytest.approx(step)


def test_same_tables_give_the_same_page(results, page):
    assert render(results).html == page


def test_stage_writes_report_and_figures(tmp_path, command):
    write_study(tmp_path / CONFIG.stem, make_study(), n=300)
    done = command("report", CONFIG, "--runs", tmp_path)
    assert done.returncode == 0, done.stderr
    report = tmp_path / CONFIG.stem / "report"
    assert Path(report / "report.html").is_file()
    assert (report / "figures" / "calibration.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert str(report / "report.html") in done.stdout


EXPERIMENTS = {
    "learning_curve": pd.DataFrame(
        {
            "model": ["logistic"] * 2 + ["boosting"] * 2, "size": [50, 400] * 2, "auroc": [0.61, 0.72, 0.5, 0.71],
            "slope": [0.2, 0.6, np.nan, 0.7], "auroc_low": [0.58, 0.70, 0.48, 0.70],
            "auroc_high": [0.64, 0.74, 0.52, 0.72], "slope_low": 0.1, "slope_high": 0.9, "draws": 40,
        }
    ),
    "missing_at_use": pd.DataFrame(
        {"model": ["logistic"], "auroc": [0.773], "auroc_without": [0.765], "fall": [0.008], "fall_low": [0.003],
         "fall_high": [0.013], "auroc_relearned": [0.762]}
    ),
    "range_shift": pd.DataFrame(
        {"model": ["logistic"], "learned_from": [3448], "tested_on": [767], "predicted": [0.25], "observed": [0.186],
         "observed_low": [0.16], "observed_high": [0.215], "auroc": [0.67]}
    ),
    "forecast": pd.DataFrame(
        {"variable": "sbp_mmhg", "visits": 2, "target": 3, "people": 3206, "model": ["ridge", "hybrid"] * 2,
         "learned_from": ["all", "all", "100", "100"], "mae": [12.4, 12.3, 13.4, 12.5], "mae_low": 12.0,
         "mae_high": 13.6, "coverage_90": [np.nan, 0.9] * 2, "difference": [0.0, -0.1, 0.0, -0.9],
         "difference_low": [0.0, -0.2, 0.0, -1.0], "difference_high": [0.0, 0.05, 0.0, -0.8]}
    ),
    "repeated_visits": pd.DataFrame(
        {"model": "logistic", "history": ["last visit", "usual value"], "auroc": [0.735, 0.736],
         "auroc_gain": [np.nan, 0.001], "auroc_gain_low": [np.nan, -0.002], "auroc_gain_high": [np.nan, 0.004],
         "slope": [0.85, 0.85]}
    ),
    "transport": pd.DataFrame(
        {"model": ["score2"], "columns": [7], "learned_from": [4215], "tested_on": [15577], "auroc": [0.77],
         "auroc_low": [0.75], "auroc_high": [0.79], "fall": [0.02], "fall_low": [0.01], "fall_high": [0.03],
         "slope": [0.9], "slope_low": [0.8], "slope_high": [1.0], "expected_observed": [0.7],
         "expected_observed_low": [0.65], "expected_observed_high": [0.75]}
    ),
}  # fmt: skip


def test_experiments_are_told_once_made(results):
    assert 'id="experiments"' not in render(results).html
    told = render(replace(results, experiments=EXPERIMENTS))
    text = words(told.html)
    assert "learning-curve" in told.figures
    assert "means over 40 draws of people" in text
    assert "50 no slope" in text
    assert "−0.8 −1.3 to −0.3" in text
    assert "of whom 19 of 100 had the outcome (16 to 22 of 100)" in text
    assert "Systolic blood pressure at visit 3, foretold from visits 1 to 2" in text
    assert "Twin, corrected by what was learned 12.30 12.00 to 13.60 −0.10 −0.20 to +0.05 90 of 100 12.50" in text
    assert "Logistic regression, usual value 73.6 +0.1 −0.2 to +0.4 0.85" in text
    assert "people of another study by the 7 columns that both have" in text
    assert "Adjusted SCORE2 77.0 75.0 to 79.0 −2.0 −3.0 to −1.0 0.90" in text
    assert Outline(told.html).stack == []


def test_benefit_names_its_evidence_and_what_cannot_be_said(page, results):
    text = words(page)
    assert "Trial evidence: body weight (Hamman 2006; people at risk)." in text
    assert "Nothing can be said of “One pressure drug”" in text
    assert "For 14 people the twin changes more under “500 kcal less a day”" in text
    assert "31 12 to 52 32 19 to 83" in text
    best = "“500 kcal less a day” is clearly the best for 50 of 100 of all people studied (600 of 1200)"
    compared = "only no change, “500 kcal less a day” and “Fewer carbohydrates” were compared"
    close = "for most of the others it is too close to call"
    clearly = "Clearly means that its chance to lower the risk more than the others is at least 80 of 100"
    assert text.count(f"{best}; {close}. {clearly}; {compared}.") == 2, "in brief, and above the table"
    assert "Predicted risk of 100" in text[text.index("Who is in these groups"):]


def test_a_risk_group_that_is_off_is_told_beside_the_slope(results, say):
    strata = results.strata
    off = strata["band"] == strata["band"].max()
    moved = strata.assign(mean_risk=np.where(off, strata["high"] + 0.05, (strata["low"] + strata["high"]) / 2))
    assert "Yet in the highest risk group fewer had the outcome than expected (" in say(replace(results, strata=moved))
    right = strata.assign(mean_risk=(strata["low"] + strata["high"]) / 2)
    assert "Yet in the" not in say(replace(results, strata=right))


def test_what_would_help_whom_is_told_by_risk_group(page, results):
    """Of the highest band 400 of 1 000 are expected, 40 fewer with the better of two interventions."""
    text, top = words(page), results.benefit_bands.iloc[-1]
    assert (
        f"Worked out, not tried on these people: in the highest risk group ({top['people']} people) “500 kcal less a "
        "day”, kept up throughout, lowers the risk most: of 1000 such people 360 instead of 400 would have the "
        "outcome, 40 fewer (95 % interval 24 to 56)."
    ) in text
    row = text[text.index("Clearly the best for"):].split("Highest risk ")[1]
    assert row.startswith(f"50 of 100 or more {top['people']} 400 ")
    assert "40 (24 to 56) 16 (−4 to 32)" in row[:90]
    assert f"{wording.of_100(top['best'] / top['people'])} “500 kcal less a day”" in row[:130]


def test_small_numbers_in_a_risk_group_are_not_told(results, say):
    """Of 4 nobody is told how many they are; a share that leaves 4 is withheld, and the next one with it."""
    bands = results.benefit_bands
    few = bands["band"] == bands["band"].max()
    text = say(replace(results, benefit_bands=bands.assign(people=bands["people"].where(~few, 4))))
    assert "in the upper middle group" in text
    everybody = say(replace(results, benefit_bands=bands.assign(best=bands["people"])))
    assert everybody.count("100 of 100 “") == bands["band"].nunique(), "for all people the same is no secret"
    rest = bands.assign(best=np.where(few, bands["people"] - 4, bands["best"]))
    row = say(replace(results, benefit_bands=rest)).split("Clearly the best for ")[1].split("Highest risk ")[1]
    assert row.index("16 (−4 to 32) – ") < row.index("Upper middle")


def test_where_trials_are_disputed_is_told_of_whom(results, say):
    facts = results.strata_facts["benefit"]
    doubted = [{**facts["effects"][0], "mediator": "sbp_mmhg", "disputed_below": 1000.0}]
    said = say(replace(results, strata_facts={**results.strata_facts, "benefit": {**facts, "effects": doubted}}))
    assert "Below 1000 mmHg are 100 of 100 of the highest risk group, and 100 of 100 of all people studied." in said
    nothing = results.benefit_bands.assign(arr=-0.001)
    assert "nothing that was compared lowers the risk" in say(replace(results, benefit_bands=nothing))


def test_example_people_are_told_what_would_help_them(page, results, say):
    fewer = "Of 1000 like this 31 fewer would have the outcome (95 % interval 12 to 52)"
    said = f"{fewer}; most of what is not known of that is"
    assert f"{said} about the model and the trials." in words(page)
    surer = results.best.assign(person_sd=0.03)
    assert f"{said} about the person." in say(replace(results, best=surer))
    unclear = results.best.assign(choice="no clear winner")
    assert "No intervention is clearly the best for this person." in say(replace(results, best=unclear))


def test_an_interval_that_touches_nothing_needs_at_least_so_many(results, say):
    table = results.benefit.assign(low=-0.001, nnt_high=np.inf)
    assert "at least 19" in say(replace(results, benefit=table))


def test_small_groups_of_benefit_are_withheld(results, say):
    table = results.benefit.assign(people=[4, 900, 296])
    text = say(replace(results, benefit=table))
    assert "500 kcal less a day fewer than 10 – –" in text
    assert "Not known: a twin failed withheld" in text


def test_an_outcome_without_trials_says_so(results, say):
    facts = {**results.strata_facts, "benefit": {"outcome": None, "effects": []}}
    text = say(replace(results, strata_facts=facts))
    assert "This study names no outcome of trials" in text
    assert "Best intervention" not in text


def test_groups_by_mechanism_are_told_with_their_outcome(results, say):
    rows = []
    for group, (name, people, share) in enumerate((("more liver fat than usual", 700, 0.4), ("as usual", 400, 0.01))):
        rows.append((group, name, people, "outcome", "share", share, share - 0.005, share + 0.005))
    table = pd.DataFrame(rows, columns=results.endotypes.columns)
    facts = {**results.strata_facts["endotypes"], "verdict": "stable", "reason": "groups stay"}
    told = replace(results, endotypes=table, strata_facts={**results.strata_facts, "endotypes": facts})
    text = say(told)
    assert "Groups were found, and stay when people are drawn again (groups stay)." in text
    assert "More liver fat than usual 700 40 of 100" in text
    assert "As usual 400 withheld" in text, "4 people had it"
    assert "No groups: by mechanism people form one continuous whole" in say(results)


def test_reasons_are_told_with_ranks_only_where_they_survive(page):
    text = words(page)
    assert "in at least 9 of 10 refits to people drawn again: age (1)." in text
    assert "age raises it, rank 1; estimated liver fat raises it; drinking habits lower it, not certain." in text
    assert "For 250 of 1000 people the model disagrees with the mechanism: when systolic blood pressure changes" in text
    assert "Estimated liver fat, twin: 1.49 times (1.38 to 1.62)" in page


def test_reasons_of_a_model_that_tells_nothing_have_no_order(results, say):
    facts, drivers = {"ranked": False, "disagreements": []}, results.drivers.assign(rank=np.nan)
    text = say(replace(results, explained=facts, drivers=drivers))
    assert "its reasons have no order and none is given" in text
    assert "drawn again: age" not in text
