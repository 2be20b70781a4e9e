"""How good are the risks? Discrimination, calibration, net benefit and strata, each with its interval."""

from pipeline.evaluation.bootstrap import Judgement, judge, resample
from pipeline.evaluation.comparison import beside_simple
from pipeline.evaluation.curves import band_of, calibration_curve, decision_curve, stratify, wilson
from pipeline.evaluation.metrics import (
    METRICS,
    brier,
    calibration,
    discrimination,
    measure,
    net_benefit,
    net_benefit_treat_all,
    observed_expected,
)
from pipeline.evaluation.missing import missing_values
from pipeline.evaluation.over_time import over_time
from pipeline.evaluation.sets import Sets, prediction_sets
from pipeline.evaluation.smooth import Smooth, smooth_calibration
from pipeline.evaluation.subgroups import EVERYBODY, by_subgroup, subgroups

__all__ = [
    "EVERYBODY",
    "METRICS",
    "Judgement",
    "Sets",
    "Smooth",
    "band_of",
    "beside_simple",
    "brier",
    "by_subgroup",
    "calibration",
    "calibration_curve",
    "decision_curve",
    "discrimination",
    "judge",
    "measure",
    "missing_values",
    "net_benefit",
    "net_benefit_treat_all",
    "observed_expected",
    "over_time",
    "prediction_sets",
    "resample",
    "smooth_calibration",
    "stratify",
    "subgroups",
    "wilson",
]
