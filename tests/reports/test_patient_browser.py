"""The patient's page in a real browser: two sheets of paper in every language, whatever there is to tell."""

from dataclasses import replace

import pytest

from pipeline.reports import languages, model_card, protocol, render_patient
from tests.reports.conftest import accessible
from tests.reports.patients import patient_of, with_everything

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def patients(tmp_path_factory):
    patient = patient_of(tmp_path_factory.mktemp("patient") / "made")
    full = with_everything(patient)
    return {"plain": patient, "full": full, "no curves": replace(full, courses=patient.courses.iloc[:0])}


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("which", ["plain", "full", "no curves"])
def test_the_page_prints_on_two_sheets(browser, tmp_path, patients, which, language):
    path = tmp_path / "page.html"
    path.write_text(render_patient(patients[which], language), encoding="utf-8")
    tab = browser.new_page()
    tab.goto(path.as_uri())
    assert tab.pdf(format="A4").count(b"/Type /Page\n") == 2
    tab.close()


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("width", [1280, 820, 390])
def test_the_page_fits_the_screen_and_is_accessible(shown, patients, language, width):
    accessible(shown(render_patient(patients["full"], language), width))


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_reports_of_the_study_are_accessible(shown, results, page, width):
    for html in (page, model_card(results).html(), protocol(results.study).html()):
        accessible(shown(html, width))


def test_a_page_that_is_not_accessible_is_found(browser):
    tab = browser.new_page()
    tab.set_content("<html><body><p style='color: #aaa'>Grey on white, in no language.</p></body></html>")
    with pytest.raises(AssertionError, match="color-contrast"):
        accessible(tab)
    tab.close()
