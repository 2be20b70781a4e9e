"""A served model as a folder: settings in one JSON file, each member in the skops format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from pipeline import models
from pipeline.fitting import Population
from pipeline.models import Member
from pipeline.runs import RunError
from pipeline.served.model import ServedModel, Settings

SETTINGS, MEMBERS = "settings.json", "members.json"


def save(model: ServedModel, folder: Path) -> None:
    """Write the model into a new folder; the same model gives the same bytes."""
    folder.mkdir(parents=True)
    text = json.dumps(model.settings.model_dump(mode="json"), indent=1, sort_keys=True)
    (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")
    told = []
    for number, member in enumerate(model.members):
        name = f"member_{number:03d}.skops"
        models.save(member.estimator, folder / name)
        population = member.population and {key: list(map(float, v)) for key, v in member.population._asdict().items()}
        told.append({"file": name, "seed": member.seed, "population": population})
    (folder / MEMBERS).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> ServedModel:
    """The model that `save` wrote; raises `RunError` for a folder that holds none, or one of other code."""
    try:
        settings = Settings.model_validate_json((folder / SETTINGS).read_text(encoding="utf-8"))
        told = json.loads((folder / MEMBERS).read_text(encoding="utf-8"))
    except OSError:
        raise RunError(f"{folder} holds no packaged model: run the package stage first (make run does)") from None
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunError(f"{folder / SETTINGS}: {where}: {first['msg']}: package the model again") from None
    members = []
    for one in told:
        known = one["population"]
        population = Population(**{key: np.array(values) for key, values in known.items()}) if known else None
        members.append(Member(models.load(folder / one["file"]), population, one["seed"]))
    return ServedModel(settings, members)
