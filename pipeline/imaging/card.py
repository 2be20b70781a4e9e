"""The data card: what a data set is, whose it is, and what it may be used for."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import NonNegativeInt, model_validator

from pipeline.config import ConfigError, read_toml
from pipeline.imaging.quality import uses
from pipeline.sections import Strict

Purpose = Literal["research", "education", "method development", "quality improvement", "product development"]
# Licences of data that are written as SPDX identifiers; anything of several words is taken as terms.
SPDX = (
    "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0",
    "ODC-By-1.0", "ODbL-1.0", "PDDL-1.0", "CDLA-Permissive-2.0", "Apache-2.0", "MIT",
)  # fmt: skip
CARD = "card.toml"


class Ethics(Strict):
    """The approval under which the images may be used."""

    number: str = ""
    authority: str = ""


class Provenance(Strict):
    """Where the images come from and what was done to them."""

    source: str = ""
    acquisition: str = ""
    deidentification: str = ""


class Counts(Strict):
    """What the software counted; a card that somebody writes leaves it out."""

    people: NonNegativeInt = 0
    studies: NonNegativeInt = 0
    series: NonNegativeInt = 0
    images: NonNegativeInt = 0
    bytes: NonNegativeInt = 0


class Card(Strict):
    """A data card; what may be empty in a draft must be written before a release."""

    title: str
    description: str = ""
    modality: tuple[str, ...] = ()
    body_part: str = ""
    intended_use: str = "any"
    licence: str = ""
    purposes: tuple[Purpose, ...] = ()
    contact: str = ""
    citation: str = ""
    ethics: Ethics = Ethics()
    provenance: Provenance = Provenance()
    counts: Counts = Counts()

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.intended_use not in uses():
            raise ValueError(f"intended_use is {self.intended_use!r}; allowed: {', '.join(uses())}")
        one_word = self.licence and not re.search(r"\s", self.licence)
        if one_word and self.licence not in SPDX and not self.licence.startswith("LicenseRef-"):
            raise ValueError(
                f"licence {self.licence!r} is none of {', '.join(SPDX)}; LicenseRef-... or a sentence says own terms"
            )
        return self

    def lacks(self) -> list[str]:
        """What must be written before a release."""
        wanted = {
            "title": self.title,
            "description": self.description,
            "modality": self.modality,
            "body_part": self.body_part,
            "licence": self.licence,
            "purposes": self.purposes,
            "contact": self.contact,
            "citation": self.citation,
            "[ethics] number": self.ethics.number,
            "[ethics] authority": self.ethics.authority,
            "[provenance] source": self.provenance.source,
            "[provenance] acquisition": self.provenance.acquisition,
            "[provenance] deidentification": self.provenance.deidentification,
        }
        return [name for name, value in wanted.items() if not (value.strip() if isinstance(value, str) else value)]


def read_card(path: Path) -> Card:
    """A card that somebody wrote as TOML; raises `ConfigError`."""
    card = read_toml(path, Card)
    if card.counts != Counts():
        raise ConfigError(f"{path}: leave [counts] out; the software counts")
    return card


def card_template() -> str:
    """An empty card with a remark at each line."""
    return files("pipeline.imaging").joinpath("card_template.toml").read_text(encoding="utf-8")


def as_json(card: Card) -> str:
    """The card as it stands in a version."""
    return json.dumps(card.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Card:
    """The card of a version."""
    return Card.model_validate_json(text)


def differences(one: Card, other: Card) -> list[str]:
    """The fields in which two cards differ, as section.key; counts left out, for the files tell them."""
    before, after = _flat(one.model_dump(mode="json")), _flat(other.model_dump(mode="json"))
    fields = (field for field in before if not field.startswith("counts."))
    return sorted(field for field in fields if before[field] != after[field])


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
