"""Deliveries that several tests look at, and the browser."""

import pytest

from pipeline import curation
from tests.browser import browser, shown  # noqa: F401
from tests.curation.faults import READINGS, jump, lacking, rounded, scaled, twins
from tests.curation.material import changed, clean, finding, rows_of
from tests.records.conftest import bundles, carebundle_folder  # noqa: F401

TEXT = '<b onload="alert(1)">&amp;</b>'


@pytest.fixture(scope="session")
def sound():
    return clean()


@pytest.fixture(scope="session")
def small():
    return clean(count=15, visits=3)


@pytest.fixture(scope="session")
def faulty(sound):
    """A delivery with faults of all dimensions, in which words of the source hold HTML."""
    delivery = jump(rounded(scaled("weight_kg", 2.2046, 1)(sound, 0.3), 0.8), 0.8)
    delivery = lacking("sex")(twins(delivery, 0.2), 0.03)
    for kind, variable, share in (
        ("unit does not fit", "hba1c_mmol_mol", 0.5), ("value implausible", "weight_kg", 0.1),
        ("date absent", "alt_u_l", 0.2), ("duplicate reading", "cholesterol_mmol_l", 0.1),
        ("date in the future", "cholesterol_mmol_l", 0.05), ("patient unknown", "alt_u_l", 0.05),
    ):  # fmt: skip
        delivery = READINGS[kind](delivery, rows_of(delivery, variable, share))
    told = [*delivery.findings, finding("not valid R4", place=f"Observation.{TEXT}", times=7, what=TEXT, example=TEXT)]
    codes = delivery.unmapped.iloc[:0].copy()
    codes.loc[0] = ["http://loinc.org", "80288-4", f"Level {TEXT}", 149]
    codes.loc[1] = ["", "", "19500401-1234 Kanarina", 12]
    codes.loc[2] = ["urn:local", "rare", "seldom", 3]
    counts = {"Observation": {"read": 9000, "taken": 8000, "refused": 1000}}
    return changed(delivery, findings=told)._replace(unmapped=codes, identity=delivery.identity | {"counts": counts})


@pytest.fixture(scope="session")
def figures(faulty, sound):
    """The report on it, compared with the sound delivery."""
    return curation.curate(faulty, sound._replace(identity={"file": "before"})).figures
