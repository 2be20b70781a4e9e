"""A made-up study that keeps the contract of every stage before the report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config import Study, read_study
from pipeline.evaluation import band_of, by_subgroup, missing_values, prediction_sets, smooth_calibration, subgroups
from pipeline.features import define
from pipeline.reports import Results, figures, read_results, render
from pipeline.reports.results import STAGES
from pipeline.twins import NO_CHANGE
from tests.browser import accessible, browser, shown  # noqa: F401

CONFIG = Path(__file__).parents[2] / "configs" / "nhanes_dysglycaemia.toml"
METRICS = {
    "auroc": (0.76, 0.014), "auprc": (0.55, 0.02), "brier": (0.15, 0.006), "calibration_slope": (0.99, 0.06),
    "calibration_in_the_large": (0.004, 0.02), "net_benefit": (0.09, 0.008),
    "net_benefit_treat_all": (0.05, 0.01),
}  # fmt: skip
OUTPUTS = {
    "weight_kg": (0.4, 0.02),
    "pdff_percent": (0.05, 0.35),
    "sbp_mmhg": (0.9, 0.03),
    "fat_mass_kg": (0.3, 0.05),
}
EFFECTS = {
    "less_500_kcal": {"weight_kg": -0.14, "pdff_percent": -0.45, "fat_mass_kg": -0.3},
    "low_carbohydrate": {"weight_kg": -0.03, "pdff_percent": -0.25, "fat_mass_kg": -0.06},
    "one_pressure_drug": {"sbp_mmhg": -0.06},
}
SCENARIOS = {
    "no_change": {"title": "No change", "description": "Life goes on as today.", "source": ""},
    "less_500_kcal": {
        "title": "500 kcal less a day",
        "description": "Half a meal less, every day.",
        "source": "Hall 2011",
    },
    "low_carbohydrate": {
        "title": "Fewer carbohydrates",
        "description": "A quarter of the energy.",
        "source": "Assumed",
    },
    "one_pressure_drug": {
        "title": "One pressure drug",
        "description": "At standard dose.",
        "source": "Law 2009",
    },
}


STRATA = {
    "endotypes": {
        "verdict": "no groups", "reason": "one continuous cloud", "placed": 1100, "columns": ["bmi_kg_m2", "sbp_mmhg"],
    },
    "benefit": {
        "outcome": "diabetes",
        "effects": [{"mediator": "weight_kg", "source": "Hamman 2006", "in_whom": "people at risk"}],
        "without_evidence": ["one_pressure_drug"],
        "beyond_trials": {"less_500_kcal": 14, "low_carbohydrate": 0}, "sure": 0.8,
    },
}  # fmt: skip

EXPLAINED = {
    "ranked": True,
    "disagreements": [{"scenario": "one_pressure_drug", "mediator": "sbp_mmhg", "share": 0.25, "people": 1000}],
}

FEWER = (("low_carbohydrate", 0.004, -0.001, 0.008), ("less_500_kcal", 0.01, 0.006, 0.014))    # in the lowest band
BEST = {"arr": 0.031, "low": 0.012, "high": 0.052, "person_sd": 0.01, "model_sd": 0.02}

Tables = dict[str, pd.DataFrame]


def make_study(**changes: Any) -> Study:
    """The default study, with some of its settings changed."""
    return read_study(CONFIG).model_copy(update=changes)


def help_bands(study: Study, predictions: pd.DataFrame, choice: np.ndarray) -> pd.DataFrame:
    """What two interventions do to each risk band; the first helps more."""
    report = study.report
    mine = predictions[(predictions["model"] == report.model) & (predictions["feature_set"] == report.feature_set)]
    band = band_of(mine, report.bands)
    rows = [
        {"band": i, "scenario": scenario, "people": int((band == i).sum()),
         "best": int(((band == i) & (choice == scenario)).sum()), "risk": 0.1 * i, "arr": arr * i, "low": low * i,
         "high": high * i}
        for i in sorted(band.unique())
        for scenario, arr, low, high in FEWER
    ]  # fmt: skip
    return pd.DataFrame(rows)


def write_study(folder: Path, study: Study, n: int = 1200, seed: int = 1, age_slope: float = 0.04) -> Path:
    """Write what the stages before the report leave, for `n` made-up people; same seed, same study."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"secret-{seed}-{i:06d}" for i in range(n)])
    age = rng.integers(20, 81, n).astype(float)
    bmi, height = rng.normal(29, 6, n).clip(17, 60), rng.normal(168, 9, n)
    people = pd.DataFrame(
        {
            "person_id": ids,
            "group_id": ids,
            "age_years": age,
            "sex": rng.choice(["female", "male"], n),
            "weight_kg": np.where(rng.random(n) < 0.03, np.nan, bmi * (height / 100) ** 2),
            "sbp_mmhg": rng.normal(105 + 0.4 * age, 14),
        }
    )
    logit = -1.2 + age_slope * (age - 50) + 0.09 * (bmi - 29)
    event = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    predictions = predict(study, ids, event, logit, rng)
    write = Writer(folder)
    write.table("cohort/people", people[["person_id", "group_id", "age_years", "sex"]])
    long = people.melt("person_id", ["weight_kg", "sbp_mmhg"], "variable", "value")
    write.table(
        "cohort/observations", long.assign(time_d=0.0, text=pd.Series(pd.NA, long.index, "str"), flag="")
    )
    write.table(
        "cohort/outcomes",
        pd.DataFrame({"person_id": ids, "outcome": study.outcome.name, "event": event, "time_d": np.nan,
                      "status": "censored", "weight": 1.0}),
    )
    steps = [
        ("in the source file", 0),
        ("aged 20 or more", 1100),
        ("age known", 0),
        ("HbA1c measured", 200),
        ("no insulin", 3),
        ("no pills", 4),
    ]
    left, flow = n + 1307, []
    for step, removed in steps:
        left -= removed
        flow.append({"step": step, "removed": removed, "left": left})
    write.text("cohort/flow.json", flow)
    fitted = people["weight_kg"].notna()
    write.table("fit/fits", fit(people, study))
    write.table("features/trajectories", simulate(people[fitted], bmi[fitted], study, rng))
    write.text("features/scenarios.json", SCENARIOS)
    features = pd.DataFrame(define(study.twins.names, {"no_change": NO_CHANGE}, study.twins.years))
    features.rename(columns={"name": "feature"}).to_csv(folder / "features" / "dictionary.csv", index=False)
    write.table("train/predictions", predictions)
    twins = study.report.feature_set != "routine"
    risk = 1 / (1 + np.exp(-logit))
    low, high = (1 / (1 + np.exp(-(logit + shift))) for shift in (-0.4, 0.4))
    spread = {"person_sd": rng.uniform(0.01, 0.05, n) if twins else np.nan, "model_sd": rng.uniform(0.01, 0.05, n)}
    uncertainty = {"person_id": ids, "risk": risk, "low": low, "high": high, **spread}
    write.table("uncertainty/uncertainty", pd.DataFrame(uncertainty))
    for name, table in {**judge(study, predictions), **examine(study, predictions, people)}.items():
        write.table(f"evaluate/{name}", table)
    few = max(n // 50, 1)
    write.table(
        "strata/benefit_groups",
        pd.DataFrame(
            {"choice": ["less_500_kcal", "no clear winner", "not known"], "people": [n // 2, n - n // 2 - few, few],
             "arr": [0.031, np.nan, np.nan], "low": [0.012, np.nan, np.nan], "high": [0.052, np.nan, np.nan],
             "nnt": [32.0, np.nan, np.nan], "nnt_low": [19.0, np.nan, np.nan], "nnt_high": [83.0, np.nan, np.nan]}
        ),
    )  # fmt: skip
    choice = np.repeat(["less_500_kcal", "no clear winner", "not known"], [n // 2, n - n // 2 - few, few])
    best = {name: np.where(choice == "less_500_kcal", value, np.nan) for name, value in BEST.items()}
    write.table("strata/benefit", pd.DataFrame({"person_id": ids, "scenario": "best", "choice": choice, **best}))
    write.table("strata/benefit_bands", help_bands(study, predictions, choice))
    heads = {"group": "int64", "name": "str", "people": "int64", "kind": "str", "column": "str", "mean": float,
             "low": float, "high": float}  # fmt: skip
    write.table("strata/endotype_groups", pd.DataFrame(columns=list(heads)).astype(heads))
    write.text("strata/facts.json", STRATA)
    write_reasons(write, ids)
    ok = {"ok": int(fitted.sum()), "missing weight_kg": int((~fitted).sum())}
    for stage in STAGES:
        facts = (
            {"status": dict.fromkeys(study.twins.names, ok), "simulated": ok["ok"]}
            if stage == "features"
            else {}
        )
        manifest = {
            "stage": stage, "study": folder.name, "finished": "2026-11-21T10:00:00Z",
            "code_sha256": "ab" * 32,
            "python": "3.11.9", "packages": {"jax": "0.10", "pandas": "3.1"}, "facts": facts,
            "inputs": {"raw/NHANES_data.tsv": "cd" * 32}, "outputs": {"people.parquet": "ef" * 32},
        }  # fmt: skip
        write.text(f"{stage}/manifest.json", manifest)
    return folder


def write_reasons(write: Writer, ids: np.ndarray) -> None:
    """What the stage of explanations leaves: three reasons, of which one keeps its rank."""
    names, sizes, ranks = ["age_years", "twin_liver_fat", "alcohol"], np.array([0.9, 0.4, -0.1]), [1.0, np.nan, np.nan]
    drivers = {"group": names, "label": names, "kind": ["routine", "twin", "routine"], "rank": ranks}
    size, many = np.abs(sizes), len(ids)
    ends = {"mean_absolute": size, "low": 0.8 * size, "high": 1.2 * size}
    write.table("explain/global", pd.DataFrame({**drivers, **ends}))
    one = {"group": names, "contribution": sizes, "low": sizes - 0.2, "high": sizes + 0.2, "rank": ranks}
    every = {name: np.tile(values, many) for name, values in one.items()}
    write.table("explain/attributions", pd.DataFrame({"person_id": ids.repeat(3), **every}))
    write.text("explain/facts.json", EXPLAINED)


class Writer:
    """Writes tables and texts below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, name: str, frame: pd.DataFrame) -> None:
        path = self.folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path)

    def text(self, name: str, content: Any) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")


def predict(
    study: Study, ids: np.ndarray, event: np.ndarray, logit: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    frames = []
    for model in study.models.names:
        for feature_set in study.models.feature_sets:
            for repeat in range(2):
                x = logit + rng.normal(0, 0.2 if feature_set == "both" else 0.35, len(ids))
                width = np.nan if feature_set == "routine" else rng.gamma(4, 0.05, len(ids))
                risk, low, high = (1 / (1 + np.exp(-v)) for v in (x, x - width, x + width))
                frames.append(
                    pd.DataFrame(
                        {
                            "person_id": ids, "model": model, "feature_set": feature_set, "repeat": repeat,
                            "fold": np.arange(len(ids)) % 5, "event": event, "weight": 1.0,
                            "risk": risk, "risk_low": low, "risk_high": high,
                        }
                    )
                )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def judge(study: Study, predictions: pd.DataFrame) -> Tables:
    """Tables of the evaluate stage: counts are true to the predictions, metrics are made up but plausible."""
    metrics, differences, bins, curves, strata = [], [], [], [], []
    edges = [0.0, *study.report.bands, 1.0]
    for (model, feature_set), rows in predictions.groupby(["model", "feature_set"]):
        key = {"model": model, "feature_set": feature_set}
        each = rows.groupby("person_id")[["risk", "event"]].mean()
        n, events = len(each), int(each["event"].sum())
        for metric, (value, half) in METRICS.items():
            value = value + (0.008 if feature_set == "both" and metric == "auroc" else 0)
            metrics.append(
                {**key, "metric": metric, "value": value, "low": value - half, "high": value + half}
            )
            if feature_set != "routine":
                half, value = half / 2, 0.008 if feature_set == "both" else -0.021
                gain = {"difference": value, "low": value - half, "high": value + half}
                differences.append({**key, "metric": metric, "reference": "routine", **gain})
        for name, value in (("n", n), ("events", events)):
            metrics.append({**key, "metric": name, "value": float(value), "low": np.nan, "high": np.nan})
        ranked = each.sort_values("risk")
        for i, places in enumerate(np.array_split(np.arange(n), min(10, max(1, n // 20)))):
            part = ranked.iloc[places]
            bins.append({**key, "bin": i, "predicted": part["risk"].mean(), **counted(part)})
        for t in np.arange(0.05, 0.6, 0.05):
            treat_all = events / n - (1 - events / n) * t / (1 - t)
            curves.append(
                {
                    **key,
                    "threshold": t,
                    "net_benefit": max(treat_all, 0.22 * (0.6 - t)),
                    "treat_all": treat_all,
                }
            )
        for i, (low, high) in enumerate(pairwise(edges)):
            part = each[(each["risk"] >= low) & (each["risk"] < high)]
            rule = {"band": i + 1, "risk_from": low, "risk_to": high, "mean_risk": part["risk"].mean()}
            strata.append({**key, **rule, **counted(part)})
    return {
        "metrics": pd.DataFrame(metrics), "differences": pd.DataFrame(differences),
        "calibration": pd.DataFrame(bins),
        "decision": pd.DataFrame(curves), "strata": pd.DataFrame(strata),
    }  # fmt: skip


def examine(study: Study, predictions: pd.DataFrame, people: pd.DataFrame) -> Tables:
    """Tables of the reported model alone, as the library works them out."""
    report, known = study.report, people.set_index("person_id")
    of_model = (predictions["model"] == report.model) & (predictions["feature_set"] == report.feature_set)
    chosen, groups, drawn = predictions[of_model], known["group_id"], {"resamples": 100, "seed": 1}
    smooth = smooth_calibration(chosen, groups, **drawn)
    labels, threshold = subgroups(known), study.evaluation.threshold
    return {
        "smooth": smooth.curve, "agreement": smooth.measures, "sets": prediction_sets(chosen, groups, **drawn).table,
        "subgroups": by_subgroup(chosen, labels, groups, threshold=threshold, **drawn),
        "missing": missing_values(chosen, known, study.predictors),
    }  # fmt: skip


def counted(part: pd.DataFrame) -> dict[str, float]:
    n, events = len(part), int(part["event"].sum())
    if not n:
        return {"n": 0, "events": 0, "observed": np.nan, "low": np.nan, "high": np.nan}
    p, z = events / n, 1.96
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return {"n": n, "events": events, "observed": p, "low": middle - half, "high": middle + half}


def fit(people: pd.DataFrame, study: Study) -> pd.DataFrame:
    frames = []
    for twin in study.twins.names:
        for parameter, basis in (("k_energy", "estimated"), ("k_gain", "assumed"), ("start", "measured")):
            basis = "estimated" if twin == "liver_fat" and basis == "measured" else basis
            ok = people["weight_kg"].notna()
            frames.append(
                pd.DataFrame(
                    {
                        "person_id": people["person_id"], "twin": twin, "parameter": parameter, "unit": "1",
                        "mode": np.where(ok, 1.0, np.nan), "sd": np.where(ok, 0.1, np.nan), "prior_sd": 0.2,
                        "contraction": 0.75, "unlikely": False,
                        "basis": np.where(ok, basis, "none"),
                        "status": np.where(ok, "ok", "missing weight_kg"),
                    }
                )
            )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def simulate(people: pd.DataFrame, bmi: np.ndarray, study: Study, rng: np.random.Generator) -> pd.DataFrame:
    starts = {
        "weight_kg": people["weight_kg"].to_numpy(), "sbp_mmhg": people["sbp_mmhg"].to_numpy(),
        "pdff_percent": np.exp(rng.normal(0.1 * (bmi - 29), 0.4)) * 4,
        "fat_mass_kg": 0.35 * people["weight_kg"].to_numpy(),
    }  # fmt: skip
    frames = []
    for output, (drift, spread) in OUTPUTS.items():
        for scenario in ("no_change", *study.twins.interventions):
            effect = EFFECTS.get(scenario, {}).get(output, 0.0) * (1 + 0.2 * rng.normal(size=len(people)))
            for year in range(11):
                mean = starts[output] * (1 + effect * (1 - np.exp(-year))) + drift * year
                half = 1.96 * spread * starts[output] * np.sqrt((1 + year) / 11)
                ids = people["person_id"]
                frames.append(
                    pd.DataFrame(
                        {
                            "person_id": ids, "scenario": scenario, "output": output, "year": year,
                            "mean": mean, "low": mean - half, "high": mean + half,
                        }
                    )
                )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def words(html):
    """The text of a page as a reader sees it, spaces evened."""
    html = html.replace("\u202f", "")
    body = re.sub(r"<(style|svg)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Results]:
    """Builds the results of a made-up study; keywords go to `write_study`, `study` included."""

    def made(study: Study | None = None, **options: Any) -> Results:
        study = study or make_study()
        folder = write_study(tmp_path / f"made-{len(list(tmp_path.iterdir()))}", study, **options)
        return read_results(study, folder, lambda path: path)

    return made


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The made-up study that most tests look at, built once."""
    study = make_study()
    return read_results(
        study, write_study(tmp_path_factory.mktemp("runs") / "made", study), lambda path: path
    )


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[[Results], str]:
    """The words of a report, whose figures are not drawn: that takes most of the time."""
    monkeypatch.setattr(figures, "_finish", lambda name, *_: figures.Drawing(name, ""))
    return lambda results: words(render(results).html)


@pytest.fixture(scope="session")
def page(results: Results) -> str:
    """Its report."""
    return render(results).html
