"""Typed settings of a study: the only module that reads TOML.

A study is one TOML file, validated into frozen models that know every key. A mistake is a `ConfigError` that
names file, section and key, what was given and what is allowed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from pipeline.config_faults import in_words, is_inside, suggest
from pipeline.schema import Variable, variables

Probability = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
SetName = Literal["routine", "mechanistic", "both"]
SOURCES = ("nhanes", "framingham", "nafld", "csv")


class ConfigError(ValueError):
    """A study or scenario file cannot be used; every line names file, section and key."""


class Strict(BaseModel):
    """Base of all settings: frozen, and a typo is an error rather than a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _rising_range(model: Any) -> Any:
    if model.min is not None and model.max is not None and model.min > model.max:
        raise ValueError(f"min {model.min:g} is above max {model.max:g}")
    return model


class Rule(Strict):
    """Keeps a person whose baseline value of one variable passes; `reason` words it for the flow of people.

    A missing value fails every test but `not_equals`.
    """

    variable: str
    reason: str
    min: float | None = None            # inclusive
    max: float | None = None            # inclusive
    unit: str | None = None             # of min and max, when not the variable's own
    equals: str | None = None
    not_equals: str | None = None
    measured: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        tests = [self.min is not None or self.max is not None, self.equals, self.not_equals, self.measured]
        if sum(bool(t) for t in tests) != 1:
            raise ValueError("needs exactly one test: min and/or max, equals, not_equals, or measured = true")
        return _rising_range(self)


class OwnVariable(Strict):
    """A variable that the library's table does not have, declared by a study for its own file."""

    description: str
    kind: Literal["number", "category"] = "number"
    unit: str = "1"
    min: float | None = None
    max: float | None = None
    levels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _range(self) -> Self:
        return _rising_range(self)


class Column(Strict):
    """Where one variable stands in a CSV file, and how it is written there."""

    column: str                                      # heading in the file
    unit: str | None = None                          # of the whole column; the variable's own if absent
    unit_column: str | None = None                   # heading of a column that gives each row's unit
    codes: dict[str, str] = {}                       # file's code -> level of a category
    missing: tuple[str, ...] = ("", "NA")            # texts that mean "not known"

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if self.unit and self.unit_column:
            raise ValueError("takes unit or unit_column, not both")
        return self


class NhanesCohort(Strict):
    """NHANES 2017-2018 as carried by the package `nhanes`."""

    source: Literal["nhanes"]
    include: tuple[Rule, ...] = ()


class CsvCohort(Strict):
    """Any CSV file with a row a person (or a row a visit, if `time_d` is mapped)."""

    source: Literal["csv"]
    path: Path                                       # relative to the study file
    person_id: str                                   # heading of the identifier
    group_id: str | None = None                      # heading of what must stay together in cross-validation
    separator: str = ","
    encoding: str = "utf-8"
    columns: dict[str, Column]                       # by variable
    include: tuple[Rule, ...] = ()


class FraminghamCohort(Strict):
    """The Framingham teaching data, as `make framingham` fetches them."""

    source: Literal["framingham"]
    exam: Literal[1, 2, 3, "every"] = 1              # time zero; "every": each person counts at each examination
    folder: Path = Path("data/raw/framingham")       # relative to where the program runs
    include: tuple[Rule, ...] = ()


class NafldCohort(Strict):
    """Fatty-liver patients and matched controls of Olmsted County, as `make nafld` fetches them."""

    source: Literal["nafld"]
    folder: Path = Path("data/raw/nafld")
    include: tuple[Rule, ...] = ()


class Outcome(Strict):
    """What is predicted: at the visit whoever passes any of the rules, or afterwards the first of some events."""

    name: Name
    label: str
    any_of: tuple[Rule, ...] = ()
    events: tuple[Name, ...] = ()                    # kinds of the source's dated events
    horizon_years: PositiveFloat | None = None       # within which the first of them counts; death before it competes

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.any_of) == bool(self.events):
            raise ValueError("needs either any_of (rules at the visit) or events (of the time after it)")
        if bool(self.events) != (self.horizon_years is not None):
            raise ValueError("events and horizon_years belong together")
        return self


class Twins(Strict):
    """Which twins are personalised, and what is asked of them."""

    names: tuple[str, ...] = Field(("body_composition", "liver_fat", "blood_pressure"), min_length=1)
    mode: Literal["corrected", "published"] = "corrected"
    interventions: tuple[str, ...] = ("less_500_kcal", "low_carbohydrate", "one_pressure_drug")
    years: tuple[PositiveInt, ...] = Field((1, 5, 10), min_length=1)   # when trajectories and responses are read
    draws: int = Field(32, ge=2, le=1024)            # of each person's posterior, carried to the risk
    chunk: int = Field(8192, ge=64)                  # simulations in one compiled call; sized for the cache
    max_error: PositiveFloat = 2e-2                  # estimated local error above which Diffrax solves a person again


class Models(Strict):
    """What is trained, and how it is cross-validated."""

    names: tuple[str, ...] = Field(("logistic", "boosting"), min_length=1)
    feature_sets: tuple[SetName, ...] = Field(("routine", "mechanistic", "both"), min_length=1)
    folds: int = Field(5, ge=2, le=20)
    repeats: int = Field(3, ge=1, le=50)
    train_draws: int = Field(2, ge=1, le=1024)       # of each person's draws that a model learns from


class Evaluation(Strict):
    """How predictions are judged."""

    threshold: Probability                           # risk at which one would act; net benefit is read there
    bootstrap: int = Field(1000, ge=100, le=20_000)


class LearningCurve(Strict):
    """How good models are that have learned from few people."""

    sizes: tuple[PositiveInt, ...] = Field((50, 100, 200, 400, 800), min_length=1)
    draws: int = Field(40, ge=2, le=1000)            # of people, for each size
    test: int = Field(1200, ge=20)                   # people that each model is judged on


class RangeShift(Strict):
    """Models that learn from people below a limit, judged on those above it."""

    variable: str
    below: float


class Experiments(Strict):
    """What `make experiments` tries beyond the study itself; what is not named is not tried."""

    learning_curve: LearningCurve | None = None
    missing_at_use: tuple[str, ...] = ()             # predictors that are learned with, and not measured where used
    range_shift: RangeShift | None = None


class Report(Strict):
    """What the report shows."""

    model: str = "logistic"                                # chosen beforehand, never by its result
    feature_set: SetName = "both"
    bands: tuple[Probability, ...] = Field(min_length=1)   # risks that separate the strata
    min_count: int = Field(10, ge=5)                       # smaller counts are shown as "fewer than"
    outputs: tuple[str, ...] = ("weight_kg", "pdff_percent", "sbp_mmhg")   # drawn for the example people

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.bands) != sorted(set(self.bands)):
            raise ValueError("bands must rise, each once")
        return self


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
    cohort: NhanesCohort | FraminghamCohort | NafldCohort | CsvCohort = Field(discriminator="source")
    outcome: Outcome
    twins: Twins = Twins()
    models: Models = Models()
    evaluation: Evaluation
    report: Report
    experiments: Experiments = Experiments()

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
        for place, names in used.items():
            for name in names:
                if name not in known:
                    raise ValueError(f"{place}: no variable {name}{suggest(name, known)}")
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
        located = (path.parent / study.cohort.path).resolve()
        if not located.is_file():
            raise ConfigError(f"{path}: [cohort] path: no file {located}")
        study = study.model_copy(update={"cohort": study.cohort.model_copy(update={"path": located})})
    return study


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
