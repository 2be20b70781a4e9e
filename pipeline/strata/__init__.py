"""Who is alike in mechanism, and who would gain from what: two kinds of strata. Bands of risk are in evaluation."""

from pipeline.strata.benefit import SURE, Benefit, changes_until, find_benefit, reduce_risk
from pipeline.strata.endotypes import Endotypes, find_endotypes
from pipeline.strata.evidence import Effect, evidence, evidence_on

__all__ = [
    "SURE",
    "Benefit",
    "Effect",
    "Endotypes",
    "changes_until",
    "evidence",
    "evidence_on",
    "find_benefit",
    "find_endotypes",
    "reduce_risk",
]
