"""Cohorts whose files are fetched by make: their tests skip, with the reason, where nobody has fetched them."""

import pytest

from pipeline.cohorts import PACKAGES, Cohort, build
from pipeline.config import Study


def build_fetched(study: Study) -> Cohort:
    source = study.cohort.source
    if source in PACKAGES and not all((study.cohort.folder / file).is_file() for file in PACKAGES[source].files):
        pytest.skip(f"needs the files of make {source}")
    return build(study)
