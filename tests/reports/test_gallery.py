"""Gallery pages: everything a twin declares stands on its page, which is valid, escaped and needs no network."""

import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import ClassVar, NamedTuple

import numpy as np
import pytest

from pipeline.reports import render_index, render_twin
from pipeline.reports.gallery_courses import choose, upstream
from pipeline.reports.gallery_evidence import cost, predicted_panels, read_evidence, training_panels
from pipeline.reports.gallery_math import mathml, symbol
from pipeline.reports.gallery_tables import search_words
from pipeline.reports.gallery_words import in_words, linked, number
from pipeline.twins import TWINS, DynamicTwin, Observable, Parameter, Scenario, Twin
from pipeline.twins.stroke_risk import StrokeRisk

pytestmark = pytest.mark.slow

VOID = {"meta", "link", "br", "img", "input", "hr", "path", "circle", "use", "rect"}
SIZES = "tag => [...document.querySelectorAll(tag)].map(e => e.getBoundingClientRect()).map(b => [b.width, b.height])"
LESS = Scenario.model_validate({"title": "Half & less", "segments": [{"inputs": {"alcohol_factor": 0.5}}]})


class State(NamedTuple):
    level: object


class Toy(DynamicTwin):
    """A level that follows intake: <b>not bold</b>, and `code` is."""

    name = "toy"
    citation = "Author A & B, Journal 2020, doi 10.1000/xyz<1>"
    needs: ClassVar[Mapping[str, float]] = {"weight_kg": 75.0}
    hears = ("alcohol_factor",)
    parameters = (
        Parameter("k_out", "1/d", 0.1, 0.2, 'Author & B 2020, "Table" <2>'),
        Parameter("gain", "1", 2.0, 0.0, "assumed"),
    )
    observables: ClassVar[Mapping[str, Observable]] = {"level_g": Observable("g", "level of <it>")}
    scale = State(level=1.0)

    def constants(self, person, p):
        return p

    def initial(self, k):
        return State(level=k["gain"])

    def vector_field(self, t, y, k, u, signals):
        return State(level=k["k_out"] * (k["gain"] * u["alcohol_factor"] - y.level))

    def observe(self, y, k, u, signals):
        return {"level_g": y.level}


