"""Made-up people with one thing known of them, one that a twin says, and an outcome that follows from both."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.models import MODELS, FeatureSet, FollowUp, Matrix
from pipeline.models.hybrid import hybrid

# The hybrid simulates everybody at each step of learning, networks and forests are many; recalibrated trees are fitted
# six times.
SLOW = {"hybrid", "boosting_recalibrated", "network", "forest"}


def small_hybrid(*of: Any) -> Any:
    """The hybrid with one twin and two members: all of its code in a fraction of the time."""
    return hybrid(*of).set_params(risk__twins=("blood_pressure",), risk__n_members=2)


BUILDERS = MODELS | {"hybrid": small_hybrid}


def marks(model: str) -> list[pytest.MarkDecorator]:
    """Marks of the tests of a model, to be given to `pytest.param`."""
    return [pytest.mark.slow] if model in SLOW else []


def make(people: int = 240, seed: int = 1) -> Matrix:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"age": draw.normal(size=people), "twin": draw.normal(size=people)},
        index=pd.Index([f"p{i:04d}" for i in range(people)], name="person_id"),
    )
    frame["sex"] = pd.array(draw.choice(["female", "male"], people), dtype="str")
    event = (frame["age"] + frame["twin"] + draw.normal(size=people) > 0.5).to_numpy(dtype=np.int64)
    groups = np.array([f"g{i // 2}" for i in range(people)], dtype=object)
    sex = {"sex": ("female", "male")}
    sets = {"routine": FeatureSet(("age",), sex, ()), "both": FeatureSet(("age", "twin"), sex, ("twin",))}
    # Events within a horizon of 100 days, all others followed for longer: nobody is lost.
    time_d = np.where(event == 1, draw.uniform(1, 100, people), 200.0)
    follow = FollowUp(time_d, np.where(event == 1, "event", "censored"), np.ones(people), 100.0)
    return Matrix(frame, event, groups, sets, (), follow)
