"""Source data to canonical tables: one file a kind of source, units converted here and nowhere else."""

from pipeline.cohorts.assemble import COHORTS, Cohort, build
from pipeline.cohorts.baseline import baseline, next_visit
from pipeline.cohorts.delivered import record_use
from pipeline.cohorts.outcome import CAUSES, DAYS_A_YEAR, by_horizon, censoring_weights
from pipeline.cohorts.packaged import PACKAGES, fetch
from pipeline.cohorts.quality import to_html
from pipeline.cohorts.rows import read_people
from pipeline.cohorts.usual import Edge, Unlike, Usual, find_unlike, find_usual

__all__ = [
    "CAUSES",
    "COHORTS",
    "DAYS_A_YEAR",
    "PACKAGES",
    "Cohort",
    "Edge",
    "Unlike",
    "Usual",
    "baseline",
    "build",
    "by_horizon",
    "censoring_weights",
    "fetch",
    "find_unlike",
    "find_usual",
    "next_visit",
    "read_people",
    "record_use",
    "to_html",
]
