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
    hears = ("energy_change_kcal_d", "energy_factor", "carbohydrate_fraction", "activity_factor")
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
    }
    corrections: ClassVar[Mapping[str, str]] = {
        "resting_rate": "resting rate by Mifflin 1990 instead of 2.0 MJ/d (478 kcal) for everybody",
        "sodium": "3220 mg sodium a litre of fluid instead of 3.22",
        "start": "the start keeps the model's own balance instead of a fixed fluid, lean mass and thermogenesis",
        "kilocalorie": "a kilocalorie is 4184 J instead of 4183",
        "diet": "the scenario's carbohydrate acts on the body instead of 50 % always",
    }
    scale = State(G=0.5, E=15.0, F=30.0, A=1e5)

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
        delta = ((1.0 - p["beta_TEF"]) * PAL - 1.0) * RMR / weight
        K = EI0 - p["gamma_F"] * F0 - p["gamma_L"] * L0 - delta * weight
        L_F = (49.5 if published else L0) - FORBES * jnp.log(F0)
        sodium = 3220.0 if self.corrects("sodium") else 3.22
        return Baseline(
            height, F0, G0, E0, L_F, RMR, EI0, CI0, CI0 / G0**2, K, PAL, weight, c0, kcal, sodium, published, p
        )

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
            E=(-XI_NA * (y.E - k.E0) - XI_CI * (1.0 - CI / k.CI0)) / k.sodium,
            F=(1.0 - fraction) * R / k.p["rho_F"],
            A=(k.p["beta_AT"] * (EI - k.EI0) - y.A) / TAU_AT,
        )

    def offers(self, y: State, k: Baseline, u: Values, signals: Values) -> dict[str, Any]:
        """Fat mass and intake over their baseline."""
        return {"fat_ratio": y.F / k.F0, "energy_ratio": self._intake(k, u)[1] / k.EI0}

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
        }

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """States in which nobody lives."""
        return {
            "BMI below 15": seen["bmi_kg_m2"] < 15.0,
            "body fat below 3 %": seen["body_fat_percent"] < 3.0,
            "intake below 500 kcal/d": seen["energy_intake_kcal_d"] < 500.0,
        }

    def _intake(self, k: Baseline, u: Values) -> tuple[Any, Any]:
        EI = k.EI0 * u["energy_factor"] + k.kcal * u["energy_change_kcal_d"]
        return (u["carbohydrate_fraction"] if self.corrects("diet") else k.c0) * EI, EI

    def _lean(self, y: State, k: Baseline) -> Any:
        return k.L_F + FORBES * jnp.log(y.F)

    def _weight(self, y: State, k: Baseline) -> Any:
        return y.F + self._lean(y, k) + WATER * y.G + y.E

    def _balance(self, y: State, k: Baseline, u: Values) -> tuple[Any, Any, Any, Any]:
        """Lean share of stored energy, expenditure, energy into glycogen, and the rest (J/d)."""
        p = k.p
        CI, EI = self._intake(k, u)
        C = FORBES * p["rho_L"] / p["rho_F"]
        fraction = C / (C + y.F)
        cost = p["eta_L"] * fraction / p["rho_L"] + p["eta_F"] * (1.0 - fraction) / p["rho_F"]
        S = CI - k.k_G * y.G**2
        delta = ((1.0 - p["beta_TEF"]) * k.PAL * u["activity_factor"] - 1.0) * k.RMR / k.W0
        spent = k.K + p["gamma_F"] * y.F + p["gamma_L"] * self._lean(y, k) + delta * self._weight(y, k)
        EE = (spent + p["beta_TEF"] * (EI - k.EI0) + y.A + cost * (EI - S)) / (1.0 + cost)
        return fraction, EE, S, EI - EE - S
