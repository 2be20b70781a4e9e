"""Words of a patient's page in the reader's language: sentences, plain names and numbers, from one file a language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import Literal

from markupsafe import Markup, escape

from pipeline.config import read_toml
from pipeline.reports import wording
from pipeline.sections import Strict


class Language(Strict):
    """What one file of `languages` holds; sentences have {placeholders}, the same in every language."""

    code: Literal["en", "sv"]                        # of BCP 47, for the `lang` of the page
    name: str
    decimal: Literal[".", ","]
    last: str                                        # joins the last item of a listing
    words: dict[str, str]
    bands: dict[str, str]
    names: dict[str, str]                            # of variables, outputs, quantities and twins
    units: dict[str, str]
    texts: dict[str, str] = {}                       # what study and scenario files say, by the English text

    def say(self, key: str, **values: object) -> str:
        """The sentence `key` with its placeholders filled; a sign of per cent stays with its number."""
        return self.words[key].format(**values).replace(" %", "\u00a0%")

    def text(self, english: str) -> Markup:
        """What a study or scenario file says, in this language; else in English, and marked so for a screen reader."""
        if self.code == "en" or english in self.texts or not english:
            return escape(self.texts.get(english, english))
        return Markup('<span lang="en">{}</span>').format(english)

    def plain(self, english: str) -> str:
        """The same for a place that takes no markup, such as the description of a figure."""
        return self.texts.get(english, english)

    def called(self, name: str) -> str:
        """What a variable, output, quantity or twin is called; its plain name if it has no words."""
        return self.names.get(name, name.replace("_", " "))

    def number(self, value: float, digits: int = 0) -> str:
        """A number as it is written in this language; "not known" when missing."""
        if not math.isfinite(value):
            return self.words["not_known"]
        return wording.number(value, digits).replace(".", self.decimal)

    def signed(self, value: float, digits: int = 0) -> str:
        """A difference with its sign always shown."""
        return wording.signed(value, digits).replace(".", self.decimal) if math.isfinite(value) else self.number(value)

    def hundredths(self, probability: float) -> str:
        """A probability as people of 100: "12", "fewer than 1"."""
        if 0 < probability < 0.005:
            return self.words["fewer_than_1"]
        if 0.995 < probability < 1:
            return self.words["more_than_99"]
        return self.number(100 * probability)

    def band(self, low: float, high: float) -> str:
        """The rule of a risk band."""
        ends = {"from": self.hundredths(low), "to": self.hundredths(high)}
        key = ("any" if high >= 1 else "under") if low <= 0 else "over" if high >= 1 else "between"
        return self.bands[key].format(**ends)

    def quantity(self, name: str, value: float, unit: str) -> str:
        """A value with its unit, as many digits as one can use; shares are written in %."""
        if name.endswith("_fraction"):
            value, unit = 100 * value, "%"
        shown = self.number(value, 0 if abs(value) >= 20 or float(value).is_integer() else 1)
        unit = self.units.get(unit, unit)
        return self.say("unit_after", value=shown, unit=unit) if unit and math.isfinite(value) else shown

    def years(self, years: int) -> str:
        """ "1 year", "5 years"."""
        return self.words["year_1"] if years == 1 else self.say("year_many", years=years)

    def listing(self, items: Sequence[str]) -> str:
        """Items as in a sentence: "a", "a and b", "a, b and c"."""
        return ", ".join(items[:-1]) + self.last + items[-1] if len(items) > 1 else "".join(items)


def languages() -> list[str]:
    """Codes of the languages that have a file, English first."""
    found = sorted(path.name[:-5] for path in files("pipeline.reports").joinpath("languages").iterdir())
    return sorted(found, key=lambda code: code != "en")


@cache
def read_language(code: str) -> Language:
    """The language with this code; raises `ConfigError` if its file is missing or wrong."""
    with as_file(files("pipeline.reports").joinpath("languages", f"{code}.toml")) as path:
        return read_toml(path, Language)
