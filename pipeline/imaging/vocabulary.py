"""Words that name nobody: those of the DICOM dictionary itself, and a list of body parts, makers and terms.

Text that a machine writes into the elements that stay consists of such words. Anything else in them, a name above all,
has no business there, and goes, known or not.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import cache
from importlib.resources import files

from pydicom.datadict import DicomDictionary
from pydicom.sr.codedict import codes
from pydicom.uid import UID_dictionary

SHORT = 2              # letters that say nothing
LONG_NUMBER = 6        # digits in a row, from which on text may hold a date or a number of a person
WORD = re.compile(r"[^\W\d_]+")
SIGNS = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Text without case and marks, by which spellings of one name become the same; signs become spaces.

    >>> fold("Ångström^Åsa")
    'angstrom asa'
    """
    if text.isascii():
        return " ".join(SIGNS.sub(" ", text.lower()).split())
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(SIGNS.sub(" ", bare).split())


@cache
def vocabulary() -> frozenset[str]:
    """All words that may stand in text that is kept, folded."""
    texts = [entry[2] for entry in DicomDictionary.values()] + [entry[0] for entry in UID_dictionary.values()]
    content = files("pipeline.imaging").joinpath("words.csv").read_text(encoding="utf-8")
    texts += [row["words"] for row in csv.DictReader(content.splitlines())]
    return frozenset(word for text in texts for word in WORD.findall(fold(text)))


@cache
def known_codes() -> frozenset[tuple[str, str]]:
    """Coding scheme and value of every code that comes with pydicom: their long numbers are nobody's."""
    collections = (getattr(codes, scheme) for scheme in codes.schemes())
    found = (getattr(collection, name) for collection in collections for name in collection.dir())
    return frozenset((code.scheme_designator, code.value) for code in found)


def is_plain(text: str) -> bool:
    """Whether a text holds no word outside the vocabulary, and no long number.

    A word joined to digits (`tfl3d1`) is a setting rather than a name; one or two letters name nobody.

    >>> is_plain("ORIGINAL"), is_plain("ANDERSSON"), is_plain("tfl3d1_16ns"), is_plain("VB17 19121212-1212")
    (True, False, True, False)
    """
    if re.search(rf"(\d[\s./:()+-]*){{{LONG_NUMBER},}}", text):
        return False
    for token in re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text)):
        letters = WORD.findall(fold(token))
        if token.isalpha() and len(token) > SHORT and not set(letters) <= vocabulary():
            return False
        # Letters around digits: as long as a name, they must be known.
        if not token.isalpha() and any(len(part) > 4 and part not in vocabulary() for part in letters):
            return False
    return True
