"""Feature table -> risk. One file a model family; every one is a plain scikit-learn estimator.

A builder takes a seed, the number columns, the levels of each category column and how many rows each person
has, and gives an unfitted pipeline, with the classifier as its step `risk`, that takes a frame of those columns.
"""

from functools import partial

from pipeline.models.boosting import boosting
from pipeline.models.cross_validation import ROUTINE_ONLY, Builder, fit, out_of_fold, pairs, refit, split
from pipeline.models.files import TRUSTED_TYPES, describe, load, save, settings
from pipeline.models.hybrid import hybrid
from pipeline.models.knowledge import knowledge
from pipeline.models.logistic import logistic
from pipeline.models.matrix import FeatureSet, FollowUp, Matrix, assemble, stack_draws
from pipeline.models.network import network
from pipeline.models.processes import spread_out
from pipeline.models.published import FUNCTIONS

MODELS: dict[str, Builder] = {"logistic": logistic, "boosting": boosting}
MODELS |= {"network": network, "hybrid": hybrid}
MODELS |= {name: partial(knowledge, name) for name in FUNCTIONS}      # a published function as prior

__all__ = [
    "MODELS",
    "ROUTINE_ONLY",
    "TRUSTED_TYPES",
    "Builder",
    "FeatureSet",
    "FollowUp",
    "Matrix",
    "assemble",
    "boosting",
    "describe",
    "fit",
    "load",
    "logistic",
    "out_of_fold",
    "pairs",
    "refit",
    "save",
    "settings",
    "split",
    "spread_out",
    "stack_draws",
]
