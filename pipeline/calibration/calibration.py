"""A whole calibration: best fit, profiles, sample, verdicts and predictions, and the tables that keep them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
from scipy.stats import chi2

from pipeline.calibration.optimise import Optimum, Search, optimise
from pipeline.calibration.posterior import DIGITS, Sample, sample
from pipeline.calibration.problem import Problem
from pipeline.calibration.profiles import Profile, profiles
from pipeline.calibration.profiles import table as profile_table
from pipeline.calibration.verdicts import agreement, verdicts


class Calibration(NamedTuple):
    """What a calibration found."""

    name: str
    tables: dict[str, pd.DataFrame]      # end of the file's name -> table
    summary: dict[str, Any]


def calibrate(
    problem: Problem,
    *,
    seed: int,
    starts: int = 100,
    chains: int = 8,
    warmup: int = 1000,
    draws: int = 1000,
    kept: int = 300,
    progress: bool = True,
) -> Calibration:
    """Calibrate one problem: `starts` random starts, then profiles, then `chains` chains of `draws` after `warmup`.

    Less of each where the problem's `effort` says so.
    """
    effort = problem.effort
    starts, chains = min(starts, effort.starts), min(chains, effort.chains)
    warmup, draws = min(warmup, effort.warmup), min(draws, effort.draws)
    search = Search(problem)
    best, found = _fit(search, starts, seed, progress)
    begin = _apart(found, best.cost + problem.excess, chains * max(1, effort.walkers), seed)
    drawn = sample(problem, begin, seed, warmup, draws, progress)
    rows = drawn.thinned(kept)
    vectors = pd.DataFrame(np.exp(drawn.points[rows]), columns=list(problem.names))
    judged = verdicts(problem, found, drawn)
    tables = {
        "": vectors.assign(cost=drawn.costs[rows]),
        "_verdicts": judged,
        "_profiles": profile_table(found),
    }
    summary = _summary(search, best, drawn, tables[""]) | {
        "seed": seed,
        "starts": starts,
        "chains": chains,
        "warmup": warmup,
        "draws_per_chain": draws,
        "walkers": effort.walkers,
        "share_of_sample_range_within_profile": agreement(judged),
    }
    if problem.predict is not None:
        everyone = {n: np.append(np.exp(best.x[i]), vectors[n]) for i, n in enumerate(problem.names)}
        said = problem.predict(everyone, np.append(best.cost, drawn.costs[rows]))
        tables["_predictions"] = said.table
        summary["held_back"] = said.costs
    return Calibration(problem.name, tables, summary)


def write(calibration: Calibration, folder: Path) -> list[Path]:
    """Write all tables and the summary into `folder`; a file there is whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        f"{calibration.name}{end}.csv": table.to_csv(index=False, float_format=f"%.{DIGITS}g")
        for end, table in calibration.tables.items()
    }
    texts[f"{calibration.name}_fit.json"] = json.dumps(_rounded(calibration.summary), indent=2) + "\n"
    paths = []
    for name, text in texts.items():
        draft = folder / f"{name}.part"
        draft.write_text(text, encoding="utf-8")
        paths.append(draft.rename(folder / name))
    return paths


def _fit(search: Search, starts: int, seed: int, progress: bool) -> tuple[Optimum, list[Profile]]:
    """Best fit and profiles; a profile that finds a better fit is followed, and the profiles begin again there."""
    best = optimise(search, starts, seed, progress)
    while True:
        found = profiles(search, best, progress)
        lowest = min(found, key=lambda p: p.costs.min())
        if lowest.costs.min() > best.cost - best.same:
            return best, found
        x = search.minimise(lowest.points[lowest.costs.argmin()])
        best = best._replace(x=x, cost=search.cost(x))


def _apart(found: list[Profile], limit: float, chains: int, seed: int) -> np.ndarray:
    """Acceptable points of profiles far from each other: the first at random, each next furthest from the others."""
    points = np.concatenate([p.points[p.costs < limit] for p in found])
    chosen = [int(np.random.default_rng(seed).integers(len(points)))]
    for _ in range(chains - 1):
        distance = np.linalg.norm(points[:, None, :] - points[chosen][None, :, :], axis=-1).min(axis=1)
        chosen.append(int(distance.argmax()))
    return points[chosen]


def _summary(search: Search, best: Optimum, drawn: Sample, vectors: pd.DataFrame) -> dict[str, Any]:
    problem = search.problem
    return {
        "twin": problem.name,
        "citation": problem.citation,
        "points": problem.points,
        "chi_square_limit": float(chi2.ppf(0.95, problem.points)),
        "best_cost": best.cost,
        "published_cost": problem.published_cost,
        "published_cost_here": search.cost(problem.published),
        "acceptance_limit": best.cost + problem.excess,
        "best": dict(zip(problem.names, np.exp(best.x).tolist(), strict=True)),
        "starts_reaching_best": best.reached,
        "draws": len(vectors),
        "draws_in_sample": len(drawn.costs),
        "draws_below_acceptance_limit": float(np.mean(drawn.costs < best.cost + problem.excess)),
        "largest_cost": float(vectors["cost"].max()),
        "share_drawn_outside_bands": drawn.outside,
        "divergent": drawn.divergent,
        "r_hat_max": float(drawn.r_hat.max()),
        "effective_sample_size_min": float(drawn.effective.min()),
    }


def _rounded(value: Any) -> Any:
    """Numbers to the digits of the tables, at any depth."""
    return jax.tree.map(lambda leaf: float(f"{leaf:.{DIGITS}g}") if isinstance(leaf, float) else leaf, value)
