"""What every solver returns, and the names of its failures."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Status(IntEnum):
    """How a solve ended; anything but `OK` means that its numbers are NaN."""

    OK = 0
    MAX_STEPS = 1       # the solver gave up
    NOT_FINITE = 2      # the numbers left what can be represented
    MISSING_INPUT = 3   # a value that the twin needs is not known of this person

    @property
    def words(self) -> str:
        """The status for a manifest or a report."""
        return {
            Status.OK: "ok",
            Status.MAX_STEPS: "the solver needed too many steps",
            Status.NOT_FINITE: "the solution is not finite",
            Status.MISSING_INPUT: "a needed value is missing",
        }[self]


class Solution(NamedTuple):
    """States of one person at the saved times (leaves have a leading `times` axis)."""

    states: Any
    error: Any          # largest estimated local error of any state over the steps, relative to its scale
    status: Any         # a `Status`


def conclude(states: Any, gave_up: Any = False, *, proof: Any = None) -> tuple[Any, Any]:
    """The states as they may be shown, NaN everywhere unless all went well, and the status.

    All went well if all of `proof` is finite, which is the states themselves unless given.
    """
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(v)) for v in jax.tree.leaves(states if proof is None else proof)]))
    ended = jnp.where(finite, int(Status.OK), int(Status.NOT_FINITE))
    status = jnp.where(gave_up, int(Status.MAX_STEPS), ended)
    return jax.tree.map(lambda v: jnp.where(status == int(Status.OK), v, jnp.nan), states), status
