"""Fasting glucose and insulin over years, as body composition changes: the slow manifold of the system of minutes.

Herrgårdh T et al., Diabetol Metab Syndr 2023, doi 10.1186/s13098-023-01223-6. Everything but body composition settles
within days, so the fasting values at any time are a steady state: one scalar equation in plasma glucose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pipeline.twins.base import ExactTwin, Observable, Parameter, Values
from pipeline.twins.body_composition import BodyComposition
from pipeline.twins.glucose_insulin import (
    CITATION,
    FIXED,
    ONE_LIMIT,
    TRAITS,
    Body,
    C,
    fasting_at,
    fat_cell_at_rest,
    resistance,
    solve_fasting,
)

DIABETES_BMI, DIABETES_BETA = 29.5, 0.3     # published: above this index secretion falls to this share, for ever

# Insulin action on fat (N) and on muscle (M) that the published prelude leaves behind for years: polynomials, highest
# power first, in 67.6 kg over body weight, fitted to 22 weights from 35 to 240 kg. Each was simulated by the published
# mode of `pipeline.twins.meal` from the published start with 78 g of glucose for 600 minutes (SciPy Radau at 1e-7).
# The fit errs by less than 1e-4 of the value; `tests/twins/test_metabolic_reference.py` checks it.
ACTION = np.array([
    [-0.365336, 3.01879, -10.4144, 18.801, -19.0179, 24.6748, 6.53164],
    [-0.391924, 3.18062, -10.653, 18.2346, -16.8569, 21.2606, 7.30707],
    [0.0173956, -0.157765, 0.546111, -0.261412, -5.34021, 32.409, -9.3495],
    [0.019237, -0.167651, 0.522993, 0.114254, -6.7434, 34.0889, -10.1102],
])    # N, M with full secretion; N, M with diabetic secretion
ACTION_WEIGHTS = 35.0, 240.0      # kg


class Baseline(NamedTuple):
    """What stays fixed of one person."""

    weight: Any          # kg
    bmi: Any             # kg/m2
    diabetic: Any        # by body mass index, at the start
    N: Any               # insulin action left by the last meal
    M: Any
    p: Values


class Metabolic(ExactTwin):
    """Fasting glucose, insulin and what lies behind them, from fat and lean mass over those at the start."""

    name = "metabolic"
    citation = CITATION
    needs: ClassVar[Mapping[str, float]] = {"weight_kg": 75.0, "height_cm": 170.0}
    reads = ("fat_ratio", "lean_ratio", "bmi_kg_m2")
    hears = BodyComposition.hears
    fixed = FIXED
    parameters = (
        *TRAITS,
        Parameter("threshold", "mg/dl", 126.0, 0.0, "American Diabetes Association, Diabetes Care 2024;47:S20-S42"),
    )
    observables: ClassVar[Mapping[str, Observable]] = {
        "fasting_glucose_mg_dl": Observable("mg/dl", "fasting plasma glucose"),
        "fasting_glucose_mmol_l": Observable("mmol/l", "fasting plasma glucose"),
        "fasting_insulin_pmol_l": Observable("pmol/l", "fasting plasma insulin"),
        "homa_ir": Observable("1", "insulin resistance by fasting glucose and insulin (HOMA-IR)"),
        "muscle_uptake_mg_kg_min": Observable("mg/kg/min", "fasting glucose uptake by muscle"),
        "fat_uptake_mg_kg_min": Observable("mg/kg/min", "fasting glucose uptake by fat"),
        "insulin_resistance_production": Observable("1", "endogenous glucose production over that at the start"),
        "insulin_resistance_uptake": Observable("1", "resistance of muscle and liver to uptake over that at the start"),
        "diabetes": Observable("1", "diabetes, 1 or 0"),
        "irs1_signal": Observable("%", "insulin receptor substrate 1 phosphorylated at tyrosine, in fat cells"),
        "pkb308_signal": Observable("%", "protein kinase B phosphorylated at 308, in fat cells"),
    }
    equations = (
        (r"\ell = \max\left(\ln\frac{F}{F_0}, -0.0518\right), \quad \varphi_U = 1 + 1.422 \, \ell, \quad \varphi_E = "
         r"1 + 2.686 \, \ell, \quad \varphi_4 = 1 - 0.1587 \, \ell",
         "Resistance of uptake, of endogenous production and of GLUT4 synthesis, from fat mass F over that at the "
         "start; the benefit of losing fat ends at 5 %."),
        (r"\text{EGP} - U_{\text{ii}} - \text{RE} - (U_m + U_l + U_f) = 0",
         "Fasting balance of glucose (mg/kg/min), solved for plasma glucose; everything below follows from it."),
        (r"\text{EGP} = (\text{production} \cdot k_{p1} - k_{p2} G_p - k_{p3} I - k_{p4} I_{\text{po}}) \, \varphi_E",
         "Endogenous production."),
        (r"I_{\text{po}} = \frac{\max(0, \beta_s (G - G_b) + S_b)}{\gamma}, \quad S = \gamma \, \beta \, "
         r"I_{\text{po}}, \quad G = \frac{G_p}{V_G}",
         "Portal insulin and secretion; beta is the person's beta cell, G glucose in mg/dl."),
        (r"I_l = \frac{S}{m_1 + m_3 - m_1 m_2 / (m_2 + m_4)}, \quad I = \frac{m_1 I_l}{(m_2 + m_4) V_I}, \quad m_3 = "
         r"\frac{h \, m_1}{1 - h}, \quad h = m_6 - m_5 S",
         "Insulin in liver and plasma (pmol/l); the liver clears less of it the more is secreted."),
        (r"G_t = \frac{k_1 G_p + U_{\text{ii}} + \text{RE} - \text{EGP}}{k_2}, \quad \text{RE} = k_{e1} \max(0, G_p - "
         r"k_{e2})",
         "Glucose in tissue (mg/kg), and what is lost in urine."),
        (r"U_m = \frac{L}{L_0} \, \frac{(V_m + V_{mx} \, s M) \, G_t}{(K_m + G_t) \, \varphi_U}, \quad U_l = "
         r"\frac{(V_l + V_{lx} \, s M) \, G_t}{(K_l + G_t) \, \varphi_U}",
         "Uptake by muscle, which grows with lean tissue L, and by liver; s is the person's sensitivity."),
        (r"U_f = \frac{F}{F_0} (v_{\text{in}} - p_3 G_i), \quad v_{\text{in}} = s \, p_4 n_C G_t \left( \frac{k_8 \, "
         r"\text{GLUT4}_m + \text{glut1}}{p_f} + b_e + k_{bf} (N + 7) \right)",
         "Uptake by fat cells; glucose inside and the signalling that the cell reports are in balance too."),
        (r"N = \max(-5, I - I_b), \quad M = \max\left(-\frac{V_m}{s V_{mx}}, \frac{k_{I1}}{k_{I2}} (I - I_b)\right)",
         "Insulin action on fat cells and on muscle; as published both stay what the last meal left."),
        (r"\text{HOMA} = \frac{G}{18} \cdot \frac{I}{6 \cdot 22.5}", "Insulin resistance by fasting values."),
    )  # fmt: skip
    failures: ClassVar[tuple[str, ...]] = (
        "Only change of fat mass acts: at the start everybody has the same fasting glucose and insulin, 95 mg/dl and "
        "30 pmol/l with default parameters, however heavy.",
        "Sensitivity to insulin hardly shows in fasting values, as insulin action is near zero there.",
    )
    at_visit = ("fasting_glucose_mg_dl", "fasting_insulin_pmol_l", "homa_ir")
    over_years = ("fasting_glucose_mg_dl", "fasting_insulin_pmol_l", "homa_ir")
    corrections: ClassVar[Mapping[str, str]] = {
        "renal_excretion": "glucose above 180 mg/dl is lost in urine; as published never",
        "no_gate": "insulin action follows fasting insulin, within limits, instead of staying for years what the "
        "last meal left",
        "one_limit": ONE_LIMIT,
        "glucose_rule": "diabetes is fasting glucose at the threshold, and can pass, instead of a body mass index "
        "above 29.5 that cuts secretion to 0.3 for ever",
    }

    def constants(self, person: Values, p: Values) -> Baseline:
        """Body mass index at the start, and the insulin action that the last meal left."""
        weight = person["weight_kg"]
        bmi = weight / (person["height_cm"] / 100.0) ** 2
        diabetic = bmi > DIABETES_BMI
        N, M = insulin_action(weight, diabetic)
        return Baseline(weight, bmi, diabetic, N, M, p)

    def solution(
        self, times: Any, k: Baseline, switches: tuple[float, ...], inputs: Sequence[Values], signals: Values
    ) -> dict[str, Any]:
        """Fasting state at all `times`; without signals the body stays as at the start."""
        same = jnp.ones_like(times)
        bmi = signals.get("bmi_kg_m2", k.bmi * same)
        factors = resistance(signals.get("fat_ratio", same), one_limit=self.corrects("one_limit"))
        if self.corrects("glucose_rule"):
            diabetes, beta = None, k.p["beta_cell"] * same
        else:
            diabetes = _ever(k.diabetic | (bmi > DIABETES_BMI))
            beta = k.p["beta_cell"] * jnp.where(diabetes, DIABETES_BETA, 1.0)
        body = Body(
            weight=k.weight * same,
            fat_ratio=signals.get("fat_ratio", same),
            lean_ratio=signals.get("lean_ratio", same),
            factors=factors,
            production=k.p["production"] * same,
            sensitivity=k.p["sensitivity"] * same,
            beta=beta,
        )
        action = None if self.corrects("no_gate") else (k.N * same, k.M * same)
        excretes = self.corrects("renal_excretion")
        Gp = solve_fasting(body, action, excretes=excretes)
        state = fasting_at(Gp, body, action, excretes=excretes)
        G, I = Gp / C.VG, state.Ip / C.VI  # noqa: E741
        cell = fat_cell_at_rest(state.N, state.Gi, factors)
        return {
            "fasting_glucose_mg_dl": G,
            "fasting_glucose_mmol_l": G / 18.0,
            "fasting_insulin_pmol_l": I,
            "homa_ir": G / 18.0 * I / 6.0 / 22.5,
            "muscle_uptake_mg_kg_min": state.muscle,
            "fat_uptake_mg_kg_min": state.fat,
            "insulin_resistance_production": factors.E,
            "insulin_resistance_uptake": factors.U,
            "diabetes": jnp.where(k.p["threshold"] <= G if diabetes is None else diabetes, 1.0, 0.0),
            "irs1_signal": cell.IRS1p + cell.IRS1p307,
            "pkb308_signal": cell.PKB308p + cell.PKBpp,
        }

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """Values that nobody has, or that the model does not carry."""
        G = seen["fasting_glucose_mg_dl"]
        return {
            "fasting insulin below 3 pmol/l": seen["fasting_insulin_pmol_l"] < 3.0,
            "fasting glucose outside 40 to 400 mg/dl": (G < 40.0) | (G > 400.0),
        }


def insulin_action(weight: Any, diabetic: Any) -> tuple[Any, Any]:
    """Insulin action (N, M) that the published prelude leaves behind at a body weight (kg)."""
    x = 67.6 / jnp.clip(weight, *ACTION_WEIGHTS)
    N, M, N_diabetic, M_diabetic = (jnp.polyval(jnp.asarray(row), x) for row in ACTION)
    return jnp.where(diabetic, N_diabetic, N), jnp.where(diabetic, M_diabetic, M)


def _ever(holds: Any) -> Any:
    """Whether it holds at this time or held at one before."""
    return jax.lax.cummax(jnp.atleast_1d(holds).astype(jnp.int32)).reshape(jnp.shape(holds)) > 0
