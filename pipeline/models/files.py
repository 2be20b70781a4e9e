"""Fitted models on disk, in the skops format: no pickle, so that loading one runs no code of a stranger."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from pipeline.models.matrix import FeatureSet, example

if TYPE_CHECKING:
    import pandas as pd

# Reviewed: holders of numbers that skops does not trust by itself, our own among them, and the check of its input that
# boosting keeps when it has categories. What a partial calls has to be trusted as well.
TRUSTED_TYPES = (
    "functools.partial",
    "pipeline.models.columns.Binned",
    "pipeline.models.cox.CauseSpecificCox",
    "pipeline.models.forest.Forest",
    "pipeline.models.hazard.DiscreteHazard",
    "pipeline.models.hybrid.Hybrid",
    "pipeline.models.hybrid.PersonRows",
    "pipeline.models.knowledge.Known",
    "pipeline.models.knowledge.PriorLogistic",
    "pipeline.models.network.Network",
    "pipeline.models.recalibration.Recalibrated",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.impute._iterative.IterativeImputer",
    "sklearn.impute._iterative._ImputerTriplet",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)


def save(estimator: Any, path: Path) -> None:
    """Write a fitted estimator; the same one gives the same bytes, so that make sees when nothing changed."""
    import skops.io

    names: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        # Two equal texts may be one in memory: each plain value gets a name of its own.
        key = f"plain {len(names)}" if match[1].startswith('"is_json"') else match[2]
        return match[1] + names.setdefault(key, str(len(names)))

    # skops names parts by their address in memory and dates them, and both differ from run to run.
    with ZipFile(BytesIO(skops.io.dumps(estimator))) as given, ZipFile(path, "w", ZIP_DEFLATED) as written:
        names_of_parts = r'((?:"is_json": true,\s*)?"__id__": |"file": ")(\d+)'
        schema = re.sub(names_of_parts, name, given.read("schema.json").decode())
        parts = {names.get(Path(part).stem, "") + Path(part).suffix: part for part in given.namelist()}
        for part in sorted(parts.keys() - {".json"}, key=lambda part: int(Path(part).stem)):
            written.writestr(ZipInfo(part), _without_gaps(given.read(parts[part])), ZIP_DEFLATED)
        written.writestr(ZipInfo("schema.json"), schema, ZIP_DEFLATED)


def _without_gaps(data: bytes) -> bytes:
    """An array as bytes, zero between its fields: nodes of a tree have gaps, with whatever stood there in memory."""
    array = np.load(BytesIO(data), allow_pickle=False)
    if array.dtype.names is None:
        return data
    inside = np.zeros(array.dtype.itemsize, dtype=np.uint8)
    for kind, start, *_ in array.dtype.fields.values():
        inside[start : start + kind.itemsize] = 1
    head = len(data) - array.nbytes
    rows = np.frombuffer(data, dtype=np.uint8, offset=head).reshape(-1, len(inside))
    return data[:head] + (rows * inside).tobytes()


def load(path: Path) -> Any:
    """The estimator that `save` wrote; types outside scikit-learn and the reviewed list are refused."""
    import skops.io

    return skops.io.load(path, trusted=list(TRUSTED_TYPES))


def describe(estimator: Any, frame: pd.DataFrame, columns: FeatureSet) -> dict[str, Any]:
    """What a fitted model takes: name, type and levels of each column, and one made-up row."""
    taken = list(estimator.feature_names_in_)
    row = example(frame, columns)[taken].iloc[0].to_dict()
    return {
        "columns": [
            {"name": name, "type": "string", "levels": list(columns.categories[name])}
            if name in columns.categories
            else {"name": name, "type": "double"}
            for name in taken
        ],
        "example": row,
    }


def settings(estimator: Any) -> dict[str, Any]:
    """The settings of the classifier at the end of a fitted model, as plain values."""
    plain = (str, int, float, bool, type(None))
    return {key: value for key, value in estimator[-1].get_params().items() if isinstance(value, plain)}
