"""One person at a time: what is known, in; risk, courses under two plans and all they rest on, out, as plain JSON."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from pipeline.app.plans import NAMES, PlanError, Plans
from pipeline.app.words import group, read_words
from pipeline.cohorts import find_unlike, read_people
from pipeline.reports import languages
from pipeline.schema import TableError
from pipeline.served import Considered, ServedModel
from pipeline.strata import evidence_on, reduce_risk
from pipeline.twins import TWINS

OK = "ok"
KEPT = 4                  # people whose twins stay in memory while sliders move; nothing is written to disk
INTERVAL = (0.025, 0.975)
SHOWN = ("kind", "unit", "low", "high", "levels", "description")      # of a variable
OFTEN = 0.5               # share of draws or samples above which a warning is given


class InputError(ValueError):
    """What was told of a person or a plan cannot be used; the message is for the reader, `fields` are at fault."""

    def __init__(self, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class Desk:
    """Answers what the page asks, with one packaged model; requests are worked on one after the other."""

    def __init__(self, model: ServedModel) -> None:
        self.model, self.settings = model, model.settings
        self.known = model.known
        self.plans = Plans(self.settings.twins)
        outcome = self.settings.outcome
        self._effects = evidence_on(outcome.evidence) if outcome.evidence else {}
        self._kept: OrderedDict[str, Considered] = OrderedDict()
        self._lock = Lock()

    def prepare(self) -> None:
        """Compile every program that an answer may need, with the example person."""
        settings = self.settings
        people, observations = read_people(pd.DataFrame([settings.example]), self.known)
        considered = self.model.consider(people, observations)
        one = len(settings.scenarios) * settings.twins.draws
        self.model.simulator.prepare(considered.fitted, chunk=one)
        self.plans.prepare(considered.fitted)
        self.compare(settings.example, {})

    def about(self) -> dict[str, Any]:
        """What the page needs before anybody is told of: the form, the sliders, the words."""
        settings = self.settings
        told = ("title", "question", "population", "horizon", "caution")
        return {
            **{name: getattr(settings, name) for name in told},
            "label": settings.outcome.label,
            "years": max(settings.twins.years),
            "later": settings.outcome.horizon_years is not None,
            "variables": {name: {part: getattr(v, part) for part in SHOWN} for name, v in self.known.items()},
            "groups": group(self.known),
            "example": settings.example,
            "sliders": [slider._asdict() for slider in self.plans.sliders],
            "effects": [effect._asdict() for effect in self._effects.values()],
            "origin": settings.origin.model_dump(),
            "languages": {code: read_words(code).model_dump() for code in languages()},
        }

    def person(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The person's risk in 0 to 1 with its 95 % interval, its kinds of doubt, and what it rests on.

        Raises `InputError`.
        """
        found = self._consider(values)
        row = found.table().iloc[0]
        fits = found.fitted.table
        failed = {twin: str(s[0]) for twin, s in found.fitted.status().items() if s[0] != OK}
        failed |= {twin: str(s[0]) for twin, s in found.simulated.status.items() if s[0] != OK and twin not in failed}
        basis = [
            {"name": fit.parameter, "value": _number(fit.mode), "unit": fit.unit, "basis": fit.basis}
            for fit in fits.drop_duplicates("parameter").itertuples()
        ]
        unlike = find_unlike(found.rows.iloc[0], self.settings.usual)
        return {
            **{name: _number(row[name]) for name in ("risk", "low", "high", "person_sd", "model_sd")},
            "status": row["status"],
            "basis": basis,
            "unlikely": bool(fits["unlikely"].any()),
            "failed": failed,
            "warnings": sorted(name for name, share in found.simulated.flags.items() if share[0] > OFTEN),
            "edges": [{name: _plain(value) for name, value in edge._asdict().items()} for edge in unlike.edges],
            "missing": unlike.missing,
            "much_missing": unlike.much_missing,
            "asked": unlike.asked,
            "own_carbohydrate": _number(np.mean(found.fitted.people.get("carbohydrate_fraction", np.nan))),
        }

    def compare(self, values: Mapping[str, Any], plans: Mapping[str, Mapping[str, float | None]]) -> dict[str, Any]:
        """Courses of the study's outputs under no change and the plans, and the risk under each as far as trials say.

        Raises `InputError`.
        """
        found = self._consider(values)
        with self._lock:
            try:
                simulated = self.plans.simulate(found.fitted, plans)
            except PlanError as fault:
                raise InputError(str(fault)) from None
        bands = simulated.bands
        units = {name: o.unit for twin in self.settings.twins.names for name, o in TWINS[twin].observables.items()}
        outputs = []
        for name in self.settings.report.outputs:
            mine = bands[bands["output"] == name]
            courses = {str(s): c[["year", "mean", "low", "high"]].to_dict("list") for s, c in mine.groupby("scenario")}
            if courses:
                outputs.append({"name": name, "unit": units.get(name, ""), "courses": courses})
        failed = {twin: str(s[0]) for twin, s in simulated.status.items() if s[0] != OK}
        return {"outputs": outputs, "failed": failed, "risk": self._risk_under(found, simulated)}

    def _risk_under(self, found: Considered, simulated: Any) -> dict[str, dict[str, Any]] | None:
        """By plan, how much the risk falls; None where no trial tells."""
        if not self._effects:
            return None
        draws = self.settings.twins.draws
        risk, draw = found.samples.risk, found.samples.draw
        if risk.shape[2] == 1:       # a model without twins: each risk beside every draw of the person
            shape = (*risk.shape[:2], draws)
            risk, draw = np.broadcast_to(risk, shape), np.broadcast_to(np.arange(draws), shape)
        changes = self.plans.changes(simulated, self.settings.outcome.horizon_years)
        flat = risk.reshape(1, -1), draw.reshape(1, -1)
        reductions, cut, _ = reduce_risk(*flat, changes, self._effects, seed=self.settings.seed)
        if not reductions:
            return None
        told = {}
        for name in NAMES:
            fewer, (low, high) = reductions[name][0], np.quantile(reductions[name][0], INTERVAL)
            told[name] = {"fewer": _number(fewer.mean()), "low": _number(low), "high": _number(high)}
            told[name] |= {"risk": _number(float(found.risk.iloc[0]) - fewer.mean()), "cut": bool(cut[name][0] > OFTEN)}
        return told

    def _consider(self, values: Mapping[str, Any]) -> Considered:
        """The person as twins and model see it; the newest few are kept in memory."""
        told = {name: value for name, value in values.items() if value is not None and value != ""}
        key = json.dumps(told, sort_keys=True)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            if strangers := [name for name in told if name not in self.known]:
                raise InputError(f"no variable {strangers[0]}; there are {', '.join(self.known)}")
            try:
                people, observations = read_people(pd.DataFrame([{"age_years": None, "sex": None} | told]), self.known)
            except TableError as fault:
                raise _in_words(fault, self.known) from None
            self._kept[key] = found = self.model.consider(people, observations)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found


def _in_words(fault: TableError, known: Mapping[str, Any]) -> InputError:
    """The fault of a table with one row, without file and row."""
    lines = [line.removeprefix("input: row 1").lstrip(",: ").removeprefix("column ") for line in str(fault).split("\n")]
    at_fault = {line.split(" ")[0].rstrip(":") for line in lines}
    return InputError("; ".join(lines), tuple(name for name in known if name in at_fault))


def _plain(value: Any) -> float | str | None:
    return value if isinstance(value, str) else _number(value)


def _number(value: Any) -> float | None:
    """A number that JSON can hold; None for one that is not known."""
    return float(value) if math.isfinite(value) else None
