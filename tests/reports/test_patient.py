import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.reports import read_patient, render_patient
from pipeline.reports.patient import Explained
from pipeline.reports.unlike import Edge, Unlike
from pipeline.runs import RunError
from tests.reports.conftest import make_study, write_study

LANGUAGES = ["en", "sv"]
PERSON = "secret-1-000007"
CODE = "7K3M2-QXA9B"
HOSTILE = '<script>alert("x")</script>'


def read(folder, study=None, person=PERSON):
    return read_patient(study or make_study(), folder, lambda path: path, person, CODE)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("patient") / "made", make_study())


@pytest.fixture(scope="session")
def patient(folder):
    return read(folder)


@pytest.fixture(scope="session")
def plain(patient):
    """The same person without curves, which take their time to draw."""
    return replace(patient, courses=patient.courses.iloc[:0])


@pytest.fixture(scope="session")
def full(plain):
    """Everything that a page can have to tell, and long: explanations, all warnings, many quantities."""
    groups = ["body_composition", "liver_fat", "blood_pressure", "age_years", "smoking_status", "ethnicity"]
    change = np.array([0.11, -0.05, 0.04, -0.03, 0.02, 0.01])
    attributions = pd.DataFrame(
        {"group": groups, "contribution": change, "low": change - 0.009, "high": change + 0.009, "rank": range(1, 7)}
    )
    scenario = ["less_500_kcal", "low_carbohydrate", "one_pressure_drug"]
    chains = pd.DataFrame(
        {"scenario": scenario, "mediator": ["weight_kg", "pdff_percent", "sbp_mmhg"], "before": [104.0, 12.5, 167.0],
         "after": [98.4, 8.2, 158.0], "change": [-5.6, -4.3, -9.0], "low": -1.0, "high": 1.0,
         "risk_change": [-0.021, -0.012, 0.008], "risk_low": -0.03, "risk_high": 0.02,
         "disagrees": [False, False, True]}
    )  # fmt: skip
    counterfactuals = pd.DataFrame(
        {"goal": [0.25, 0.15], "scenario": ["less_500_kcal", None], "risk_before": 0.4, "risk_after": [0.24, np.nan],
         "low": [0.18, np.nan], "high": [0.31, np.nan], "chance": [0.62, np.nan]}
    )  # fmt: skip
    known = ["weight_kg", "waist_cm", "sbp_mmhg", "dbp_mmhg"]
    edges = [*(Edge(name, 140.0, 45.0, 130.0) for name in known), Edge("ethnicity", "other", np.nan, np.nan)]
    fits = [
        {"twin": twin, "parameter": f"{basis}_quantity_{i}", "unit": "mmHg", "mode": 123.0, "basis": basis,
         "unlikely": True, "status": "ok" if basis != "none" else "missing weight_kg"}
        for twin in ("body_composition", "liver_fat") for basis in ("measured", "estimated", "assumed", "none")
        for i in range(4)
    ]  # fmt: skip
    return replace(
        plain,
        study=plain.study.model_copy(update={"caution": " ".join(["Not of people of today."] * 12)}),
        low=0.11,
        high=0.71,
        explained=Explained(attributions, chains, counterfactuals),
        unlike=Unlike(edges, list(plain.study.predictors[:11]), 24),
        fits=pd.DataFrame(fits),
    )


def words(html):
    body = re.sub(r"<style\b.*?</style>|<svg\b.*?</svg>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_names_nobody_and_loads_nothing(patient, language):
    html = render_patient(patient, language)
    assert "secret" not in html
    assert CODE in html
    assert f'<html lang="{language}">' in html
    assert not re.search(r'<script|<link|@import|src=|url\((?!#)|href="(?!#)', html)
    assert len(html.encode()) < 300_000


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Not a medical device."), ("sv", "Inte en medicinteknisk produkt.")]
)
def test_each_sheet_says_that_it_is_no_medical_device(plain, language, said):
    _, first, second = render_patient(plain, language).split('<div class="sheet">')
    assert said in first
    assert said in second


def test_the_risk_is_told_of_100_with_its_interval_and_beside_the_others(patient, folder):
    text = words(render_patient(patient, "en"))
    risk = round(100 * patient.risk)
    assert f"Of 100 people with values like yours, about {risk} have it. {100 - risk} do not." in text
    assert f"between {round(100 * patient.low)} and {round(100 * patient.high)} of 100 (95 % interval)" in text
    risks = pd.read_parquet(folder / "train/predictions.parquet").query("model == 'logistic' and feature_set == 'both'")
    mean = risks.groupby("person_id")["risk"].mean()
    below = round(100 * (mean < mean[PERSON]).mean())
    assert f"Of 100 people in the study, {below} have a lower number" in text
    assert text.index("Where you stand") < text.index("How sure is this?") < text.index("What would change it?")


def test_a_risk_to_come_is_told_as_one(plain):
    outcome = plain.study.outcome.model_copy(update={"horizon_years": 10.0})
    later = replace(plain, study=plain.study.model_copy(update={"outcome": outcome}), risk=0.001)
    assert "about fewer than 1 will have it. More than 99 will not." in words(render_patient(later, "en"))


