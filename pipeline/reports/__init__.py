"""Tables of a finished study -> one self-contained HTML file that a clinician can read in two minutes."""

from pipeline.reports.checks import Check, probast, tripod
from pipeline.reports.gallery import render_index, render_twin
from pipeline.reports.results import Results, read_results
from pipeline.reports.stratification import Report, render

__all__ = [
    "Check",
    "Report",
    "Results",
    "probast",
    "read_results",
    "render",
    "render_index",
    "render_twin",
    "tripod",
]
