"""Alcohol over hours with its secondary markers: ethyl glucuronide, ethyl sulfate and urine.

Second alcohol model of the same group, "Predicting real-life drinking scenarios through a physiological digital twin
incorporating secondary alcohol markers" (probably Scientific Reports 2026, doi 10.1038/s41598-026-44093-4). Ethanol
spreads over blood, liver and the water of the body; the bladder fills between visits to the toilet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from pipeline.solving import Pace, Timeline
from pipeline.twins.base import EpisodeTwin, Observable, Parameter, Scalar, Values
from pipeline.twins.stomach import Emptying, drinking, flows, liquid_spans, solid_share, stack_meals

PAPER = "second alcohol model, published vector (cost 642.74; its data are not published)"
RESIDUAL = 1e-3        # L of liquid in an empty stomach
BLADDER = 0.05         # dL left after urination
ETHANOL = 7891.0       # mg/L of pure ethanol per % v/v

VALUES = {             # name: (unit, value)
    "VmaxGastric": ("L/min", 0.10028847533601028),
    "KmGastric": ("L", 0.8115471295053232),
    "k_kcalscaling": ("kcal", 0.026009077044725923),
    "km_kcal": ("1", 7219.025648168511),
    "n_kcal": ("1", 2.9350431505014307),
    "k_poolIn": ("1/min", 0.049215056963481905),
    "k_poolOut": ("1/min", 0.00011026963373147828),
    "VmaxADHSto": ("mg/L/min", 383.0316652068957),
    "KmADHSto": ("mg/L", 1750.8565753331234),
    "k_EtOHuptake": ("1/min", 0.05085931578651339),
    "k_equalize": ("1/min", 3.364285096106452),
    "k_equalize_liver": ("1/min", 0.5664934932515018),
    "VmaxADH1": ("mg/dL/min", 7.490115599723829),
    "VmaxCYP2E1": ("mg/dL/min", 0.7715882956131286),
    "KmADH1": ("mg/dL", 2.13180346563429),
    "KmCYP2E1": ("mg/dL", 45.98540429542478),
    "k_food_clearance": ("1", 0.1350242774593947),
    "k_acetate": ("1/min", 1.1650870599405063),
    "k_blood_plasma_ratio": ("1", 0.6871729866586396),
    "k_urine_water": ("1/min", 5.961711956546037),
    "k_basal_vasopressin": ("1/min", 0.3849587409310818),
    "k_vasopressin_BAC": ("dL/mg", 74740.43401768291),
    "k_clearance_vasopressin": ("1/min", 0.0006626630440471179),
    "k_kidney_permability": ("1/min", 2.5215624280668018e-05),
    "VmaxEtG": ("mg/dL/min", 0.6461457040480787),
    "KmEtG": ("mg/dL", 29854.322456892394),
    "VmaxEtS": ("mg/dL/min", 0.011876595138349037),
    "KmEtS": ("mg/dL", 414.40740948670106),
    "k_EtG_urine": ("1/min", 0.0024879684263205454),
    "k_EtS_urine": ("1/min", 0.014152433882270748),
    "k_PEth": ("ng/mL per mg/dL per min", 0.13959486810293995),
    "k_PEth_clearance": ("1/min", 0.001460712263112933),
    "k_PEth_bind": ("1/min", 0.07805739912357477),
    "k_PEth_release": ("1/min", 0.002851044320061577),
}


class State(NamedTuple):
    """States, time in minutes."""

    u: Scalar     # L, gastric liquid above the residual
    K: Scalar     # kcal, liquid energy that brakes emptying
    R: Scalar     # kcal, liquid energy still in the stomach
    m: Scalar     # mg, ethanol in gastric liquid
    P: Scalar     # mg, ethanol held in solid food
    I: Scalar     # mg, ethanol in the intestine  # noqa: E741
    Bc: Scalar    # mg/dL, ethanol in central blood
    Bp: Scalar    # mg/dL, ethanol in peripheral blood
    T: Scalar     # mg/dL, ethanol in tissue
    L: Scalar     # mg/dL, ethanol in the liver
    A: Scalar     # mg/dL, acetate
    Lg: Scalar    # mg/dL, ethyl glucuronide in liver,
    G: Scalar     # in plasma,
    Ug: Scalar    # mg, and in the bladder
    Ls: Scalar    # mg/dL, ethyl sulfate in liver,
    H: Scalar     # in plasma,
    Us: Scalar    # mg, and in the bladder
    W: Scalar     # dL, water drunk that is not yet excreted
    Va: Scalar    # vasopressin
    Um: Scalar    # mg, ethanol in the bladder
    Uv: Scalar    # dL, urine in the bladder
    E: Scalar     # ng/mL, free PEth
    Q: Scalar     # ng/mL, bound PEth over its amount per unit of free at rest


class Baseline(NamedTuple):
    """What stays fixed of one person (volumes in dL)."""

    V_B: Any
    V_L: Any
    V_T: Any
    E0: Any
    p: Values


class AlcoholMarkers(EpisodeTwin):
    """Blood, breath, urine, EtG, EtS and PEth of one person over hours of drinking and eating."""

    name = "alcohol_markers"
    citation = "Second alcohol model of the group of Podéus 2024, probably doi 10.1038/s41598-026-44093-4"
    needs: ClassVar[Mapping[str, float]] = {"male": 0.0, "age_years": 50.0, "weight_kg": 75.0, "height_cm": 170.0}
    hears = ("alcohol_factor",)
    parameters = tuple(Parameter(name, unit, value, 0.0, PAPER) for name, (unit, value) in VALUES.items())
    observables: ClassVar[Mapping[str, Observable]] = {
        "marker_blood_alcohol_mg_dl": Observable("mg/dL", "blood alcohol"),
        "marker_acetate_mmol_l": Observable("mmol/L", "acetate in plasma"),
        "marker_breath_alcohol_g_210l": Observable("g/210 L", "breath alcohol"),
        "marker_gastric_volume_ml": Observable("mL", "liquid in the stomach"),
        "marker_peth_ng_ml": Observable("ng/mL", "phosphatidylethanol in blood"),
        "urine_alcohol_mg_dl": Observable("mg/dL", "alcohol in urine"),
        "etg_mg_dl": Observable("mg/dL", "ethyl glucuronide in plasma"),
        "ets_mg_dl": Observable("mg/dL", "ethyl sulfate in plasma"),
    }
    corrections: ClassVar[Mapping[str, str]] = {
        "breath_zero": "breath alcohol is zero when blood alcohol is, instead of 0.00367 g/210 L",
    }
    scale = State(
        u=0.1, K=100.0, R=100.0, m=1e4, P=1e4, I=1e4, Bc=50.0, Bp=50.0, T=50.0, L=50.0, A=10.0, Lg=1e-2, G=1e-2,
        Ug=0.1, Ls=1e-2, H=1e-2, Us=0.1, W=1.0, Va=500.0, Um=100.0, Uv=1.0, E=100.0, Q=100.0,
    )  # fmt: skip
    pace = Pace(first=0.05, growth=1.3, largest=10.0)
    equations = (
        (r"\frac{du}{dt} = \dot V - r_e, \quad r_e = V_{\max} \frac{u}{u + K_m} \, \frac{1}{1 + (x / "
         r"\text{km}_{\text{kcal}})^n}, \quad x = \frac{K}{k_{\text{kcal}}}",
         "Liquid in the stomach above its residual of 0.001 L, emptied more slowly the more energy K was drunk."),
        (r"\frac{dK}{dt} = \dot V \, \text{kcal}, \quad \frac{dR}{dt} = \dot V \, \text{kcal} - r_e \frac{R}{V}, "
         r"\quad V = u + 0.001",
         "Energy drunk, and that still in the stomach (kcal), to which K falls back when a new drink begins."),
        (r"\frac{dm}{dt} = \text{ethanol} - r_e \frac{m}{V} - r_{\text{in}} + r_{\text{out}} - V^{\text{sto}}_{\max} "
         r"\frac{m}{m/V + K^{\text{sto}}_m}",
         "Ethanol in gastric liquid (mg), a part of it broken down in the stomach."),
        (r"\frac{dP}{dt} = r_{\text{in}} - r_{\text{out}}, \quad r_{\text{in}} = g \, k_{\text{poolIn}} \max\left(0, "
         r"m - \frac{P V}{(1 + S)/4000}\right), \quad r_{\text{out}} = g \, k_{\text{poolOut}} P",
         "Ethanol held in solid food; g is 1 while there is liquid. S is solid energy, as in the first alcohol twin."),
        (r"\frac{dI}{dt} = r_e \frac{m}{V} - k_{\text{up}} I, \quad \frac{dB_c}{dt} = \frac{k_{\text{up}} I}{V_c} - "
         r"k_{\text{eq}} (B_c - B_p)",
         "Intestine (mg) and central blood (mg/dL)."),
        (r"\frac{dB_p}{dt} = k_{\text{eq}} (B_c - B_p) \frac{V_c}{V_p} - (B_p - T) - k_{\text{liv}} (B_p - L) + "
         r"\frac{r_{\text{ret}} - r_m - r_u}{V_p}",
         "Peripheral blood (mg/dL), which exchanges with tissue, liver and urine."),
        (r"\frac{dT}{dt} = (B_p - T) \frac{V_p}{V_T}, \quad \frac{dL}{dt} = k_{\text{liv}} (B_p - L) \frac{V_p}{V_L} "
         r"- r_{\text{el}} - r_g - r_s",
         "Ethanol in the water of tissue and in the liver (mg/dL)."),
        (r"r_{\text{el}} = \left( \frac{V_{\text{ADH}} L}{K_{\text{ADH}} + L} + \frac{V_{\text{CYP}} "
         r"L}{K_{\text{CYP}} + L} \right) (1 + k_{\text{food}}), \quad \frac{dA}{dt} = r_{\text{el}} - "
         r"k_{\text{acetate}} A",
         "Oxidation, faster while there is food in the stomach, and acetate."),
        (r"r_g = \frac{V_{\text{EtG}} L}{L + K_{\text{EtG}}}, \quad \frac{dL_g}{dt} = r_g - (L_g - G), \quad "
         r"\frac{dG}{dt} = (L_g - G) \frac{V_L}{V_p} - k_{\text{urine}} G",
         "Ethyl glucuronide in liver and plasma (mg/dL); ethyl sulfate has the same equations with its own constants."),
        (r"\frac{dW}{dt} = 10 \, r_e - r_w, \quad r_w = k_w \frac{W}{V_a}, \quad \frac{dU_v}{dt} = 0.01 + r_w",
         "Water drunk that is not yet excreted (dL), and urine in the bladder (dL), emptied to 0.05 by urination."),
        (r"\frac{dV_a}{dt} = \frac{k_{\text{basal}}}{1 + k_{\text{BAC}} \max(0, B_p)} - k_{\text{clear}} V_a",
         "Vasopressin, without unit, which alcohol suppresses."),
        (r"\frac{dU_m}{dt} = 0.01 \, B_p + r_w \frac{B_p}{\rho} - k_{\text{ret}} V_a \left( U_m - \frac{B_p}{\rho} "
         r"U_v \right)",
         "Ethanol in the bladder (mg); rho is the ratio of blood to plasma."),
        (r"\frac{dE}{dt} = k_{\text{PEth}} B_p - (k_{\text{bind}} + k_{\text{clear}}) E + r_{\text{rel}}, \quad "
         r"r_{\text{rel}} = \max(0, (k_{\text{bind}} + k_{\text{rel}}) Q - k_{\text{rel}} E)",
         "Free PEth (ng/mL), and what bound PEth Q gives back."),
    )  # fmt: skip
    failures = (
        "The fit cannot be checked: of its data two people alone are published, so no spread and no verdict can be "
        "given.",
        "One vector is published, with a cost that nothing can be compared with; its constants are fixed.",
        "Vasopressin is suppressed by any trace of alcohol: 0.00001 mg/dL halve it, so that one sip acts like a "
        "bottle.",
        "Exchange with tissue has no rate constant of its own: it is 1 a minute in everybody.",
        "Markers form by saturation constants (30000 mg/dL for ethyl glucuronide) far beyond any real concentration: "
        "only their ratios to the largest rates mean anything.",
        "People differ by volumes alone, and a meal is energy alone.",
        "Where it and the first alcohol twin speak of the same thing they need not agree.",
    )  # fmt: skip

    def constants(self, person: Values, p: Values) -> Baseline:
        """Volumes of blood (Nadler 1962), liver, and body water (Watson PE et al., Am J Clin Nutr 1980;33:27-39)."""
        h, w, age = person["height_cm"] / 100.0, person["weight_kg"], person["age_years"]
        man = person["male"] > 0.5
        V_B = 10.0 * jnp.where(man, 0.3669 * h**3 + 0.03219 * w + 0.6041, 0.3561 * h**3 + 0.03308 * w + 0.1833)
        V_L = (18.51 * w + 191.8) / 100.0
        water = jnp.where(man, 2.447 - 0.09516 * age + 10.74 * h + 0.3362 * w, -2.097 + 10.69 * h + 0.2466 * w)
        return Baseline(V_B, V_L, 10.0 * water / 0.84 - V_B - V_L, person.get("peth_ng_ml", 0.0 * w), p)

    def initial(self, k: Baseline) -> State:
        """Sober, fasting and with an empty bladder."""
        zero = jnp.zeros_like(k.V_B)
        still = State(*[zero] * len(State._fields))
        Va = k.p["k_basal_vasopressin"] / k.p["k_clearance_vasopressin"] + zero
        return still._replace(Va=Va, Uv=BLADDER + zero, E=k.E0 + zero, Q=k.E0 + zero)

    def timeline(self, k: Baseline, events: Values, start: Any, end: Any) -> Timeline:
        """Segments between drinks, meals, visits to the toilet, and switches of the exchange with food."""
        stretches = drinking(events, start, end)
        zero = jnp.zeros_like(k.V_B)
        opens, closes = liquid_spans(stretches, _emptying(k.p), (zero, zero))
        meals = stack_meals(events["meal_start_min"], events["meal_kcal"])
        every = jnp.concatenate(
            [
                jnp.stack([start, end]), stretches.start[1:], opens, closes, meals.start, meals.left, meals.end,
                events["urination_min"],
            ]
        )  # fmt: skip
        bounds = jnp.sort(jnp.clip(every, start, end))
        begin, middle = bounds[:-1], 0.5 * (bounds[1:] + bounds[:-1])
        flow, energy, alcohol = flows(events, middle)
        before = flows(events, begin - 1e-6)[0]
        last = jnp.maximum(jnp.sum(meals.start <= middle[:, None], axis=1) - 1, 0)
        eaten = meals.start[0] <= middle

        def within(a: Any, b: Any) -> Any:
            return jnp.any((a <= middle[:, None]) & (middle[:, None] < b), axis=1).astype(float)

        return Timeline(
            bounds,
            {
                "flow": flow,
                "ethanol": 100.0 * ETHANOL * alcohol,
                "energy": energy,
                "open": within(opens, closes),
                "food": within(meals.start, meals.left),
                "meal": jnp.where(eaten, meals.start[last], 0.0),
                "size": jnp.where(eaten, meals.size[last], 0.0),
                "starts_drinking": ((flow > 0.0) & (before == 0.0)).astype(float),
                "urinates": jnp.any(events["urination_min"] == begin[:, None], axis=1).astype(float),
            },
        )

    def jump(self, y: State, k: Baseline, u: Values) -> State:
        """A new drink is braked by what is left in the stomach; urination leaves a little of everything."""
        left = jnp.where(u["urinates"] > 0.5, BLADDER / y.Uv, 1.0)
        K = jnp.where(u["starts_drinking"] > 0.5, y.R, y.K)
        return y._replace(K=K, Um=y.Um * left, Ug=y.Ug * left, Us=y.Us * left, Uv=y.Uv * left)

    def vector_field(self, t: Any, y: State, k: Baseline, u: Values) -> State:
        """Balances of stomach, intestine, blood, tissue, liver, markers, water and bladder."""
        p = k.p
        V = y.u + RESIDUAL
        V_p, V_c = 0.85 * k.V_B, 0.15 * k.V_B
        V_T = k.V_T + y.W
        emptying = p["VmaxGastric"] / (y.u + p["KmGastric"]) * _brake(y.K, p) * y.u      # L/min
        solid = u["size"] * solid_share(t - u["meal"])
        taken = u["open"] * p["k_poolIn"] * jnp.maximum(0.0, y.m - y.P * V / ((1.0 + solid) / 4000.0))
        given = u["open"] * p["k_poolOut"] * y.P
        emptied = emptying * y.m / V
        stomach = p["VmaxADHSto"] * y.m / (y.m / V + p["KmADHSto"])                      # mg/min
        uptake = p["k_EtOHuptake"] * y.I
        r_c, r_l, r_t = p["k_equalize"] * (y.Bc - y.Bp), p["k_equalize_liver"] * (y.Bp - y.L), y.Bp - y.T
        oxidation = p["VmaxADH1"] * y.L / (p["KmADH1"] + y.L) + p["VmaxCYP2E1"] * y.L / (p["KmCYP2E1"] + y.L)
        r_el = oxidation * (1.0 + p["k_food_clearance"] * u["food"])
        r_g, r_s = p["VmaxEtG"] * y.L / (y.L + p["KmEtG"]), p["VmaxEtS"] * y.L / (y.L + p["KmEtS"])
        plasma = y.Bp / p["k_blood_plasma_ratio"]
        r_w, r_m = p["k_urine_water"] * y.W / y.Va, 0.01 * y.Bp
        r_u = r_w * plasma
        r_ret = p["k_kidney_permability"] * y.Va * (y.Um - plasma * y.Uv)
        relief = 1.0 + p["k_vasopressin_BAC"] * jnp.maximum(0.0, y.Bp)
        bind, release = p["k_PEth_bind"], p["k_PEth_release"]
        r_rel = jnp.maximum(0.0, (bind + release) * y.Q - release * y.E)
        return State(
            u=u["flow"] - emptying,
            K=u["energy"],
            R=u["energy"] - emptying * y.R / V,
            m=u["ethanol"] - emptied - taken + given - stomach,
            P=taken - given,
            I=emptied - uptake,
            Bc=uptake / V_c - r_c,
            Bp=r_c * V_c / V_p - r_t - r_l + (r_ret - r_m - r_u) / V_p,
            T=r_t * V_p / V_T,
            L=r_l * V_p / k.V_L - r_el - r_g - r_s,
            A=r_el - p["k_acetate"] * y.A,
            Lg=r_g - (y.Lg - y.G),
            G=(y.Lg - y.G) * k.V_L / V_p - p["k_EtG_urine"] * y.G,
            Ug=p["k_EtG_urine"] * y.G * V_p,
            Ls=r_s - (y.Ls - y.H),
            H=(y.Ls - y.H) * k.V_L / V_p - p["k_EtS_urine"] * y.H,
            Us=p["k_EtS_urine"] * y.H * V_p,
            W=10.0 * emptying - r_w,
            Va=p["k_basal_vasopressin"] / relief - p["k_clearance_vasopressin"] * y.Va,
            Um=r_m + r_u - r_ret,
            Uv=0.01 + r_w,
            E=p["k_PEth"] * y.Bp - (bind + p["k_PEth_clearance"]) * y.E + r_rel,
            Q=release / (bind + release) * (bind * y.E - r_rel),
        )

    def observe(self, t: Any, y: State, k: Baseline, u: Values) -> dict[str, Any]:
        """What is measured in blood, breath, urine and stomach."""
        blind = 0.0 if self.corrects("breath_zero") else 0.00367
        return {
            "marker_blood_alcohol_mg_dl": y.Bp,
            "marker_acetate_mmol_l": y.A / 10.2,
            "marker_breath_alcohol_g_210l": 0.840 * y.Bc / 1000.0 + blind,
            "marker_gastric_volume_ml": 1000.0 * (y.u + RESIDUAL),
            "marker_peth_ng_ml": y.E,
            "urine_alcohol_mg_dl": y.Um / y.Uv,
            "etg_mg_dl": y.G,
            "ets_mg_dl": y.H,
        }

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """Amounts that few survive."""
        return {"blood alcohol above 500 mg/dL": seen["marker_blood_alcohol_mg_dl"] > 500.0}


def _brake(K: Any, p: Values) -> Any:
    x = (jnp.maximum(K, 1e-30) / p["k_kcalscaling"] / p["km_kcal"]) ** p["n_kcal"]
    return 1.0 / (1.0 + x)


def _emptying(p: Values) -> Emptying:
    """Energies are what brakes, and what is still in the stomach: that leaves with the liquid."""
    return Emptying(
        speed=p["VmaxGastric"],
        half=p["KmGastric"],
        residual=RESIDUAL,
        brake=lambda K: _brake(K[0], p),
        feed=lambda K, swallowed, share: (swallowed, swallowed - share * K[1]),
        start_drink=lambda K: (K[1], K[1]),
        rest=lambda K, t, shrink: (K[0], K[1] * shrink),
        time=lambda K, t: _brake(K[0], p) * t,
        brake_after=lambda K, t: _brake(K[0], p),
        litre=1.0,
    )
