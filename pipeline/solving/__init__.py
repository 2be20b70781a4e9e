"""Solution of initial value problems: one person exactly, or many people fast."""

from pipeline.solving.batch import run_batches
from pipeline.solving.grid import Grid, make_grid
from pipeline.solving.own_timeline import Pace, Timeline, count_steps, solve_episode
from pipeline.solving.reference import solve_episode_reference, solve_reference
from pipeline.solving.shared_grid import solve_batch
from pipeline.solving.status import Solution, Status

__all__ = [
    "Grid",
    "Pace",
    "Solution",
    "Status",
    "Timeline",
    "count_steps",
    "make_grid",
    "run_batches",
    "solve_batch",
    "solve_episode",
    "solve_episode_reference",
    "solve_reference",
]
