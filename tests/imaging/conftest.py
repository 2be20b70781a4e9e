"""Made-up examinations, and data sets of them on disk."""

import shutil
from datetime import date

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite

from pipeline.imaging import Card, Shape, StandIns, Visit, add, draw, write_visit
from pipeline.imaging.card import Ethics, Provenance
from pipeline.imaging.files import quiet

SMALL = Shape(slices=6, rows=40, columns=48, spacing_mm=8.0, thickness_mm=10.0)
KEY = bytes(range(32))
VISITS = (
    Visit("19860730-3427", "Flodstedt^Folke", date(1986, 7, 30), "M", date(2020, 4, 6), 12.0),
    Visit("19860730-3427", "Flodstedt^Folke", date(1986, 7, 30), "M", date(2020, 6, 18), 6.5),
    Visit("19301103-8715", "Cederlöf^Greta", date(1930, 11, 3), "F", date(2021, 6, 21), 21.3),
)
CARD = Card(
    title="Phantoms",
    description="Made-up abdomens",
    modality=("MR", "SEG"),
    body_part="abdomen",
    intended_use="liver_pdff",
    licence="CC0-1.0",
    purposes=("research",),
    contact="nobody@example.org",
    citation="none",
    ethics=Ethics(number="none needed", authority="none"),
    provenance=Provenance(source="drawn", acquisition="drawn", deidentification="basic profile"),
)


def edit(path, **elements):
    with quiet():
        dataset = dcmread(path)
        for keyword, value in elements.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)
        dcmwrite(path, dataset)
    return path


@pytest.fixture(scope="session")
def stand_ins():
    return StandIns(KEY, "phantoms")


@pytest.fixture(scope="session")
def scans(tmp_path_factory):
    """A folder of three examinations of two people, read only."""
    folder = tmp_path_factory.mktemp("scans")
    for number, visit in enumerate(VISITS):
        drawn = draw(visit.pdff_percent, shape=SMALL, seed=number)
        write_visit(folder / str(number), visit, drawn, shape=SMALL, planted=True)
    return folder


@pytest.fixture
def visit(tmp_path, scans):
    """The files of one examination, to be spoilt: six slices, then their mask."""
    folder = shutil.copytree(scans / "0", tmp_path / "visit")
    return folder, sorted(folder.iterdir())


@pytest.fixture(scope="session")
def added(tmp_path_factory, scans):
    """A registry with the draft of a data set, read only."""
    registry = tmp_path_factory.mktemp("added")
    add(registry, "phantoms", scans, CARD, KEY)
    return registry


@pytest.fixture
def registry(tmp_path, added):
    """The same, to be changed."""
    return shutil.copytree(added, tmp_path / "registry")


@pytest.fixture(scope="session")
def bright():
    """A frame of smooth noise."""
    from scipy.ndimage import gaussian_filter

    frame = gaussian_filter(np.random.default_rng(0).normal(size=(200, 240)), 3)
    return (frame - frame.min()) / np.ptp(frame) * 180
