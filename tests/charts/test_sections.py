"""The form of a chart: fields, offsets, and files that are no charts."""

import csv

import pytest

from pipeline.charts import list_charts, parse_chart, read_chart
from pipeline.charts.sections import LARGEST_BYTES, keys
from pipeline.schema import TableError
from tests.charts.material import CHARTS, FOLDER


def table():
    with (FOLDER / "dataset.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter=";")}


def test_every_field_of_every_example_equals_the_published_table():
    rows = table()
    for path in list_charts(CHARTS):
        chart = read_chart(path)
        fields = {field.key: chart.text[field.start : field.end] for field in chart.fields}
        wanted = {key: value.strip() for key, value in rows[path.stem].items() if value.strip()}
        normal = lambda text: text.replace("\r\n", "\n").replace("\r", "\n")  # noqa: E731
        assert {k: normal(v) for k, v in fields.items()} == {k: normal(v) for k, v in wanted.items()}, path.name
        assert chart.findings == ()


def test_offsets_count_carriage_returns(tmp_path):
    path = tmp_path / "1.txt"
    path.write_bytes(b"aktuellt: Feber.\r\nHosta.\r\nlab: CRP 5\r\n")
    chart = read_chart(path)
    assert chart.value("aktuellt") == "Feber.\r\nHosta."
    (lab,) = (field for field in chart.fields if field.key == "lab")
    assert path.read_bytes()[lab.start : lab.end] == b"CRP 5"


def test_null_and_blank_fields_are_empty():
    chart = parse_chart("aktuellt: NULL\nhereditet: \nrokning:\nlab: CRP 5", "x")
    assert [field.key for field in chart.fields] == ["lab"]


def test_a_line_of_prose_that_looks_like_a_field_stays_prose():
    text = "aktuellt: Feber.\nA: fri luftväg\nOBS: penicillin\nhereditet: Ingen\nA: fri\nB: AF 20"
    chart = parse_chart(text, "x")
    assert chart.value("A") == "fri"
    assert chart.value("aktuellt") == "Feber.\nA: fri luftväg\nOBS: penicillin"
    assert [(f.kind, f.place) for f in chart.findings if f.kind == "field not known"] == [("field not known", "x, A")]


def test_a_foreign_field_ends_the_one_before_it_and_is_told_of():
    chart = parse_chart("aktuellt: Feber.\nvard_form: akut\nlab: CRP 5", "x")
    assert chart.value("aktuellt") == "Feber."
    assert "x, vard_form" in {f.place for f in chart.findings}


def test_missing_fields_are_one_finding_that_says_where_the_file_may_be_cut():
    (finding,) = parse_chart("id: 1\nsokorsak: Feber\naktuellt: Feber sedan ig", "x").findings
    assert finding.kind == "field missing"
    assert finding.times == len(keys()) - 3
    assert "cut off" in finding.what


def test_a_byte_order_mark_does_not_hide_the_first_field(tmp_path):
    path = tmp_path / "1.txt"
    path.write_bytes(b"\xef\xbb\xbfid: 7\nlab: CRP 5\n")
    assert read_chart(path).value("id") == "7"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0", "zero bytes"),
        ("aktuellt: Hör dåligt".encode("latin-1"), "not UTF-8 (byte 0xf6 in line 1)"),
        ("aktuellt: feber".encode("utf-16"), "zero bytes"),
        (b"", "none of the fields"),
        (b"Just a letter: with a colon", "none of the fields"),
        (b"aktuellt: " + b"a" * LARGEST_BYTES, "larger than"),
    ],
    ids=["image", "latin-1", "utf-16", "empty", "letter", "huge"],
)
def test_what_is_no_chart_is_refused_in_a_sentence(tmp_path, raw, words):
    path = tmp_path / "odd.txt"
    path.write_bytes(raw)
    with pytest.raises(TableError, match=r"odd\.txt") as fault:
        read_chart(path)
    assert words in str(fault.value)
