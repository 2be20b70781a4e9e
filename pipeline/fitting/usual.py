"""What is usual for a person: what readings of one or several visits say together, now and in some years."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.fitting.people import solve
from pipeline.fitting.posterior import Posterior
from pipeline.fitting.quantities import QUANTITIES, describe
from pipeline.fitting.sensors import course
from pipeline.fitting.visits import gather


class Usual(NamedTuple):
    """Of each person (index person_id) and each of `QUANTITIES` (columns), in its unit."""

    mode: pd.DataFrame      # most likely value; NaN where the search for it did not settle
    sd: pd.DataFrame        # its spread


def usual(
    people: pd.DataFrame, observations: pd.DataFrame, years: float | Float[np.ndarray, " people"] = 0.0
) -> Usual:
    """Usual values so many years after time zero, from readings by time zero alone, as `personalise` takes them.

    Later values have the drift of people of that age; the spread is of what is not known today, without how a person
    will wander from that drift, and without the error of a reading.
    """
    known, readings = gather(people, observations)
    posterior = jax.tree.map(np.asarray, solve(known, readings))
    found = _usual(known, posterior, np.broadcast_to(np.asarray(years, dtype=float), len(people)))
    index = pd.Index(people["person_id"])
    values = (np.where(posterior.settled[:, None], v, np.nan) for v in found)
    return Usual(*(pd.DataFrame(v, index=index, columns=[q.name for q in QUANTITIES]) for v in values))


@jax.jit
@jax.vmap
def _usual(known: dict[str, Any], posterior: Posterior, years: Any) -> tuple[Any, Any]:
    """Mode and spread of one person, each (quantities,)."""

    def values(z: Any) -> Any:
        person = describe(z, known)
        return jnp.stack([course(person, q.name, years) for q in QUANTITIES])

    return values(posterior.mode), jnp.linalg.norm(jax.jacfwd(values)(posterior.mode) @ posterior.root, axis=1)
