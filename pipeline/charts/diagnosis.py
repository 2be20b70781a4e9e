"""The main diagnosis: a code of ICD-10-SE, as people write it."""

from __future__ import annotations

import re

# A letter and two digits, with or without space and dot, up to three more characters; 1 and 0 are typed for I and O.
CODE = re.compile(r"(?<!\w)([A-Z]|[10](?=\d\d[.,]\d)) ?(\d\d)(?: ?[.,] ?(\d[\dA-Z]{0,2}|[A-Z]\b)|(\d[\dA-Z]{0,2})|)(?!\w)", re.IGNORECASE)
TYPED = {"1": "I", "0": "O"}


def find_code(text: str, start: int, end: int) -> tuple[str, int, int] | None:
    """The code with its dot, and where it stands in the text; None where the field holds words alone.

    >>> find_code("huvuddiagnos: K573 Divertikulit", 14, 31)
    ('K57.3', 14, 18)
    """
    match = CODE.search(text, start, end)
    if match is None:
        return None
    letter, two, dotted, plain = match.groups()
    rest = (dotted or plain or "").upper()
    letter = TYPED.get(letter, letter.upper())
    return (f"{letter}{two}.{rest}" if rest else f"{letter}{two}"), match.start(), match.end()
