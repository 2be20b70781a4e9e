"""Source data to canonical tables: one file a kind of source, units converted here and nowhere else."""

from pipeline.cohorts.assemble import COHORTS, Cohort, build
from pipeline.cohorts.baseline import baseline
from pipeline.cohorts.quality import to_html

__all__ = ["COHORTS", "Cohort", "baseline", "build", "to_html"]
