"""Quality of a delivery for whoever decides about it: one score, the worst findings, figures by dimension."""

from pipeline.curation.drift import read_before
from pipeline.curation.figures import Curation, curate
from pipeline.curation.files import write
from pipeline.curation.page import to_html, to_json
from pipeline.curation.stability import psi
from pipeline.curation.tables import kinds

__all__ = ["Curation", "curate", "kinds", "psi", "read_before", "to_html", "to_json", "write"]