class Parsed(HTMLParser):
    """Tags that are balanced, ids, and everything that a browser would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.ids, self.loads, self.tags, self.anchors = [], [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.loads += [given[a] for a in ("src", "srcset", "data", "action", "poster") if a in given]
        if tag in {"link", "image", "use"}:
            self.loads += [given[a] for a in ("href", "xlink:href") if a in given and not given[a].startswith("#")]
        if tag == "a" and given.get("href", "").startswith("#"):
            self.anchors.append(given["href"][1:])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", "", page)).split())


@pytest.fixture(scope="module")
def pages():
    stroke = render_twin(StrokeRisk, {StrokeRisk.name: StrokeRisk}, [])
    twins = {"toy": Toy, "stroke_risk": StrokeRisk}
    return {"toy": render_twin(Toy, twins, [LESS]), "stroke_risk": stroke, "index": render_index(twins)}


@pytest.mark.parametrize("name", ["toy", "stroke_risk", "index"])
def test_page_is_well_formed_and_loads_nothing(pages, name):
    page = Parsed(pages[name])
    assert page.open == []
    assert page.loads == []
    assert "script" not in page.tags
    assert len(page.ids) == len(set(page.ids))
    assert set(page.anchors) <= set(page.ids)
    assert not re.search(r"@import|url\((?!#)", pages[name])


@pytest.mark.parametrize("kind", [Toy, StrokeRisk], ids=lambda kind: kind.name)
def test_every_parameter_observable_and_switch_stands_on_the_page(pages, kind):
    seen = text(pages[kind.name])
    for q in kind.parameters:
        assert q.name in seen
        assert q.source in seen
        assert number(q.median) in seen
    for n, o in kind.observables.items():
        assert n in seen
        assert o.description in seen
    for words in (*kind.corrections.values(), *kind.failures, *(words for _, words in kind.equations)):
        assert text(str(in_words(words))) in seen
    assert pages[kind.name].count("<math") == len(kind.equations) + len(kind.parameters)


def test_a_twin_without_equations_switches_or_calibration_says_so(pages):
    seen = text(pages["toy"])
    assert "No equation of this twin has been written down" in seen
    assert "no switches" in seen
    assert "not fitted here" in seen
    assert "Half & less" in seen


def test_what_a_twin_declares_is_escaped(pages):
    assert "&lt;b&gt;not bold&lt;/b&gt;" in pages["toy"]
    assert "<b>not" not in pages["toy"]
    assert "<code>code</code>" in pages["toy"]
    assert "<2>" not in pages["toy"]
    assert "level of <it>" not in pages["toy"]


def test_the_index_leads_to_every_page_and_names_the_wires():
    wired = {n: TWINS[n] for n in ("body_composition", "liver_fat")}
    page = render_index(wired)
    for name in wired:
        assert f'href="{name}.html"' in page
    assert "fat_ratio, energy_ratio" in text(page)
    assert Parsed(page).open == []


def test_an_effect_is_told_for_each_correction_that_shows(pages):
    row = pages["stroke_risk"].split("<code>odds_of_controls</code>")[1].split("</tr>")[0]
    assert " with it, " in row
    assert "No change" in row


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("k_diet", r"k_{\text{diet}}"), ("rho_F", r"\rho_{\text{F}}"), ("a0", r"a_{\text{0}}"),
        ("threshold", r"\text{threshold}"), ("VmaxADH", r"V_{\text{maxADH}}"), ("p_50_59", r"p_{\text{50, 59}}"),
        ("beta_blocker_S", r"\text{beta blocker}_{\text{S}}"),
    ],
)  # fmt: skip
def test_names_of_parameters_read_as_symbols(name, latex):
    assert symbol(name) == latex


@pytest.mark.parametrize("kind", TWINS.values(), ids=lambda kind: kind.name)
def test_every_equation_can_be_drawn(kind):
    for latex, words in kind.equations:
        drawn = text(str(mathml(latex)))
        assert drawn
        assert "\\" not in drawn, latex
        assert words.endswith(".")


def test_numbers_and_links_read_well():
    assert [number(v) for v in (0.0, 1.5, -2.0, 39.5e6, 2.1e-6)] == ["0", "1.5", "−2", "3.95 × 10⁷", "2.1 × 10⁻⁶"]
    assert str(linked("A, doi 10.1/x")) == "A, doi 10.1/x"
    assert str(linked("(doi 10.1234/A(1)2-X)")) == '(doi <a href="https://doi.org/10.1234/A(1)2-X">10.1234/A(1)2-X</a>)'
    assert str(linked("A, doi 10.1234/a<b.")) == 'A, doi <a href="https://doi.org/10.1234/a&lt;b">10.1234/a&lt;b</a>.'


def test_scenarios_are_chosen_by_what_the_twin_hears():
    other = Scenario.model_validate({"title": "Smoke", "segments": [{"inputs": {"smoking_factor": 0.0}}]})
    assert [s.title for s in choose(Toy, [LESS, other])] == ["No change", "Half & less"]


def test_twins_that_are_read_come_first():
    class Last(Toy):
        reads = ("pdff_percent",)

    assert [t.name for t in upstream(Last, TWINS)] == ["body_composition", "liver_fat"]


def test_every_kept_calibration_is_drawn_as_it_was_fitted():
    evidence = read_evidence("liver_fat")
    panels = training_panels(evidence)
    assert sum(len(p.times) for p in panels) == evidence.summary["points"]
    assert sum(map(cost, panels)) == pytest.approx(evidence.summary["best_cost"], rel=1e-4)
    for panel in panels:
        assert np.all(panel.low <= panel.high)
    lawitz = next(p for p in predicted_panels(evidence) if p.study.startswith("Lawitz"))
    assert cost(lawitz) == pytest.approx(evidence.summary["held_back"]["best"]["Lawitz 2018"], rel=1e-3)


@pytest.mark.parametrize(("r_hat", "agree"), [(1.01, True), (1.42, False)])
def test_chains_agree_only_where_they_do(r_hat, agree):
    shipped = read_evidence("liver_fat")
    words = search_words(replace(shipped, summary=shipped.summary | {"r_hat_max": r_hat}))
    assert ("Chains agree" in words) is agree
    assert f"{r_hat:.2f}" in words


def test_a_page_asks_nothing_of_twins_but_what_a_twin_must_have():
    assert not set(Toy.__dict__) & {"corrections", "extensions", "equations", "failures", "accepted"}
    assert issubclass(Toy, Twin)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["toy", "stroke_risk", "index"])
def test_page_fits_the_screen_and_draws_without_a_network(shown, pages, name, width):
    tab = shown(pages[name], width)
    for tag in ("svg", "math"):
        sizes = tab.evaluate(SIZES, tag)
        assert all(wide > 4 and tall > 4 for wide, tall in sizes)
        assert sizes or (name, tag) == ("index", "math")
