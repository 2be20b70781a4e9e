"""PEth over months and years of a drinking habit: the alcohol twin's days, settled and summed.

Podéus H et al., npj Digital Medicine 2024;7:112, doi 10.1038/s41746-024-01089-6. Between days only bound PEth carries
over, and it is linear in blood alcohol. So one drinking day, solved by the alcohol twin after a day of warming up, says
what every such day adds, and the sum over days is a geometric series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from pipeline.solving import Pace
from pipeline.twins.alcohol import PETH_G_MOL, Alcohol
from pipeline.twins.base import ExactTwin, Observable, Parameter, Values
from pipeline.twins.episode import simulate_episode
from pipeline.twins.events import Events, event_arrays

DAY_MIN = 1440.0
PACE = Pace(first=0.1, growth=1.5, largest=25.0)      # PEth to two thousandths, mostly to one
STEPS = 224                # enough for the two days below at all plausible parameters
PURE_G_L = 789.1           # g of ethanol in a litre of it
WINE_PERCENT, WINE_KCAL_L = 12.0, 133.25
# The evening that stands for a drinking day: dinner, and from a little later on wine, evenly over three hours.
EVENING = event_arrays(
    [
        Events.model_validate(
            {
                "drinks": [
                    {"start_min": day + 15.0, "minutes": 180.0, "volume_l": 1.0, "abv_percent": WINE_PERCENT,
                     "kcal_per_l": WINE_KCAL_L}
                    for day in (0.0, DAY_MIN)
                ],
                "meals": [{"start_min": day + 5.0, "kcal": 800.0} for day in (0.0, DAY_MIN)],
            }
        )
    ]
)  # fmt: skip


class Baseline(NamedTuple):
    """What stays fixed of one person."""

    person: Values
    settled: Any         # ng/mL, bound PEth at the drinking before
    p: Values


class Peth(ExactTwin):
    """PEth in blood from how much a person usually drinks, and from changes of that."""

    name = "peth"
    citation = Alcohol.citation
    needs: ClassVar[Mapping[str, float]] = {**Alcohol.needs, "alcohol_g_d": 10.0}
    hears = ("alcohol_factor",)
    parameters = (
        *Alcohol.parameters,
        Parameter("share", "1", 0.5, 0.0, "PEth 16:0/18:1 over all: factor of figure 7 of Podéus 2024, unexplained"),
        Parameter("occasion_g", "g", 40.0, 0.4, "assumed: alcohol on a drinking day; more if that is the daily mean"),
    )
    accepted = Alcohol.accepted
    observables: ClassVar[Mapping[str, Observable]] = {
        "peth_umol_l": Observable("umol/L", "phosphatidylethanol 16:0/18:1 in blood, before the day's first drink"),
        "alcohol_g_d": Observable("g/d", "alcohol drunk, mean over days"),
    }
    over_years = ("peth_umol_l",)
    equations = (
        (r"Q_\infty = \frac{g}{d} \cdot \frac{Q_2 - \kappa \, Q_1}{1 - \kappa}, \quad \kappa = e^{-1440 \, \lambda}, "
         r"\quad \lambda = \frac{k_{\text{release}} k_{\text{out}}}{k_{\text{bind}} + k_{\text{release}} + "
         r"k_{\text{out}}}",
         "Bound PEth (ng/mL, as the free that it keeps up) after months of g grams of alcohol a day. The alcohol twin "
         "solves two days with d = max(g, occasion) grams each; Q1 and Q2 stand at their ends. What a day adds falls "
         "by kappa a day, and g/d of all days are drinking days."),
        (r"Q(t) = Q_\infty + (Q_0 - Q_\infty) \, e^{-1440 \, \lambda \, t}",
         "Bound PEth t days after the drinking has changed; before, it is settled at the person's own drinking."),
        (r"\text{PEth} = \frac{\text{share}}{703} \cdot \frac{k_{\text{bind}} + k_{\text{release}}}"
         r"{k_{\text{bind}} + k_{\text{release}} + k_{\text{out}}} \, Q",
         "PEth 16:0/18:1 (umol/L) before the day's first drink, from the molar mass of 703 g/mol."),
    )  # fmt: skip
    failures = (
        "Its half-life was fitted to two weeks after single drinks (9.3 days at the best fit); months of drinking are "
        "extrapolated.",
        "One evening of wine after dinner stands for every drinking day, whatever a person drinks, how fast, and eats.",
        "Half of all PEth counts as 16:0/18:1, by an unexplained factor in the plotting code of the paper.",
    )

    def constants(self, person: Values, p: Values) -> Baseline:
        """Bound PEth settled at the person's own drinking."""
        known = {name: person[name] for name in self.needs}
        return Baseline(known, _settled(known, p, person["alcohol_g_d"]), p)

    def settle(self, k: Baseline, u: Values) -> dict[str, Any]:
        """Where bound PEth settles at the drinking of one segment."""
        intake = k.person["alcohol_g_d"] * u["alcohol_factor"]
        return {**u, "settled_peth": _settled(k.person, k.p, intake), "alcohol_g_d": intake}

    def solution(
        self, times: Any, k: Baseline, switches: tuple[float, ...], inputs: Sequence[Values], signals: Values
    ) -> dict[str, Any]:
        """PEth moves to where each segment's drinking leads, with a half-life of days; it starts settled."""
        p, bound = k.p, k.settled
        rate = DAY_MIN * _loss(p)
        value, intake = bound * jnp.ones_like(times), k.person["alcohol_g_d"] * jnp.ones_like(times)
        for i, (start, u) in enumerate(zip(switches, inputs, strict=True)):
            since = jnp.maximum(times - start, 0.0)
            here = u["settled_peth"] + (bound - u["settled_peth"]) * jnp.exp(-rate * since)
            value = jnp.where(times >= start, here, value)
            intake = jnp.where(times >= start, u["alcohol_g_d"], intake)
            if i + 1 < len(switches):
                bound = u["settled_peth"] + (bound - u["settled_peth"]) * jnp.exp(-rate * (switches[i + 1] - start))
        tied = p["kPEth_bind"] + p["kPEth_release"]
        free = tied / (tied + p["kPEth_out"]) * value
        return {"peth_umol_l": p["share"] * free / PETH_G_MOL, "alcohol_g_d": intake}

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """Drinking that one evening cannot stand for."""
        return {"drinking above 200 g/d": seen["alcohol_g_d"] > 200.0}


def _loss(p: Values) -> Any:
    """Rate at which bound PEth falls, 1/min."""
    tied = p["kPEth_bind"] + p["kPEth_release"]
    return p["kPEth_release"] * p["kPEth_out"] / (tied + p["kPEth_out"])


def _settled(person: Values, p: Values, intake: Any) -> Any:
    """Bound PEth (ng/mL) after months of `intake` g/d: drinking days of at least the usual occasion, the rest dry."""
    dose = jnp.maximum(intake, p["occasion_g"])
    events = {name: jnp.asarray(values[0]) for name, values in EVENING.items()}
    events["drink_volume_l"] = dose / (PURE_G_L * WINE_PERCENT / 100.0) * jnp.ones_like(events["drink_volume_l"])
    twin = Alcohol(frozenset({"quasi_steady"}))
    days = jnp.array([DAY_MIN, 2.0 * DAY_MIN])
    result = simulate_episode(twin, person, p, events, days, method="batch", steps=STEPS, pace=PACE)
    seen = result.values["peth_bound_ng_ml"]
    kept = jnp.exp(-DAY_MIN * _loss(p))
    return intake / dose * (seen[1] - kept * seen[0]) / (1.0 - kept)