@pytest.mark.parametrize(
    ("person", "model", "said"),
    [
        (0.03, 0.01, "Of 100 parts of the doubt, 90 are about you and 10 about the calculation"),
        (0.01, 0.03, "Of 100 parts of the doubt, 90 are about the calculation and 10 about you"),
        (np.nan, 0.03, "How much of the doubt is about you, and how much about the calculation, is not known"),
    ],
)
def test_whose_doubt_it_is_stands_in_words(plain, person, model, said):
    assert said in words(render_patient(replace(plain, person_sd=person, model_sd=model), "en"))


def test_a_twin_that_fits_badly_or_not_at_all_is_warned_of_before_any_number(plain, full):
    assert "Read this first" not in words(render_patient(plain, "en"))
    text = words(render_patient(full, "en"))
    warning = text.index("Read this first")
    assert warning < text.index("Your measurements do not fit together") < text.index("Where you stand")
    assert "The model of weight and body fat and liver fat could not be made for you" in text
    assert "Body weight: 140 kg. Of 100 people in the study 99 lie between 45 kg and 130 kg." in text
    assert "And 2 more values" in text
    assert "11 of the 24 things that the calculation asks for are not known of you." in text


def test_without_explanations_the_page_has_no_why(plain):
    html = render_patient(plain, "en")
    assert 'id="why"' not in html
    assert "Getting to" not in html


def test_why_is_told_in_the_order_that_survives_and_with_the_way_through_the_body(full):
    text = words(render_patient(full, "en"))
    assert "The largest comes first." in text
    assert "Weight and body fat raises it by 11.0 of 100 (10.1 to 11.9)" in text
    assert "Liver fat lowers it by 5.0 of 100 (4.1 to 5.9)" in text
    assert "Smoking" not in text.split("Why")[1].split("How a change")[0], "four at most"
    assert "body weight goes from 104 kg to 98 kg. That changes your number by −2.1 of 100 (−3.0 to +2.0)." in text
    assert text.count("point in opposite ways") == 1
    assert "Getting to 25 of 100: “500 kcal less a day” would bring you to 24 of 100 (18 to 31)" in text
    assert "Getting to 15 of 100: no change in this study would do." in text


def test_an_order_that_does_not_survive_is_not_shown(full):
    def told(**changes):
        attributions = full.explained.attributions.assign(**changes)
        return words(render_patient(replace(full, explained=full.explained._replace(attributions=attributions)), "en"))

    text = told(rank=[1.0, 2.0, np.nan, np.nan, np.nan, np.nan])
    assert "The order is not certain" in text
    assert text.index("Age lowers") < text.index("Blood pressure raises") < text.index("Weight and body fat raises")
    assert "Nothing moves your number so clearly" in told(low=-0.2, high=0.2)


@pytest.mark.parametrize(
    ("best", "said"),
    [
        ("less_500_kcal", "“500 kcal less a day” is clearly the best. Of 100 people like you who keep it up, 3 fewer"),
        ("no clear winner", "No clear winner"),
        ("no trial evidence", "No trial has shown how much"),
        ("not known", "What would help you most cannot be told"),
    ],
)
def test_what_would_help_is_named_only_if_it_is_clear(plain, best, said):
    arr = 0.031 if best == "less_500_kcal" else np.nan
    told = replace(plain, best={"choice": best, "arr": arr, "low": arr, "high": arr})
    assert said in words(render_patient(told, "en"))


def test_a_best_intervention_beyond_the_third_is_among_the_curves(folder):
    named = ("low_carbohydrate", "one_pressure_drug", "no_alcohol", "half_alcohol", "less_500_kcal")
    twins = make_study().twins.model_copy(update={"interventions": named})
    assert list(read(folder, make_study(twins=twins)).scenarios) == [
        "no_change", "low_carbohydrate", "one_pressure_drug", "less_500_kcal",
    ]  # fmt: skip


def test_somebody_without_a_twin_has_no_curves_and_is_told(folder):
    people = pd.read_parquet(folder / "fit/fits.parquet").query("status != 'ok'")["person_id"]
    text = words(render_patient(read(folder, person=people.iloc[0]), "en"))
    assert "No curves could be made for you." in text
    assert "could not be made for you, because too little is known" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_file_says_is_text_and_never_html(folder, full, language):
    study = full.study
    hostile = study.model_copy(
        update={
            "title": HOSTILE, "horizon": HOSTILE, "population": HOSTILE, "caution": HOSTILE,
            "outcome": study.outcome.model_copy(update={"label": HOSTILE}),
        }
    )  # fmt: skip
    explained = Explained(*(t.assign(**{c: HOSTILE for c in ("group", "scenario", "mediator") if c in t})
                            for t in full.explained))  # fmt: skip
    html = render_patient(
        replace(
            full, study=hostile, explained=explained, scenarios=dict.fromkeys(full.scenarios, HOSTILE),
            fits=full.fits.assign(parameter=HOSTILE, unit=HOSTILE), origin=dict.fromkeys(full.origin, HOSTILE),
        ),
        language,
    )  # fmt: skip
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 10


def test_a_person_or_study_that_is_not_there_is_told(folder, tmp_path):
    with pytest.raises(RunError, match="has no person 'nobody'"):
        read(folder, person="nobody")
    with pytest.raises(RunError, match="run the stage before this one first"):
        read_patient(make_study(), tmp_path, lambda path: missing(path), PERSON, CODE)


def missing(path: Path) -> Path:
    raise RunError(f"{path} is missing: run the stage before this one first (make run does)")
