"""Twins and model together: a person's variables in, risk with its interval out, and all that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from pipeline.cohorts import Usual, baseline, read_people
from pipeline.features import Feature, Simulated, Simulator, define
from pipeline.fitting import Fitted, asked_for, personalise
from pipeline.models import FeatureSet, Member, RiskSamples, TwinDraws, risks_of, routine_rows
from pipeline.schema import Variable, variables
from pipeline.sections import Evaluation, Outcome, OwnVariable, Report, Strict, Twins
from pipeline.twins import Scenario, build_twins

OK = "ok"
# Columns of what a model says.
OUTPUTS = {"person_id": "string"} | dict.fromkeys(("risk", "low", "high", "person_sd", "model_sd"), "double")
OUTPUTS |= {"status": "string"}
FEW = 16         # people who are simulated one by one, so that one compiled program serves any such number


class Origin(Strict):
    """Where a model comes from."""

    study: str
    people: int                    # that it learned from
    events: int
    cohort_sha256: str
    code_sha256: str


class Settings(Strict):
    """What of a study a model needs when the study is not at hand."""

    title: str
    question: str
    population: str
    horizon: str
    caution: str
    seed: int
    predictors: tuple[str, ...]
    variables: dict[str, OwnVariable]
    twins: Twins
    outcome: Outcome
    evaluation: Evaluation
    report: Report
    scenarios: dict[str, Scenario] = Field(min_length=1)
    numbers: tuple[str, ...]                     # columns of the model's feature set
    categories: dict[str, tuple[str, ...]]
    mechanistic: tuple[str, ...]
    example: dict[str, float | str]              # a made-up person
    usual: dict[str, Usual]                      # what most people that the model learned from have, by predictor
    origin: Origin

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        unknown = set(self.mechanistic) - {feature.name for feature in self.features()}
        if unknown:
            raise ValueError(f"no twin gives {', '.join(sorted(unknown))}: the model is of other code")
        return self

    def known_variables(self) -> dict[str, Variable]:
        """What may be told of a person: predictors, and what the twins are fitted to."""
        own = {n: Variable(n, v.kind, v.unit, v.min, v.max, v.levels, v.description) for n, v in self.variables.items()}
        every = {**variables(), **own}
        return {name: every[name] for name in dict.fromkeys(("age_years", "sex", *self.predictors, *asked_for()))}

    def inputs(self) -> dict[str, str]:
        """What a row may hold: "double" or "string" by column; only age and sex must be told."""
        kinds = {name: "double" if v.kind == "number" else "string" for name, v in self.known_variables().items()}
        return {"person_id": "string", "time_d": "double"} | kinds

    def features(self) -> list[Feature]:
        """What the twins say, in the order of their draws."""
        return define(self.twins.names, self.scenarios, self.twins.years)


class Considered(NamedTuple):
    """People as twins and model see them; arrays are in the order of `risk`."""

    risk: pd.Series                # by the model of everybody, the mean over draws; index person_id
    samples: RiskSamples           # by models of people drawn again, for each draw
    rows: pd.DataFrame             # routine variables
    fitted: Fitted
    simulated: Simulated
    status: pd.Series              # "ok", or why there is no interval

    def table(self) -> pd.DataFrame:
        """A row a person: risk, 95 % interval, its two parts, status."""
        parts = self.samples.parts().drop(columns=["person_id", "risk"])
        whole = pd.DataFrame({"person_id": self.risk.index.astype(str), "risk": self.risk.to_numpy()})
        return whole.join(parts).assign(status=self.status.to_numpy())


class ServedModel:
    """The reported model of a study with its twins, for people whom the study never saw."""

    def __init__(self, settings: Settings, members: Sequence[Member]) -> None:
        """`members` are the model of everybody, and after it those of people drawn again."""
        self.settings = settings
        self.members = tuple(members)
        self.known = settings.known_variables()
        self.columns = FeatureSet(settings.numbers, dict(settings.categories), settings.mechanistic)

    @cached_property
    def simulator(self) -> Simulator:
        """The twins under the study's scenarios; compiled when first used."""
        twins = self.settings.twins
        built = build_twins(twins.names, twins.mode)
        told = self.settings.scenarios, self.settings.features()
        return Simulator(built, *told, years=max(twins.years), max_error=twins.max_error)

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Risk with interval of people given as rows of variables (`pipeline.cohorts.read_people`)."""
        return self.consider(*read_people(table, self.known)).table()

    def consider(self, people: pd.DataFrame, observations: pd.DataFrame, *, progress: bool = False) -> Considered:
        """People and their observations, put through twins and model."""
        settings, twins = self.settings, self.settings.twins
        people = people.sort_values("person_id", kind="stable")
        fitted = personalise(people, observations, twins.names, twins.draws, settings.seed)
        one = len(settings.scenarios) * twins.draws
        simulated = self.simulator(fitted, chunk=one if len(people) <= FEW else twins.chunk, progress=progress)
        return self.assess(people, observations, fitted, simulated)

    def assess(
        self, people: pd.DataFrame, observations: pd.DataFrame, fitted: Fitted, simulated: Simulated
    ) -> Considered:
        """The risk of people whose twins have been fitted and simulated already; all in the same order."""
        settings, everybody = self.settings, np.arange(len(people))
        rows = routine_rows(
            baseline(people, observations, self.known),
            [name for name in self.columns.numbers if name not in self.columns.mechanistic],
            self.columns.categories,
        )
        names = [feature.name for feature in settings.features()]
        block = simulated.draws[:, :, [names.index(name) for name in self.columns.mechanistic]]
        means = pd.DataFrame(block.mean(axis=1), index=rows.index, columns=list(self.columns.mechanistic))
        # Texts as plain objects, which the models ask for: turned into them once, not by every member again.
        frame = pd.concat([rows.astype(dict.fromkeys(self.columns.categories, object)), means], axis=1)
        draws = TwinDraws(block, fitted.unknowns)
        whole, *again = risks_of(self.members, frame, self.columns, draws, everybody)
        samples = RiskSamples(
            frame.index.to_numpy(dtype=str),
            np.stack([risk for risk, _ in again], axis=1),
            np.stack([draw for _, draw in again], axis=1),
        )
        risk = pd.Series(whole[0].mean(axis=1), index=frame.index, name="risk")
        return Considered(risk, samples, rows, fitted, simulated, _status(fitted, simulated, risk))


def _status(fitted: Fitted, simulated: Simulated, risk: pd.Series) -> pd.Series:
    """The first twin that failed each person whose risk could not be told, in words; "ok" for everybody else."""
    words = pd.Series(OK, index=risk.index, dtype=object)
    fits: Mapping[str, np.ndarray] = fitted.status()
    for twin, fit in reversed(list(fits.items())):
        ended = np.where(fit != OK, fit, simulated.status[twin])
        words[ended != OK] = [f"{twin}: {told}" for told in ended[ended != OK]]
    return words.where(risk.isna(), OK).astype(str)
