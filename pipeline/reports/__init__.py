"""Tables of a finished study -> one self-contained HTML file that a clinician can read in two minutes."""

from pipeline.reports.checks import Check, probast, tripod
from pipeline.reports.documents import Document
from pipeline.reports.gallery import render_index, render_twin
from pipeline.reports.language import languages, read_language
from pipeline.reports.ledger import tell_origin
from pipeline.reports.model_card import model_card
from pipeline.reports.patient import Patient, read_patient
from pipeline.reports.patient_page import render_patient
from pipeline.reports.protocol import protocol
from pipeline.reports.results import Results, read_results
from pipeline.reports.stratification import Report, render

__all__ = [
    "Check",
    "Document",
    "Patient",
    "Report",
    "Results",
    "languages",
    "model_card",
    "probast",
    "protocol",
    "read_language",
    "read_patient",
    "read_results",
    "render",
    "render_index",
    "render_patient",
    "render_twin",
    "tell_origin",
    "tripod",
]
