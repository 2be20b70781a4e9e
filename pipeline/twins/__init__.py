"""Mechanistic twins of one person, and how they are wired and run."""

from pipeline.twins.base import DynamicTwin, ExactTwin, Mode, Observable, Parameter, Twin
from pipeline.twins.inputs import INPUTS, NO_CHANGE, Scenario, read_scenarios
from pipeline.twins.person import PersonScenario, simulate_person
from pipeline.twins.registry import TWINS, build_twins
from pipeline.twins.system import Result, System, simulate

__all__ = [
    "INPUTS",
    "NO_CHANGE",
    "TWINS",
    "DynamicTwin",
    "ExactTwin",
    "Mode",
    "Observable",
    "Parameter",
    "PersonScenario",
    "Result",
    "Scenario",
    "System",
    "Twin",
    "build_twins",
    "read_scenarios",
    "simulate",
    "simulate_person",
]
