"""What a nurse does at the page, in a real browser: from the first number to the printed sheet."""

import json

import pytest

from pipeline.app import read_words
from tests.reports.conftest import accessible

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PERSON = {"age_years": "62", "sbp_mmhg": "158", "dbp_mmhg": "92", "weight_kg": "96,5", "height_cm": "178"}


@pytest.fixture
def visit(browser, with_trials):
    """Opens the page at a width; nothing may be asked of anybody but the app, and nothing may go wrong unseen."""
    contexts, asked, faults = [], [], []

    def come(width=1280):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}))
        tab = contexts[-1].new_page()
        tab.set_default_timeout(20_000)
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda fault: faults.append(str(fault)))
        # A refusal of what was typed is shown on the page; the browser notes its status as well.
        tab.on("console", lambda said: faults.append(said.text) if "status of 422" not in said.text else None)
        tab.goto(with_trials.url)
        tab.wait_for_selector("body[data-ready]")
        return tab

    yield come
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith((with_trials.url, "data:"))] == []
    assert faults == []


def tell(tab, values=PERSON):
    for name, value in values.items():
        tab.fill(f"#field-{name}", value)
    tab.select_option("#field-sex", "male")
    tab.wait_for_selector("#risk .people")
    tab.wait_for_selector("#curves figure")


def move(tab, slider, value):
    with tab.expect_response("**/api/plans"):
        tab.evaluate(
            "([id, value]) => { const e = document.getElementById(id); e.value = value;"
            " e.dispatchEvent(new Event('input', { bubbles: true })); }", [slider, value],
        )  # fmt: skip


def test_from_the_first_number_to_the_printed_sheet(visit):
    tab = visit()
    assert tab.inner_text("#risk") == "Fill in age and sex, or load the example person."
    assert not tab.is_visible("#plans")
    assert tab.is_visible("text=Not a medical device.")
    tab.fill("#field-age_years", "62")
    tab.press("#field-age_years", "Tab")
    tab.wait_for_selector("#fault >> text=Sex is needed")
    tell(tab)
    assert tab.inner_text("#fault") == ""
    assert "Of 100 people like this one, about " in tab.inner_text("#risk")
    assert "probably lies between" in tab.inner_text("#interval")
    assert tab.inner_text("#doubt").startswith("Most of the doubt is about the ")
    assert "Asked for by the model and not known" in tab.inner_text("#risk")
    assert "are not known, and were guessed" in tab.inner_text("#risk .caution")
    assert tab.inner_text("#reduced dd >> nth=0").startswith("No difference")
    move(tab, "plan_a-pressure_drugs", 1)
    tab.wait_for_selector("#reduced >> text= fewer of 100")
    assert tab.inner_text("#reduced dd >> nth=1").startswith("No difference")
    row = tab.locator("#curves figure", has_text="Upper blood pressure").locator("td").all_inner_texts()
    assert float(row[1].split(" ")[0]) < float(row[0].split(" ")[0]) == float(row[2].split(" ")[0])
    tab.click("#plan_a-reset")
    tab.wait_for_function("() => document.querySelector('#reduced dd').textContent.startsWith('No difference')")
    assert tab.inner_text("#plan_a-pressure_drugs-said") == "as now"
    tab.evaluate("window.print = () => { window.printed = true; }")
    tab.click("#print")
    assert tab.evaluate("window.printed")
    tab.emulate_media(media="print")
    assert tab.is_visible("text=Not a medical device.")
    assert not tab.is_visible("#print")
    assert not tab.is_visible("#field-cholesterol_mmol_l"), "what was not told is not printed"
    assert tab.is_visible("#field-sbp_mmhg")
    assert tab.pdf(format="A4").count(b"/Type /Page\n") <= 3


def test_what_cannot_be_is_said_at_the_field_and_stays_text(visit):
    tab = visit()
    tell(tab)
    for value, sentence in (
        ("900", "Upper blood pressure: allowed is 40 to 300 mmHg"),
        ("<img src=x onerror=alert(1)>", "Upper blood pressure: this is no number"),
    ):
        tab.fill("#field-sbp_mmhg", value)
        tab.press("#field-sbp_mmhg", "Tab")
        tab.wait_for_function("text => document.getElementById('fault').textContent === text", arg=sentence)
        assert tab.inner_text("#said-sbp_mmhg") == sentence
        assert tab.get_attribute("#field-sbp_mmhg", "aria-invalid") == "true"
        assert tab.locator("#risk .people").count() == 0, "no old answer stands beside a fault"
        assert tab.locator("img").count() == 0
    tab.fill("#field-sbp_mmhg", "150")
    tab.press("#field-sbp_mmhg", "Tab")
    tab.wait_for_selector("#risk .people")
    assert tab.inner_text("#fault") == ""


def test_plans_are_of_the_person_that_is_shown_while_another_is_typed(visit):
    tab = visit()
    tell(tab)
    tab.fill("#field-sbp_mmhg", "900")      # not left yet: nobody has asked for this person
    move(tab, "plan_a-pressure_drugs", 2)
    tab.wait_for_selector("#reduced >> text= fewer of 100")
    assert tab.inner_text("#fault") == ""


def test_of_the_example_person_nothing_is_guessed(visit):
    tab = visit()
    tab.click("#example")
    tab.wait_for_selector("#risk .people")
    assert tab.locator("#risk .caution").count() == 0


def test_in_swedish_with_what_was_typed_kept(visit):
    tab = visit()
    tell(tab)
    tab.select_option("#language", "sv")
    assert tab.get_attribute("html", "lang") == "sv"
    assert tab.is_visible("text=Inte en medicinteknisk produkt.")
    assert tab.input_value("#field-weight_kg") == "96,5"
    assert "Av 100 personer som den här" in tab.inner_text("#risk")
    tab.fill("#field-weight_kg", "999")
    tab.press("#field-weight_kg", "Tab")
    tab.wait_for_selector("#fault >> text=Vikt: tillåtet är 2 till 350 kg")
    english, shown = read_words("en").words, tab.inner_text("body")
    assert [text for text in english.values() if len(text) > 12 and "{" not in text and text in shown] == []


@pytest.mark.parametrize("width", [1280, 820, 390])
@pytest.mark.parametrize("language", ["en", "sv"])
def test_it_fits_the_screen_and_is_accessible(visit, width, language):
    tab = visit(width)
    tab.select_option("#language", language)
    tab.click("#example")
    tab.wait_for_selector("#curves figure")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert tab.locator(".device").bounding_box()["y"] >= 0, "always in sight"
    accessible(tab)


def test_the_newest_question_wins(visit):
    tab = visit()
    tell(tab)
    held = []

    def later(route):
        """The first answer is kept back until the second has come."""
        if held:
            return route.continue_()
        return held.append(route)

    tab.route("**/api/plans", later)
    fire = "value => { const e = document.getElementById('plan_a-pressure_drugs'); e.value = value;"
    fire += " e.dispatchEvent(new Event('input', { bubbles: true })); }"
    tab.evaluate(fire, 3)
    tab.wait_for_timeout(200)
    assert len(held) == 1
    tab.evaluate(fire, 1)
    tab.wait_for_selector("#reduced >> text= fewer of 100")
    told = tab.inner_text("#reduced")
    held[0].fulfill(status=200, content_type="application/json", body=json.dumps({"outputs": [], "risk": None}))
    tab.wait_for_timeout(200)
    assert tab.inner_text("#reduced") == told
