"""What is usual for a person: what readings of one or several visits say together."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
import pandas as pd

from pipeline.fitting.people import solve, summarise
from pipeline.fitting.quantities import QUANTITIES
from pipeline.fitting.visits import gather


class Usual(NamedTuple):
    """Of each person (index person_id) and each of `QUANTITIES` (columns), in its unit."""

    mode: pd.DataFrame      # most likely value; NaN where the search for it did not settle
    sd: pd.DataFrame        # its spread, without the error of a further reading


def usual(people: pd.DataFrame, observations: pd.DataFrame) -> Usual:
    """Usual values at time zero, from tables as `personalise` takes them.

    Time zero need not be a visit: where it lies after the last one, drift and age since then are in the values, and
    what a person may have wandered is in their spread.
    """
    known, readings = gather(people, observations)
    posterior = jax.tree.map(np.asarray, solve(known, readings))
    mode, sd, _ = (np.where(posterior.settled[:, None], v, np.nan) for v in summarise(known, posterior))
    index, columns = pd.Index(people["person_id"]), [q.name for q in QUANTITIES]
    return Usual(pd.DataFrame(mode, index, columns), pd.DataFrame(sd, index, columns))
