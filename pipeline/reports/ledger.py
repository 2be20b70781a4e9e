"""Where a figure of the report comes from: the way back to the source, and whether every file still is what it was.

The manifests of the stages hold what each read and wrote, by SHA-256; this reads them and looks at the files again.
"""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.runs import RunError, hash_file, read_manifest

# What each figure and section of the stratification report is drawn from; a section has its figures' files as well. Of
# one that has no line here, all that can be said is that it is drawn from what the report read.
METRICS = "evaluate/metrics.parquet"
BANDS = ("train/predictions.parquet", "evaluate/strata.parquet")
EXAMPLES = (*BANDS, "cohort/people.parquet", "uncertainty/uncertainty.parquet", "features/trajectories.parquet",
            "features/scenarios.json", "strata/benefit.parquet", "explain/attributions.parquet")  # fmt: skip
SOURCES: dict[str, tuple[str, ...]] = {
    "figure calibration": ("evaluate/calibration.parquet", "evaluate/smooth.parquet", METRICS),
    "figure decision": ("evaluate/decision.parquet", METRICS),
    "figure differences": ("evaluate/differences.parquet", METRICS),
    "figure drivers": ("explain/global.parquet",),
    "figure band-*": BANDS,
    "figure person-*": EXAMPLES,
    "figure learning-curve": ("experiments/learning_curve.csv",),
    "section brief": (*BANDS, METRICS, "cohort/people.parquet", "cohort/observations.parquet",
                      "evaluate/differences.parquet", "features/trajectories.parquet", "features/scenarios.json",
                      "strata/benefit_groups.parquet", "strata/benefit_bands.parquet", "strata/benefit.parquet",
                      "strata/facts.json"),
    "section people": ("cohort/flow.json", "train/predictions.parquet", "evaluate/strata.parquet", "fit/fits.parquet",
                       "features/manifest.json", "evaluate/missing.parquet"),
    "section good": ("evaluate/calibration.parquet", "evaluate/smooth.parquet", "evaluate/agreement.parquet",
                     "evaluate/over_time.parquet", METRICS, "evaluate/decision.parquet", *BANDS),
    "section subgroups": ("evaluate/subgroups.parquet",),
    "section mechanism": ("evaluate/differences.parquet", METRICS),
    "section strata": (*BANDS, "cohort/people.parquet", "cohort/observations.parquet", "features/trajectories.parquet",
                       "features/scenarios.json"),
    "section benefit": ("strata/benefit_groups.parquet", "strata/benefit.parquet", "strata/facts.json",
                        "features/scenarios.json", "train/predictions.parquet", "cohort/people.parquet",
                        "cohort/observations.parquet", "features/trajectories.parquet"),
    "section endotypes": ("strata/endotype_groups.parquet", "strata/facts.json"),
    "section why": ("explain/global.parquet", "explain/facts.json"),
    "section single": ("uncertainty/uncertainty.parquet", "evaluate/sets.parquet", *EXAMPLES),
    "section examples": EXAMPLES,
    "section experiments": ("experiments/*.csv",),
    "section limits": ("cohort/outcomes.parquet", "fit/fits.parquet", "features/manifest.json"),
    "section checks": (METRICS, "evaluate/missing.parquet", "evaluate/smooth.parquet", "evaluate/subgroups.parquet",
                       *BANDS, "cohort/people.parquet", "features/dictionary.csv"),
    "section provenance": ("features/dictionary.csv",),
}  # fmt: skip


class Origin(NamedTuple):
    """One stage on the way back: how it ran, what it read, and whether its files are still what it wrote."""

    stage: str
    manifest: dict[str, Any]
    wrote: dict[str, str]            # file -> state, of those that matter here
    read: dict[str, str]             # input -> state

    @property
    def faults(self) -> list[str]:
        """What is no longer as the manifest says, a sentence each."""
        states = {**{f"{self.stage}/{name}": state for name, state in self.wrote.items()}, **self.read}
        return [f"{name} {FAULTS[state].format(self.stage)}" for name, state in states.items() if state in FAULTS]


SAME, UNSEEN = "as it was", "not looked at"
FAULTS = {
    "changed": "is not what its stage wrote: the file was changed afterwards",
    "missing": "is missing",
    "renewed": "has been made anew since {} read it",
    "altered": "is not what it was when {} read it",
}


