"""Images of people -> data sets that may be shared, and the share of fat in a liver."""

from pipeline.runs import RunError

try:
    import pydicom  # noqa: F401
except ImportError:
    raise RunError('images need pydicom: pip install "tvilling[clinical]"') from None

from pipeline.imaging.card import Card, card_template, read_card
from pipeline.imaging.commands import run_command
from pipeline.imaging.deidentify import deidentify
from pipeline.imaging.deliver import Reading, deliver, read_pdff, read_series
from pipeline.imaging.intake import Added, add, check, tell
from pipeline.imaging.pdff import ERODE_MM, UNITS, Pdff, measure
from pipeline.imaging.phantom import Shape, Visit, draw, invent, write_visit
from pipeline.imaging.quality import FLAGGED, as_findings
from pipeline.imaging.stand_ins import StandIns
from pipeline.imaging.versions import catalogue, compare, locate, release, verify

__all__ = [
    "ERODE_MM",
    "FLAGGED",
    "UNITS",
    "Added",
    "Card",
    "Pdff",
    "Reading",
    "Shape",
    "StandIns",
    "Visit",
    "add",
    "as_findings",
    "card_template",
    "catalogue",
    "check",
    "compare",
    "deidentify",
    "deliver",
    "draw",
    "invent",
    "locate",
    "measure",
    "read_card",
    "read_pdff",
    "read_series",
    "release",
    "run_command",
    "tell",
    "verify",
    "write_visit",
]
