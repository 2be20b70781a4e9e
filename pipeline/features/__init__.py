"""What the fitted twins say, as one row of named numbers for each person."""

from pipeline.features.definitions import Feature, define
from pipeline.features.simulation import Simulated, simulate_people

__all__ = ["Feature", "Simulated", "define", "simulate_people"]
