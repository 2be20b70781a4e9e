"""The report in a real browser: nothing is cut off, nothing is fetched, and who cannot see it can use it."""

import pytest

from pipeline import curation, intake
from tests.browser import accessible
from tests.curation.material import changed, clean
from tests.repository import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def pages(figures):
    nobody = changed(clean(count=2, visits=1), clean(count=2, visits=1).readings.iloc[:0])
    charts = intake.read(ROOT / "data" / "openchart" / "charts")
    return {
        "faulty": curation.to_html(figures),
        "empty": curation.to_html(curation.curate(nobody).figures),
        "charts": curation.to_html(curation.curate(charts).figures),
    }


@pytest.mark.parametrize("name", ["faulty", "empty", "charts"])
@pytest.mark.parametrize("width", [1280, 820, 390])
def test_the_page_fits_the_screen_with_all_that_can_be_opened(shown, pages, name, width):
    tab = shown(pages[name], width)
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("name", "width"), [("faulty", 1280), ("faulty", 390), ("empty", 820)])
def test_the_page_is_accessible(shown, pages, name, width):
    tab = shown(pages[name], width)
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    accessible(tab)


def test_everything_that_scrolls_can_be_reached_by_keyboard(shown, pages):
    tab = shown(pages["faulty"], 390)
    wide = "e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX == 'auto'"
    assert tab.evaluate(f"[...document.querySelectorAll('main *')].filter({wide}).every(e => e.tabIndex == 0)")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"


def test_what_decides_prints_on_the_first_sheet(browser, tmp_path, pages):
    """Verdict, score and at least the worst five findings, on A4 with its margins."""
    path = tmp_path / "page.html"
    path.write_text(pages["faulty"], encoding="utf-8")
    tab = browser.new_page(viewport={"width": 688, "height": 1009})
    tab.emulate_media(media="print")
    tab.goto(path.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= 688
    bottom = "n => document.querySelectorAll('.worst > li')[n].getBoundingClientRect().bottom"
    assert tab.evaluate(bottom, 4) < 1009
    assert tab.pdf(format="A4").count(b"/Type /Page\n") <= 10
    tab.close()
