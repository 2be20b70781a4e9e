"""Consent rules in the words of a person, in English and Swedish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from pipeline.runs import RunError
from pipeline.schema import variables
from pipeline.vault.consent import ALL, BIRTH_DATE, Rule, groups, purposes, read_table

LANGUAGES = {"en": "english", "sv": "swedish"}


def tell_history(rules: Sequence[Rule], language: str) -> list[str]:
    """The rules, a line each, in the order in which they were decided."""
    if language not in LANGUAGES:
        raise RunError(f"no language {language!r}; there are {', '.join(LANGUAGES)}")
    if not rules:
        return [_words(language)["none"]]
    return [tell_rule(rule, language) for rule in sorted(rules, key=lambda rule: rule.decided)]


def tell_rule(rule: Rule, language: str) -> str:
    """One rule as a line.

    >>> from datetime import UTC, date, datetime
    >>> rule = Rule(("research",), ("laboratory",), True, date(2024, 5, 1), None, datetime(2024, 5, 1, 9, tzinfo=UTC))
    >>> tell_rule(rule, "sv")
    'ja till forskning: laboratorieprover; från och med 2024-05-01 (beslutat 2024-05-01 09:00 UTC)'
    """
    words = _words(language)
    of = ", ".join(purposes()[name].words[language] for name in rule.purposes)
    about = ", ".join(_name(name, language) for name in rule.variables)
    period = f"{words['from']} {rule.start}" + (f" {words['until']} {rule.end}" if rule.end else "")
    decided = f"{words['decided']} {rule.decided:%Y-%m-%d %H:%M %Z}"
    return f"{words['yes' if rule.granted else 'no']} {of}: {about}; {period} ({decided})"


def _name(name: str, language: str) -> str:
    if name in groups():
        return groups()[name].words[language]
    if name in (ALL, BIRTH_DATE):
        return _words(language)["everything" if name == ALL else name]
    return variables()[name].description if name in variables() else name


@cache
def _words(language: str) -> Mapping[str, str]:
    return {row["key"]: row[LANGUAGES[language]] for row in read_table("words.csv")}
