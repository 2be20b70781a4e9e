"""The model card of a finished study: what the reported model is, for whom, how good, and where it must not be used.

Headings after Mitchell M et al., Model cards for model reporting, FAT* 2019, doi 10.1145/3287560.3287596.
"""

from __future__ import annotations

from typing import Any

from pipeline.reports import background, groups, sections, wording
from pipeline.reports.disclosure import merge_flow
from pipeline.reports.documents import Document, Item, Section, ask
from pipeline.reports.protocol import PERSONAL, describe
from pipeline.reports.results import Results
from pipeline.reports.wording import count, interval, is_known, number, of_100

KEEPER = "the keeper of the data"


def model_card(results: Results) -> Document:
    """The card of the model that the study reports; counts below the study's minimum are withheld."""
    bands = groups.make_bands(results)
    return Document(
        kind="Model card",
        title=f"{wording.capital(sections.chosen(results))}: {results.study.title}",
        about="Written by software from the settings, manifests and results of the finished study.",
        sections=[
            _details(results),
            _use(results),
            _data(results, bands),
            _performance(results, bands),
            _one_person(results),
            _twins(results),
            _ethics(results),
            Section("limits", "Limits", [Item("Before using a number", background.limits(results), "results")]),
        ],
    )


def _details(results: Results) -> Section:
    study, manifest = results.study, results.manifests["train"]
    report = study.report
    file = f"models/{report.model}__{report.feature_set}.skops"
    digest = manifest.get("outputs", {}).get(file)
    return Section(
        "details",
        "Model",
        [
            Item("Kind", wording.model(report.model), "report.model", data=report.model),
            Item("Features", wording.FEATURE_SETS[report.feature_set], "report.feature_set", data=report.feature_set),
            Item("Why this one", "Named in the study file beforehand, never chosen by its result.", "report"),
            Item("Trained", manifest["finished"], "train/manifest.json"),
            Item("File", f"train/{file}, SHA-256 {digest}", "train/manifest.json", data={"sha256": digest})
            if digest else ask("File", "whoever runs the train stage"),
            Item("Code", f"SHA-256 {manifest['code_sha256']}, commit {manifest.get('git_commit') or 'not known'}",
                 "train/manifest.json",
                 data={"sha256": manifest["code_sha256"], "git_commit": manifest.get("git_commit")}),
            Item("Software", background.packages(results), "evaluate/manifest.json"),
            Item("Seed", str(study.seed), "seed", data=study.seed),
            Item("Licence of the code", "Apache-2.0", "code"),
            ask("Who answers for the model, and how to reach them"),
        ],
    )  # fmt: skip


def _use(results: Results) -> Section:
    study = results.study
    return Section(
        "use",
        "Intended use",
        [
            Item("What it tells", f"The chance of {study.outcome.label}, {study.horizon}", "outcome, horizon"),
            Item("Question it was made for", study.question, "question"),
            Item("In whom", study.population, "population"),
            Item("Not for", "Diagnosis, treatment or any decision about one person; people unlike those above; telling "
                 "causes: a variable that moves the risk need not cause it.", "code"),
            ask("Who would use it, when in care, and with what training"),
        ],
    )  # fmt: skip


def _data(results: Results, bands: list[groups.Band]) -> Section:
    study, cohort = results.study, results.manifests["cohort"]
    known = study.known_variables()
    minimum = study.report.min_count
    flow = [
        f"{'; '.join(step.reasons)}: {count(step.removed, minimum)} left out"
        for step in merge_flow(results.flow, minimum)[1:]
        if step.removed
    ]
    sources = [f"{name}, SHA-256 {digest}" for name, digest in sorted(cohort.get("inputs", {}).items())]
    n = len(results.risks)
    return Section(
        "data",
        "Data it learned from",
        [
            Item("Source files", sources or "None noted", "cohort/manifest.json", data=cohort.get("inputs", {})),
            Item("People with a predicted risk", count(n, minimum), "train/predictions.parquet",
                 data=n if n >= minimum else None),
            Item("Kept only, in this order", flow or "Everybody", "cohort/flow.json"),
            Item("With the outcome", sections.overall(results, bands) or f"fewer than {minimum}, or nearly everybody",
                 "train/predictions.parquet"),
            Item("Predictors", [describe(known[name]) for name in study.predictors], "predictors",
                 data=list(study.predictors)),
            Item("Age, sex, origin and means among them",
                 [known[name].description for name in study.predictors if name in PERSONAL] or "None", "predictors"),
            ask("Dates, places and how people were recruited", KEEPER),
            ask("How representative they are", KEEPER),
        ],
    )  # fmt: skip


