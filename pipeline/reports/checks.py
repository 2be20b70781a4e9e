"""What the software can say to the questions of PROBAST and the items of TRIPOD+AI, and what it cannot."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from pipeline.config import Study
from pipeline.reports import evidence, groups, wording
from pipeline.reports.results import Results
from pipeline.reports.sections import agreement, metric, overall
from pipeline.reports.wording import interval, is_known, number, of_100

PASS, FAIL, UNKNOWN = "pass", "fail", "not known"
TOLD, APART = "told", "does not apply"
ENOUGH, TOO_FEW = 20, 10      # events for each column that is learned (Moons KGM et al., Ann Intern Med 2019;170:W1)
LITTLE = 0.05                 # share of people missing up to which how it is filled hardly matters (assumed)
NOT_TOLD = "The software does not know; the authors have to tell."


class Check(NamedTuple):
    """One question, and what can be said to it."""

    item: str
    part: str
    asks: str
    status: str
    why: str


def probast(study: Study, results: Results) -> list[Check]:
    """The 20 signalling questions of PROBAST (Wolff RF et al., Ann Intern Med 2019, 10.7326/M18-1376), in own words.

    "pass" and "fail" only where files and settings show it; all that needs a judgement of medicine is "not known".
    """
    followed = study.outcome.horizon_years is not None
    visit = "Predictors and outcome are of one visit; who measured them is not recorded."
    said = {
        "1.1": (UNKNOWN, f"{study.population} Whether that suits the question is for a reader to judge."),
        "1.2": (UNKNOWN, f"{len(study.cohort.include)} rules, each counted in the flow of people, but not judged."),
        "2.2": (PASS, "All were read at or before time zero, all outcomes came after it.") if followed
        else (UNKNOWN, visit),
        "2.3": (PASS, "Only readings at or before time zero are used.") if followed else (UNKNOWN, visit),
        "3.2": (UNKNOWN, "The definition stands in the study file, but not when it was chosen."),
        "3.3": (PASS, "A variable that defines the outcome is refused as predictor.") if study.outcome.any_of
        else (PASS, "The outcome is a dated event after time zero, never a reading."),
        "3.4": (PASS, "One rule, applied to everybody by the same code."),
        "3.6": (UNKNOWN, f"It is {study.horizon}; whether that is right is a matter of medicine."),
        "4.1": _events(study, results),
        "4.2": (PASS, "No number is cut into groups before a model sees it."),
        "4.3": _everybody(study, results),
        "4.4": _missing(results),
        "4.5": (PASS, "The predictors are those of the study file; none is dropped for its result."),
        "4.6": (PASS, "Losses are allowed for by weights, death first counts as no event, and who belongs together "
                "stays together." if followed
                else "Nobody could be lost at one visit, and who belongs together stays together."),
        "4.7": _measured(results),
        "4.8": (PASS, "Each risk is from a model that had not seen the person; filling and scaling were learned "
                f"inside, {study.models.folds} parts, {study.models.repeats} times over."),
        "4.9": (PASS, "The saved model is learned from everybody with the same code and settings; their hashes stand "
                "in the manifests."),
    }  # fmt: skip
    return [Check(*row, *said.get(row[0], (UNKNOWN, NOT_TOLD))) for row in _rows("probast")]


def tripod(study: Study, results: Results) -> list[Check]:
    """The items of TRIPOD+AI (Collins GS et al., BMJ 2024;385:e078378, 10.1136/bmj-2023-078378), in own words.

    "told" with what the software knows, "not known" where the authors have to tell, "does not apply" elsewhere.
    """
    report, outcome = study.report, study.outcome
    model = f"{wording.model(report.model)} on {wording.FEATURE_SETS[report.feature_set]}"
    found = overall(results, groups.make_bands(results)) or "too few to count"
    aside = "No older model is tested here."
    wide = results.subgroups["characteristic"].nunique() - 1
    recalibrated = [wording.model(m) for m in study.models.names if m.endswith("_recalibrated")]
    told = {
        "1": study.title,
        "3b": study.population,
        "4": f"{study.question} A model is made and tested on people set aside, not on other cohorts.",
        "5a": f"{study.population} Source: {study.cohort.source}; hashes of its files stand in the manifests.",
        "6b": "; ".join(rule.reason for rule in study.cohort.include) or "Everybody in the source.",
        "7": "Units, ranges and levels were checked against a table of variables; see the quality report.",
        "8a": f"{outcome.label}, {study.horizon}.",
        "9a": f"{len(study.predictors)} variables that the study file names; none is dropped for its result.",
        "9b": "The table of variables gives name, unit and allowed range of each, the dictionary those of the twins.",
        "10": f"All {number(len(results.risks))} people who fit the rules. {_events(study, results)[1]}",
        "11": _missing(results)[1],
        "12a": f"{study.models.folds} parts, {study.models.repeats} times over; who belongs together stays together.",
        "12b": "Numbers as numbers, answers by level; what is learned of them is learned inside each part.",
        "12c": f"{model}, chosen beforehand, beside {len(results.trained) - 1} others.",
        "12e": "Ranking, agreement (smooth curve, slope, level), error and net benefit, all with 95 % intervals from "
        f"{number(study.evaluation.bootstrap)} resamples of people.",
        "12f": f"Also as models of their own: {wording.listing(recalibrated)}." if recalibrated
        else "The reported model was not changed after it was judged.",
        "13": "Nobody is weighted or drawn more often for having the outcome, so that risks keep their level.",
        "14": f"Measured apart by {wide} characteristics; no limit was set for what is fair.",
        "15": f"A risk between 0 and 1; one acts from {of_100(study.evaluation.threshold)}.",
        "18f": "Each stage records the hash of its code, its settings and its random seed.",
        "20a": "The flow of people, with reasons, stands in this report.",
        "20b": "Characteristics by risk group and what was not measured stand in this report.",
        "21": f"{number(len(results.risks))} people for every model; with the outcome: {found}.",
        "22": "Each model is saved whole, with the columns it takes and one made-up row.",
        "23a": f"{wording.ranking(*metric(results, 'auroc'))} {agreement(results)} "
        f"{evidence.subgroups(results)['said'][0]}",
        "26": "See the limits in this report.",
        "27a": "A missing value is filled or passed on as the model learned to; one outside its range is refused.",
    }  # fmt: skip
    apart = {
        "12g": aside,
        "16": "Learned and judged on parts of the same people.",
        "20c": "Learned and judged on parts of the same people.",
        "23b": "One source of data only.",
    }
    if not recalibrated:
        apart["24"] = "No model was put right."
    rows = []
    for item, part, asks in _rows("tripod"):
        if item in told:
            rows.append(Check(item, part, asks, TOLD, told[item]))
        else:
            status, why = (APART, apart[item]) if item in apart else (UNKNOWN, NOT_TOLD)
            rows.append(Check(item, part, asks, status, why))
    return rows


def summary(checks: list[Check]) -> str:
    """How many questions have which answer."""
    counts = [(status, sum(c.status == status for c in checks)) for status in dict.fromkeys(c.status for c in checks)]
    return ", ".join(f"{n} {status}" for status, n in sorted(counts, key=lambda pair: -pair[1]))


def _rows(name: str) -> list[tuple[str, str, str]]:
    text = files("pipeline.reports").joinpath("checks.csv").read_text(encoding="utf-8")
    return [(r["item"], r["part"], r["asks"]) for r in csv.DictReader(text.splitlines()) if r["list"] == name]


def _events(study: Study, results: Results) -> tuple[str, str]:
    """Whether enough people had the outcome, or had not, for the columns that the reported model may learn."""
    known = study.known_variables()
    sizes = [len(known[p].levels) if known[p].kind == "category" else 1 for p in study.predictors]
    twins = len(results.dictionary) if study.report.feature_set != "routine" else 0
    columns = twins + (sum(sizes) if study.report.feature_set != "mechanistic" else 0)
    events = int(results.risks["event"].sum())
    fewer = min(events, int((results.risks["weight"] > 0).sum()) - events)
    each = fewer / max(columns, 1)
    if fewer < study.report.min_count:
        return FAIL, f"Fewer than {study.report.min_count} people had (or had not) the outcome."
    status = PASS if each >= ENOUGH else FAIL if each < TOO_FEW else UNKNOWN
    return status, (
        f"{number(each)} people with the outcome (or without, if fewer) for each of {columns} columns; "
        f"{ENOUGH} is called enough, under {TOO_FEW} too few. Columns are shrunk, which needs fewer."
    )


def _everybody(study: Study, results: Results) -> tuple[str, str]:
    without = len(results.people) - len(results.risks)
    lost = int((results.risks["weight"] == 0).sum())
    if without:
        return FAIL, f"{wording.count(without, study.report.min_count)} people have no risk, and do not count."
    if lost:
        many = wording.count(lost, study.report.min_count)
        return PASS, f"Everybody has a risk. {many} were lost before the horizon; others stand for them by weights."
    return PASS, "Everybody has a risk and a known outcome."


def _missing(results: Results) -> tuple[str, str]:
    table = results.missing
    share = float((table["missing"] / table["people"]).max()) if len(table) else 0.0
    how = (
        "Linear models fill with the middle value of the training part and note that it was missing, trees pass it on; "
        "twins spread over what is not known."
    )
    if share == 0:
        return PASS, "No predictor is missing in anybody."
    most = f"The worst predictor is missing in {of_100(share)} people."
    return (PASS if share <= LITTLE else UNKNOWN), f"{most} {how} It is not multiple imputation."


def _measured(results: Results) -> tuple[str, str]:
    ranks, slope = metric(results, "auroc"), metric(results, "calibration_slope")
    if not is_known(ranks[0], slope[0]):
        return FAIL, "Too few people had (or had not) the outcome to measure both."
    curve = "with a smooth curve" if np.isfinite(results.smooth["observed"]).any() else "without a smooth curve"
    return PASS, f"AUROC {number(ranks[0], 2)} ({interval(*ranks[1:], 2)}) and calibration, {curve}."
