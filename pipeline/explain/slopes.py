"""The first links of a chain as slopes: how much a little more of something moves a person's body, by the twins.

Forward derivatives of what the twins say after a year with respect to an input, through their solver, at the person as
fitted and without any other change. A slope holds for small changes; what a whole scenario does stands in the chains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.explain.attribution import INTERVAL
from pipeline.explain.chains import MEDIATORS
from pipeline.solving import make_grid, run_batches
from pipeline.twins import INPUTS, NO_CHANGE, System, Twin, simulate

ACTIONS = ("energy_change_kcal_d", "pressure_drugs", "alcohol_factor")      # that act smoothly at no change
AFTER_D, LARGEST_STEP_D = 365.25, 62.0
DRAWS = 4              # of each person, evenly spaced: slopes hardly bend
CHUNK = 2048           # people and draws in one compiled call


def slopes(
    person_id: np.ndarray,
    own: Mapping[str, Float[np.ndarray, "people draws"]],
    parameters: Mapping[str, Mapping[str, Float[np.ndarray, " draws"]]],
    twins: Sequence[Twin],
    *,
    progress: bool = False,
) -> pd.DataFrame:
    """A row a person, input and mediator: change of the mediator after a year per unit of the input, 95 % over draws.

    Only inputs that a twin with a mediator hears; missing where a twin failed.
    """
    import jax
    import jax.numpy as jnp

    system = System(tuple(twins))
    mediators = [name for name in MEDIATORS if any(name in twin.observables for twin in twins)]
    heard = [name for name in ACTIONS if any(name in twin.hears for twin in twins)]
    if not mediators or not heard:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    (base,) = NO_CHANGE.arrays()
    grid = make_grid((0.0,), (AFTER_D,), max_step=LARGEST_STEP_D)

    def one(unit: Any) -> Any:
        person, of_twins = unit

        def after(values: Any) -> Any:
            u = {**base, **{name: values[i] for i, name in enumerate(heard)}}
            seen = simulate(system, person, of_twins, [u], (0.0,), grid, method="batch").values
            there = jnp.stack([seen[name][-1] for name in mediators])
            return there, there

        slope, there = jax.jacfwd(after, has_aux=True)(jnp.array([base[name] for name in heard]))
        return jnp.where(jnp.isnan(there)[:, None], jnp.nan, slope)      # a derivative does not see a failed twin

    people, count = own["male"].shape
    some = np.linspace(0, count, min(DRAWS, count), endpoint=False).astype(int)
    units = (
        {name: values[:, some].ravel() for name, values in own.items()},
        {t: {name: np.tile(v[some], people) for name, v in by.items()} for t, by in parameters.items()},
    )
    found = run_batches(one, units, chunk=CHUNK, label="slopes", unit="draw", progress=progress)
    found = found.reshape(people, len(some), len(mediators), len(heard))
    low, high = np.quantile(found, INTERVAL, axis=1)
    index = pd.MultiIndex.from_product([person_id, mediators, heard], names=["person_id", "mediator", "input"])
    table = pd.DataFrame(
        {"slope": found.mean(axis=1).ravel(), "low": low.ravel(), "high": high.ravel()}, index=index
    ).reset_index()
    table["per"] = table["input"].map({name: INPUTS[name].unit for name in heard})
    moved = table.groupby(["mediator", "input"])["slope"].transform(lambda s: s.abs().max() > 0)
    return table[moved].reset_index(drop=True)[list(COLUMNS)].astype(COLUMNS)


COLUMNS = {
    **dict.fromkeys(("person_id", "input", "per", "mediator"), "str"),
    **dict.fromkeys(("slope", "low", "high"), "float64"),
}
