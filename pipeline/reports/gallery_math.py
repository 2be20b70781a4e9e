"""Mathematics of a page as MathML, which browsers draw without a script."""

from __future__ import annotations

import re

from latex2mathml.converter import convert
from markupsafe import Markup, escape

GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "rho",
    "sigma", "tau", "phi", "chi", "psi", "omega",
)  # fmt: skip


def mathml(latex: str, *, display: bool = True) -> Markup:
    """LaTeX as a MathML element that keeps its source for readers without eyes or without MathML."""
    element = convert(latex, display="block" if display else "inline")
    return Markup('<math alttext="') + escape(latex) + Markup('"' + element.removeprefix("<math"))


def symbol(name: str) -> str:
    """The name of a parameter as LaTeX: `k_diet` is k with an index, `rho_F` is Greek, a word stays a word."""
    base, *rest = name.split("_")
    if len(rest) > 1 and len(base) > 2:              # words: `beta_blocker_S` is no Greek letter
        base, rest = " ".join([base, *rest[:-1]]), rest[-1:]
    letter = re.fullmatch(r"([A-Za-z])([a-z]?|[a-z]?[A-Z0-9].*|max.*|min.*)", base)
    if base.lower() in GREEK:
        base = "\\" + base
    elif letter:
        base, rest = letter[1], [part for part in (letter[2], *rest) if part]
    else:
        base = rf"\text{{{base}}}"
    return base + (rf"_{{\text{{{', '.join(rest)}}}}}" if rest else "")
