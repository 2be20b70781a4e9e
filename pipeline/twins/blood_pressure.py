"""Blood pressure over decades of ageing, and under drugs: solved exactly.

Herrgårdh T et al., bioRxiv 2022, doi 10.1101/2022.03.25.485803; the group table follows the Framingham age curves
(Franklin SS et al., Circulation 1997;96:308-315). The pressure rises along the curve of the person's group; weight
does not act on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from pipeline.twins.base import ExactTwin, Observable, Parameter, Values

PAPER = "Herrgårdh 2022; spread assumed, none is published"
LAW = "Law MR et al., BMJ 2009;338:b1665, doi 10.1136/bmj.b1665; spread between people assumed"
YEAR = 365.25

AGES = np.arange(30.0, 81.0, 5.0)
SYSTOLIC = np.array([      # mmHg by age (rows) and group (columns)
    [111.472772277228, 117.860744407774, 125.223689035570, 131.612577924459],
    [112.666850018335, 119.611294462780, 124.055738907224, 133.362211221122],
    [113.166483314998, 121.500733406674, 129.834066740007, 139.556288962229],
    [114.221672167217, 124.084616795013, 133.390172350568, 142.557755775577],
    [114.584250091676, 126.251833516685, 136.390722405574, 149.169416941694],
    [117.724605793913, 128.419966996700, 139.669050238357, 153.558855885588],
    [120.168683535020, 131.002933626696, 142.947378071140, 156.558489182251],
    [121.361844517785, 133.585900256692, 144.697011367803, 157.475705903924],
    [123.529977997800, 135.335533553355, 147.420700403374, 161.170700403373],
    [124.170333700037, 135.837917125046, 148.476806013935, 167.644389438944],
    [126.197744774477, 136.893105977264, 146.893105977264, 165.3671617161719],
])  # fmt: skip
DIASTOLIC_30 = np.array([71.7975011786893, 75.8451202263084, 80.6667452459532, 83.4641678453560])
SLOPE_S = (SYSTOLIC[0] - 99.867) / (117.86 - 99.867)              # relative slope of each group
SLOPE_D = (DIASTOLIC_30 - 55.9788) / (75.8451 - 55.9788)


class Baseline(NamedTuple):
    """What stays fixed of one person."""

    t0: Any              # years, age at the start
    S0: Any              # mmHg
    D0: Any
    cS: Any              # relative slopes of the person's group
    cD: Any
    dS: Any              # mmHg per drug
    dD: Any
    tau: Any             # years until a drug has its full effect
    p: Values


class BloodPressure(ExactTwin):
    """Systolic and diastolic pressure of one person over age and treatment."""

    name = "blood_pressure"
    citation = "Herrgårdh T et al., bioRxiv 2022, doi 10.1101/2022.03.25.485803"
    needs: ClassVar[Mapping[str, float]] = {"age_years": 50.0, "sbp_mmhg": 130.0, "dbp_mmhg": 80.0}
    hears = ("pressure_drugs",)
    parameters = (
        Parameter("a0", "mmHg/year", 0.4081, 0.30, PAPER),
        Parameter("b0", "mmHg/year", 0.9262, 0.10, PAPER),
        Parameter("b1", "mmHg/year2", 0.0183, 0.10, PAPER),
        Parameter("drug_S", "mmHg", 9.1, 0.35, LAW),
        Parameter("drug_D", "mmHg", 5.5, 0.35, LAW),
    )
    observables: ClassVar[Mapping[str, Observable]] = {
        "sbp_mmhg": Observable("mmHg", "systolic pressure"),
        "dbp_mmhg": Observable("mmHg", "diastolic pressure"),
        "map_mmhg": Observable("mmHg", "mean arterial pressure"),
        "pulse_pressure_mmhg": Observable("mmHg", "pulse pressure"),
    }
    corrections: ClassVar[Mapping[str, str]] = {
        "continuous_groups": "slopes are interpolated between groups and ages instead of taken from the nearest",
        "drug_effect": "a standard dose acts within weeks, as in trials, more where pressure is high, "
        "instead of 20/5 mmHg over two years for everybody",
    }

    def constants(self, person: Values, p: Values) -> Baseline:
        """Slopes of the person's group, and what one drug does to this person."""
        t0, S0, D0 = person["age_years"], person["sbp_mmhg"], person["dbp_mmhg"]
        if self.corrects("continuous_groups"):
            column = jnp.stack([jnp.interp(t0, AGES, SYSTOLIC[:, g]) for g in range(4)])
            cS, cD = jnp.interp(S0, column, SLOPE_S), jnp.interp(S0, column, SLOPE_D)
        else:
            row = jnp.asarray(SYSTOLIC)[jnp.argmin(jnp.abs(AGES - t0))]
            group = jnp.argmin(jnp.abs(row - S0))
            cS, cD = jnp.asarray(SLOPE_S)[group], jnp.asarray(SLOPE_D)[group]
        if self.corrects("drug_effect"):    # trials: 9.1/5.5 at 154/97 mmHg, less where pressure is lower
            dS = p["drug_S"] * jnp.maximum(0.0, 1.0 + 0.10 * (S0 - 154.0) / 9.1)
            dD = p["drug_D"] * jnp.maximum(0.0, 1.0 + 0.11 * (D0 - 97.0) / 5.5)
            tau = 0.1
        else:
            dS, dD, tau = jnp.full_like(S0, 20.0), jnp.full_like(S0, 5.0), 2.0
        return Baseline(t0, S0, D0, cS, cD, dS, dD, tau, p)

    def solution(self, t: Any, k: Baseline, switches: tuple[float, ...], inputs: Sequence[Values]) -> dict[str, Any]:
        """Pressures at day `t`: ageing in closed form, and each change of treatment as a ramp of `tau` years."""
        age = k.t0 + t / YEAR
        drugs, before = 0.0, 0.0
        for start, u in zip(switches, inputs, strict=True):
            ramp = jnp.clip((t - start) / (k.tau * YEAR), 0.0, 1.0)
            drugs, before = drugs + (u["pressure_drugs"] - before) * ramp, u["pressure_drugs"]
        p = k.p
        S = k.S0 + k.cS * p["a0"] * (age - k.t0) - k.dS * drugs
        D = k.D0 + k.cD * (p["b0"] * (age - k.t0) - p["b1"] / 2.0 * (age**2 - k.t0**2)) - k.dD * drugs
        return {"sbp_mmhg": S, "dbp_mmhg": D, "map_mmhg": D + (S - D) / 3.0, "pulse_pressure_mmhg": S - D}

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """Pressures outside what the age curves carry."""
        return {
            "diastolic pressure not below systolic": seen["dbp_mmhg"] >= seen["sbp_mmhg"],
            "diastolic pressure below 40 mmHg": seen["dbp_mmhg"] < 40.0,
        }
