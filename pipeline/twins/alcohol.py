"""Alcohol over hours: stomach, blood, acetate and PEth after drinks and meals.

Podéus H et al., npj Digital Medicine 2024;7:112, doi 10.1038/s41746-024-01089-6. Ethanol is a mass in the stomach's
liquid and in solid food, so that an almost empty stomach is no singularity. Liquid energy and solid food are known in
closed form, and so are the moments at which the exchange between liquid and food starts and stops (`stomach`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from pipeline.solving import Pace, Timeline
from pipeline.twins.base import EpisodeTwin, Observable, Parameter, Scalar, Values
from pipeline.twins.events import NEVER
from pipeline.twins.posteriors import read_posterior
from pipeline.twins.stomach import Emptying, drinking, flows, liquid_spans, solid_share, stack_meals

PAPER = "Podéus 2024, best fit"
RESIDUAL = 1e-3        # dL of liquid in an empty stomach
CALM = 2.0             # min, first step after what sets nothing fast in motion: the end of a drink, of liquid, of food
LIVER = 15.0           # dL
ETHANOL = 789.1        # mg/dL of pure ethanol per % v/v
PETH_G_MOL = 703.0
GROUPS = {"PEth_L", "PEth_H"}      # start values of two groups of the calibration, not of the mechanism


class State(NamedTuple):
    """States, time in minutes."""

    u: Scalar    # dL, gastric liquid above the residual
    m: Scalar    # mg, ethanol in the stomach, liquid and food
    P: Scalar    # mg, of it held in solid food
    I: Scalar | None    # mg, ethanol in the intestine; none where it follows its balance  # noqa: E741
    B: Scalar    # mg/dL, blood ethanol
    A: Scalar    # mg/dL, plasma acetate
    E: Scalar | None    # ng/mL, free PEth; the same
    Q: Scalar    # ng/mL, bound PEth over its amount per unit of free at rest


class Baseline(NamedTuple):
    """What stays fixed of one person."""

    V_B: Any             # dL, blood
    E0: Any              # ng/mL, PEth at the start
    p: Values


class Alcohol(EpisodeTwin):
    """Blood, breath and PEth of one person over hours of drinking and eating."""

    name = "alcohol"
    citation = "Podéus H et al., npj Digital Medicine 2024;7:112, doi 10.1038/s41746-024-01089-6"
    needs: ClassVar[Mapping[str, float]] = {"male": 0.0, "weight_kg": 75.0, "height_cm": 170.0}
    hears = ("alcohol_factor",)
    parameters = (
        Parameter("kPEth", "ng/mL per mg/dL per min", 14598.898283310426, 0.0, PAPER),
        Parameter("kPEth_out", "1/min", 155.68799362146854, 0.0, PAPER),
        Parameter("kPEth_bind", "1/min", 17415.976721530562, 0.0, PAPER),
        Parameter("kPEth_release", "1/min", 0.0058420281068367079, 0.0, PAPER),
        Parameter("k_poolIn", "1/min", 10.475581475626804, 0.0, PAPER),
        Parameter("k_poolOut", "1/min", 0.40138137096926063, 0.0, PAPER),
        Parameter("Vmax", "dL/min", 2154.4954157466641, 0.0, PAPER),
        Parameter("km", "dL", 17871.266731282674, 0.0, PAPER),
        Parameter("k_kcal", "kcal", 157.73621492527636, 0.0, PAPER),
        Parameter("k3", "1/min", 84.204847936692673, 0.0, PAPER),
        Parameter("k4", "1/min", 830.147774215502, 0.0, PAPER),
        Parameter("k6", "1/min", 0.13089966074937998, 0.0, PAPER),
        Parameter("VmaxADH", "mg/dL/min", 0.96676343561395073, 0.0, PAPER),
        Parameter("VmaxCYP2E1", "mg/dL/min", 0.167214856237584, 0.0, PAPER),
        Parameter("KmADH", "mg/dL", 9.2199957017599523, 0.0, PAPER),
        Parameter("KmCYP2E1", "mg/dL", 36.880000182977774, 0.0, PAPER),
        Parameter("k_Kcal", "1/min", 0.0065073444391808687, 0.0, PAPER),
    )
    accepted = tuple({n: v for n, v in draw.items() if n not in GROUPS} for draw in read_posterior("alcohol"))
    observables: ClassVar[Mapping[str, Observable]] = {
        "blood_alcohol_mg_dl": Observable("mg/dL", "blood alcohol"),
        "acetate_mmol_l": Observable("mmol/L", "acetate in plasma"),
        "breath_alcohol_g_210l": Observable("g/210 L", "breath alcohol"),
        "gastric_volume_ml": Observable("mL", "liquid in the stomach"),
        "peth_ng_ml": Observable("ng/mL", "phosphatidylethanol in blood"),
        "peth_bound_ng_ml": Observable("ng/mL", "bound phosphatidylethanol, as the free that it keeps up"),
    }
    corrections: ClassVar[Mapping[str, str]] = {
        "quasi_steady": "intestine and free PEth, which settle within a second, follow their balance instead of being "
        "stepped (less than 6e-5 of any peak)",
        "breath_zero": "breath alcohol is zero when blood alcohol is, instead of 0.00367 g/210 L",
    }
    pace = Pace(first=0.04, growth=1.3, largest=15.0)
    equations = (
        (r"\frac{du}{dt} = 10 \, \dot V - e \, u, \quad e = \frac{V_{\max}}{u + k_m} \, e^{-K / k_{\text{kcal}}}",
         "Liquid in the stomach above its residual of 0.001 dL (u, dL), drunk at the rate of the drink (L/min), "
         "emptied more slowly the more liquid energy K (kcal) there is."),
        (r"\frac{dK}{dt} = \dot V \, \text{kcal} - k_{\text{Kcal}} \, K",
         "Liquid energy that brakes emptying, in closed form."),
        (r"S(\tau) = M \left( 1 - \frac{1.88}{1.86} \left( 1 - e^{-(0.01 \tau)^{1.86}} \right) \right), \quad v_S = "
         r"\frac{\max(1, S)}{400}",
         "Solid energy (kcal) tau minutes after a meal of M, and the volume of solids (dL); zero after 226 minutes."),
        (r"\frac{dm}{dt} = \text{ethanol} - e \, u \, \frac{m - P}{u + V_0}",
         "Ethanol in the stomach (mg), liquid and food; what leaves is that of the liquid."),
        (r"\frac{dP}{dt} = g \, k_{\text{poolIn}} \max\left(0, m - P - P \, \frac{u + V_0}{v_S}\right) - g \, "
         r"k_{\text{poolOut}} P",
         "Ethanol held in solid food (mg); g is 1 while there is both liquid and food. When food is gone, so is what "
         "it held."),
        (r"\frac{dI}{dt} = e \, u \, \frac{m - P}{u + V_0} - (k_3 + k_4) \, I",
         "Ethanol in the intestine (mg); it empties within a second and follows its balance."),
        (r"\frac{dB}{dt} = \frac{k_3 I - 15 \, r_{\text{el}}}{V_B}, \quad r_{\text{el}} = \frac{V_{\max}^{\text{ADH}} "
         r"B}{K_m^{\text{ADH}} + B} + \frac{V_{\max}^{\text{CYP2E1}} B}{K_m^{\text{CYP2E1}} + B}",
         "Blood alcohol (mg/dL), eliminated in 15 dL of liver by two enzymes."),
        (r"\frac{dA}{dt} = r_{\text{el}} - k_6 A", "Acetate (mg/dL)."),
        (r"E = \frac{k_{\text{PEth}} B + (k_{\text{bind}} + k_{\text{release}}) Q}{k_{\text{bind}} + "
         r"k_{\text{release}} + k_{\text{out}}}, \quad \frac{dQ}{dt} = k_{\text{release}} (E - Q)",
         "Free PEth (ng/mL), which follows its balance, and bound PEth, in units of free at rest; its half-life is "
         "days."),
        (r"V_B = 10 \, (0.3669 \, h^3 + 0.03219 \, w + 0.6041) \;\text{or}\; 10 \, (0.3561 \, h^3 + 0.03308 \, w + "
         r"0.1833)",
         "Blood volume (dL) of men and women (Nadler 1962), from height (m) and weight (kg)."),
        (r"\text{breath} = 0.840 \, \frac{B}{1000}",
         "Breath alcohol (g/210 L); as published 0.00367 more, also at zero."),
    )  # fmt: skip
    failures = (
        "Ethanol that food still holds when the stomach is out of liquid, or when food is gone, is lost: after the "
        "meal of Jones 9.3 of 22.7 g never reach the blood. That is how the model explains lower peaks after food.",
        "People differ by the volume of their blood alone: no liver disease, no habit, no genes, no first pass by sex.",
        "Blood alcohol lives in blood volume alone, so that nine tenths of the dose must be lost in the intestine "
        "(k4) to make up for the water of the body. Only the ratio k3/(k3 + k4) means anything.",
        "Michaelis constants of both enzymes sit on the bounds of the published search.",
        "PEth was fitted to single drinks of two groups over two weeks; months of heavy drinking are extrapolated.",
        "A meal is energy alone: fat, protein and carbohydrate empty alike.",
    )  # fmt: skip

    @property
    def scale(self) -> State:
        """Typical magnitudes."""
        return self._without_fast(State(u=1.0, m=1e4, P=1e4, I=10.0, B=50.0, A=10.0, E=100.0, Q=100.0))

    def constants(self, person: Values, p: Values) -> Baseline:
        """Blood volume by Nadler SB et al., Surgery 1962;51:224-232, and PEth at the start (0 if not known)."""
        h, w = person["height_cm"] / 100.0, person["weight_kg"]
        man = 0.3669 * h**3 + 0.03219 * w + 0.6041
        woman = 0.3561 * h**3 + 0.03308 * w + 0.1833
        return Baseline(10.0 * jnp.where(person["male"] > 0.5, man, woman), person.get("peth_ng_ml", 0.0 * w), p)

    def initial(self, k: Baseline) -> State:
        """Sober and fasting, PEth in balance with what is bound."""
        zero = jnp.zeros_like(k.V_B)
        return self._without_fast(State(u=zero, m=zero, P=zero, I=zero, B=zero, A=zero, E=k.E0 + zero, Q=k.E0 + zero))

    def timeline(self, k: Baseline, events: Values, start: Any, end: Any) -> Timeline:
        """Segments between drinks, meals, and openings and closings of the stomach's exchange with food."""
        stretches = drinking(events, start, end)
        opens, closes = liquid_spans(stretches, _emptying(k.p), jnp.zeros_like(k.V_B))
        meals = stack_meals(events["meal_start_min"], events["meal_kcal"])
        every = jnp.concatenate(
            [
                jnp.stack([start, end]), stretches.start[1:], opens, closes,
                meals.start, meals.few.ravel(), meals.left, meals.end,
            ]
        )  # fmt: skip
        bounds = jnp.sort(jnp.clip(every, start, end))
        wet = stretches.flow > 0.0
        filling = jnp.where(wet, jnp.stack([stretches.start, opens]), NEVER).ravel()
        is_sharp = jnp.any(jnp.concatenate([filling, meals.start]) == bounds[:-1, None], axis=1)
        begin, middle = bounds[:-1], 0.5 * (bounds[1:] + bounds[:-1])
        flow, energy, alcohol = flows(events, middle)
        liquid = jnp.any((opens <= middle[:, None]) & (middle[:, None] < closes), axis=1)
        solid = jnp.any((meals.start <= middle[:, None]) & (middle[:, None] < meals.left), axis=1)
        last = jnp.maximum(jnp.sum(meals.start <= middle[:, None], axis=1) - 1, 0)
        eaten = meals.start[0] <= middle
        since = begin[:, None] - events["drink_start_min"]
        poured = jnp.clip(since, 0.0, events["drink_minutes"])
        rate = events["drink_volume_l"] * events["drink_kcal_per_l"] / events["drink_minutes"]
        ago = jnp.maximum(since - poured, 0.0)
        K = jnp.sum(rate / k.p["k_Kcal"] * -jnp.expm1(-k.p["k_Kcal"] * poured) * jnp.exp(-k.p["k_Kcal"] * ago), axis=-1)
        return Timeline(
            bounds,
            {
                "begin": begin,
                "flow": 10.0 * flow,                            # dL/min
                "ethanol": 10.0 * 100.0 * ETHANOL * alcohol,    # mg/min
                "energy": energy,
                "K": K,
                "open": (liquid & solid).astype(float),
                "meal": jnp.where(eaten, meals.start[last], 0.0),
                "size": jnp.where(eaten, meals.size[last], 0.0),
                "empties": jnp.any(meals.end == begin[:, None], axis=1).astype(float),
            },
            jnp.where(is_sharp, 0.0, CALM),
        )

    def jump(self, y: State, k: Baseline, u: Values) -> State:
        """When solid food is gone, so is what it held."""
        held = jnp.where(u["empties"] > 0.5, y.P, 0.0)
        return y._replace(m=y.m - held, P=y.P - held)

    def hold(self, t: Any, end: Any, y: State, k: Baseline, u: Values) -> dict[str, Any]:
        """Whether food takes up ethanol in this step: a balance too fast to be crossed inside one.

        It does if the liquid would be the stronger one at the end although nothing was taken up, as implicit Euler
        sees it.
        """
        step, share = end - t, _emptied_share(end, y.u, k.p, u)
        volume = (y.u + step * u["flow"]) / (1.0 + step * share)
        held = y.P / (1.0 + step * k.p["k_poolOut"])
        liquid = (y.m - held + step * u["ethanol"]) / (1.0 + step * share * volume / (volume + RESIDUAL))
        return {"takes": (liquid > held * _liquid_to_food(end, volume, u)).astype(float)}

    def vector_field(self, t: Any, y: State, k: Baseline, u: Values) -> State:
        """Emptying, exchange with food, uptake, elimination by ADH and CYP2E1, and PEth."""
        p = k.p
        left, emptied = _emptied(t, y, p, u)
        over, given = self._exchange(t, y, k.p, u)
        taken = u["takes"] * over if "takes" in u else jnp.maximum(0.0, over)
        gut, E = self._fast(emptied, y, p)
        B = jnp.maximum(y.B, 0.0)      # below zero the saturation has a pole
        eliminated = p["VmaxADH"] * B / (p["KmADH"] + B) + p["VmaxCYP2E1"] * B / (p["KmCYP2E1"] + B)
        bind, release = p["kPEth_bind"], p["kPEth_release"]
        rates = State(
            u=u["flow"] - left,
            m=u["ethanol"] - emptied,
            P=taken - given,
            I=emptied - (p["k3"] + p["k4"]) * gut,
            B=(p["k3"] * gut - LIVER * eliminated) / k.V_B,
            A=eliminated - p["k6"] * y.A,
            E=p["kPEth"] * y.B - (bind + release + p["kPEth_out"]) * E + (bind + release) * y.Q,
            Q=release * (E - y.Q),
        )
        return self._without_fast(rates)

    def _exchange(self, t: Any, y: State, p: Values, u: Values) -> tuple[Any, Any]:
        """What food would take up from the liquid, negative where the liquid is weaker, and what it gives (mg/min)."""
        over = y.m - y.P - y.P * _liquid_to_food(t, y.u, u)
        return u["open"] * p["k_poolIn"] * over, u["open"] * p["k_poolOut"] * y.P

    def observe(self, t: Any, y: State, k: Baseline, u: Values) -> dict[str, Any]:
        """What is measured in blood, breath and stomach."""
        p = k.p
        _, E = self._fast(_emptied(t, y, p, u)[1], y, p)
        blind = 0.0 if self.corrects("breath_zero") else 0.00367
        return {
            "blood_alcohol_mg_dl": y.B,
            "acetate_mmol_l": y.A / 10.2,
            "breath_alcohol_g_210l": 0.840 * y.B / 1000.0 + blind,
            "gastric_volume_ml": 100.0 * (y.u + RESIDUAL),
            "peth_ng_ml": E,
            "peth_bound_ng_ml": y.Q,
        }

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """Amounts that few survive, or that are none."""
        blood = seen["blood_alcohol_mg_dl"]
        return {"blood alcohol below 0 or above 500 mg/dL": (blood < -1.0) | (blood > 500.0)}

    def _without_fast(self, y: State) -> State:
        """The state without what follows its balance."""
        return y._replace(I=None, E=None) if self.corrects("quasi_steady") else y

    def _fast(self, emptied: Any, y: State, p: Values) -> tuple[Any, Any]:
        """Ethanol in the intestine and free PEth: stepped, or in balance with what changes slowly."""
        if not self.corrects("quasi_steady"):
            return y.I, y.E
        bound = p["kPEth_bind"] + p["kPEth_release"]
        E = (p["kPEth"] * y.B + bound * y.Q) / (bound + p["kPEth_out"])
        return emptied / (p["k3"] + p["k4"]), E


