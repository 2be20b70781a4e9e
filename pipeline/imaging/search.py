"""The search of a de-identified file for what is left of a person: in its values, and in its bytes as text.

It reads the written file again and knows nothing of how it was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipeline.imaging.files import read_bytes
from pipeline.imaging.identity import INSIDE, Identity, holds, stands_in, value_texts

CODINGS = ("utf-8", "latin-1")
WIDE = ("utf-16-le", "utf-16-be")
MOVED = {"DA", "DT", "TM"}


def find_leftovers(data: bytes, identity: Identity, pseudonym: str, dates: set[str], pixels: bytes) -> str:
    """Where something of the identity is left, or "".

    `pseudonym` and the moved `dates` are not the person's any more, even where one equals another date by chance.
    """
    timeless = identity._replace(dates=frozenset())
    for keyword, vr, value in _values(read_bytes(data)):
        for text in value_texts(value):
            bare = text.replace(pseudonym, " ")
            if found := holds(bare, timeless if vr in MOVED else identity):
                return f"a {found} in {keyword}"
        if isinstance(value, bytes) and not keyword.endswith("PixelData") and _in_bytes(value, identity, set()):
            return f"text in {keyword}"
    start = data.find(pixels) if pixels else len(data)
    header = data[:start] + data[start + len(pixels) :]
    moved = {pseudonym, *dates, *re.findall(r"2\.25\.\d+", header.decode("latin-1"))}
    if _in_bytes(header, identity, moved):
        return "text among the bytes of the header"
    return "text among the bytes of the pixels" if stands_in(pixels, identity) else ""


def _in_bytes(data: bytes, identity: Identity, allowed: set[str]) -> bool:
    """Whether bytes, read as text in the usual encodings, hold something of the identity."""
    texts = [data.decode(coding, errors="replace") for coding in CODINGS]
    texts += [data[offset:].decode(coding, errors="replace") for coding in WIDE for offset in (0, 1)]
    for text in texts:
        bare = text
        for each in sorted(allowed, key=len, reverse=True):
            bare = bare.replace(each, " ")
        if holds(bare, identity, least=INSIDE):
            return True
    return False


def _values(dataset: Any) -> Iterator[tuple[str, str, Any]]:
    """Name, kind and value of every element, also of those within sequences and of the file header."""
    for part in (getattr(dataset, "file_meta", None), dataset):
        for element in part if part is not None else ():
            if element.VR == "SQ":
                for item in element.value:
                    yield from _values(item)
            else:
                yield element.keyword or str(element.tag), str(element.VR), element.value
