"""The figures of an intake as a page that needs nothing else, and as a file for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from pipeline.curation.bars import bars

GAP = "\u202f"      # between thousands; the line does not break there


def to_json(figures: Mapping[str, Any]) -> str:
    """The figures for programs."""
    return json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_html(figures: Mapping[str, Any]) -> str:
    """The figures as one page."""
    style = Markup(files("pipeline.curation").joinpath("intake.css").read_text(encoding="utf-8"))
    periods = figures["time_course"].get("periods")
    picture = bars(periods, figures["time_course"]["grain"]) if periods else None
    return _template().render(figures, style=style, picture=picture)


@cache
def _template() -> Template:
    """The page: text is escaped, and a name that nobody gave is an error."""
    environment = Environment(
        loader=PackageLoader("pipeline.curation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"grouped": grouped, "short": short}
    return environment.get_template("intake.html")


def grouped(value: Any) -> str:
    """A count with its thousands set apart, or the words that stand for one; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,}".replace(",", GAP) if isinstance(value, int) else str(value)


def short(value: Any) -> str:
    """A number in few digits; a dash where there is none."""
    if value is None:
        return "–"
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace(",", GAP)
