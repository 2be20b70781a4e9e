"""Solution of initial value problems: one person exactly, or many people fast."""

from pipeline.solving.batch import run_batches
from pipeline.solving.grid import Grid, make_grid
from pipeline.solving.reference import solve_reference
from pipeline.solving.rosenbrock import solve_batch
from pipeline.solving.status import Solution, Status

__all__ = ["Grid", "Solution", "Status", "make_grid", "run_batches", "solve_batch", "solve_reference"]
