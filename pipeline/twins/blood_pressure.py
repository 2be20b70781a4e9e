"""Blood pressure over decades of ageing, under drugs and under habits: solved exactly.

Herrgårdh T et al., bioRxiv 2022, doi 10.1101/2022.03.25.485803; the group table follows the Framingham age curves
(Franklin SS et al., Circulation 1997;96:308-315). The pressure rises along the curve of the person's group. In the
published model weight, drinking and activity do not act on it; here they do, by the extensions, each with the
average effect of trials or cohorts. They add up with each other and with drugs, which no trial has shown for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from pipeline.twins.base import ExactTwin, Observable, Parameter, Table, Values
from pipeline.twins.body_composition import BodyComposition

PAPER = "Herrgårdh 2022; spread assumed, none is published"
LAW = "Law MR et al., BMJ 2009;338:b1665, doi 10.1136/bmj.b1665; spread between people assumed"
CLASSES_OF_LAW = "Law MR et al., BMJ 2003;326:1427, doi 10.1136/bmj.326.7404.1427, recalled"
NETER = "Neter JE et al., Hypertension 2003;42:878-884, doi 10.1161/01.HYP.0000094221.86888.AE"
DI_FEDERICO = "Di Federico S et al., Hypertension 2023;80:1961-1969, doi 10.1161/HYPERTENSIONAHA.123.21224"
CORNELISSEN = "Cornelissen VA, Smart NA, J Am Heart Assoc 2013;2:e004473, doi 10.1161/JAHA.112.004473"
YEAR = 365.25
ONSET = 0.1                  # years until a drug or a habit has its full effect; trials lasted weeks
TRIAL_S, TRIAL_D = 9.1, 5.5                # mmHg, mean effect of a standard dose in trials,
BEFORE_S, BEFORE_D = 154.0, 97.0           # at these pressures before treatment
STEEPER_S, STEEPER_D = 0.10, 0.11          # mmHg more for every mmHg that pressure is higher
# Effect of a dose over that of the standard dose: half (7.1/4.4 mmHg) by the abstract of Law 2003, twice
# (10.9/6.5 mmHg) recalled. The mean of all classes: those of single classes could not be looked up.
DOSES = np.array([0.0, 0.5, 1.0, 2.0])
SHARE_S, SHARE_D = np.array([0.0, 7.1, 9.1, 10.9]) / 9.1, np.array([0.0, 4.4, 5.5, 6.5]) / 5.5
MORE_ACTIVE = 0.1            # a rise of the activity factor that counts as training; assumed
BEYOND_TRIALS = 10.0         # kg, beyond which the link is flat; the trials of Neter 2003 lost 5.1 on average, recalled

# Effect of a class at standard dose, mmHg, with its 95 % interval.
CLASSES = {
    "thiazide": ((8.8, 8.3, 9.4), (4.4, 4.0, 4.8)),
    "beta_blocker": ((9.2, 8.6, 9.9), (6.7, 6.2, 7.1)),
    "ace_inhibitor": ((8.5, 7.9, 9.0), (4.7, 4.4, 5.0)),
    "arb": ((10.3, 9.9, 10.8), (5.7, 5.4, 6.0)),
    "calcium_blocker": ((8.8, 8.3, 9.2), (5.9, 5.6, 6.2)),
}


def measured(name: str, unit: str, estimate: tuple[float, float, float], source: str) -> Parameter:
    """A parameter from an estimate with its 95 % interval; the spread is that of the mean, not of people."""
    middle, low, high = estimate
    return Parameter(name, unit, middle, (high - low) / 3.92 / middle, f"{source}: {middle} ({low} to {high})")


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
    trial_S: Any         # effect of a drug in this person over its mean in trials
    trial_D: Any
    male: Any
    alcohol: Any         # g/d, 0 where it is not known
    p: Values


class BloodPressure(ExactTwin):
    """Systolic and diastolic pressure of one person over age, treatment and habits.

    `pressure_drugs` are doses of a drug of no named class, `thiazide_dose` and so on those of a class; doses of
    all drugs add up (Law 2003). The link to weight is a straight line up to 10 kg and flat beyond; that to drinking is
    straight also where nobody tried, beyond 50 g/d. Losing weight and becoming active may share
    a part of their effect; it is counted twice here.
    """

    name = "blood_pressure"
    citation = "Herrgårdh T et al., bioRxiv 2022, doi 10.1101/2022.03.25.485803"
    needs: ClassVar[Mapping[str, float]] = {"age_years": 50.0, "sbp_mmhg": 130.0, "dbp_mmhg": 80.0}
    reads = ("weight_change_kg",)
    hears = (*BodyComposition.hears, "pressure_drugs", *(f"{name}_dose" for name in CLASSES), "alcohol_factor")
    parameters = (
        Parameter("a0", "mmHg/year", 0.4081, 0.30, PAPER),
        Parameter("b0", "mmHg/year", 0.9262, 0.10, PAPER),
        Parameter("b1", "mmHg/year2", 0.0183, 0.10, PAPER),
        Parameter("drug_S", "mmHg", 9.1, 0.35, LAW),
        Parameter("drug_D", "mmHg", 5.5, 0.35, LAW),
        *(measured(f"{name}_S", "mmHg", effect, CLASSES_OF_LAW) for name, (effect, _) in CLASSES.items()),
        *(measured(f"{name}_D", "mmHg", effect, CLASSES_OF_LAW) for name, (_, effect) in CLASSES.items()),
        measured("weight_S", "mmHg/kg", (1.05, 0.66, 1.43), NETER),
        measured("weight_D", "mmHg/kg", (0.92, 0.55, 1.28), NETER),
        Parameter("alcohol_S", "mmHg/(g/d)", 0.102, 0.12, f"{DI_FEDERICO}: 4.90 at 48 g/d (3.71 to 6.08, recalled)"),
        Parameter("alcohol_D", "mmHg/(g/d)", 0.065, 0.20, f"{DI_FEDERICO}: 3.10 at 48 g/d (1.88 to 4.33, recalled)"),
        measured("activity_S", "mmHg", (3.5, 2.3, 4.6), CORNELISSEN),
        measured("activity_D", "mmHg", (2.5, 1.7, 3.2), CORNELISSEN),
    )
    observables: ClassVar[Mapping[str, Observable]] = {
        "sbp_mmhg": Observable("mmHg", "systolic pressure"),
        "dbp_mmhg": Observable("mmHg", "diastolic pressure"),
        "map_mmhg": Observable("mmHg", "mean arterial pressure"),
        "pulse_pressure_mmhg": Observable("mmHg", "pulse pressure"),
    }
    at_visit = ("sbp_mmhg", "dbp_mmhg", "pulse_pressure_mmhg")
    over_years = ("sbp_mmhg", "dbp_mmhg")
    ages = True
    fixed = (
        Table(
            "Systolic pressure (mmHg) by age in the four groups of the Framingham curves, and diastolic pressure at "
            "30. The person's group is that whose curve passes what was measured.",
            ("Age, years", "Group 1", "Group 2", "Group 3", "Group 4"),
            (*((f"{a:.0f}", *map(float, row)) for a, row in zip(AGES, SYSTOLIC, strict=True)),
             ("diastolic at 30", *map(float, DIASTOLIC_30))),
        ),
    )  # fmt: skip
    corrections: ClassVar[Mapping[str, str]] = {
        "continuous_groups": "slopes are interpolated between groups and ages instead of taken from the nearest",
        "drug_effect": "a standard dose acts within weeks, as in trials, more where pressure is high, "
        "instead of 20/5 mmHg over two years for everybody",
    }
    extensions: ClassVar[Mapping[str, str]] = {
        "drug_classes": "five classes of drugs act by dose: 8.5 to 10.3 mmHg systolic at standard dose, half a dose "
        f"a fifth less, less where pressure is lower ({CLASSES_OF_LAW})",
        "weight_link": "weight lost lowers pressure by 1.05 (0.66 to 1.43) mmHg systolic and 0.92 (0.55 to 1.28) "
        f"diastolic a kg, and weight gained raises it as much ({NETER}; 25 trials of losing weight)",
        "alcohol_link": "each g/d of alcohol raises systolic pressure by 0.102 mmHg, and in men diastolic pressure "
        f"by 0.065 ({DI_FEDERICO}; 7 cohorts, not trials; 4.90 and 3.10 mmHg at 48 g/d in men and women together; "
        "in women diastolic pressure did not rise steadily)",
        "activity_link": "endurance training lowers pressure by 3.5 (2.3 to 4.6) mmHg systolic and 2.5 (1.7 to 3.2) "
        f"diastolic ({CORNELISSEN}); an activity raised by a tenth counts as training, less in proportion",
    }
    equations = (
        (r"S = S_0 + c_S \, a_0 \, (t - t_0) - d_S \, w(t) + \Delta_S(t) + \text{weight}_S \, \Delta W",
         "Systolic pressure (mmHg) at age t (years), from that measured at t0. The last two terms are extensions; "
         "the change of weight counts up to 10 kg."),
        (r"D = D_0 + c_D \left( b_0 (t - t_0) - \frac{b_1}{2} (t^2 - t_0^2) \right) - d_D \, w(t) + \Delta_D(t) + "
         r"\text{weight}_D \, \Delta W",
         "Diastolic pressure, which falls late in life: ageing alone peaks at age b0/b1, 51 years."),
        (r"c_S = \frac{S_{30} - 99.867}{117.86 - 99.867}, \quad c_D = \frac{D_{30} - 55.9788}{75.8451 - 55.9788}",
         "Slopes of the person's group, from the pressures of the group at 30; interpolated between groups and ages, "
         "as published those of the nearest of four."),
        (r"d_S = \text{drug}_S \, \max\left(0, 1 + 0.10 \, \frac{S_0 - 154}{9.1}\right), \quad d_D = \text{drug}_D \, "
         r"\max\left(0, 1 + 0.11 \, \frac{D_0 - 97}{5.5}\right)",
         "What one drug does to this person; as published 20 and 5 mmHg."),
        (r"w(t) = \text{doses} \cdot \min\left(1, \frac{t - t_m}{\tau}\right)",
         "Drugs reach their effect within 0.1 years of the change at t_m, as published within 2. Changes add up."),
        (r"\Delta_S = - \frac{d_S}{9.1} \sum_i \text{class}_{S,i} \, g(\text{dose}_i) + \text{alcohol}_S \, A \, "
         r"(\alpha - 1) - \text{activity}_S \, \min\left(1, \frac{a - 1}{0.1}\right)",
         "Extensions, each reached within 0.1 years: classes of drugs, where g is 0, 0.78, 1 and 1.2 at doses of 0, "
         "a half, 1 and 2; A is the person's alcohol (g/d), alpha and a the scenario's factors of alcohol and "
         "activity (below 1 activity does nothing). Diastolic pressure alike, alcohol in men only."),
        (r"\text{MAP} = D + \frac{S - D}{3}, \quad \text{PP} = S - D", "Mean arterial and pulse pressure."),
    )  # fmt: skip
    failures = (
        "The published chain has no way from weight, salt, alcohol or activity to pressure. The extensions here are "
        "averages of trials or cohorts, added up; no trial has shown that they add up.",
        "The straight lines are used beyond the trials: weight changes up to 10 kg, where it stops (trials lost 5 on "
        "average), and drinking above 50 g/d. Losing weight and becoming active share effects that are counted twice.",
        "Below 30 and above 84 years the age curves are extrapolated; diastolic pressure can become too small in very "
        "old age.",
        "The source table is noisy: group 4 falls from 167.6 to 165.4 mmHg between 75 and 80, group 3 between 30 and "
        "35.",
        "Neither sex, salt, kidney function nor measured diastolic pressure chooses the age curve.",
        "No uncertainty is published for the ageing part: its spreads are assumed.",
        "Effects of drugs never wane, and adherence is perfect.",
    )  # fmt: skip

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
        trial_S = jnp.maximum(0.0, 1.0 + STEEPER_S * (S0 - BEFORE_S) / TRIAL_S)
        trial_D = jnp.maximum(0.0, 1.0 + STEEPER_D * (D0 - BEFORE_D) / TRIAL_D)
        if self.corrects("drug_effect"):
            dS, dD, tau = p["drug_S"] * trial_S, p["drug_D"] * trial_D, ONSET
        else:
            dS, dD, tau = jnp.full_like(S0, 20.0), jnp.full_like(S0, 5.0), 2.0
        # A person who responds to one drug more than others do responds more to every class.
        trial_S, trial_D = trial_S * p["drug_S"] / TRIAL_S, trial_D * p["drug_D"] / TRIAL_D
        male, alcohol = (jnp.nan_to_num(person.get(name, 0.0), nan=0.0) for name in ("male", "alcohol_g_d"))
        return Baseline(t0, S0, D0, cS, cD, dS, dD, tau, trial_S, trial_D, male, alcohol, p)

    def solution(
        self, times: Any, k: Baseline, switches: tuple[float, ...], inputs: Sequence[Values], signals: Values
    ) -> dict[str, Any]:
        """Pressures over time: ageing in closed form, each change of treatment or habit as a ramp, and weight."""
        age = k.t0 + times / YEAR
        p = k.p
        drugs = _ramped(times, switches, [u["pressure_drugs"] for u in inputs], k.tau)
        S = k.S0 + k.cS * p["a0"] * (age - k.t0) - k.dS * drugs
        D = k.D0 + k.cD * (p["b0"] * (age - k.t0) - p["b1"] / 2.0 * (age**2 - k.t0**2)) - k.dD * drugs
        changes = [self._change(k, u) for u in inputs]
        S = S + _ramped(times, switches, [dS for dS, _ in changes], ONSET)
        D = D + _ramped(times, switches, [dD for _, dD in changes], ONSET)
        if self.corrects("weight_link"):         # no ramp: weight itself changes slowly
            change = jnp.clip(signals.get("weight_change_kg", 0.0), -BEYOND_TRIALS, BEYOND_TRIALS)
            S, D = S + p["weight_S"] * change, D + p["weight_D"] * change
        return {"sbp_mmhg": S, "dbp_mmhg": D, "map_mmhg": D + (S - D) / 3.0, "pulse_pressure_mmhg": S - D}

    def _change(self, k: Baseline, u: Values) -> tuple[Any, Any]:
        """Full effect of the habits and drug classes of one segment, systolic and diastolic, mmHg."""
        p = k.p
        dS = dD = jnp.zeros_like(k.S0)
        if self.corrects("drug_classes"):
            for name in CLASSES:
                dose = u[f"{name}_dose"]
                dS = dS - k.trial_S * p[f"{name}_S"] * jnp.interp(dose, DOSES, SHARE_S)
                dD = dD - k.trial_D * p[f"{name}_D"] * jnp.interp(dose, DOSES, SHARE_D)
        if self.corrects("alcohol_link"):
            more = k.alcohol * (u["alcohol_factor"] - 1.0)
            dS, dD = dS + p["alcohol_S"] * more, dD + p["alcohol_D"] * more * k.male
        if self.corrects("activity_link"):       # no trial says what becoming less active does
            trained = jnp.clip((u["activity_factor"] - 1.0) / MORE_ACTIVE, 0.0, 1.0)
            dS, dD = dS - p["activity_S"] * trained, dD - p["activity_D"] * trained
        return dS, dD

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """Pressures outside what the age curves carry."""
        return {
            "diastolic pressure not below systolic": seen["dbp_mmhg"] >= seen["sbp_mmhg"],
            "diastolic pressure below 40 mmHg": seen["dbp_mmhg"] < 40.0,
        }


def _ramped(times: Any, switches: tuple[float, ...], levels: Sequence[Any], years: Any) -> Any:
    """A quantity that starts at 0 and moves to the level of each segment within `years` of its start."""
    value, before = 0.0, 0.0
    for start, level in zip(switches, levels, strict=True):
        value = value + (level - before) * jnp.clip((times - start) / (years * YEAR), 0.0, 1.0)
        before = level
    return value
