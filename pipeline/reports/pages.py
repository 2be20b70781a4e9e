"""What all pages are rendered with: the templates of this package and their style sheet."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@cache
def environment() -> Environment:
    """Templates of this package: text is escaped, and a name that nobody gave is an error."""
    return Environment(
        loader=PackageLoader("pipeline.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def style() -> Markup:
    """The style sheet, to stand inside a page."""
    return Markup(files("pipeline.reports").joinpath("report.css").read_text(encoding="utf-8"))
