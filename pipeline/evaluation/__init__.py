"""How good are the risks? Discrimination, calibration, net benefit and strata, each with its interval."""

from pipeline.evaluation.bootstrap import Judgement, judge, resample
from pipeline.evaluation.comparison import beside_simple
from pipeline.evaluation.curves import calibration_curve, decision_curve, stratify, wilson
from pipeline.evaluation.metrics import (
    METRICS,
    brier,
    calibration,
    discrimination,
    measure,
    net_benefit,
    net_benefit_treat_all,
)

__all__ = [
    "METRICS",
    "Judgement",
    "beside_simple",
    "brier",
    "calibration",
    "calibration_curve",
    "decision_curve",
    "discrimination",
    "judge",
    "measure",
    "net_benefit",
    "net_benefit_treat_all",
    "resample",
    "stratify",
    "wilson",
]
