"""How good a model is that has learned from few people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from joblib import delayed

from pipeline.evaluation import calibration, discrimination
from pipeline.models import Builder, FewEventsError, Matrix, refit, spread_out
from pipeline.runs import RunError

FEWEST_EVENTS = 2      # to learn from; a draw with fewer is drawn again


def learning_curve(
    matrix: Matrix,
    builders: Mapping[str, Builder],
    feature_set: str,
    *,
    sizes: Sequence[int],
    draws: int,
    test: int,
    seed: int,
    jobs: int = 2,
    progress: bool = False,
) -> pd.DataFrame:
    """AUROC and calibration slope on `test` people after learning from each of `sizes` others, `draws` times.

    Whole groups are drawn. Training sets of one draw contain each other; the interval is that of the mean over draws.
    A size is left missing for a model that asks for more events than one of its draws has: the mean of the others would
    be that of lucky draws.
    Raises `RunError` if there are not enough people.
    """
    if max(sizes) + test > len(matrix.event):
        raise RunError(f"learning curve: {max(sizes)} people to learn from and {test} to test are more than there are")
    tasks = [(name, draw) for draw in range(draws) for name in builders]
    calls = (delayed(_one)(matrix, builders[name], feature_set, sizes, test, (seed, draw)) for name, draw in tasks)
    results = spread_out(calls, jobs=jobs, label="learning curve", progress=progress)
    rows = [
        {"model": name, "size": size, "auroc": auroc, "slope": slope}
        for (name, _), values in zip(tasks, results, strict=True)
        for size, (auroc, slope) in zip(sizes, values, strict=True)
    ]
    grouped = pd.DataFrame(rows).groupby(["model", "size"], sort=False)
    mean, error = grouped.mean(skipna=False), 1.959964 * grouped.sem()
    table = mean.assign(
        auroc_low=mean["auroc"] - error["auroc"],
        auroc_high=mean["auroc"] + error["auroc"],
        slope_low=mean["slope"] - error["slope"],
        slope_high=mean["slope"] + error["slope"],
        draws=draws,
    )
    return table.reset_index()


def _one(
    matrix: Matrix, builder: Builder, feature_set: str, sizes: Sequence[int], test: int, seed: tuple[int, int]
) -> list[tuple[float, float]]:
    draw = np.random.default_rng(seed)
    names, code = np.unique(matrix.groups.astype(str), return_inverse=True)
    for _ in range(100):
        order = np.argsort(draw.permutation(len(names))[code], kind="stable")
        held, rest = order[:test], order[test:]
        rest = rest[~np.isin(code[rest], code[held])]
        if matrix.event[rest[: min(sizes)]].sum() >= FEWEST_EVENTS:
            break
    weight = matrix.weight[held]
    found = []
    for size in sizes:
        try:
            model = refit(matrix, None, builder, feature_set, seed=seed[0], train_draws=1, people=rest[:size])
        except FewEventsError:
            found.append((np.nan, np.nan))
            continue
        risk = model.predict_proba(matrix.frame[model.feature_names_in_].iloc[held])[:, 1]
        auroc = discrimination(risk, matrix.event[held], weight[None])[0][0]
        found.append((float(auroc), float(calibration(risk, matrix.event[held], weight[None])[0][0])))
    return found
