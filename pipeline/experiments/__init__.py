"""Experiments that decide whether a model is worth it where data are few, missing or from elsewhere. One file each.

Every one gives a table, a row a model and condition, with 95 % intervals.
"""

from pipeline.experiments.forecast import forecast
from pipeline.experiments.learning_curve import learning_curve
from pipeline.experiments.missing_at_use import missing_at_use
from pipeline.experiments.range_shift import range_shift
from pipeline.experiments.repeated_visits import repeated_visits
from pipeline.experiments.transport import transport

__all__ = ["forecast", "learning_curve", "missing_at_use", "range_shift", "repeated_visits", "transport"]
