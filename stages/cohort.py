"""Source data to the people, observations and outcomes of a study, with a report on the data's quality."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline import cohorts
from pipeline.config import Study
from pipeline.runs import Stage
from pipeline.schema import validate
from pipeline.sections import VaultCohort
from stages import main


def body(study: Study, folder: Path, stage: Stage) -> None:
    """Build the cohort and write its tables and quality report."""
    cohort = cohorts.build(study)
    for name in ("people", "observations", "outcomes"):
        path = stage.path(f"{name}.parquet")
        validate(getattr(cohort, name), name, path.name).to_parquet(path, index=False)
    _write_json(stage.path("flow.json"), cohort.flow)
    _write_json(stage.path("quality.json"), cohort.quality)
    stage.path("quality.html").write_text(cohorts.to_html(cohort.quality), encoding="utf-8")

    source = cohort.quality["source"]
    dropped: dict[str, int] = {}
    for step in cohort.flow[1:]:
        dropped[step["step"]] = dropped.get(step["step"], 0) + step["removed"]
    stage.inputs[source["file"]] = source["sha256"]
    if cohort.consent is not None and isinstance(study.cohort, VaultCohort):
        used = cohorts.record_use(study.cohort, folder.name, cohort.people["person_id"], cohort.consent)
        stage.note(consent=cohort.consent, ledger=used)
    stage.note(people_in=cohort.flow[0]["left"], people_out=len(cohort.people), dropped=dropped)
    events = cohort.quality["outcome"]["events"]
    print(f"cohort: {len(cohort.people)} of {cohort.flow[0]['left']} people, {events} with the outcome")
    print(f"cohort: quality of the data in {folder / 'cohort' / 'quality.html'}")


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main("cohort", __doc__, body)
