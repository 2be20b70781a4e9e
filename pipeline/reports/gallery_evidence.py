"""What is known of a twin's parameters: the shipped tables of its calibration, and its fit to every study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd

RANGE = (2.5, 97.5)      # per cent of draws
CHUNK = 50               # draws simulated at once: memory, not speed


class Panel(NamedTuple):
    """One observable of one study: what was measured, and what best fit and draws say at the same times."""

    study: str
    observable: str
    clock: str              # "d" or "min"
    times: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    best: np.ndarray
    low: np.ndarray
    high: np.ndarray
    source: str
    note: str


@dataclass(frozen=True)
class Evidence:
    """The calibration of one twin, as its tables tell it."""

    name: str
    summary: dict[str, Any]
    draws: pd.DataFrame
    verdicts: pd.DataFrame       # one row a parameter and derived quantity
    profiles: pd.DataFrame
    predictions: pd.DataFrame    # of studies that were held back; may be empty

    @cached_property
    def by_quantity(self) -> dict[str, dict[str, Any]]:
        """The verdict on each parameter and derived quantity."""
        return {str(row["quantity"]): row for row in self.verdicts.to_dict("records")}

    @property
    def limit(self) -> float:
        """Cost up to which a vector is accepted, by the excess over the best that a profile may have."""
        return float(self.summary["acceptance_limit"])


def read_evidence(name: str) -> Evidence | None:
    """The shipped calibration of twin `name`; none where there is none."""
    folder = files("pipeline.twins").joinpath("posteriors")
    if not folder.joinpath(f"{name}_fit.json").is_file():
        return None

    def table(end: str) -> pd.DataFrame:
        path = folder.joinpath(f"{name}{end}.csv")
        return pd.read_csv(str(path)) if path.is_file() else pd.DataFrame()

    summary = json.loads(folder.joinpath(f"{name}_fit.json").read_text(encoding="utf-8"))
    return Evidence(name, summary, table(""), table("_verdicts"), table("_profiles"), table("_predictions"))


def training_panels(evidence: Evidence) -> list[Panel]:
    """The studies that the twin was fitted to, with what every draw says of each point.

    A residual is the distance of model and mean in standard errors, so the model's values follow from the residuals
    that make the cost, and what is drawn is what was fitted. Empty if residuals and table do not belong together.
    """
    from pipeline.calibration import PROBLEMS  # late: it builds and compiles the problems

    path = files("pipeline.calibration").joinpath(f"{evidence.name}_studies.csv")
    if evidence.name not in PROBLEMS or not path.is_file():
        return []
    problem, rows = PROBLEMS[evidence.name], pd.read_csv(str(path))
    if "role" in rows:
        rows = rows[rows["role"] == "estimation"]
    rows = rows[np.isfinite(rows["sem"]) & (rows["sem"] > 0.0)]
    best = evidence.summary["best"]
    vectors = {n: np.concatenate([[best[n]], evidence.draws[n].to_numpy(dtype=float)]) for n in problem.names}
    one = jax.eval_shape(problem.residuals, {n: jax.ShapeDtypeStruct((), np.float64) for n in problem.names})
    if one.shape != (len(rows),):
        return []
    run = jax.jit(lambda v: jax.lax.map(problem.residuals, v, batch_size=CHUNK))
    model = rows["mean"].to_numpy() + rows["sem"].to_numpy() * np.asarray(run(vectors))
    return _panels(rows, model[0], *np.nanpercentile(model[1:], RANGE, axis=0))


def predicted_panels(evidence: Evidence) -> list[Panel]:
    """The studies that were held back, and what was predicted of them."""
    table = evidence.predictions
    if table.empty:
        return []
    rows = table.rename(columns={"spread": "sem"})
    return _panels(rows, *(table[f"model_{end}"].to_numpy(dtype=float) for end in ("best", "low", "high")))


def _panels(rows: pd.DataFrame, best: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[Panel]:
    clock = next(c for c in rows.columns if c.startswith("time_"))
    together = [c for c in ("study", "arm", "observable") if c in rows]
    found = []
    for _, place in rows.reset_index(drop=True).groupby(together, sort=False).indices.items():
        part = rows.iloc[place].sort_values(clock)
        order = place[np.argsort(rows.iloc[place][clock].to_numpy(), kind="stable")]
        first = part.iloc[0]
        told = next((str(first[c]) for c in ("source", "citation") if c in part and isinstance(first[c], str)), "")
        found.append(
            Panel(
                study=f"{first['study']}, {first['arm']}" if "arm" in part else str(first["study"]),
                observable=str(first["observable"]),
                clock=clock.removeprefix("time_"),
                times=part[clock].to_numpy(dtype=float),
                mean=part["mean"].to_numpy(dtype=float),
                spread=part["sem"].to_numpy(dtype=float),
                best=best[order],
                low=low[order],
                high=high[order],
                source=told,
                note=_note(part),
            )
        )
    return found


def _note(part: pd.DataFrame) -> str:
    """How the spread is labelled, and how many draws could begin at the study's start."""
    words = []
    if "kind" in part:
        words.append(f"spread as labelled: {str(part['kind'].iloc[0]).replace('_', ' ')}")
    else:
        words.append("spread: standard error of the mean")
    if "share_held" in part and part["share_held"].iloc[0] < 0.995:
        words.append(f"{100 * part['share_held'].iloc[0]:.0f} of 100 draws can hold the study's start")
    return "; ".join(words)


def cost(panel: Panel) -> float:
    """Sum of the squared distances of best fit and means, in spreads."""
    return float(np.sum(((panel.best - panel.mean) / panel.spread) ** 2))


def role_costs(summary: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Name, cost of the best fit and 95 % limit of the training data and of each group of held-back points."""
    held = summary.get("held_back") or {}
    limits = held.get("chi_square_limits", {})
    rows = [(f"training, {summary['points']} points", summary["best_cost"], summary["chi_square_limit"])]
    known = {n: v for n, v in held.get("best", {}).items() if n in limits}
    rows += [(f"held back: {n.replace('_', ' ')}", v, limits[n]) for n, v in known.items()]
    return [(name, float(value), float(limit)) for name, value, limit in rows]
