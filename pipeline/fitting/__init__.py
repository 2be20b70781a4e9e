"""Personalisation: the posterior of each person, from whatever was measured of them."""

from pipeline.fitting.life_course import LifeCourse, Youth, life_course
from pipeline.fitting.people import Fitted, personalise, read_draws, write_draws
from pipeline.fitting.quantities import FREE, describe, possible
from pipeline.fitting.sensors import SENSORS
from pipeline.fitting.visits import read_rows

__all__ = [
    "FREE",
    "SENSORS",
    "Fitted",
    "LifeCourse",
    "Youth",
    "describe",
    "life_course",
    "personalise",
    "possible",
    "read_draws",
    "read_rows",
    "write_draws",
]
