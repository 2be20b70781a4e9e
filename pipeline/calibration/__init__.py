"""Calibration of twins on study data: best fit, identifiability, and a sample of all vectors that the data allow."""

from pipeline.calibration.calibration import Calibration, calibrate, write
from pipeline.calibration.liver_fat import LIVER_FAT
from pipeline.calibration.problem import FitParameter, Predictions, Problem, Quantity

PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in (LIVER_FAT,)}

__all__ = [
    "PROBLEMS",
    "Calibration",
    "FitParameter",
    "Predictions",
    "Problem",
    "Quantity",
    "calibrate",
    "write",
]
