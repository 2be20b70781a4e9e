"""Personalisation: what a twin needs to know of each person, with its uncertainty."""

from pipeline.fitting.estimate import Estimate
from pipeline.fitting.life_course import LifeCourse, Youth, life_course
from pipeline.fitting.people import Fitted, personalise, read_draws, write_draws

__all__ = [
    "Estimate",
    "Fitted",
    "LifeCourse",
    "Youth",
    "life_course",
    "personalise",
    "read_draws",
    "write_draws",
]
