"""People of the cases as parameters, starts and inputs of the sund models; our twins compute them, off the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks import sund_models
from pipeline.twins.alcohol import ETHANOL, Alcohol
from pipeline.twins.base import Values
from pipeline.twins.glucose_insulin import MG_PER_KCAL, FatCell, P
from pipeline.twins.meal import Meal
from pipeline.twins.peth import PURE_G_L, WINE_KCAL_L, WINE_PERCENT
from pipeline.twins.system import System

Steps = dict[str, tuple[Sequence[float], Sequence[float]]]      # input -> times of change, values before and between
KCAL = 4183.0       # J, published
MINUTE = 1.0        # how long a meal's input lasts; what it holds acts at its start


class InSund(NamedTuple):
    """A case in sund; arrays have people along their axis, or are numbers for all."""

    text: str
    unit: str                            # of time
    times: np.ndarray
    parameters: dict[str, Any]
    starts: dict[str, Any]
    inputs: Callable[[int], Steps] | None = None      # of one person, piecewise constant


def body_liver(x: Mapping[str, Any], system: System, parameters: Any, times: Sequence[float]) -> InSund:
    """Corrected equations of both twins."""
    person, change = x["person"], x["change"]
    k = _constants(system.constants, person, parameters)
    body, liver, p = k["body_composition"], k["liver_fat"], parameters["liver_fat"]
    EI = body.EI0 + 4184.0 * change["energy_change_kcal_d"]
    r, c = EI / body.EI0, change["carbohydrate_fraction"]
    fat = person["fat_fraction"] + person["carbohydrate_fraction"] - c
    constants = {
        "indiet": p["k_diet"] * r * fat / liver.f0, "innefa": p["k_nefa"] * liver.m_N,
        "intca": p["k_tca"] * liver.m_T * change["dnl_drug_factor"] * r * c / liver.c0,
        "kdnl": p["k_dnl"], "kvldl": p["k_vldl"], "kbox": p["k_box"], "ks": p["k_s"], "kir": p["k_IR"],
        "F0": body.F0, "E0": body.E0, "LF": body.L_F, "K": body.K, "kG": body.k_G, "CI": c * EI, "CI0": body.CI0,
        "EI": EI, "EI0": body.EI0, "delta": (0.9 * body.PAL - 1.0) * body.RMR / body.W0,
    }  # fmt: skip
    starts = {"H": liver.H0, "D": liver.D0, "G": 0.5, "E": body.E0, "F": body.F0, "A": 0.0}
    return InSund(sund_models.BODY_LIVER, "d", np.asarray(times), constants, starts)


def metabolic(x: Mapping[str, Any], system: System, parameters: Any, times: Sequence[float]) -> InSund:
    """The published chain with all its fast states, each person from the fasting state."""
    person = x["person"]
    body = _constants(system.constants, person, parameters)["body_composition"]
    traits = {n: person[n] for n in ("weight_kg", "height_cm")}
    minutes = _minutes(_constants(Meal.build("published").constants, traits, Meal.build("published").defaults()))
    EI = body.EI0 + KCAL * x["change"]["energy_change_kcal_d"]
    constants = {
        "eaten": 78_000.0, "beta": minutes["beta"], "F0": body.F0, "L0": body.L0, "ECF": body.E0, "K0": body.K,
        "kG": body.k_G, "CI": body.c0 * EI, "EI": EI, "EI0": body.EI0, "height": person["height_cm"] / 100.0,
    }  # fmt: skip
    starts = minutes["starts"] | {"Gly": body.G0, "F": body.F0, "L": body.L0, "AT": 0.0, "Y2": 0.0}
    return InSund(sund_models.METABOLIC, "d", np.asarray(times), constants, starts)


def meal(x: Mapping[str, Any], times: np.ndarray) -> InSund:
    """The fast states alone, body composition held; the meal is in the stomach at the start."""
    person, mg = x["person"], MG_PER_KCAL * x["events"]["meal_kcal"][:, 0]
    twin = Meal.build("published")
    minutes = _minutes(_constants(twin.constants, person, twin.defaults()))
    constants = {"eaten": 1.0 + mg, "beta": minutes["beta"], "BW": person["weight_kg"]}
    constants |= {"Xf": person["fat_ratio"], "Xl": person["lean_ratio"]}
    return InSund(sund_models.MEAL, "m", times, constants, minutes["starts"] | {"Q1": mg})


def alcohol(x: Mapping[str, Any], times: np.ndarray) -> InSund:
    """The published equations in full."""
    events = {name: np.asarray(v) for name, v in x["events"].items()}

    def inputs(i: int) -> Steps:
        drunk = events["drink_volume_l"][i] > 0.0
        start, minutes, volume, percent, kcal = (
            events[f"drink_{n}"][i][drunk] for n in ("start_min", "minutes", "volume_l", "abv_percent", "kcal_per_l")
        )
        eaten = events["meal_kcal"][i] > 0.0
        flow = volume / minutes
        return {
            "drunk": _pulses(start, minutes, flow),
            "energy": _pulses(start, minutes, flow * kcal),
            "ethanol": _pulses(start, minutes, flow * ETHANOL * percent),
            "eaten": _pulses(events["meal_start_min"][i][eaten], MINUTE, events["meal_kcal"][i][eaten]),
        }

    return InSund(sund_models.ALCOHOL, "m", times, _drinker(x["person"]), {"V": 0.001}, inputs)


def peth(x: Mapping[str, Any], system: System, parameters: Any) -> InSund:
    """Ninety times the evening that stands for a drinking day: dinner, and wine over three hours."""
    person, p = x["person"], parameters["peth"]
    bound = np.asarray(_constants(system.constants, person, parameters)["peth"].settled)
    volume = person["alcohol_g_d"] * x["change"]["alcohol_factor"] / (PURE_G_L * WINE_PERCENT / 100.0)
    day = 1440.0 * np.arange(90)

    def inputs(i: int) -> Steps:
        flow = np.full(90, volume[i] / 180.0)
        return {
            "drunk": _pulses(day + 15.0, 180.0, flow),
            "energy": _pulses(day + 15.0, 180.0, flow * WINE_KCAL_L),
            "ethanol": _pulses(day + 15.0, 180.0, flow * ETHANOL * WINE_PERCENT),
            "eaten": _pulses(day + 5.0, MINUTE, np.full(90, 800.0)),
        }

    tied = p["kPEth_bind"] + p["kPEth_release"]
    starts = {"V": 0.001, "E": tied / (tied + p["kPEth_out"]) * bound, "D": tied / p["kPEth_release"] * bound}
    times = np.append(0.0, day + 1440.0)
    return InSund(sund_models.ALCOHOL, "m", times, _drinker(person), starts, inputs)


def _drinker(person: Values) -> dict[str, Any]:
    twin = Alcohol(frozenset())
    return {"V_B": _constants(twin.constants, person, twin.defaults()).V_B}


def _minutes(k: Any) -> dict[str, Any]:
    """Secretion, and the fasting state with all forms of the fat cell."""
    y = k.start
    cell = y.cell._asdict()
    cell |= {
        "IRS1": P.IRS1 - y.cell.IRS1p - y.cell.IRS1p307 - y.cell.IRS1307, "X": P.X - y.cell.Xp,
        "PKB": P.PKB - y.cell.PKB308p - y.cell.PKB473p - y.cell.PKBpp, "mTORC1": P.mTORC1 - y.cell.mTORC1a,
        "mTORC2": P.mTORC2 - y.cell.mTORC2a, "AS160": P.AS160 - y.cell.AS160p,
    }  # fmt: skip
    z = y.cell.mTORC1a**0.985466
    on = 0.12981 * z / (5872.68**0.985466 + z)
    S6Kp = 100.0 * on / (on + 0.0444092)
    S6p = 100.0 * 3.3289 * S6Kp / (3.3289 * S6Kp + 30.9967)
    fast = {n: v for n, v in y._asdict().items() if n != "cell"}
    S6 = {"S6K": 100.0 - S6Kp, "S6Kp": S6Kp, "S6": 100.0 - S6p, "S6p": S6p}
    assert set(FatCell._fields) <= set(cell)
    return {"starts": fast | {"Q1": 0.0} | cell | S6, "beta": k.body.beta}


def _constants(constants: Callable[..., Any], person: Values, parameters: Any) -> Any:
    """Constants of many people as NumPy arrays."""
    found = jax.jit(jax.vmap(lambda one: constants(one, parameters)))(dict(person))
    return jax.tree.map(np.asarray, found)


def _pulses(start: np.ndarray, minutes: Any, value: np.ndarray) -> tuple[list[float], list[float]]:
    """Zero but for `value` from each start on."""
    times = np.stack([start, start + minutes], axis=1).ravel()
    return times.tolist(), [0.0, *np.stack([value, 0.0 * value], axis=1).ravel().tolist()]
