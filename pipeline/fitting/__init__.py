"""Personalisation: the posterior of each person, from whatever was measured of them."""

from pipeline.fitting.life_course import LifeCourse, Youth, life_course
from pipeline.fitting.people import Fitted, personalise, read_draws, write_draws
from pipeline.fitting.quantities import QUANTITIES
from pipeline.fitting.usual import Usual, usual

__all__ = [
    "QUANTITIES",
    "Fitted",
    "LifeCourse",
    "Usual",
    "Youth",
    "life_course",
    "personalise",
    "read_draws",
    "usual",
    "write_draws",
]
