"""JSON of FHIR taken apart: a bundle gives its entries one at a time, so that only one is an object in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

SPACE = re.compile(r"[ \t\n\r]*")


class Broken(Exception):  # noqa: N818
    """A text is not JSON; `at` is where."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.what, self.at = what, at


class Entry(NamedTuple):
    """An entry of a bundle."""

    resource: dict[str, Any] | None
    url: str
    number: int      # 1-based


def decode(text: str) -> Any:
    """The JSON value that the text is."""
    value, end = _value(text, SPACE.match(text, 0).end())  # type: ignore[union-attr]
    end = _skip(text, end)
    if end != len(text):
        raise Broken("goes on after the resource has ended; if it holds a resource a line, name it .ndjson", end)
    return value


def split(text: str) -> Iterator[Entry | dict[str, Any]]:
    """The entries of a bundle, then the bundle without them; of any other JSON object just this."""
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        yield decode(text)
        return
    head: dict[str, Any] = {}
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        key, at = _value(text, at)
        at = _expect(text, at, ":")
        if key == "entry" and text[at : at + 1] == "[":
            number = 0
            at = _skip(text, at + 1)
            while text[at : at + 1] != "]":
                item, at = _value(text, at)
                number += 1
                yield _entry(item, number)
                at = _next(text, at, "]")
            at = _skip(text, at + 1)
        else:
            head[key], at = _value(text, at)
        at = _next(text, at, "}")
    if _skip(text, at + 1) != len(text):
        raise Broken("goes on after the resource has ended; if it holds a resource a line, name it .ndjson", at + 1)
    yield head


def _entry(item: Any, number: int) -> Entry:
    item = item if isinstance(item, dict) else {}
    resource, url = item.get("resource"), item.get("fullUrl")
    return Entry(resource if isinstance(resource, dict) else None, url if isinstance(url, str) else "", number)


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as fault:
        if fault.pos >= len(text.rstrip()) - 1 or fault.msg.startswith("Unterminated string"):
            raise Broken("ends in the middle of a resource; it was cut off", min(fault.pos, len(text))) from None
        raise Broken(f"is not JSON ({fault.msg[:1].lower()}{fault.msg[1:]}, column {fault.colno})", fault.pos) from None
    except RecursionError:
        raise Broken("is nested deeper than any resource", at) from None
    except ValueError as fault:      # a number of thousands of digits
        raise Broken(f"is not JSON that can be read ({str(fault).split(';')[0]})", at) from None


def _skip(text: str, at: int) -> int:
    return SPACE.match(text, at).end()  # type: ignore[union-attr]


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        what = "ends in the middle of a resource; it was cut off" if at >= len(text) else f"is not JSON (no {mark!r})"
        raise Broken(what, at)
    return _skip(text, at + 1)


def _next(text: str, at: int, last: str) -> int:
    """Where the next item of a list or object starts, or its end."""
    at = _skip(text, at)
    if text[at : at + 1] == last:
        return at
    at = _expect(text, at, ",")
    if text[at : at + 1] == last:
        raise Broken("is not JSON (a comma before the end)", at)
    return at


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
