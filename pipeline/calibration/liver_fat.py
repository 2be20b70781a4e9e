"""The liver twin, fitted to the study that it was trained on.

Ten people ate 4 % carbohydrate and 72 % fat at equal energy for 14 days, from 40 % and 42 % (Mardinoglu A et al.,
Cell Metab 2018;27:559-571, doi 10.1016/j.cmet.2018.01.005). Group means and standard errors in
`liver_fat_studies.csv`; de novo lipogenesis was read from graphs and is approximate.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jax
import jax.numpy as jnp
import pandas as pd

from pipeline.calibration.liver_fat_held_back import predict
from pipeline.calibration.problem import FitParameter, Problem, Quantity, Theta
from pipeline.solving import make_grid, solve_batch
from pipeline.twins import PUBLISHED_FITS, TWINS, DynamicTwin, Scenario, System

PERSON = {"carbohydrate_fraction": 0.40, "fat_fraction": 0.42}
DIET = Scenario.model_validate(
    {"title": "Low carbohydrate", "segments": [{"inputs": {"carbohydrate_fraction": 0.04, "fat_fraction": 0.72}}]}
)
BEFORE = {**Scenario(title="Before").arrays()[0], **PERSON}
# Shares of the influx at baseline, Donnelly KL et al., J Clin Invest 2005;115:1343-1351, doi 10.1172/JCI23621.
SHARES = {"dnl_share": (0.194, 0.328), "diet_share": (0.079, 0.219)}
PENALTY = 36.415                      # chi-square limit of 17 points at 0.3 %, as in Simonsson 2024
BOUNDS = (0.01, 100.0)                # of every parameter, as in Simonsson 2024


def training_data() -> pd.DataFrame:
    """The 17 points: observable, time_d, mean, sem."""
    return pd.read_csv(str(files("pipeline.calibration").joinpath("liver_fat_studies.csv")))


def _liver() -> DynamicTwin:
    twin = TWINS["liver_fat"].build("corrected")
    assert isinstance(twin, DynamicTwin)
    return twin


LIVER = _liver()
SYSTEM = System((LIVER,))
DATA = training_data()
TIMES = tuple(sorted(set(DATA["time_d"].astype(float))))
ROWS = [TIMES.index(t) for t in DATA["time_d"]]
MEAN, SEM = DATA["mean"].to_numpy(), DATA["sem"].to_numpy()
GRID = make_grid(DIET.switches, TIMES, first_step=0.02, growth=1.05, max_step=0.5)   # cost to 3e-4


def at_rest(p: Theta) -> tuple[Any, Any, Any, Any]:
    """Constants and steady state of people with multipliers of 1, the influx and the rate constant of H there.

    The steady state is read from the twin's own rates: D's is linear in D and H's, at given D, in H.
    """
    typical = {name: jnp.asarray(value) for name, value in {**LIVER.needs, **PERSON}.items()}
    k = LIVER.constants(typical, p)
    one = jnp.ones(())
    k = k._replace(m_N=one, m_T=one, raised=jnp.zeros((), dtype=bool))
    state = type(LIVER.scale)

    def rates(H: Any, D: Any) -> Any:
        return LIVER.vector_field(0.0, state(H=H, D=D), k, BEFORE, {})

    zero = jnp.zeros(())
    empty, slope = jax.jvp(lambda D: rates(zero, D).D, (zero,), (one,))
    D = -empty / slope
    influx, loss = jax.jvp(lambda H: rates(H, D).H, (zero,), (one,))
    H = -influx / loss
    return k._replace(H0=H, D0=D), state(H=H, D=D), influx, -loss


def trajectory(p: Theta) -> dict[str, Any]:
    """Observables of the study's people at `TIMES`, on the study's diet from day 0."""
    k, start, _, _ = at_rest(p)
    fixed, diet = {LIVER.name: k}, DIET.arrays()[0]
    solution = solve_batch(SYSTEM.field, {LIVER.name: start}, [(fixed, diet)], GRID, SYSTEM.scale)
    return jax.vmap(lambda y: SYSTEM.observe(y, fixed, diet))(solution.states)


def residuals(p: Theta) -> Any:
    """The 17 points, in standard errors; the people start at the steady state, so liver fat at day 0 is an output."""
    complete = {**LIVER.defaults(), **p}
    seen = trajectory(complete)
    model = jnp.stack([seen[name][row] for name, row in zip(DATA["observable"], ROWS, strict=True)])
    return (model - MEAN) / SEM


INFLUX = ("k_diet", "k_nefa", "k_tca")
QUANTITIES: Mapping[str, Quantity] = {
    "total_influx": Quantity("mg/g/d", (), "triglyceride into the liver at baseline"),
    "time_constant": Quantity("d", (), "time constant of liver fat at baseline"),
    "dnl_share": Quantity("1", INFLUX, "de novo lipogenesis in the influx at baseline"),
    "nefa_share": Quantity("1", INFLUX, "plasma fatty acids in the influx at baseline"),
    "diet_share": Quantity("1", INFLUX, "dietary fat in the influx at baseline"),
    "oxidation_share": Quantity("1", ("k_box", "k_vldl"), "oxidation in the efflux at baseline"),
    "oxidation_restraint": Quantity("1", ("k_s", "k_tca", "k_dnl"), "k_s k_tca / k_dnl: lipogenesis on oxidation"),
    "dnl_marker": Quantity("umol/L", ("q_dnl", "k_tca"), "q_dnl k_tca: newly made fat in VLDL at baseline"),
    "vldl_tag": Quantity("mmol/L", ("q_vldl", "k_vldl"), "q_vldl k_vldl H: VLDL triglyceride at baseline"),
    "bhb": Quantity("mg/dL", ("q_bhb", "k_box"), "q_bhb times oxidation: beta-hydroxybutyrate at baseline"),
    "pdff_baseline": Quantity("%", (), "liver fat at baseline"),
    "pdff_response": Quantity("1", (), "liver fat after 14 days of 4 % carbohydrate over baseline"),
    "bhb_response": Quantity("1", (), "beta-hydroxybutyrate after 14 days of 4 % carbohydrate over baseline"),
}


def derived(p: Theta) -> dict[str, Any]:
    """The quantities above."""
    complete = {**LIVER.defaults(), **p}
    k, rest, influx, loss = at_rest(complete)
    before = LIVER.observe(rest, k, BEFORE, {})
    after = trajectory(complete)
    return {
        "total_influx": influx,
        "time_constant": 1.0 / loss,
        "dnl_share": before["dnl_share_percent"] / 100.0,
        "nefa_share": p["k_nefa"] / influx,
        "diet_share": p["k_diet"] / influx,
        "oxidation_share": before["oxidation_share_percent"] / 100.0,
        "oxidation_restraint": p["k_s"] * rest.D,
        "dnl_marker": before["dnl_umol_l"],
        "vldl_tag": before["vldl_tag_mmol_l"],
        "bhb": before["bhb_mg_dl"],
        "pdff_baseline": before["pdff_percent"],
        "pdff_response": after["pdff_percent"][-1] / before["pdff_percent"],
        "bhb_response": after["bhb_mg_dl"][-1] / before["bhb_mg_dl"],
    }


def penalty(p: Theta) -> Any:
    """The published price of a baseline share outside its band: a jump and the distance."""
    influx = sum(p[name] for name in INFLUX)
    shares = {"dnl_share": p["k_tca"] / influx, "diet_share": p["k_diet"] / influx}
    cost = jnp.zeros(())
    for name, (low, high) in SHARES.items():
        distance = jnp.maximum(0.0, low - shares[name]) + jnp.maximum(0.0, shares[name] - high)
        cost = cost + jnp.where(distance > 0.0, PENALTY + 100.0 * distance, 0.0)
    return cost


UNITS = {q.name: q.unit for q in LIVER.parameters}
BEST = PUBLISHED_FITS.loc["train"]
LIVER_FAT = Problem(
    name=LIVER.name,
    citation=LIVER.citation,
    parameters=tuple(FitParameter(n, UNITS[n], *BOUNDS, float(v)) for n, v in BEST.items() if n != "cost"),
    quantities=QUANTITIES,
    residuals=residuals,
    derived=derived,
    points=len(DATA),
    published_cost=float(BEST["cost"]),
    bands=SHARES,
    penalty=penalty,
    predict=predict,
)

