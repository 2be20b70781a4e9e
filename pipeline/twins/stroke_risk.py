"""Risk of a stroke within five years: four logistic models by age, blended.

Herrgårdh T, Hunter E, Kelleher JD and others, bioRxiv 2022, doi 10.1101/2022.03.25.485803, with the coefficients of
their companion app. The training data and standard errors are not published, so neither discrimination nor an
interval of the coefficients can be had; nothing here is drawn.

What the risk leaves out: an earlier stroke, cholesterol, glucose, treatment of pressure, kidney function, activity
and family history. Each number is the risk of the five years that follow it, without competing death: risks at
successive ages are not a survival curve and must not be added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pipeline.twins.base import ExactTwin, Observable, Parameter, Values
from pipeline.twins.blood_pressure import BloodPressure

APP = "companion app of Herrgårdh 2022; no standard error is published, so it is fixed"
YEAR = 365.25

# By age band: below 50, 50-59, 60-69, 70 and above. Coefficients from the companion app.
LIMITS = np.array([[25.0, 49.0], [50.0, 59.0], [60.0, 69.0], [70.0, 96.0]])            # years
CENTRES = LIMITS.mean(axis=1)
OBSERVATIONS = np.array([196.0, 607.0, 1359.0, 2508.0])
INTERCEPT = np.array([-0.8715507036301888, -1.0476404059614175, -0.9521825636873885, -0.9526706349666544])
WOMAN = np.array([0.053373333385212704, 0.13586064490253794, -0.14651673941319526, 0.12008668216648007])
SYSTOLIC = np.array([0.5654060746386629, 0.2014147094877806, 0.3126319077904226, 0.15351544834733907])
BMI = np.array([0.2087414359076848, 0.17301890675495288, 0.019837016626090997, 0.048710306499009266])
DIASTOLIC = np.array([0.09439786840080866, 0.41976355708480906, 0.23724523148598947, 0.25016126541665906])
CIGARETTE = np.array([0.003365926895704614, -0.007314394027627083, 0.03191070955466227, 0.024985693465335572])
FIBRILLATION = np.array([1.175058403670895, 1.7775977058765724, 2.2801999800981227, 2.6819657006655246])
DIABETES = np.array([-0.4240172903759157, 1.0356841126017386, 1.1185912589726623, 0.2099806897061476])
SYSTOLIC_MEAN = np.array([131.09183673469389, 140.73558484349257, 146.20493009565857, 155.25378787878788])    # mmHg
SYSTOLIC_SD = np.array([22.33846251151444, 25.294790400363425, 25.704888519329028, 33.356203380405674])
BMI_MEAN = np.array([27.26840707687435, 27.179438186784367, 27.402991012269492, 26.712819337815414])          # kg/m2
BMI_SD = np.array([5.777686166264382, 4.941991887641759, 5.112936354291975, 4.4281571903223655])
DIASTOLIC_MEAN = np.array([83.36224489795919, 84.92668863261945, 82.40250183958793, 73.9383971291866])        # mmHg
DIASTOLIC_SD = np.array([12.678930758979618, 13.970619078358459, 13.563610337974238, 11.639594001798729])


COEFFICIENTS = (
    (r"\text{intercept}", INTERCEPT, "published mode alone"), (r"\beta_w", WOMAN, "woman"),
    (r"\beta_S", SYSTOLIC, "systolic pressure"), (r"\mu_S", SYSTOLIC_MEAN, "its mean, mmHg"),
    (r"\sigma_S", SYSTOLIC_SD, "its standard deviation, mmHg"), (r"\beta_B", BMI, "body mass index"),
    (r"\mu_B", BMI_MEAN, "its mean, kg/m2"), (r"\sigma_B", BMI_SD, "its standard deviation, kg/m2"),
    (r"\beta_D", DIASTOLIC, "diastolic pressure"), (r"\mu_D", DIASTOLIC_MEAN, "its mean, mmHg"),
    (r"\sigma_D", DIASTOLIC_SD, "its standard deviation, mmHg"), (r"\beta_C", CIGARETTE, "each cigarette a day"),
    (r"\beta_A", FIBRILLATION, "atrial fibrillation"), (r"\beta_M", DIABETES, "diabetes"),
)  # fmt: skip


def mean_of_others(coefficients: np.ndarray, band: int) -> np.ndarray:
    """The coefficients with that of one band replaced by the mean of the others, weighted by observations."""
    weights = np.where(np.arange(4) == band, 0.0, OBSERVATIONS)
    return np.where(np.arange(4) == band, np.average(coefficients, weights=weights), coefficients)


class Baseline(NamedTuple):
    """What stays fixed of one person."""

    t0: Any                  # years, age at the start
    cigarettes: Any          # a day, at the visit
    atrial_fibrillation: Any
    woman: Any
    measured: Values         # what a signal replaces where an earlier twin gives it
    p: Any                   # control risk of each band
    cigarette: Any           # coefficients of each band
    diabetes: Any


class StrokeRisk(ExactTwin):
    """Five-year risk of a stroke over age, pressure, weight, diabetes and smoking.

    Smoking acts at once, as in the models, which know the cigarettes of now alone; in people the risk after
    stopping falls over years.
    """

    name = "stroke_risk"
    citation = "Herrgårdh T et al., bioRxiv 2022, doi 10.1101/2022.03.25.485803"
    needs: ClassVar[Mapping[str, float]] = {
        "male": 0.0,
        "age_years": 50.0,
        "sbp_mmhg": 130.0,
        "dbp_mmhg": 80.0,
        "weight_kg": 78.0,
        "height_cm": 170.0,
        "cigarettes_per_day": 0.0,
        "atrial_fibrillation": 0.0,
        "diabetes": 0.0,
    }
    reads = ("sbp_mmhg", "dbp_mmhg", "bmi_kg_m2", "diabetes")
    hears = (*BloodPressure.hears, "smoking_factor")
    parameters = (
        Parameter("p_below_50", "1", 0.002879261, 0.0, f"five-year risk of controls below 50; {APP}"),
        Parameter("p_50_59", "1", 0.009622399, 0.0, f"five-year risk of controls at 50-59; {APP}"),
        Parameter("p_60_69", "1", 0.02332245, 0.0, f"five-year risk of controls at 60-69; {APP}"),
        Parameter("p_from_70", "1", 0.04977592, 0.0, f"five-year risk of controls from 70; {APP}"),
    )
    observables: ClassVar[Mapping[str, Observable]] = {
        "stroke_risk_5y": Observable("1", "risk of a stroke within the next five years"),
        "stroke_relative_risk": Observable("1", "risk of a stroke over that of controls of the same age band"),
        "stroke_odds_ratio": Observable("1", "odds of a stroke over those of controls of the same age band"),
    }
    at_visit = ("stroke_risk_5y",)
    over_years = ("stroke_risk_5y",)
    ages = True
    corrections: ClassVar[Mapping[str, str]] = {
        "own_band": "a model counts for its own age: weights pass linearly from each band's central age (37, 54.5, "
        "64.5, 83) to the next, and the outermost bands hold beyond theirs, instead of weights by inverse distance, "
        "by which three fifths of the weight at 40 belong to models of older people and the risk falls from 89 on",
        "odds_of_controls": "the odds ratio is taken to the band's average man without atrial fibrillation, diabetes "
        "or smoking, who so has the published risk of controls, instead of to nobody: the published intercept carries "
        "the share of cases in the training sample, which gives that man 0.35 to 0.42 of the controls' risk. Which "
        "person stands for the controls is this project's choice, since the share of cases is not published: "
        "recalibrate on the data at hand before a number is told to anyone",
        "known_diabetes": "a diabetes known at the visit stays, whatever glucose another twin computes",
        "plausible_signs": "diabetes below 50 and smoking at 50-59 take the mean coefficient of the other bands, "
        "weighted by observations, instead of lowering the risk, which small samples explain (196 and 607 people)",
    }
    equations = (
        (r"\eta_m = \beta_w \, \text{woman} + \beta_S \frac{S - \mu_S}{\sigma_S} + \beta_B \frac{\text{BMI} - "
         r"\mu_B}{\sigma_B} + \beta_D \frac{D - \mu_D}{\sigma_D} + \beta_C \, \text{cigarettes} + \beta_A \, "
         r"\text{AF} + \beta_M \, \text{diabetes}",
         "Logarithm of the odds in age band m (below 50, 50-59, 60-69, from 70); each band has its own coefficients, "
         "means and standard deviations. As published an intercept is added that carries the share of cases in the "
         "training sample."),
        (r"\text{AR}_m = \frac{1}{1 + \exp\left(-\eta_m - \ln\frac{p_m}{1 - p_m}\right)}",
         "Risk of a stroke within five years in band m, from the risk of controls p_m."),
        (r"\text{RR}_m = \frac{\text{AR}_m}{p_m}", "Risk over that of controls of the same band."),
        (r"\text{AR} = \sum_m w_m \, \text{AR}_m, \quad \text{RR} = \sum_m w_m \, \text{RR}_m, \quad \text{OR} = "
         r"\sum_m w_m \, e^{\eta_m}",
         "The bands, blended by age."),
        (r"w_m = \frac{1/d_m}{\sum_k 1/d_k}, \quad d_m = \sqrt{(\text{age} - \text{lo}_m)^2 + (\text{age} - "
         r"\text{hi}_m)^2}",
         "Weights as published. Corrected, weights pass linearly from the central age of one band to that of the "
         "next (37, 54.5, 64.5 and 83 years) and hold beyond the outermost."),
        *(
            (rf"{symbol} = ({', '.join(f'{v:.4g}' for v in values)})", f"By band, from the companion app: {words}.")
            for symbol, values, words in COEFFICIENTS
        ),
    )  # fmt: skip
    failures = (
        "Neither discrimination nor calibration can be checked: the training data are not published. Recalibrate on "
        "data at hand before a number is told to anyone.",
        "No interval of any coefficient is published, so that nothing is drawn: the risk looks more certain than it "
        "is.",
        "It leaves out an earlier stroke, cholesterol, glucose, treatment of pressure, kidney function, activity and "
        "family history.",
        "Within a band age does not count: the last band spans 26 years.",
        "Stopping smoking acts at once; in people the risk falls over years.",
        "Each number is the risk of the next five years without competing death: risks at successive ages must not be "
        "added up.",
        "The first band was fitted to 196 people: its signs and sizes are weak, and that of diabetes is replaced.",
        "Beyond 83 years age does not raise the risk, and it falls with diastolic pressure, as pressure ages.",
        "As published the risk of a man with average values is 0.35 to 0.42 of that of controls, and falls from 89 "
        "years on.",
    )  # fmt: skip

    def constants(self, person: Values, p: Values) -> Baseline:
        """The coefficients in use, and what stays of the person."""
        signs = self.corrects("plausible_signs")
        return Baseline(
            t0=person["age_years"],
            cigarettes=person["cigarettes_per_day"],
            atrial_fibrillation=person["atrial_fibrillation"],
            woman=1.0 - person["male"],
            measured={
                "sbp_mmhg": person["sbp_mmhg"],
                "dbp_mmhg": person["dbp_mmhg"],
                "bmi_kg_m2": person["weight_kg"] / (person["height_cm"] / 100.0) ** 2,
                "diabetes": person["diabetes"],
            },
            p=jnp.stack([jnp.asarray(p[q.name], dtype=float) for q in self.parameters]),
            cigarette=jnp.asarray(mean_of_others(CIGARETTE, 1) if signs else CIGARETTE),
            diabetes=jnp.asarray(mean_of_others(DIABETES, 0) if signs else DIABETES),
        )

    def solution(
        self, times: Any, k: Baseline, switches: tuple[float, ...], inputs: Sequence[Values], signals: Values
    ) -> dict[str, Any]:
        """Risks over time, each from age, pressure, weight, diabetes and smoking at that time."""
        times = jnp.asarray(times, dtype=float)
        holds = jnp.clip(jnp.searchsorted(jnp.asarray(switches), times, side="right") - 1, 0)
        cigarettes = k.cigarettes * jnp.stack([jnp.asarray(u["smoking_factor"]) for u in inputs])[holds]
        now = {name: jnp.broadcast_to(signals.get(name, k.measured[name]), times.shape) for name in self.reads}
        if self.corrects("known_diabetes"):
            now["diabetes"] = jnp.maximum(now["diabetes"], k.measured["diabetes"])
        # The last axis is that of the bands from here on.
        weights = self._weights((k.t0 + times / YEAR)[..., None])
        eta = self._predictor(k, {name: value[..., None] for name, value in now.items()}, cigarettes[..., None])
        risk = jax.nn.sigmoid(eta + jnp.log(k.p / (1.0 - k.p)))       # = p o / (1 - p + p o) with o = exp(eta)
        return {
            "stroke_risk_5y": jnp.sum(weights * risk, axis=-1),
            "stroke_relative_risk": jnp.sum(weights * risk / k.p, axis=-1),
            "stroke_odds_ratio": jnp.sum(weights * jnp.exp(eta), axis=-1),
        }

    def _weights(self, age: Any) -> Any:
        """Share of each band; they sum to one."""
        if self.corrects("own_band"):
            return jnp.concatenate([jnp.interp(age, CENTRES, row) for row in np.eye(4)], axis=-1)
        distance = jnp.sqrt((age - LIMITS[:, 0]) ** 2 + (age - LIMITS[:, 1]) ** 2)       # never 0
        return 1.0 / distance / jnp.sum(1.0 / distance, axis=-1, keepdims=True)

    def _predictor(self, k: Baseline, now: Values, cigarettes: Any) -> Any:
        """Logarithm of the odds in each band, without the controls' risk."""
        eta = (
            WOMAN * k.woman
            + SYSTOLIC * (now["sbp_mmhg"] - SYSTOLIC_MEAN) / SYSTOLIC_SD
            + BMI * (now["bmi_kg_m2"] - BMI_MEAN) / BMI_SD
            + DIASTOLIC * (now["dbp_mmhg"] - DIASTOLIC_MEAN) / DIASTOLIC_SD
            + k.cigarette * cigarettes
            + FIBRILLATION * k.atrial_fibrillation
            + k.diabetes * now["diabetes"]
        )
        return eta if self.corrects("odds_of_controls") else eta + INTERCEPT

    def flags(self, k: Baseline, seen: Values) -> dict[str, Any]:
        """Ages of which the models know nothing."""
        return {"age at the visit outside 25 to 96, the ages of the stroke models": (k.t0 < 25.0) | (k.t0 > 96.0)}
