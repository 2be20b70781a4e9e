"""Who had the outcome, when, and how much each person counts where not everybody was followed to the horizon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from jaxtyping import Float

from pipeline.schema import TableError

DAYS_A_YEAR = 365.25
DEATH = "death"
EVENT, COMPETING, CENSORED = "event", "competing", "censored"
CAUSES = (EVENT, COMPETING)      # of an end that was seen
FEWEST_FOLLOWED = 10             # assumed


class Follow(NamedTuple):
    """The first thing that ended each person's follow-up; arrays over people."""

    time_d: np.ndarray        # NaN of people without follow-up
    status: np.ndarray        # "event", "competing" (death first) or "censored"

    def of(self, some: np.ndarray) -> Self:
        """The same of some of the people."""
        return type(self)(self.time_d[some], self.status[some])


def follow(people: Sequence[str], events: pd.DataFrame, kinds: Sequence[str]) -> Follow:
    """The first event of `kinds` after time zero, or death, or the end of follow-up.

    Someone who dies of the event on its day has the event. Time is negative or zero where one of the events lies
    before time zero, or where nobody looked after it.
    """
    chosen = events[events["event"].isin([*kinds, DEATH])]
    times = chosen.pivot(index="person_id", columns="event", values="time_d").reindex(people)
    happened = chosen.pivot(index="person_id", columns="event", values="happened").reindex(people) == 1
    first = times[list(kinds)].where(happened[list(kinds)]).min(axis=1).fillna(np.inf).to_numpy()
    end = times[list(kinds)].where(~happened[list(kinds)]).min(axis=1).fillna(np.inf).to_numpy()
    if DEATH in times and DEATH not in kinds:
        death = times[DEATH].where(happened[DEATH]).fillna(np.inf).to_numpy()
        end = np.minimum(end, times[DEATH].to_numpy())
    else:
        death = np.full(len(first), np.inf)
    is_event = first <= np.minimum(end, death)
    died = ~is_event & (death <= end)
    status = np.where(is_event, EVENT, np.where(died, COMPETING, CENSORED))
    return Follow(np.where(is_event, first, np.where(died, death, end)), status)


def check_horizon(followed: Follow, years: float, name: str) -> None:
    """Raise `TableError` if what is said of the horizon would rest on nobody, or on a handful.

    Until the last is lost before the horizon, at least `FEWEST_FOLLOWED` have to be still followed.
    """
    asked = f"{name}: [outcome] horizon_years is {years:g}, but"
    time = followed.time_d / DAYS_A_YEAR
    if time.max() < years:
        raise TableError(f"{asked} nobody was followed longer than {time.max():.1f} years")
    lost = time[(followed.status == CENSORED) & (time < years)]
    enough = np.sort(time)[-FEWEST_FOLLOWED:][0]
    if len(lost) and lost.max() > enough:
        raise TableError(
            f"{asked} when the last before it was lost, after {lost.max():.1f} years, only "
            f"{int((time >= lost.max()).sum())} people were still followed, who would stand for everybody: "
            f"ask for {np.floor(10 * enough) / 10:g} years or less, when {FEWEST_FOLLOWED} were"
        )


def by_horizon(time_d: np.ndarray, status: np.ndarray, horizon_d: float) -> np.ndarray:
    """1 with the event by the horizon, 0 without (also after death from something else), NaN if nobody knows."""
    happened = (status == EVENT) & (time_d <= horizon_d)
    unknown = (status == CENSORED) & (time_d < horizon_d)
    return np.where(unknown, np.nan, happened.astype(float))


def censoring_weights(
    time_d: Float[np.ndarray, " people"], status: np.ndarray, horizon_d: float
) -> Float[np.ndarray, " people"]:
    """How much each person counts at the horizon: 0 if it is not known what became of them, else 1 / G.

    G is the chance of being still followed just before one's own event, or at the horizon (Kaplan-Meier of being
    lost). The weights of all sum to about their number. Graf E et al., Stat Med 1999;18:2529-2545.
    """
    until = np.minimum(time_d, horizon_d)
    lost = (status == CENSORED) & (time_d < horizon_d)
    # At one time, events come before losses: only who is lost strictly earlier thins out the followed.
    days, counts = np.unique(until[lost], return_counts=True)
    kept = np.sort(until[~lost])
    at_risk = len(until) - np.searchsorted(np.sort(until), days, side="left")
    events_then = np.searchsorted(kept, days, side="right") - np.searchsorted(kept, days, side="left")
    followed = np.append(1.0, np.cumprod(1.0 - counts / (at_risk - events_then)))
    still = followed[np.searchsorted(days, until, side="left")]
    return np.where(lost, 0.0, 1.0 / still)
