"""Mechanistic twins of one person, and how they are wired and run."""

from pipeline.twins.base import DynamicTwin, EpisodeTwin, ExactTwin, Mode, Observable, Parameter, Twin
from pipeline.twins.episode import episode_steps, simulate_episode, simulate_episodes
from pipeline.twins.events import Drink, Events, Meal, event_arrays
from pipeline.twins.inputs import INPUTS, NO_CHANGE, Scenario, combine, read_scenarios, resolve
from pipeline.twins.liver_fat import PUBLISHED_FITS
from pipeline.twins.person import PersonEpisode, PersonScenario, simulate_person, simulate_person_episode
from pipeline.twins.registry import EPISODES, TWINS, YEARS, build_twins
from pipeline.twins.system import Result, System, simulate

__all__ = [
    "EPISODES",
    "INPUTS",
    "NO_CHANGE",
    "PUBLISHED_FITS",
    "TWINS",
    "YEARS",
    "Drink",
    "DynamicTwin",
    "EpisodeTwin",
    "Events",
    "ExactTwin",
    "Meal",
    "Mode",
    "Observable",
    "Parameter",
    "PersonEpisode",
    "PersonScenario",
    "Result",
    "Scenario",
    "System",
    "Twin",
    "build_twins",
    "combine",
    "episode_steps",
    "event_arrays",
    "read_scenarios",
    "resolve",
    "simulate",
    "simulate_episode",
    "simulate_episodes",
    "simulate_person",
    "simulate_person_episode",
]
