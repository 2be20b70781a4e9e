"""Faults of a settings file in words: section, key, what was given and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel


def in_words(error: Mapping[str, Any], model: type[BaseModel], tags: Sequence[str]) -> str:
    """One pydantic error as section, key, what was given and what is allowed; `tags` tell kinds of a union apart."""
    where = [str(part) for part in error["loc"] if part not in tags]
    section, key = (f"[{'.'.join(where[:-1])}] " if len(where) > 1 else ""), (where[-1] if where else "")
    given, context = error.get("input"), error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            allowed = _keys(model, error["loc"][:-1], tags)
            return f"{section}does not know {key}; it knows {', '.join(allowed)}"
        case "missing":
            return f"{section}{key} is missing"
        case "value_error":
            return f"{section}{key}{': ' if key else ''}{context['error']}"
        case "literal_error":
            return f"{section}{key} is {given!r}; allowed: {context['expected']}"
        case "union_tag_invalid":
            return f"[{key}] source is {context['tag']!r}; allowed: {context['expected_tags']}"
        case "union_tag_not_found":
            return f"[{key}] source is missing; allowed: {', '.join(map(repr, tags))}"
    wanted = re.sub(r"^Input should be ", "", error["msg"])
    return f"{section}{key} is {given!r}; it should be {wanted[0].lower() + wanted[1:]}"


def is_inside(part: tuple[int | str, ...], whole: tuple[int | str, ...]) -> bool:
    """Whether an error at `part` lies inside what `whole` points to."""
    return len(part) > len(whole) and part[: len(whole)] == whole


def _keys(model: type[BaseModel], loc: tuple[int | str, ...], tags: Sequence[str]) -> list[str]:
    """The keys that a section of `model` knows, found by walking the error's location through the types."""
    found: list[type[BaseModel]] = [model]
    for part in loc:
        if isinstance(part, int):
            continue
        if part in tags:
            found = [m for m in found if m.model_fields["source"].annotation == Literal[part]]
            continue
        fields = [m.model_fields[part] for m in found if part in m.model_fields]
        found = [t for field in fields for t in _models_in(field.annotation)] or found
    return sorted({name for m in found for name in m.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for arg in getattr(annotation, "__args__", ()) for m in _models_in(arg)]


def suggest(name: str, known: Iterable[str]) -> str:
    """Names like the one that is not known."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return "; see pipeline/variables.csv, or declare it under [variables]"
