"""Personalisation: the posterior of each person, from whatever was measured of them."""

from pipeline.fitting.deviations import deviations
from pipeline.fitting.life_course import LifeCourse, Youth, life_course
from pipeline.fitting.people import Fitted, personalise, read_draws, write_draws

__all__ = ["Fitted", "LifeCourse", "Youth", "deviations", "life_course", "personalise", "read_draws", "write_draws"]
