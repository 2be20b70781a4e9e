"""Personalisation: the posterior of each person, from whatever was measured of them."""

from pipeline.fitting.life_course import LifeCourse, Youth, life_course
from pipeline.fitting.people import Fitted, personalise, read_draws, write_draws
from pipeline.fitting.population import Population, Unknowns, effective_share, learn_population, redraw
from pipeline.fitting.quantities import FREE, QUANTITIES, describe, possible
from pipeline.fitting.sensors import SENSORS, asked_for
from pipeline.fitting.usual import Usual, usual
from pipeline.fitting.visits import read_rows

__all__ = [
    "FREE",
    "QUANTITIES",
    "SENSORS",
    "Fitted",
    "LifeCourse",
    "Population",
    "Unknowns",
    "Usual",
    "Youth",
    "asked_for",
    "describe",
    "effective_share",
    "learn_population",
    "life_course",
    "personalise",
    "possible",
    "read_draws",
    "read_rows",
    "redraw",
    "usual",
    "write_draws",
]
