"""Health records from outside, FHIR R4 and OMOP CDM 5.4, to the library's variables and units, and back."""

from pipeline.records.fhir_in import read_fhir
from pipeline.records.fhir_out import write_fhir
from pipeline.records.files import LIMITS, Limits
from pipeline.records.kinds import KINDS
from pipeline.records.omop_in import read_omop
from pipeline.records.omop_out import write_omop
from pipeline.records.omop_tables import is_omop
from pipeline.records.risks import RiskModel, write_risks

__all__ = [
    "KINDS",
    "LIMITS",
    "Limits",
    "RiskModel",
    "is_omop",
    "read_fhir",
    "read_omop",
    "write_fhir",
    "write_omop",
    "write_risks",
]
