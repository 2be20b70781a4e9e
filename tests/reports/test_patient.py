import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.pseudonym import pseudonym, read_key
from pipeline.reports import read_patient, render_patient
from pipeline.reports.patient import Explained
from pipeline.runs import RunError
from tests.reports.conftest import CONFIG, make_study, write_study
from tests.reports.patients import CODE, PERSON, read, with_everything

LANGUAGES = ["en", "sv"]
HOSTILE = '<script>alert("x")</script>'


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
    return with_everything(plain)


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
    places = [text.index(name) for name in ("Where you stand", "How sure is the number?", "What would change your")]
    assert places == sorted(places)


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
    assert "And 3 more values" in text
    assert "11 of the 24 things that the calculation asks for are not known of you." in text


def test_without_explanations_the_page_has_no_why(plain):
    html = render_patient(replace(plain, explained=Explained(*[pd.DataFrame()] * 3)), "en")
    assert 'id="why"' not in html
    assert "come to be like" not in html


def test_why_is_told_in_the_order_that_survives_and_with_the_way_through_the_body(full):
    text = words(render_patient(full, "en"))
    assert "The largest comes first." in text
    assert "What counts most for your risk is your estimated body composition, which raises it." in text
    assert text.index("estimated body composition") < text.index("Your estimated liver fat lowers your risk.")
    assert "smoking" not in text.split("Why")[1].split("How a change")[0].lower(), "four at most"
    assert "your weight is expected to go from 104.0 to 98.4 kg" in text
    assert text.count("it is no reason to let the value rise") == 1
    assert "If you eat far less bread, pasta and sugar" in text
    assert "risk is expected to become about 24 of 100 (18 to 31)" in text, "the least that is enough"
    assert "become about 20 of 100" not in text


def test_a_reason_is_told_by_the_risk_without_it(full):
    odds = full.risk / (1 - full.risk) / np.exp([1.1, 1.19, 1.01])
    shown = [round(100 * o / (1 + o)) for o in odds]
    assert f"{shown[0]} of 100 ({shown[1]} to {shown[2]})" in words(render_patient(full, "en"))


def test_an_order_that_does_not_survive_is_not_shown(full):
    def told(**changes):
        attributions = full.explained.attributions.assign(**changes)
        return words(render_patient(replace(full, explained=full.explained._replace(attributions=attributions)), "en"))

    text = told(rank=[1.0, *[np.nan] * 5])
    assert "The first counts most. The order of the others is not certain" in text
    text = told(rank=np.nan)
    assert "Their order is not certain" in text
    assert text.index("Age Your age") < text.index("Measured blood pressure Your") < text.index("Estimated body")
    assert "Nothing moves your number so clearly" in told(low=-0.2, high=0.2)


def test_that_nothing_is_enough_is_said(full):
    none = full.explained.counterfactuals[:1].assign(scenario=None, smallest=False, chance=0.01)
    text = words(render_patient(replace(full, explained=full.explained._replace(counterfactuals=none)), "sv"))
    assert "Ingen av de ändringar som prövades" in text


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
    explained = Explained(*(t.assign(**{c: HOSTILE for c in ("group", "label") if c in t})
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


@pytest.fixture
def run(command):
    return lambda folder, *arguments: command("patient", CONFIG, "--runs", folder.parent, *arguments)


@pytest.mark.slow
def test_the_command_writes_a_page_under_the_pseudonym_and_makes_the_key_once(tmp_path, run):
    folder = write_study(tmp_path / CONFIG.stem, make_study(), n=200)
    key = tmp_path / "key"
    done = run(folder, "--person", PERSON, "--language", "sv", "--key", str(key))
    assert (done.returncode, done.stderr) == (0, "")
    (page,) = (folder / "patients").iterdir()
    code = pseudonym(read_key(key), CONFIG.stem, PERSON)
    assert page.name == f"{code}-sv.html"
    assert done.stdout == f"patient report: {page}\n"
    text = page.read_text(encoding="utf-8")
    assert PERSON not in text
    assert key.read_text().strip() not in text
    out = tmp_path / "own" / "page.html"
    done = run(folder, "--person", PERSON, "--key", str(key), "--out", str(out))
    assert done.returncode == 0
    assert code in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--person", "1"], "is missing: run the stage before this one first (make run does)"),
        (["--person", "1", "--language", "fi"], "no language 'fi'; there are en, sv"),
    ],
)
def test_the_command_says_what_is_wrong_in_one_line(tmp_path, run, arguments, said):
    done = run(tmp_path / CONFIG.stem, *arguments, "--key", str(tmp_path / "key"))
    assert done.returncode == 2
    assert done.stderr.strip().endswith(said)
    assert len(done.stderr.splitlines()) == 1
