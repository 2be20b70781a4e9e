import shutil

import pytest

from pipeline.vault import make_vault, open_vault
from tests.vault.clock import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def place(tmp_path):
    """The folder of a vault, and its key elsewhere."""
    return tmp_path / "vault", tmp_path / "settings" / "vault.key"


@pytest.fixture
def vault(place, clock):
    """A new vault, open."""
    with make_vault(*place, by="Anna", now=clock) as opened:
        yield opened


@pytest.fixture
def copied(template, place, clock):
    """A copy of the vault that the module's `template` made, open."""
    for name in ("vault", "settings"):
        shutil.copytree(template / name, place[0].parent / name)
    with open_vault(*place, by="Anna", now=clock) as opened:
        yield opened


@pytest.fixture
def again(place, clock):
    """Opens the vault of the test once more."""
    opened = []

    def open_again(**settings):
        opened.append(open_vault(*place, by="Berit", now=clock, **settings))
        return opened[-1]

    yield open_again
    for one in opened:
        one.close()
