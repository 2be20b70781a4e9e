"""What the fitted twins say, as one row of named numbers for each person."""

from pipeline.features.definitions import Feature, define
from pipeline.features.simulation import Simulated, Simulator

__all__ = ["Feature", "Simulated", "Simulator", "define"]
