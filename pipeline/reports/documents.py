"""A document of headings and statements, for people as a page and for software as JSON.

What the software does not know it says, and whom to ask; nothing is made up to fill a heading.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from pipeline.reports.pages import environment, style


class Item(NamedTuple):
    """One statement: what it is about, what is known of it, where that stands; or who has to fill it in."""

    name: str
    value: str | list[str] | None = None
    source: str = ""                 # setting, file or code that says so
    who: str = ""                    # fills it in, where the value is None
    data: Any = None                 # the same as numbers, for software


class Section(NamedTuple):
    """A heading with its statements."""

    key: str
    title: str
    items: list[Item]


class Document(NamedTuple):
    """A whole document; `about` says in a sentence what it is and rests on."""

    kind: str
    title: str
    about: str
    sections: list[Section]

    @property
    def unknown(self) -> list[Item]:
        """What somebody has to fill in."""
        return [item for section in self.sections for item in section.items if item.value is None]

    def html(self) -> str:
        """The document as one page that needs no network."""
        return environment().get_template("document.html").render(document=self, css=style())

    def json(self) -> str:
        """The document for software; a number that is not known is null."""
        sections = [
            {
                "key": section.key,
                "title": section.title,
                "items": [
                    {
                        "name": item.name,
                        "known": item.value is not None,
                        "value": item.value,
                        **({"data": _plain(item.data)} if item.data is not None else {}),
                        **({"source": item.source} if item.source else {}),
                        **({"to_be_filled_in_by": item.who} if item.value is None else {}),
                    }
                    for item in section.items
                ],
            }
            for section in self.sections
        ]
        whole = {"kind": self.kind, "title": self.title, "about": self.about, "sections": sections}
        return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def ask(name: str, who: str = "the study lead") -> Item:
    """A statement that the software cannot make."""
    return Item(name, who=who)


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
