"""Body weight and composition over years: the energy balance of Hall and colleagues.

Hall KD et al., Lancet 2011;378:826-837, doi 10.1016/S0140-6736(11)60812-X, in the form that stands in
Simonsson C et al., Clin Nutr 2024;43:1532-1543, doi 10.1016/j.clnu.2024.05.017. Lean tissue is not a state: by
Forbes' rule L - 10.4 ln F never changes, so it follows from fat exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from pipeline.twins.base import DynamicTwin, Observable, Parameter, Scalar, Values

HALL = "Hall 2011"
FORBES = 10.4          # kg of lean tissue per unit of ln(fat), Forbes 1987 as used by Hall 2011
WATER = 3.7            # kg of weight per kg of glycogen: itself and 2.7 kg of water
FLUID = 0.7 * 0.235    # extracellular fluid over weight
XI_NA, XI_CI = 3000.0, 4000.0        # mg/L/d sodium per litre of fluid; mg/d sodium per relative carbohydrate
TAU_AT = 14.0          # d


class State(NamedTuple):
    """States of the body, time in days."""

    G: Scalar    # kg, glycogen
    E: Scalar    # kg, extracellular fluid
    F: Scalar    # kg, fat
    A: Scalar    # J/d, adaptive thermogenesis


class Baseline(NamedTuple):
    """What stays fixed of one person: the balanced state and its energy."""

    height_m: Any
    F0: Any
    G0: Any
    E0: Any
    L0: Any
    L_F: Any             # L - 10.4 ln F
    RMR: Any             # J/d
    EI0: Any             # J/d, balanced intake
    CI0: Any
    k_G: Any
    K: Any
    PAL: Any
    W0: Any
    c0: Any
    kcal: Any            # J
    delta: Any           # J/kg/d, cost of moving at the usual activity
    sodium: Any          # mg/L
    published_start: bool
    p: Values


class BodyComposition(DynamicTwin):
    """Glycogen, fluid, fat, lean tissue and adaptive thermogenesis under a changing intake."""

    name = "body_composition"
    citation = "Hall KD et al., Lancet 2011;378:826-837, doi 10.1016/S0140-6736(11)60812-X"
    needs: ClassVar[Mapping[str, float]] = {
        "male": 0.0,
        "age_years": 50.0,
        "height_cm": 170.0,
        "weight_kg": 75.0,
        "body_fat_percent": 30.0,
        "activity_level": 1.5,
        "carbohydrate_fraction": 0.45,
    }
    hears = (
        "energy_change_kcal_d", "energy_factor", "energy_intake_kcal_d", "weight_target_factor", "weight_target_days",
        "carbohydrate_fraction", "activity_factor",
    )  # fmt: skip
    parameters = (
        Parameter("rho_F", "J/kg", 39.5e6, 0.0, HALL),
        Parameter("rho_L", "J/kg", 7.6e6, 0.0, HALL),
        Parameter("rho_G", "J/kg", 17.6e6, 0.0, HALL),
        Parameter("gamma_F", "J/kg/d", 13_000.0, 0.0, HALL),
        Parameter("gamma_L", "J/kg/d", 92_000.0, 0.0, HALL),
        Parameter("eta_F", "J/kg", 750_000.0, 0.0, HALL),
        Parameter("eta_L", "J/kg", 960_000.0, 0.0, HALL),
        Parameter("beta_TEF", "1", 0.1, 0.0, HALL),
        Parameter("beta_AT", "1", 0.14, 0.0, HALL),
    )
    observables: ClassVar[Mapping[str, Observable]] = {
        "weight_kg": Observable("kg", "body weight"),
        "bmi_kg_m2": Observable("kg/m2", "body mass index"),
        "fat_mass_kg": Observable("kg", "body fat"),
        "lean_mass_kg": Observable("kg", "lean tissue without glycogen and extracellular fluid"),
        "body_fat_percent": Observable("%", "body fat over weight"),
        "glycogen_kg": Observable("kg", "glycogen"),
        "extracellular_fluid_kg": Observable("kg", "extracellular fluid"),
        "thermogenesis_kcal_d": Observable("kcal/d", "adaptive thermogenesis"),
        "energy_intake_kcal_d": Observable("kcal/d", "energy intake"),
        "energy_expenditure_kcal_d": Observable("kcal/d", "energy expenditure"),
        "fat_ratio": Observable("1", "body fat over that at the start"),
        "lean_ratio": Observable("1", "lean tissue over that at the start"),
        "energy_ratio": Observable("1", "energy intake over the balanced intake"),
        "weight_change_kg": Observable("kg", "body weight minus that at the start"),
    }
    at_visit = ("fat_mass_kg", "lean_mass_kg", "body_fat_percent", "energy_intake_kcal_d")
    over_years = ("weight_kg", "fat_mass_kg")
    corrections: ClassVar[Mapping[str, str]] = {
        "resting_rate": "resting rate by Mifflin 1990 instead of 2.0 MJ/d (478 kcal) for everybody",
        "sodium": "3220 mg sodium a litre of fluid instead of 3.22",
        "start": "the start keeps the model's own balance instead of a fixed fluid, lean mass and thermogenesis",
        "kilocalorie": "a kilocalorie is 4184 J instead of 4183",
        "diet": "the scenario's carbohydrate acts on the body instead of 50 % always",
        "activity_cost": "moving costs energy by weight instead of 30 J/kg/d, a thousandth (Herrgårdh 2023)",
        "fluid": "extracellular fluid follows carbohydrate instead of standing still (Herrgårdh 2023)",
    }
    as_published = frozenset({"activity_cost", "fluid"})      # Simonsson 2024 has these right
    scale = State(G=0.5, E=15.0, F=30.0, A=1e5)
    equations = (
        (r"W = F + L + 3.7 \, G + E",
         "Body weight (kg): fat, lean tissue, glycogen with its water, extracellular fluid."),
        (r"L - 10.4 \, \ln F = \text{constant}",
         "Lean tissue follows from fat (Forbes); the balances below conserve it exactly."),
        (r"\frac{dF}{dt} = \frac{(1 - p) \, R}{\rho_F}, \quad p = \frac{C}{C + F}, \quad C = 10.4 \, "
         r"\frac{\rho_L}{\rho_F}",
         "What is neither spent nor put into glycogen goes to fat and, by the share p, to lean tissue."),
        (r"R = \text{EI} - \text{EE} - S",
         "Energy left over (J/d): intake EI, expenditure EE, energy into glycogen S."),
        (r"\frac{dG}{dt} = \frac{S}{\rho_G}, \quad S = \text{CI} - k_G G^2, \quad k_G = \frac{\text{CI}_0}{G_0^2}",
         "Glycogen (kg) follows carbohydrate intake CI."),
        (r"\frac{dE}{dt} = \frac{\xi_{\text{Na}} (E_\infty - E)}{\text{Na}}, \quad E_\infty = E_0 - "
         r"\frac{\xi_{\text{CI}}}{\xi_{\text{Na}}} \left(1 - \frac{\text{CI}}{\text{CI}_0}\right)",
         "Extracellular fluid (L); sodium intake is unchanged. Na is 3220 mg/L, as published 3.22."),
        (r"\frac{dA}{dt} = \frac{\beta_{\text{AT}} (\text{EI} - \text{EI}_0) - A}{\tau_{\text{AT}}}",
         "Adaptive thermogenesis (J/d), within 14 days."),
        (r"\text{EE} = \frac{K + \gamma_F F + \gamma_L L + \delta_a W + \beta_{\text{TEF}} (\text{EI} - \text{EI}_0) "
         r"+ A + q \, (\text{EI} - S)}{1 + q}",
         "Energy expenditure (J/d), in which the cost q of storing is paid from what is stored."),
        (r"q = \frac{\eta_L \, p}{\rho_L} + \frac{\eta_F (1 - p)}{\rho_F}", "Cost of storing over energy stored."),
        (r"\delta_a = \delta + (1 - \beta_{\text{TEF}}) \, \text{PAL} \, (a - 1) \, \frac{\text{RMR}}{W_0}, \quad "
         r"\delta = \frac{((1 - \beta_{\text{TEF}}) \, \text{PAL} - 1) \, \text{RMR}}{W_0}",
         "Cost of moving (J/kg/d); a is the scenario's activity factor."),
        (r"\text{EI}_0 = \text{PAL} \cdot \text{RMR}, \quad K = \text{EI}_0 - \gamma_F F_0 - \gamma_L L_0 - \delta W_0",
         "At the start every rate is zero."),
        (r"\text{RMR} = 4184 \, (9.99 \, W_0 + 625 \, h - 4.92 \, \text{age} + 166 \, \text{male} - 161)",
         "Resting rate (J/d; Mifflin 1990), height h in metres; as published 2.0 MJ/d for everybody."),
    )  # fmt: skip
    failures = (
        "Nothing limits a loss of weight: a large deficit held for years leads to weights at which nobody lives. A "
        "body mass index below 15, body fat below 3 % or an intake below 500 kcal/d raises a warning.",
        "Lean tissue follows fat by one rule for everybody: neither protein nor training, sex or age changes the "
        "share of lean tissue in what is lost.",
        "Intake is given, not felt: hunger does not grow with weight lost, so that simulated diets hold better than "
        "real ones.",
        "A wanted weight is met to a few tenths of a per cent only, since the intake that leads there comes from a "
        "balance made linear at the start.",
        "As published in Simonsson 2024 the resting rate is 478 kcal/d for everybody, so that 400 kcal/d less take "
        "off 39 kg in ten years instead of 21 kg (a man of 1.75 m and 105 kg).",
        "Parameters are fixed: Hall 2011 gives no spread between people, so all spread comes from the person's "
        "measured values.",
    )  # fmt: skip

    def constants(self, person: Values, p: Values) -> Baseline:
        """Balanced state of the person (Hall 2011; resting rate by Mifflin MD et al., AJCN 1990;51:241-247)."""
        weight, height = person["weight_kg"], person["height_cm"] / 100.0
        kcal = 4184.0 if self.corrects("kilocalorie") else 4183.0
        mifflin = 9.99 * weight + 625.0 * height - 4.92 * person["age_years"] + 166.0 * person["male"] - 161.0
        RMR = 4184.0 * mifflin if self.corrects("resting_rate") else 2.0e6
        PAL = person["activity_level"]
        F0, G0, E0 = weight * person["body_fat_percent"] / 100.0, 0.5, FLUID * weight
        L0 = weight - F0 - WATER * G0 - E0
        published = not self.corrects("start")
        c0 = person["carbohydrate_fraction"] if self.corrects("diet") else 0.5
        EI0 = PAL * RMR
        CI0 = c0 * EI0
        delta = ((1.0 - p["beta_TEF"]) * PAL - 1.0) * RMR / weight if self.corrects("activity_cost") else 30.0
        K = EI0 - p["gamma_F"] * F0 - p["gamma_L"] * L0 - delta * weight
        at_start = jnp.full_like(L0, 49.5) if published else L0
        L_F = at_start - FORBES * jnp.log(F0)
        sodium = 3220.0 if self.corrects("sodium") else 3.22
        return Baseline(
            height, F0, G0, E0, L0, L_F, RMR, EI0, CI0, CI0 / G0**2, K, PAL, weight, c0, kcal, delta, sodium, published,
            p,
        )  # fmt: skip

    def initial(self, k: Baseline) -> State:
        """The balanced state, in which every rate is zero; the published start is not balanced."""
        if k.published_start:
            return State(G=jnp.full_like(k.F0, 0.5), E=jnp.full_like(k.F0, 16.0), F=k.F0, A=jnp.ones_like(k.F0))
        return State(G=jnp.full_like(k.F0, 0.5), E=k.E0, F=k.F0, A=jnp.zeros_like(k.F0))

    def vector_field(self, t: Any, y: State, k: Baseline, u: Values, signals: Values) -> State:
        """Rates by energy balance: what is eaten and neither spent nor stored as glycogen goes to fat and lean."""
        CI, EI = self._intake(k, u)
        fraction, _, S, R = self._balance(y, k, u)
        return State(
            G=S / k.p["rho_G"],
            E=XI_NA * (self._fluid(CI, k) - y.E) / k.sodium if self.corrects("fluid") else jnp.zeros_like(y.E),
            F=(1.0 - fraction) * R / k.p["rho_F"],
            A=(k.p["beta_AT"] * (EI - k.EI0) - y.A) / TAU_AT,
        )

    def solved(self, t: Any, start: State, k: Baseline, u: Values) -> State:
        """Glycogen (Riccati), fluid and thermogenesis (linear) depend on intake alone; fat has no closed form."""
        CI, EI = self._intake(k, u)
        CI = jnp.maximum(CI, 1e-12 * k.CI0)
        G = jnp.sqrt(CI / k.k_G)
        gone = jnp.tanh(jnp.sqrt(CI * k.k_G) / k.p["rho_G"] * t)
        E = self._fluid(CI, k) if self.corrects("fluid") else start.E
        A = k.p["beta_AT"] * (EI - k.EI0)
        return State(
            G=G * (start.G + G * gone) / (G + start.G * gone),
            E=E + (start.E - E) * jnp.exp(-XI_NA / k.sodium * t),
            F=None,      # type: ignore[arg-type]    # None: not known in closed form
            A=A + (start.A - A) * jnp.exp(-t / TAU_AT),
        )

    def observe(self, y: State, k: Baseline, u: Values, signals: Values) -> dict[str, Any]:
        """Weight, composition and energy at one time."""
        weight = self._weight(y, k)
        _, EE, _, _ = self._balance(y, k, u)
        return {
            "weight_kg": weight,
            "bmi_kg_m2": weight / k.height_m**2,
            "fat_mass_kg": y.F,
            "lean_mass_kg": self._lean(y, k),
            "body_fat_percent": 100.0 * y.F / weight,
            "glycogen_kg": y.G,
            "extracellular_fluid_kg": y.E,
            "thermogenesis_kcal_d": y.A / 4184.0,
            "energy_intake_kcal_d": self._intake(k, u)[1] / 4184.0,
            "energy_expenditure_kcal_d": EE / 4184.0,
            "fat_ratio": y.F / k.F0,
            "lean_ratio": self._lean(y, k) / k.L0,
            "energy_ratio": self._intake(k, u)[1] / k.EI0,
            "weight_change_kg": weight - k.W0,
        }

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """States in which nobody lives."""
        return {
            "BMI below 15": seen["bmi_kg_m2"] < 15.0,
            "body fat below 3 %": seen["body_fat_percent"] < 3.0,
            "intake below 500 kcal/d": seen["energy_intake_kcal_d"] < 500.0,
        }

    def settle(self, k: Baseline, u: Values) -> dict[str, Any]:
        """Intake of the segment (J/d): as given, as a change, or what leads to a wanted weight and holds it."""
        EI = k.EI0 * u["energy_factor"] + k.kcal * u["energy_change_kcal_d"]
        EI = jnp.where(jnp.isnan(u["energy_intake_kcal_d"]), EI, k.kcal * u["energy_intake_kcal_d"])
        aimed = jnp.where(jnp.isnan(u["weight_target_factor"]), 1.0, u["weight_target_factor"])
        EI = jnp.where(jnp.isnan(u["weight_target_factor"]), EI, self._intake_towards(aimed * k.W0, k, u))
        return {**u, "energy_intake_J_d": EI}

    def _intake_towards(self, weight: Any, k: Baseline, u: Values) -> Any:
        """Constant intake (J/d) at which weight goes from its start to `weight` in `weight_target_days`; 0: stays.

        Where it stays follows from the balance exactly; the way there from the balance linearised at the start,
        so that it is met to a few tenths of a per cent of weight.
        """
        p, share = k.p, self._carbohydrate(k, u)
        EI, F = k.EI0, k.F0
        slower = p["beta_TEF"] + p["beta_AT"]
        for _ in range(6):
            CI = share * EI
            fixed = k.L_F + WATER * k.G0 * jnp.sqrt(CI / k.CI0) + self._fluid(CI, k)
            for _ in range(3):
                F = jnp.maximum(F - (F + FORBES * jnp.log(F) + fixed - weight) / (1.0 + FORBES / F), 0.05 * k.F0)
            lean = k.L_F + FORBES * jnp.log(F)
            spent = k.K + p["gamma_F"] * F + p["gamma_L"] * lean + self._moving(k, u) * weight
            EI = (spent - slower * k.EI0) / (1.0 - slower)
        per_fat = FORBES / k.F0                  # kg of lean tissue per kg of fat
        fraction, cost = self._partition(k.F0, k)
        slope = p["gamma_F"] + p["gamma_L"] * per_fat + self._moving(k, u) * (1.0 + per_fat)
        tau = p["rho_F"] * (1.0 + cost) / ((1.0 - fraction) * slope)
        days = u["weight_target_days"]
        return jnp.where(days > 0.0, k.EI0 + (EI - k.EI0) / -jnp.expm1(-jnp.maximum(days, 1.0) / tau), EI)

    def _carbohydrate(self, k: Baseline, u: Values) -> Any:
        return u["carbohydrate_fraction"] if self.corrects("diet") else k.c0

    def _intake(self, k: Baseline, u: Values) -> tuple[Any, Any]:
        EI = u["energy_intake_J_d"]
        return self._carbohydrate(k, u) * EI, EI

    def _moving(self, k: Baseline, u: Values) -> Any:
        """Cost of moving, J/kg/d, at the activity of the scenario."""
        more = (1.0 - k.p["beta_TEF"]) * k.PAL * (u["activity_factor"] - 1.0) * k.RMR / k.W0
        return k.delta + more

    def _fluid(self, CI: Any, k: Baseline) -> Any:
        """Where extracellular fluid settles (L)."""
        return k.E0 - XI_CI / XI_NA * (1.0 - CI / k.CI0)

    def _partition(self, F: Any, k: Baseline) -> tuple[Any, Any]:
        """Lean share of stored energy, and cost of storing over energy stored."""
        p = k.p
        C = FORBES * p["rho_L"] / p["rho_F"]
        fraction = C / (C + F)
        return fraction, p["eta_L"] * fraction / p["rho_L"] + p["eta_F"] * (1.0 - fraction) / p["rho_F"]

    def _lean(self, y: State, k: Baseline) -> Any:
        return k.L_F + FORBES * jnp.log(y.F)

    def _weight(self, y: State, k: Baseline) -> Any:
        return y.F + self._lean(y, k) + WATER * y.G + y.E

    def _balance(self, y: State, k: Baseline, u: Values) -> tuple[Any, Any, Any, Any]:
        """Lean share of stored energy, expenditure, energy into glycogen, and the rest (J/d)."""
        p = k.p
        CI, EI = self._intake(k, u)
        fraction, cost = self._partition(y.F, k)
        S = CI - k.k_G * y.G**2
        spent = k.K + p["gamma_F"] * y.F + p["gamma_L"] * self._lean(y, k) + self._moving(k, u) * self._weight(y, k)
        EE = (spent + p["beta_TEF"] * (EI - k.EI0) + y.A + cost * (EI - S)) / (1.0 + cost)
        return fraction, EE, S, EI - EE - S
