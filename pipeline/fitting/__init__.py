"""Personalisation: the posterior of each person, from whatever was measured of them."""

from pipeline.fitting.deviations import deviations
from pipeline.fitting.life_course import LifeCourse, Youth, life_course
from pipeline.fitting.people import Fitted, personalise, read_draws, write_draws
from pipeline.fitting.population import Population, Unknowns, effective_share, learn_population, redraw
from pipeline.fitting.quantities import QUANTITIES
from pipeline.fitting.usual import Usual, usual

__all__ = [
    "QUANTITIES",
    "Fitted",
    "LifeCourse",
    "Population",
    "Unknowns",
    "Usual",
    "Youth",
    "deviations",
    "effective_share",
    "learn_population",
    "life_course",
    "personalise",
    "read_draws",
    "redraw",
    "usual",
    "write_draws",
]
