"""How good the risks are year by year, where people were followed, some were lost and some died of something else."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.cohorts import DAYS_A_YEAR, by_horizon, censoring_weights
from pipeline.evaluation.bootstrap import FEWEST, arrange, chunked, interval, resample, too_few
from pipeline.evaluation.metrics import Weights, brier, discrimination

MEASURES = ("auroc", "brier", "brier_average", "integrated_brier", "integrated_brier_average")


def over_time(
    predictions: pd.DataFrame,
    courses: pd.DataFrame,
    outcomes: pd.DataFrame,
    groups: pd.Series,
    *,
    feature_set: str,
    model: str,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """AUROC and Brier score by each year up to the horizon: of the models with a course, and of `model`.

    AUROC is cumulative and dynamic: who had the event by then against who had not, be it that they died of something
    else (Blanche P et al., Stat Med 2013;32:5381-5397, 10.1002/sim.5958, second definition). A model without a course
    is ranked at every year by its one risk, and has no Brier score. Each person counts by the inverse chance of being
    still followed (Graf E et al., Stat Med 1999;18:2529-2545). The integrated score is the area under the score, 0 at
    time zero and straight between years, per year; "average" is that of a model which tells everybody the share of
    events by then. `courses` has person_id, model, feature_set, year, risk; `outcomes` time_d and status by person_id.
    Intervals are quantiles over the resamples that `judge` draws, with the weights of the whole cohort.
    """
    own = predictions[(predictions["feature_set"] == feature_set) & (predictions["model"] == model)]
    persons, _, _, risks = arrange(own)
    courses = courses[courses["feature_set"] == feature_set]
    years = sorted(courses["year"].unique())
    tables = {
        str(name): part.pivot(index="person_id", columns="year", values="risk").loc[persons].to_numpy()
        for name, part in courses.groupby("model", sort=False)
    }
    has_course = set(tables)
    if model not in tables:
        (risk,) = (each.mean(axis=0) for each in risks.values())
        tables = {model: np.repeat(risk[:, None], len(years), axis=1), **tables}
    followed = outcomes.set_index("person_id").loc[persons]
    time, status = followed["time_d"].to_numpy(float), followed["status"].to_numpy()
    counts = resample(groups.loc[persons].to_numpy(), draws=resamples, seed=seed)
    happened, weights = [], []
    for year in years:
        weights.append(censoring_weights(time, status, DAYS_A_YEAR * year))
        happened.append((by_horizon(time, status, DAYS_A_YEAR * year) == 1).astype(int))

    rows = []
    for name, course in tables.items():
        scores = []      # of the model and of the average, at each year: value first, then the resamples
        for k, year in enumerate(years):
            if too_few(happened[k], weights[k], FEWEST):
                found = np.full((3, 1 + resamples), np.nan)
            else:
                both = np.vstack([np.ones((1, len(persons)), dtype=counts.dtype), counts])
                found = _chunks(course[:, k], happened[k], both, weights[k])
            scores.append(found)
            wanted = MEASURES[:3] if name in has_course else MEASURES[:1]
            for measure, values in zip(wanted, found, strict=False):
                rows.append((name, feature_set, float(year), measure, values[0], *interval(values[0], values[1:])[:2]))
        if name in has_course:
            area = integrated(np.array([0.0, *years]), np.array(scores)[:, 1:])
            for measure, values in zip(MEASURES[3:], area, strict=True):
                low, high, _ = interval(values[0], values[1:])
                rows.append((name, feature_set, float(years[-1]), measure, values[0], low, high))
    columns = ["model", "feature_set", "year", "metric", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns).astype({"model": "str", "feature_set": "str", "metric": "str"})


def integrated(
    years: Float[np.ndarray, " moments"], scores: Float[np.ndarray, "years kinds resamples"]
) -> Float[np.ndarray, "kinds resamples"]:
    """Area per year under scores that start at 0; a year that could not be measured makes it missing."""
    whole = np.concatenate([np.zeros((1, *scores.shape[1:])), scores])
    return np.trapezoid(whole, years, axis=0) / years[-1]


def _chunks(risk: np.ndarray, event: np.ndarray, counts: np.ndarray, weight: np.ndarray) -> np.ndarray:
    def work(weights: Weights) -> np.ndarray:
        share = weights @ event / weights.sum(axis=1)
        return np.stack([discrimination(risk, event, weights)[0], brier(risk, event, weights), share * (1 - share)])

    return chunked(work, counts, weight)
