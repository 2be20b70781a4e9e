"""What an intake leaves behind: the tables of a delivery, what was wrong with it, and the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pipeline.curation.figures import Curation
from pipeline.curation.page import to_html, to_json
from pipeline.delivery import Delivery, Finding


def write(delivery: Delivery, curation: Curation, path: Callable[[str], Path]) -> None:
    """All files of an intake; `path` says where each goes by its name."""
    delivery.people.to_parquet(path("people.parquet"), index=False)
    delivery.readings.to_parquet(path("readings.parquet"), index=False)
    delivery.unmapped.to_csv(path("unmapped.csv"), index=False)
    pd.DataFrame(delivery.findings, columns=Finding._fields).to_csv(path("findings.csv"), index=False)
    curation.questions.to_csv(path("questions.csv"), index=False)
    path("intake.html").write_text(to_html(curation.figures), encoding="utf-8")
    path("intake.json").write_text(to_json(curation.figures), encoding="utf-8")
