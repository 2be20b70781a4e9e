"""Why a risk is what it is: what raises and lowers it, by which mechanism, and what would be enough to change it."""

from pipeline.explain import words
from pipeline.explain.attribution import Samples, attributions, explain, overall, surviving_ranks, tells
from pipeline.explain.chains import MODEL, TRIALS, chains, changes_of, put_in_all
from pipeline.explain.counterfactuals import counterfactuals, enough, reachable
from pipeline.explain.facts import facts
from pipeline.explain.groups import Group, group_columns
from pipeline.explain.slopes import slopes

__all__ = [
    "MODEL",
    "TRIALS",
    "Group",
    "Samples",
    "attributions",
    "chains",
    "changes_of",
    "counterfactuals",
    "enough",
    "explain",
    "facts",
    "group_columns",
    "overall",
    "put_in_all",
    "reachable",
    "slopes",
    "surviving_ranks",
    "tells",
    "words",
]
