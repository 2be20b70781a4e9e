"""The tables of the package: every kind that a reader knows is in them, and they hold nothing else."""

import re

import numpy as np
import pytest

from pipeline import records
from pipeline.charts import delivery as chart_delivery
from pipeline.curation import kinds
from pipeline.curation.columns import _kinds_of
from pipeline.curation.concerns import variable_of
from pipeline.curation.tables import DIMENSIONS, flags, limits, usual
from pipeline.imaging.quality import kinds as image_kinds
from pipeline.schema import variables
from pipeline.units import is_implausible
from tests.repository import ROOT

HERE = ROOT / "pipeline" / "curation"
LIBRARY = "".join(path.read_text(encoding="utf-8") for path in HERE.iterdir() if path.suffix in {".py", ".html"})


def kinds_of_charts():
    """As the docstring of the reader lists them, without what stands in brackets."""
    listed = re.search(r"Kinds of findings: (.*)\.", chart_delivery.__doc__, re.DOTALL).group(1)
    return [re.sub(r"\s+", " ", kind).strip() for kind in re.sub(r"\([^)]*\)", "", listed).split(";")]


def test_every_kind_that_a_reader_knows_has_a_row():
    known = {*records.KINDS, *image_kinds(), *kinds_of_charts()}
    assert known - set(kinds()) == set()
    own = set(kinds()) - known
    assert own == {kind for kind in own if f'"{kind}"' in LIBRARY}


def test_rows_of_kinds_are_whole():
    for kind in kinds().values():
        assert kind.dimension in DIMENSIONS
        assert kind.touches in {"readings", "people", "rows", "months", "codes", "delivery"}
        assert kind.drops in {"", "reading", "person"}
        assert kind.weight is None or 0 <= kind.weight <= 1
        assert re.match(r"(Ask |Nothing)", kind.ask)
        assert kind.ask.endswith(".")


def test_flags_lead_to_kinds():
    assert {kind for _, kind in flags()} <= set(kinds())
    assert _kinds_of("implausible: outside 2 to 350 kg, set missing; date known to the year") == (
        "value implausible", "date partial",
    )  # fmt: skip
    assert _kinds_of("several masks, unit by size") == ("several masks", "unit by size")
    assert _kinds_of("inactive") == _kinds_of("") == ()


def test_every_limit_is_used():
    used = set(re.findall(r'limit\("(\w+)"\)|limit\(f"\{severity\}_weight"\)', LIBRARY)) - {""}
    named = {name for name in limits() if name.endswith("_weight") or f'"{name}"' in LIBRARY}
    assert used <= set(limits())
    assert set(limits()) == named


def test_usual_values_are_possible():
    for name, known in usual().items():
        assert known.low < known.high
        assert not is_implausible(np.array([known.low, known.high]), variables()[name]).any()


@pytest.mark.parametrize(
    ("place", "variable"),
    [("loinc 29463-7 (weight_kg)", "weight_kg"), ("weight_kg", "weight_kg"), ("Observation.code", ""), ("x (y)", "")],
)
def test_the_variable_of_a_place(place, variable):
    assert variable_of(place) == variable


