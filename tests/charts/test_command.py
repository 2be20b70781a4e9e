"""`python -m stages.charts` and the page that it writes."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

from tests.charts.material import CHARTS, FOLDER
from tests.repository import ROOT


def run(*arguments):
    command = [sys.executable, "-m", "stages.charts", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("charts") / "deep" / "out"
    done = run(CHARTS, "--out", out, "--labels", FOLDER / "gold_dev.jsonl")
    assert done.returncode == 0, done.stderr
    return out, done.stdout


class Links(HTMLParser):
    """Identifiers of a page, and where its links lead."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.loads = [], [], []

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        self.ids += [told["id"]] if "id" in told else []
        self.links += [told["href"]] if tag == "a" else []
        self.loads += [told[name] for name in ("src", "href") if name in told and tag != "a"]
        self.loads += ["script"] if tag == "script" else []


def test_it_says_what_it_wrote_and_how_it_meets_the_labels(written):
    out, said = written
    assert sorted(path.name for path in out.iterdir()) == ["features.jsonl", "features.parquet", "review.html"]
    assert "6 of 6 labelled charts" in said
    assert re.search(r"50 charts, \d+ features: .*review\.html", said)


def test_both_tables_hold_the_same_features(written):
    out, _ = written
    lines = [json.loads(line) for line in (out / "features.jsonl").read_text(encoding="utf-8").splitlines()]
    frame = pd.read_parquet(out / "features.parquet")
    assert [str(line["chart"]) for line in lines] == list(frame["chart"].drop_duplicates())
    assert sum(len(line["annotations"]) for line in lines) == len(frame)
    first = frame[(frame["chart"] == "5") & (frame["concept"] == "body_temp")].iloc[0]
    assert (first["value"], first["unit"], first["text"]) == (39.1, "Cel", "Temp 39,1 grader")
    series = frame[frame["concept"] == "rls"].iloc[0]
    assert (series["value_text"], pd.isna(series["value"])) == ("1-2", True)


def test_the_page_stands_alone_and_its_links_lead_somewhere(written):
    page = (written[0] / "review.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.loads == []
    assert "http" not in page
    assert len(links.ids) == len(set(links.ids))
    assert {link.removeprefix("#") for link in links.links} <= set(links.ids)
    assert len([link for link in links.links if re.fullmatch(r"#c\d+-f\d+", link)]) > 1000


def test_the_page_writes_out_kind_and_assertion_beside_the_words(written):
    page = (written[0] / "review.html").read_text(encoding="utf-8")
    assert ">symptom: chest pain, negated<" in page
    assert ">condition: myocardial infarction, present, family<" in page
    assert ">quantity: crp &lt; 5 mg/L<" in page


def test_a_folder_of_nothing_is_a_sentence_and_leaves_nothing(tmp_path):
    done = run(tmp_path, "--out", tmp_path / "out")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "holds no *.txt" in done.stderr
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_charts_are_named_on_the_page_and_escaped(tmp_path):
    (tmp_path / "<b>.txt").write_bytes(b"\0")
    (tmp_path / "1.txt").write_text("aktuellt: <script>alert(1)</script> feber", encoding="utf-8")
    done = run(tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "zero bytes" in done.stderr
    page = (tmp_path / "out" / "review.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;b&gt;.txt: the file holds zero bytes" in page
