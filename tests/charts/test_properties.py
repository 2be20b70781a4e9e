"""Whatever a file holds: nothing crashes, and every feature is the text of its span inside its field."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.charts import concepts, extract, parse_chart, to_html, to_json
from pipeline.charts.sections import keys
from pipeline.charts.tables import rows
from pipeline.charts.tokens import tokenize
from pipeline.schema import TableError
from tests.charts.material import mentions

PIECES = [
    "feber", "Ingen", "ej", "CRP", "BT", "190/100", "1,5", "-", ">", "<", "ua", "Puls", "77", ".", ",", "?", "\r\n",
    "\n", "eller", "men", "Hb", "(", ")", "tidigare", "NRS", "6-7", "till", "½", "İ", "ǅ", "ﬁ", "²", "٣", "\x00", "K",
    "aktuellt:", "ett", "paket", "dag", "/", "%", "x", "misstänkt", "pneumoni", "maken", "Waran", "pausas", "AF",
    "sedan", "𝟗",
]  # fmt: skip
PROSE = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join))
FIELDS = st.sampled_from(list(keys()))
QUIET = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@QUIET
@given(st.lists(st.tuples(FIELDS, PROSE), max_size=6))
def test_spans_are_exact_and_inside_their_field(parts):
    text = "".join(f"{key}: {prose}\n" for key, prose in parts)
    try:
        chart = parse_chart(text, "any.txt")
    except TableError:
        assert not parts
        return
    fields = {field.key: field for field in chart.fields}
    assert [field.start for field in chart.fields] == sorted(field.start for field in chart.fields)
    for feature in extract(chart, listed=False):
        assert feature.text == chart.text[feature.start : feature.end] != ""
        assert fields[feature.section].start <= feature.start < feature.end <= fields[feature.section].end
        assert feature.kind == concepts()[feature.concept].kind
        assert feature.kind in {"quantity", "habit", "diagnosis"} or feature.assertion in {
            "present", "negated", "possible", "hypothetical",
        }  # fmt: skip
        if feature.kind == "quantity":
            assert isinstance(feature.value, float | str)


@settings(QUIET, max_examples=40)
@given(PROSE)
def test_pages_and_lines_can_be_written_of_any_text(prose):
    chart = parse_chart(f"aktuellt: {prose}\nlab: CRP 5\n", "<b>.txt")
    features = extract(chart)
    page = to_html("<i>", [(chart, features)])
    assert "<b>.txt" not in page
    assert to_json("x", features).count("\n") == 0


@QUIET
@given(PROSE)
def test_tokens_are_the_text_in_order(prose):
    tokens = tokenize(prose, 0, len(prose))
    assert all(token.text == prose[token.start : token.end] and len(token.low) == len(token.text) for token in tokens)
    assert [token.start for token in tokens] == sorted(token.start for token in tokens)
    assert "".join(prose.split()) == "".join("".join(token.text.split()) for token in tokens)


def test_a_denial_before_any_plain_word_of_the_lexicon_denies_it():
    """Of conditions and symptoms that one word names, whatever the word."""
    words = {
        (row["concept"], pattern.partition("/")[0])
        for row in rows("terms")
        if row["kind"] in {"condition", "symptom"} and not (row["reading"] or row["needs"] or row["sections"])
        for pattern in row["patterns"].split(" ; ")
        if re.fullmatch(r"[^\W\d_]{5,}(/\w+)?", pattern)
    }
    assert len(words) > 200
    for concept, word in sorted(words):
        if concept in {"diabetes", "angina", "cardiac_arrest", "fatty_liver"}:
            continue      # not in the labelled list
        assert f"{concept}:negated" in mentions(f"Ingen {word}.", "bedomning"), word
