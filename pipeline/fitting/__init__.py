"""Personalisation: what a twin needs to know of each person, with its uncertainty."""

from pipeline.fitting.estimate import Estimate
from pipeline.fitting.people import Fitted, personalise, read_draws, write_draws

__all__ = ["Estimate", "Fitted", "personalise", "read_draws", "write_draws"]
