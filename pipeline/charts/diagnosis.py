"""The main diagnosis: a code of ICD-10-SE, as people write it."""

from __future__ import annotations

import re

# A letter and two digits, then up to three more characters, with or without a dot. Where the letter stands apart a dot
# must follow ("B 12" is a vitamin); 1 and 0 are typed for I and O.
CODE = re.compile(
    r"(?<!\w)(?:([A-Z])(\d\d)(?: ?[.,] ?)?(\d[\dA-Z]{0,2})?|([A-Z10]) ?(\d\d) ?[.,] ?(\d[\dA-Z]{0,2}))(?!\w)",
    re.IGNORECASE | re.ASCII,
)
TYPED = {"1": "I", "0": "O"}


def find_code(text: str, start: int, end: int) -> tuple[str, int, int] | None:
    """The code with its dot, and where it stands in the text; None where the field holds words alone.

    >>> find_code("huvuddiagnos: K573 Divertikulit", 14, 31)
    ('K57.3', 14, 18)
    """
    match = CODE.search(text, start, end)
    if match is None:
        return None
    letter, two, rest = (part or "" for part in (match.groups()[:3] if match.group(1) else match.groups()[3:]))
    rest = rest.upper()
    letter = TYPED.get(letter, letter.upper())
    return (f"{letter}{two}.{rest}" if rest else f"{letter}{two}"), match.start(), match.end()
