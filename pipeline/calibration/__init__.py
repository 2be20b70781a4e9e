"""Calibration of twins on study data: best fit, identifiability, and a sample of all vectors that the data allow."""

from pipeline.calibration.alcohol import ALCOHOL
from pipeline.calibration.calibration import Calibration, calibrate, write
from pipeline.calibration.liver_fat import LIVER_FAT
from pipeline.calibration.problem import Coordinate, Effort, FitParameter, Predictions, Problem, Quantity

PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in (LIVER_FAT, ALCOHOL)}

__all__ = [
    "PROBLEMS",
    "Calibration",
    "Coordinate",
    "Effort",
    "FitParameter",
    "Predictions",
    "Problem",
    "Quantity",
    "calibrate",
    "write",
]
