"""Personalisation: the posterior of each person, from whatever was measured of them."""

from pipeline.fitting.life_course import LifeCourse, Youth, life_course
from pipeline.fitting.people import Fitted, personalise, read_draws, write_draws

__all__ = ["Fitted", "LifeCourse", "Youth", "life_course", "personalise", "read_draws", "write_draws"]
