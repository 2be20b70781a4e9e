"""Glucose and insulin over the hours of meals, in minutes.

Dalla Man C et al., IEEE Trans Biomed Eng 2007, doi 10.1109/TBME.2007.893506, with a fat cell inside (Nyman E et al.,
J Biol Chem 2011), as joined in Herrgårdh T et al., Diabetol Metab Syndr 2023, doi 10.1186/s13098-023-01223-6. A meal
is pure glucose of its energy; body composition is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from pipeline.solving import Pace, Timeline
from pipeline.twins.base import EpisodeTwin, Observable, Scalar, Values
from pipeline.twins.glucose_insulin import (
    CITATION,
    FAT_CELL_SCALE,
    FIXED,
    MG_PER_KCAL,
    ONE_LIMIT,
    TRAITS,
    Body,
    C,
    FatCell,
    emptying,
    endogenous_production,
    excretion,
    fasting_at,
    fat_cell_at_rest,
    fat_cell_rates,
    fat_influx,
    limited,
    liver_loss,
    muscle_and_liver,
    resistance,
    solve_fasting,
)
from pipeline.twins.metabolic import DIABETES_BETA, DIABETES_BMI, insulin_action

LAST_MG = 78_000.0           # meal that the stomach remembers before the first


class State(NamedTuple):
    """Everything that moves within hours; what is not yet ground in the stomach (Q1) is known exactly."""

    Gp: Scalar    # mg/kg, glucose in plasma
    Gt: Scalar    # mg/kg, glucose in tissue
    Il: Scalar    # pmol/kg, insulin in the liver
    Ip: Scalar    # pmol/kg, insulin in plasma
    Q2: Scalar    # mg, ground in the stomach
    Qg: Scalar    # mg, in the gut
    I1: Scalar    # pmol/l, delayed insulin
    Id: Scalar    # pmol/l, delayed twice
    Ipo: Scalar   # pmol/kg, portal insulin
    Y: Scalar     # pmol/kg/min, delayed secretion signal
    N: Scalar     # pmol/l, insulin action on fat
    M: Scalar     # pmol/l, insulin action on muscle and liver
    cell: FatCell


class Baseline(NamedTuple):
    """What stays fixed of one person."""

    body: Body
    start: State
    p: Values


class Meal(EpisodeTwin):
    """Meal response of one person, starting from the fasting state."""

    name = "meal"
    citation = CITATION
    needs: ClassVar[Mapping[str, float]] = {"weight_kg": 75.0, "height_cm": 170.0}
    hears = ()
    fixed = FIXED
    parameters = TRAITS
    observables: ClassVar[Mapping[str, Observable]] = {
        "meal_glucose_mg_dl": Observable("mg/dl", "plasma glucose"),
        "meal_glucose_mmol_l": Observable("mmol/l", "plasma glucose"),
        "meal_insulin_pmol_l": Observable("pmol/l", "plasma insulin"),
        "meal_appearance_mg_kg_min": Observable("mg/kg/min", "glucose that reaches plasma from the gut"),
        "meal_production_mg_kg_min": Observable("mg/kg/min", "endogenous glucose production"),
        "meal_uptake_mg_kg_min": Observable("mg/kg/min", "glucose uptake that varies: muscle, liver and fat"),
        "meal_muscle_uptake_mg_kg_min": Observable("mg/kg/min", "glucose uptake by muscle"),
        "meal_fat_uptake_mg_kg_min": Observable("mg/kg/min", "glucose uptake by fat"),
        "meal_irs1_signal": Observable("%", "insulin receptor substrate 1 phosphorylated at tyrosine, in fat cells"),
        "meal_pkb308_signal": Observable("%", "protein kinase B phosphorylated at 308, in fat cells"),
    }
    corrections: ClassVar[Mapping[str, str]] = {
        "secretion_floor": "the secretion signal has a floor where secretion is zero (Dalla Man 2007); published is a "
        "switch to a helper that drifts 1440 times too low, which this twin leaves out (`switched_secretion`)",
        "renal_excretion": "glucose above 180 mg/dl is lost in urine; as published never",
        "no_gate": "insulin action follows insulin, within limits, instead of only while the stomach holds food",
        "one_limit": ONE_LIMIT,
        "glucose_rule": "secretion is the person's own, instead of 0.3 above a body mass index of 29.5",
        "physiological_limits": "endogenous production and what the liver extracts of insulin are not negative, and "
        "falling glucose does not take back insulin (Dalla Man 2007)",
    }
    equations = (
        (r"Q_1 = 250 \, \text{kcal} \cdot e^{-k_{\text{gri}} t}, \quad \frac{dQ_2}{dt} = k_{\text{gri}} Q_1 - k_e "
         r"Q_2, \quad \frac{dQ_g}{dt} = k_e Q_2 - k_{\text{abs}} Q_g",
         "Glucose in the stomach, solid and ground, and in the gut (mg); all energy of a meal is counted as glucose."),
        (r"k_e = k_{\min} + \frac{k_{\max} - k_{\min}}{2} \left( \tanh(a (Q - b D)) - \tanh(c (Q - d D)) + 2 \right)",
         "Emptying of the stomach, which slows down within a meal of D mg; Q = Q1 + Q2, a = 2.5/((1 - b) D), c = "
         "2.5/(d D)."),
        (r"R_a = \frac{f \, k_{\text{abs}} Q_g}{W}", "Appearance in plasma (mg/kg/min) at body weight W."),
        (r"\frac{dG_p}{dt} = \text{EGP} + R_a - \text{RE} - U_{\text{ii}} - k_1 G_p + k_2 G_t",
         "Glucose in plasma (mg/kg)."),
        (r"\frac{dG_t}{dt} = k_1 G_p - k_2 G_t - (U_m + U_l + U_f)",
         "Glucose in tissue (mg/kg); the uptakes are those of the twin of fasting values, `metabolic`."),
        (r"\text{EGP} = \max\left(0, (\text{production} \cdot k_{p1} - k_{p2} G_p - k_{p3} I_d - k_{p4} "
         r"I_{\text{po}}) \, \varphi_E\right)",
         "Endogenous production; as published it can be negative."),
        (r"\frac{dI_l}{dt} = S + m_2 I_p - (m_1 + m_3) I_l, \quad \frac{dI_p}{dt} = m_1 I_l - (m_2 + m_4) I_p, \quad "
         r"S = \gamma \, \beta \, I_{\text{po}}",
         "Insulin in liver and plasma (pmol/kg)."),
        (r"\frac{dI_1}{dt} = k_i (I - I_1), \quad \frac{dI_d}{dt} = k_i (I_1 - I_d)",
         "Delayed insulin, which acts on production."),
        (r"\frac{dI_{\text{po}}}{dt} = \varphi_I \left( Y + \frac{K}{V_G} \max\left(0, \frac{dG_p}{dt}\right) + S_b - "
         r"\gamma I_{\text{po}} \right)",
         "Portal insulin, which rises with rising glucose; as published falling glucose takes insulin back."),
        (r"\frac{dY}{dt} = \alpha \left( \max(\beta_s (G - G_b), -S_b) - Y \right)", "Delayed signal of secretion."),
        (r"\frac{dN}{dt} = p_{2U} (I - I_b - N), \quad \frac{dM}{dt} = k_{I1} (I - I_b) - k_{I2} M",
         "Insulin action on fat cells and on muscle and liver; as published only while the stomach holds food."),
        (r"\text{RE} = k_{e1} \max(0, G_p - k_{e2})", "Glucose lost in urine; as published never."),
    )  # fmt: skip
    failures: ClassVar[tuple[str, ...]] = (
        "A meal is pure glucose of its energy: protein and fat do nothing.",
        "Insulin above about 1000 pmol/l (more than 200 g of glucose at once) lies beyond what the liver's clearance "
        "was fitted to.",
    )
    scale = State(
        Gp=180.0, Gt=130.0, Il=5.0, Ip=2.0, Q2=4e4, Qg=1e4, I1=60.0, Id=60.0, Ipo=5.0, Y=2.0, N=50.0, M=50.0,
        cell=FAT_CELL_SCALE,
    )  # fmt: skip
    pace: ClassVar[Pace] = Pace(first=0.05, growth=1.1, largest=6.0)

    def constants(self, person: Values, p: Values) -> Baseline:
        """The person's fasting state; `fat_ratio` and `lean_ratio` tell what changed since the first visit."""
        weight = person["weight_kg"]
        one = jnp.ones_like(jnp.asarray(weight, dtype=float))
        fat_ratio = person.get("fat_ratio", one)
        beta = p["beta_cell"]
        diabetic = weight / (person["height_cm"] / 100.0) ** 2 > DIABETES_BMI
        if not self.corrects("glucose_rule"):
            beta = beta * jnp.where(diabetic, DIABETES_BETA, 1.0)
        factors = resistance(fat_ratio, one_limit=self.corrects("one_limit"))
        body = Body(
            weight, fat_ratio, person.get("lean_ratio", one), factors, p["production"], p["sensitivity"], beta
        )
        action = None if self.corrects("no_gate") else insulin_action(weight, diabetic)
        excretes = self.corrects("renal_excretion")
        Gp = solve_fasting(body, action, excretes=excretes)
        f = fasting_at(Gp, body, action, excretes=excretes)
        insulin, nothing = f.Ip / C.VI, jnp.zeros_like(Gp)
        cell = fat_cell_at_rest(f.N, f.Gi, factors)
        Y = C.gamma * f.Ipo - C.Sb
        start = State(Gp, f.Gt, f.Il, f.Ip, nothing, nothing, insulin, insulin, f.Ipo, Y, f.N, f.M, cell)
        return Baseline(body, start, p)

    def initial(self, k: Baseline) -> State:
        """The fasting state."""
        return k.start

    def timeline(self, k: Baseline, events: Values, start: Any, end: Any) -> Timeline:
        """A segment from each meal to the next.

        `events` has `meal_start_min` and `meal_kcal`, (meals,) each; a meal of 0 kcal, or one that starts at or after
        the end, is padding. One that starts before `start` is eaten at `start`.
        """
        times, kcal = events["meal_start_min"], events["meal_kcal"]
        eaten = (kcal > 0.0) & (times < end)
        times = jnp.clip(jnp.where(eaten, times, end), start, end)
        order = jnp.argsort(times)
        times, mg = times[order], MG_PER_KCAL * jnp.where(eaten, kcal, 0.0)[order]
        start, end = jnp.asarray(start, dtype=float), jnp.asarray(end, dtype=float)
        begins = jnp.concatenate([start[None], times])
        gone = jnp.exp(-C.kgri * (begins[:, None] - times[None, :]).clip(0.0))
        has_begun = jnp.arange(len(begins))[:, None] > jnp.arange(len(times))[None, :]
        Q1 = jnp.sum(jnp.where(has_begun, gone * mg, 0.0), axis=1)
        D = [jnp.asarray(LAST_MG)]
        for meal in range(len(times)):
            D.append(jnp.where(mg[meal] > 0.0, 1.0 + mg[meal], D[-1]))
        return Timeline(
            bounds=jnp.concatenate([begins, end[None]]),
            inputs={"Q1_mg": Q1, "D_mg": jnp.stack(D), "since_min": begins},
        )

    def vector_field(self, t: Any, y: State, k: Baseline, u: Values) -> State:
        """Rates by the balance of each pool."""
        body = k.body
        G, I = y.Gp / C.VG, y.Ip / C.VI  # noqa: E741
        Q1 = u["Q1_mg"] * jnp.exp(-C.kgri * (t - u["since_min"]))
        out = emptying(Q1 + y.Q2, u["D_mg"]) * y.Q2
        N, M = self._action(y, body)
        muscle, liver = muscle_and_liver(y.Gt, M, body)
        into = fat_influx(y.Gt, N, y.cell.GLUT4m, body)
        fat = body.fat_ratio * (into - C.p3 * y.cell.Gi)
        lost = excretion(y.Gp) if self.corrects("renal_excretion") else 0.0
        rise = self._production(y, body) + self._appearance(y, body) - lost - C.Uii - C.k1 * y.Gp + C.k2 * y.Gt
        S = C.gamma * y.Ipo * body.beta
        signal = C.betas * (G - C.Gb)
        if self.corrects("secretion_floor"):
            signal = jnp.maximum(signal, -C.Sb)
        spurt = C.K / C.VG * (jnp.maximum(rise, 0.0) if self.corrects("physiological_limits") else rise)
        cleared = jnp.maximum(liver_loss(S), 0.0) if self.corrects("physiological_limits") else liver_loss(S)
        gate = 1.0 if self.corrects("no_gate") else Q1 / (Q1 + 0.01)
        return State(
            Gp=rise,
            Gt=C.k1 * y.Gp - C.k2 * y.Gt - (muscle + liver + fat),
            Il=S + C.m2 * y.Ip - (C.m1 + cleared) * y.Il,
            Ip=C.m1 * y.Il - (C.m2 + C.m4) * y.Ip,
            Q2=C.kgri * Q1 - out,
            Qg=out - C.kabs * y.Qg,
            I1=C.ki * (I - y.I1),
            Id=C.ki * (y.I1 - y.Id),
            Ipo=body.factors.I * (y.Y + spurt + C.Sb - C.gamma * y.Ipo),
            Y=C.alpha * (signal - y.Y),
            N=C.p2U * (I - C.Ib - y.N) * gate,
            M=(C.kI1 * (I - C.Ib) - C.kI2 * y.M) * gate,
            cell=fat_cell_rates(y.cell, N, into, body.factors),
        )

    def observe(self, t: Any, y: State, k: Baseline, u: Values) -> dict[str, Any]:
        """Glucose, insulin, fluxes and signals at one time."""
        body = k.body
        N, M = self._action(y, body)
        muscle, liver = muscle_and_liver(y.Gt, M, body)
        fat = body.fat_ratio * (fat_influx(y.Gt, N, y.cell.GLUT4m, body) - C.p3 * y.cell.Gi)
        return {
            "meal_glucose_mg_dl": y.Gp / C.VG,
            "meal_glucose_mmol_l": y.Gp / C.VG / 18.0,
            "meal_insulin_pmol_l": y.Ip / C.VI,
            "meal_appearance_mg_kg_min": self._appearance(y, body),
            "meal_production_mg_kg_min": self._production(y, body),
            "meal_uptake_mg_kg_min": muscle + liver + fat,
            "meal_muscle_uptake_mg_kg_min": muscle,
            "meal_fat_uptake_mg_kg_min": fat,
            "meal_irs1_signal": y.cell.IRS1p + y.cell.IRS1p307,
            "meal_pkb308_signal": y.cell.PKB308p + y.cell.PKBpp,
        }

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """Values that nobody has, or that the model does not carry."""
        G, I = seen["meal_glucose_mg_dl"], seen["meal_insulin_pmol_l"]  # noqa: E741
        return {
            "meal glucose outside 40 to 400 mg/dl": (G < 40.0) | (G > 400.0),
            "meal insulin negative or above 1500 pmol/l": (I < 0.0) | (I > 1500.0),
        }

    def crosses(self, y: State) -> Any:
        """Falls through zero where the published secretion switch acts: Y then becomes `switched_secretion`."""
        return C.betas * (y.Gp / C.VG - C.Gb) + C.Sb

    def _action(self, y: State, body: Body) -> tuple[Any, Any]:
        return limited(y.N, y.M, body) if self.corrects("no_gate") else (y.N, y.M)

    def _production(self, y: State, body: Body) -> Any:
        EGP = endogenous_production(y.Gp, y.Id, y.Ipo, body)
        return jnp.maximum(EGP, 0.0) if self.corrects("physiological_limits") else EGP

    def _appearance(self, y: State, body: Body) -> Any:
        return C.f * C.kabs * y.Qg / body.weight


def switched_secretion(minutes: Any) -> Any:
    """What the published switch sets Y to (pmol/kg/min), `minutes` after glucose last rose above 78.64 mg/dl.

    The helper (Y2) drifts for days to 1440 times the floor of secretion, because one of its two terms is per day.
    Below about -12 the hepatic clearance passes a pole; solvers fail there, or leave it with negative insulin.
    """
    days = 1440.0
    return -days * C.Sb * (1.0 - jnp.exp(-C.alpha * minutes / days))
