"""Typed settings of a study: the only module that reads TOML.

A study is one TOML file, validated into frozen models that know every key. A mistake is a `ConfigError` that
names file, section and key, what was given and what is allowed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from pipeline.config_faults import in_words, is_inside, suggest
from pipeline.schema import Variable, variables
from pipeline.sections import (
    SOURCES,
    ChartsCohort,
    CsvCohort,
    Delivered,
    Evaluation,
    Experiments,
    FhirCohort,
    FraminghamCohort,
    ImagesCohort,
    Models,
    NafldCohort,
    Name,
    NhanesCohort,
    OmopCohort,
    Outcome,
    OwnVariable,
    Report,
    Strict,
    Twins,
    VaultCohort,
)

Cohort = (
    NhanesCohort | FraminghamCohort | NafldCohort | CsvCohort
    | FhirCohort | OmopCohort | ChartsCohort | ImagesCohort | VaultCohort
)  # fmt: skip


class ConfigError(ValueError):
    """A study or scenario file cannot be used; every line names file, section and key."""


class Study(Strict):
    """One question asked of one cohort: everything that decides its result."""

    title: str
    question: str
    population: str                                  # who these people are, in words
    horizon: str                                     # "at the same visit", "within 10 years"
    caution: str = ""                                # what a reader must know before using a number
    seed: int = Field(ge=0)
    predictors: tuple[str, ...] = Field(min_length=1)      # routine variables a model may use
    variables: dict[Name, OwnVariable] = {}
    cohort: Cohort = Field(discriminator="source")
    outcome: Outcome
    twins: Twins = Twins()
    models: Models = Models()
    evaluation: Evaluation
    report: Report
    experiments: Experiments = Experiments()
    tracking: str | None = Field(None, pattern="^https?://")        # MLflow server; data/mlflow where none is named

    def known_variables(self) -> dict[str, Variable]:
        """The library's variables and the study's own."""
        own = {
            name: Variable(name, v.kind, v.unit, v.min, v.max, v.levels, v.description)
            for name, v in self.variables.items()
        }
        return {**variables(), **own}

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        for name in self.variables:
            if name in variables():
                raise ValueError(f"variables: {name} is in the library already; use it, or take another name")
        known = self.known_variables()
        used = {"predictors": list(self.predictors)}
        used["cohort.include"] = [r.variable for r in self.cohort.include]
        used["outcome.any_of"] = [r.variable for r in self.outcome.any_of]
        if isinstance(self.cohort, CsvCohort):
            used["cohort.columns"] = [name for name in self.cohort.columns if name != "time_d"]
        if isinstance(self.cohort, Delivered):
            used["cohort.visit_with"] = list(self.cohort.visit_with)
            used["cohort.absent_is_no"] = list(self.cohort.absent_is_no)
            beside = self.cohort.csv.columns if self.cohort.csv else {}
            used["cohort.csv.columns"] = [name for name in beside if name != "time_d"]
        for place, names in used.items():
            for name in names:
                if name not in known:
                    raise ValueError(f"{place}: no variable {name}{suggest(name, known)}")
        for name in used.get("cohort.absent_is_no", ()):
            if "no" not in known[name].levels:
                raise ValueError(f"cohort.absent_is_no: {name} cannot be no; it is {known[name].allowed()}")
        for place, rules in (("cohort.include", self.cohort.include), ("outcome.any_of", self.outcome.any_of)):
            for rule in rules:
                variable = known[rule.variable]
                for level in (rule.equals, rule.not_equals):
                    if level is not None and variable.levels and level not in variable.levels:
                        raise ValueError(f"{place}: {variable.name} is never {level!r}; it is {variable.allowed()}")
        shift = self.experiments.range_shift
        for name in (*self.experiments.missing_at_use, *([shift.variable] if shift else [])):
            if name not in self.predictors:
                raise ValueError(f"experiments: {name} is no predictor of this study{suggest(name, self.predictors)}")
        self._lists_agree()
        outcome_sources = {r.variable for r in self.outcome.any_of} & set(self.predictors)
        if outcome_sources:
            told = ", ".join(sorted(outcome_sources))
            raise ValueError(f"predictors: {told} defines the outcome and must not predict it")
        if isinstance(self.cohort, CsvCohort):
            mapped = {"age_years", "sex", *self.cohort.columns}
            mapped |= {"bmi_kg_m2"} if {"height_cm", "weight_kg"} <= mapped else set()
            absent = [name for name in self.predictors if name not in mapped]
            if absent:
                raise ValueError(f"predictors: no column gives {', '.join(absent)}; map it under [cohort.columns]")
        return self

    def _lists_agree(self) -> None:
        lists = {
            "predictors": self.predictors,
            "twins.names": self.twins.names,
            "twins.interventions": self.twins.interventions,
            "models.names": self.models.names,
            "models.feature_sets": self.models.feature_sets,
        }
        for place, names in lists.items():
            twice = sorted({str(n) for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(f"{place}: {', '.join(twice)} stands there twice")
        for key, wanted, there in (
            ("model", self.report.model, self.models.names),
            ("feature_set", self.report.feature_set, self.models.feature_sets),
        ):
            if wanted not in there:
                raise ValueError(f"report: {key} is {wanted!r}, which is not trained; [models] has {', '.join(there)}")
        drawn = self.twins.draws
        if self.models.train_draws > drawn:
            raise ValueError(f"models: train_draws is {self.models.train_draws}, but [twins] draws is {drawn}")


def require(names: Iterable[str], there: Iterable[str], where: str) -> None:
    """Raise `ConfigError` unless every one of `names`, given at `where`, is `there`."""
    known = list(there)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"{where}: no {', '.join(unknown)}; there are {', '.join(known)}")


Model = TypeVar("Model", bound=Strict)


def read_study(path: Path) -> Study:
    """The study in a TOML file; raises `ConfigError`."""
    study = read_toml(path, Study)
    if isinstance(study.cohort, CsvCohort):
        cohort = study.cohort.model_copy(update={"path": _located(path, study.cohort.path, "[cohort] path")})
        study = study.model_copy(update={"cohort": cohort})
    if isinstance(study.cohort, Delivered):
        places: dict[str, Any] = {"path": _located(path, study.cohort.path, "[cohort] path", "file or folder")}
        if beside := study.cohort.csv:
            places["csv"] = beside.model_copy(update={"path": _located(path, beside.path, "[cohort.csv] path")})
        study = study.model_copy(update={"cohort": study.cohort.model_copy(update=places)})
    if other := study.experiments.transport_from:
        located = {"transport_from": _located(path, other, "[experiments] transport_from")}
        study = study.model_copy(update={"experiments": study.experiments.model_copy(update=located)})
    return study


def _located(study: Path, given: Path, where: str, what: str = "file") -> Path:
    """What a study names relative to itself."""
    found = (study.parent / given).resolve()
    if not (found.is_file() if what == "file" else found.exists()):
        raise ConfigError(f"{study}: {where}: no {what} {found}")
    return found


def read_toml(path: Path, model: type[Model]) -> Model:
    """A TOML file validated into `model`; raises `ConfigError` with one line a fault."""
    raw = _load(path)
    try:
        return model.model_validate(raw)
    except ValidationError as faults:
        found = faults.errors()
        parts = [e["loc"] for e in found]
        # A list whose item is wrong is also reported as too short; the item says it better.
        told = [e for e in found if e["type"] != "too_short" or not any(is_inside(p, e["loc"]) for p in parts)]
        raise ConfigError("\n".join(f"{path}: {in_words(e, model, SOURCES)}" for e in told)) from None


def toml_sections(path: Path) -> set[str]:
    """The top-level keys of a TOML file; raises `ConfigError` if it cannot be read."""
    return set(_load(path))


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as fault:
        raise ConfigError(f"{path}: cannot be read: {fault.strerror or fault}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: not valid TOML: {fault}") from None
