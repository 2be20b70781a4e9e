"""Health records from outside, FHIR R4 and OMOP CDM 5.4, to the library's variables and units, and back."""

from pipeline.records.fhir_in import read_fhir
from pipeline.records.files import LIMITS, Limits
from pipeline.records.kinds import KINDS

__all__ = ["KINDS", "LIMITS", "Limits", "read_fhir"]
