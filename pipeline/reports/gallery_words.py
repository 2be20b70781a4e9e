"""Words and numbers of the gallery's pages."""

from __future__ import annotations

import math
import re

from markupsafe import Markup, escape

# Brackets inside a doi are part of it, as in 10.1016/S0140-6736(11)60812-X; a dot or bracket after it is not.
DOI = re.compile(r"\b10\.\d{4,9}/(?:\([^\s()]*\)|[^\s,;()])*(?:\([^\s()]*\)|[^\s,;().:])")


def number(value: float) -> str:
    """A number to six significant digits, with a power of ten where it is very large or small."""
    if not math.isfinite(value):
        return "not known"
    if value != 0 and not 1e-3 <= abs(value) < 1e6:
        digits, power = f"{value:.6g}".split("e") if "e" in f"{value:.6g}" else f"{value:.5e}".split("e")
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
        return f"{digits} × 10{_raised(int(power))}".replace("-", "−")
    return f"{value:.6g}".replace("-", "−")


def short(value: float) -> str:
    """A number to three significant digits."""
    return number(float(f"{value:.3g}"))


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def span(low: float, high: float) -> str:
    """Both ends of an interval."""
    return f"{short(low)} to {short(high)}"


def apart(first: float, second: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart."""
    texts = short(first), short(second)
    return texts if texts[0] != texts[1] else (number(first), number(second))


def unit(name: str) -> str:
    """A unit after a number, with its space; nothing for a pure number."""
    return "" if name == "1" else f" {name}"


def points(n: int) -> str:
    """So many points of data."""
    return "1 point" if n == 1 else f"{n} points"


def capital(words: str) -> str:
    """Words with a capital at the front."""
    return words[:1].upper() + words[1:]


def linked(text: str) -> Markup:
    """Text with every doi as a link, which is followed only when asked."""
    parts, end = [], 0
    for found in DOI.finditer(text):
        parts += [escape(text[end : found.start()]), Markup('<a href="https://doi.org/{0}">{0}</a>').format(found[0])]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def in_words(text: str) -> Markup:
    """Text with what stands between backticks as code, and every doi as a link; "5 %" stays on one line."""
    parts = re.sub(r"(?<=\d) %", "\u00a0%", text).split("`")
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else linked(p) for i, p in enumerate(parts))