def _performance(results: Results, bands: list[groups.Band]) -> Section:
    study = results.study
    report = study.report
    items = []
    for name, title, term, meaning, digits, factor in sections.MEASURES:
        value, low, high = (factor * v for v in sections.metric(results, name))
        shown = f"{number(value, digits)} ({interval(low, high, digits)})" if is_known(value) else "not measured"
        data = {"metric": name, "value": value / factor, "low": low / factor, "high": high / factor}
        items.append(Item(f"{title} ({term})", f"{shown}. {meaning}", "evaluate/metrics.parquet", data=data))
    groups_told = [
        f"{band.name} ({band.rule}): {band.people} people, {of_100(band.mean_risk)} expected, {of_100(band.observed)} "
        f"observed ({wording.of_100_between(band.low, band.high)})"
        for band in bands
        if band.shown
    ]
    others = []
    for model, feature_set in results.trained:
        if (model, feature_set) != (report.model, report.feature_set):
            found = results.metric(model, feature_set, "auroc")
            if is_known(*found):
                name = f"{wording.model(model)} on {wording.FEATURE_SETS[feature_set]}"
                others.append(f"{name}: AUROC {number(found[0], 3)} ({interval(found[1], found[2], 3)})")
    told = sections.agreement(results)
    gain = results.difference(report.model, report.feature_set, "auroc")
    compared = (
        Item("Beside routine data alone", wording.mechanism(*gain).sentence, "evaluate/differences.parquet",
             data=dict(zip(("difference", "low", "high"), gain, strict=True)))
        if report.feature_set != "routine"
        else Item("Beside routine data alone", "It is the model on routine data.", "report.feature_set")
    )  # fmt: skip
    return Section(
        "performance",
        "How good it is",
        [
            Item("How it was measured", f"Cross-validation in {study.models.folds} parts, {study.models.repeats} times "
                 f"over; 95 % intervals from {number(study.evaluation.bootstrap)} resamples.", "models, evaluation"),
            *items,
            Item("Calibration in words", told, "evaluate/metrics.parquet"),
            Item("By risk group", groups_told or "Too few people to tell", "evaluate/strata.parquet"),
            compared,
            Item("Other models of the study", others or "None", "evaluate/metrics.parquet"),
            Item("External validation", "Not part of this study's own evaluation.", "code")
            if "transport" not in results.experiments
            else Item("External validation", "See the report's section on few data.", "experiments/transport.csv"),
        ],
    )  # fmt: skip


def _one_person(results: Results) -> Section:
    facts: dict[str, Any] = results.manifests["uncertainty"].get("facts", {})
    without = facts.get("without_interval")
    return Section(
        "one-person",
        "How sure it is about one person",
        [
            Item("In words", sections.single(results, groups.choose_examples(results, groups.make_bands(results))),
                 "uncertainty/uncertainty.parquet"),
            Item("People without an interval", count(without, results.study.report.min_count) if without else "nobody",
                 "uncertainty/manifest.json") if without is not None
            else ask("People without an interval", "whoever runs the uncertainty stage"),
        ],
    )  # fmt: skip


def _twins(results: Results) -> Section:
    items = []
    for twin in background.twins(results):
        failed = f"; not to {twin['failed']}" if twin["reasons"] else ""
        items.append(Item(twin["title"], f"Fitted to {twin['fitted']} of {twin['everybody']}{failed}.",
                          "features/manifest.json"))  # fmt: skip
    flags = background.warnings(results)
    items.append(Item("Values out of the ordinary", flags or "In nobody", "features/manifest.json"))
    return Section("twins", "Digital twins behind the features", items)


def _ethics(results: Results) -> Section:
    minimum = results.study.report.min_count
    return Section(
        "ethics",
        "Ethics and fairness",
        [
            Item("Privacy", f"Counts below {minimum} are withheld, example people are blurred, and a patient report "
                 "goes by a keyed pseudonym. A saved model holds no row of a person.", "code"),
            ask("Ethical review and consent", "the study lead, with the ethics board"),
            ask("Harm that a wrong risk could do, and to whom"),
            ask("Whether performance is good enough in every group of people that matters"),
            ask("Patients and public: part in the work"),
            ask("How the model is watched in use, and when it is withdrawn"),
        ],
    )  # fmt: skip