def _emptied_share(t: Any, volume: Any, p: Values, u: Values) -> Any:
    """Share of the volume above the residual that leaves the stomach in a minute."""
    since, rate = t - u["begin"], p["k_Kcal"]
    K = u["K"] * jnp.exp(-rate * since) - u["energy"] / rate * jnp.expm1(-rate * since)      # kcal
    return p["Vmax"] / (volume + p["km"]) * jnp.exp(-K / p["k_kcal"])


def _emptied(t: Any, y: State, p: Values, u: Values) -> tuple[Any, Any]:
    """Liquid (dL/min) and ethanol (mg/min) that leave the stomach."""
    left = _emptied_share(t, y.u, p, u) * y.u
    return left, left * (y.m - y.P) / (y.u + RESIDUAL)


def _liquid_to_food(t: Any, volume: Any, u: Values) -> Any:
    """Volume of the liquid in volumes of solid food."""
    return (volume + RESIDUAL) * 400.0 / jnp.maximum(1.0, u["size"] * solid_share(t - u["meal"]))


def _emptying(p: Values) -> Emptying:
    rate, unit = p["k_Kcal"], p["k_kcal"]

    def braked(K: Any, t: Any) -> Any:
        return t - (_ein(K / unit) - _ein(K * jnp.exp(-rate * t) / unit)) / rate

    return Emptying(
        speed=p["Vmax"],
        half=p["km"],
        residual=RESIDUAL,
        brake=lambda K: jnp.exp(-K / unit),
        feed=lambda K, swallowed, share: swallowed - rate * K,
        start_drink=lambda K: K,
        rest=lambda K, t, shrink: K * jnp.exp(-rate * t),
        time=braked,
        brake_after=lambda K, t: jnp.exp(-K * jnp.exp(-rate * t) / unit),
        litre=10.0,
    )


# Ein(z), the integral of (1 - exp(-s))/s from 0 to z: power series up to EIN_SERIES, beyond it a continued fraction.
EIN_SERIES = 8.0
EIN_TERMS = [(-1.0) ** (n + 1) / (n * math.factorial(n)) for n in range(1, 45)]


def _ein(z: Any) -> Any:
    """Ein at z >= 0, to 1e-12."""
    small = jnp.minimum(z, EIN_SERIES)
    total = jnp.zeros_like(small)
    for term in reversed(EIN_TERMS):
        total = (total + term) * small
    large = jnp.maximum(z, EIN_SERIES)
    fraction = large
    for n in range(24, 0, -1):
        fraction = large + n / (1.0 + n / fraction)
    return jnp.where(z <= EIN_SERIES, total, jnp.log(large) + jnp.euler_gamma + jnp.exp(-large) / fraction)