def trace(folder: Path, what: str | None = None) -> tuple[dict[str, list[str]], list[Origin]]:
    """What each figure and section of the report in `folder` is drawn from, and the stages behind it, the last first.

    `what` names one figure, section, or measure (such as `auroc`); None is all of the report. Raises `RunError` if
    nothing has that name or the study is not finished.
    """
    report = read_manifest(folder / "report")
    there = [*report["inputs"], "features/manifest.json"]
    wanted = {name: [file for file in there if any(fnmatch(file, pattern) for pattern in patterns)]
              for name, patterns in _named(folder, report, what).items()}  # fmt: skip
    wanted = {name: files for name, files in wanted.items() if files}
    start = {file.split("/")[0] for files in wanted.values() for file in files}
    order, left = ["report"], sorted(start, reverse=True)
    while left:
        stage = left.pop(0)
        if stage in order or not (folder / stage / "manifest.json").exists():
            continue
        order.append(stage)
        left += [_stage_of(folder, name) for name in read_manifest(folder / stage)["inputs"]]
    finished = {stage: read_manifest(folder / stage) for stage in order}
    stages = sorted(order, key=lambda stage: finished[stage]["finished"], reverse=True)
    return wanted, [_origin(folder, stage, finished[stage]) for stage in stages]


def _named(folder: Path, report: dict[str, Any], what: str | None) -> dict[str, tuple[str, ...]]:
    """Sources by what is in the report: figures by the first pattern that fits, then sections; or of one measure."""
    drawn = [Path(name).stem for name in report["outputs"] if name.startswith("figures/")]
    names = [f"figure {name}" for name in drawn] + [name for name in SOURCES if name.startswith("section ")]
    found = {name: sources_of(name) for name in names}
    if what is None:
        return found
    chosen = {name: files for name, files in found.items() if what in (name, name.split()[1])}
    if not chosen and _values(folder, what):
        return {f"measure {what}": (METRICS,)}
    if not chosen:
        known = ", ".join(name.split()[1] for name in found)
        raise RunError(f"the report has no figure, section or measure {what!r}; there are {known}")
    return chosen


def sources_of(name: str) -> tuple[str, ...]:
    """Patterns of the files that "figure calibration" or "section brief" is drawn from."""
    return next((files for pattern, files in SOURCES.items() if fnmatch(name, pattern)), ("*/*",))


def _origin(folder: Path, stage: str, manifest: dict[str, Any]) -> Origin:
    wrote = {name: _state(folder / stage / name, digest) for name, digest in manifest["outputs"].items()}
    read = {}
    for name, digest in manifest["inputs"].items():
        before = _stage_of(folder, name)
        if before:
            written = read_manifest(folder / before)["outputs"]
            key = next((key for key in written if name in (f"{before}/{key}", key)), None)
            # The digests of a stage's outputs are no output themselves.
            now = hash_file(folder / name) if name.endswith("outputs.sha256") else written.get(key or "")
            read[name] = SAME if now == digest else "renewed"
        else:
            source = _source(manifest, name)
            state = _state(source, digest) if source else UNSEEN
            read[name] = "altered" if state == "changed" else state
    return Origin(stage, manifest, wrote, read)


def _stage_of(folder: Path, name: str) -> str:
    """The stage that wrote an input, "" for a source file. Files of a stage's own folders go by these."""
    stage = {"figures": "report", "models": "train"}.get(name.split("/")[0], name.split("/")[0])
    return stage if "/" in name and (folder / stage / "manifest.json").exists() else ""


def _source(manifest: dict[str, Any], name: str) -> Path | None:
    """Where the study says that a source file lies; None if it came with a package."""
    cohort = manifest["config"].get("cohort", {})
    places = [Path(cohort[key]) for key in ("path", "folder") if cohort.get(key)]
    files = [place if place.suffix else place / name for place in places]
    return next((file for file in files if file.name == Path(name).name), None)


def _state(path: Path, digest: str) -> str:
    if not path.exists():
        return "missing"
    return SAME if hash_file(path) == digest else "changed"


def tell_origin(folder: Path, what: str | None = None) -> tuple[list[str], list[str]]:
    """The same as text for a terminal: what was found, and every fault; see `trace`."""
    wanted, origins = trace(folder, what)
    said = [f"{name}: {', '.join(files)}" for name, files in wanted.items()]
    if what and f"measure {what}" in wanted:
        said += _values(folder, what)
    for origin in origins:
        manifest = origin.manifest
        said += ["", f"{origin.stage}: finished {manifest['finished']}, took {manifest['seconds']} s"]
        said.append(f"  code {manifest['code_sha256']}, commit {manifest.get('git_commit') or 'not known'}")
        said.append(f"  settings {json.dumps(manifest['config'], sort_keys=True, ensure_ascii=False)}")
        said += [f"  read {digest} {name}{_remark(origin.read[name])}" for name, digest in manifest["inputs"].items()]
        written = manifest["outputs"].items()
        said += [f"  wrote {digest} {name}{_remark(origin.wrote[name])}" for name, digest in written]
    return said, [fault for origin in origins for fault in origin.faults]


def _values(folder: Path, measure: str) -> list[str]:
    """The values of a measure, a line a model and feature set; none if nothing is called so."""
    table = pd.read_parquet(folder / METRICS)
    rows = table[table["metric"] == measure].itertuples()
    return [f"  {r.model} on {r.feature_set}: {r.value:.6g} ({r.low:.6g} to {r.high:.6g})" for r in rows]


def _remark(state: str) -> str:
    return "" if state == SAME else f"  [{state}]"
