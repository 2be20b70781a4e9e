"""Feature table -> risk. One file a model family; every one is a plain scikit-learn estimator.

A builder takes a seed, the number columns, the levels of each category column and how many rows each person
has, and gives an unfitted pipeline, with the classifier as its step `risk`, that takes a frame of those columns.

A classifier may say of itself `learns_from_time = True`: its `fit` then takes `follow`, when and how the follow-up of
each row ended, of everybody, also those who were lost. If it also has `cumulative_incidence`, its risks are judged year
by year. One with `learns_in_groups` takes `groups`, rows to keep together when it sets some aside. With `fewest_events`
it is not fitted to fewer.
"""

from functools import partial

from pipeline.models.boosting import boosting
from pipeline.models.columns import sources
from pipeline.models.courses import risk_courses
from pipeline.models.cox import cox
from pipeline.models.cross_validation import (
    ROUTINE_ONLY,
    Builder,
    FewEventsError,
    drawn_rows,
    failed,
    fit,
    learns_from_time,
    out_of_fold,
    pairs,
    refit,
    split,
)
from pipeline.models.files import TRUSTED_TYPES, describe, load, save, settings
from pipeline.models.forest import forest
from pipeline.models.hazard import hazard
from pipeline.models.hybrid import hybrid
from pipeline.models.knowledge import knowledge
from pipeline.models.logistic import logistic
from pipeline.models.matrix import FeatureSet, FollowUp, Matrix, TwinDraws, assemble, routine_rows, stack_draws, take
from pipeline.models.network import network
from pipeline.models.processes import spread_out
from pipeline.models.published import FUNCTIONS
from pipeline.models.recalibration import recalibrated
from pipeline.models.uncertainty import Member, RiskSamples, learn_members, refit_again, risks_of, sample_risks

MODELS: dict[str, Builder] = {
    "logistic": logistic,
    "boosting": boosting,
    "forest": forest,
    "cox": cox,
    "hazard": hazard,
    "network": network,
    "hybrid": hybrid,
}
MODELS |= {name: partial(knowledge, name) for name in FUNCTIONS}      # a published function as prior
MODELS |= {f"{name}_recalibrated": partial(recalibrated, MODELS[name]) for name in ("boosting", "cox")}

__all__ = [
    "MODELS",
    "ROUTINE_ONLY",
    "TRUSTED_TYPES",
    "Builder",
    "FeatureSet",
    "FewEventsError",
    "FollowUp",
    "Matrix",
    "Member",
    "RiskSamples",
    "TwinDraws",
    "assemble",
    "boosting",
    "describe",
    "drawn_rows",
    "failed",
    "fit",
    "learn_members",
    "learns_from_time",
    "load",
    "logistic",
    "out_of_fold",
    "pairs",
    "recalibrated",
    "refit",
    "refit_again",
    "risk_courses",
    "risks_of",
    "routine_rows",
    "sample_risks",
    "save",
    "settings",
    "sources",
    "split",
    "spread_out",
    "stack_draws",
    "take",
]
