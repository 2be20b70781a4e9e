import doctest
import importlib

import numpy as np
import pytest

from pipeline.imaging import identity, pixels, planes, quality, stand_ins, vocabulary
from pipeline.imaging.identity import holds, is_person_number, of_code, of_date, of_name, stands_in
from pipeline.imaging.pixels import looks_like_text
from pipeline.imaging.vocabulary import fold, is_plain, known_codes

ASA = of_name("Ångström^Åsa") | of_code("19121212-1212") | of_code("AB-12345") | of_date("20240115")


@pytest.mark.parametrize("module", [identity, planes, quality, stand_ins, vocabulary, "pipeline.imaging.pdff"])
def test_examples_in_docstrings_hold(module):
    module = importlib.import_module(module) if isinstance(module, str) else module
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seen by ÅSA today", "name"), ("angstrom", "name"), ("XANGSTROMX", "name"), ("19121212-1212", "number"),
        ("121212-1212", "number"), ("(1912 12 12 12 12)", "number"), ("ab12345", "number"), ("on 15/1/2024", "date"),
        ("2024.01.15", "date"), ("20240115101112", "date"), ("1/15/2024", "date"),
        ("Liver", ""), ("2024-01-16", ""), ("1.2.840.10008.5.1.4.1.1.4", ""), ("", ""), ("191212121213", ""),
    ],
)  # fmt: skip
def test_an_identity_is_found_however_it_is_written(text, found):
    assert holds(text, ASA) == found


def test_words_of_the_standard_are_not_searched_as_names():
    assert of_name("Head^Young").words == {"young"}
    assert holds("HEAD", of_name("Head^Young")) == ""
    assert holds("Acquisition", of_name("Uisit")) == ""      # a word of the vocabulary hides no name


def test_pixels_are_searched_for_what_is_long_enough():
    noise = np.random.default_rng(0).integers(0, 256, 1 << 18, dtype=np.uint8).tobytes()
    assert not stands_in(noise, ASA)
    assert stands_in(noise[:100] + b"191212121212" + noise[100:], ASA)
    assert stands_in(noise + "Ångström".encode("utf-16-le") + b"ANGSTROM", ASA)


@pytest.mark.parametrize("digits", ["8112189876", "198112189876", "8112789873"])
def test_a_personal_number_has_a_date_and_a_check_digit(digits):
    """The first is the example of the Swedish tax agency; 60 is added to the day of a coordination number."""
    assert is_person_number(digits)
    assert not is_person_number(digits[:-1] + str((int(digits[-1]) + 1) % 10))
    assert not is_person_number(digits.replace("8112", "8113"))


@pytest.mark.parametrize(
    "text",
    ["ORIGINAL", "FAT_FRACTION", "MONOCHROME2", "YBR_FULL_422", "HFS", "*tfl3d1_16ns", "SIEMENS", "Ingenia",
     "syngo MR E11", "ISO_IR 192", "GE MEDICAL SYSTEMS", "LIVER", "Body", "1.5", "M", "OP", "Percent", "%"],
)  # fmt: skip
def test_terms_of_machines_stay(text):
    assert is_plain(text)


@pytest.mark.parametrize(
    "text", ["Andersson", "ÅSA", "x Eva", "Li Andersson2", "070-123 45 67", "20240115", "A1234567"]
)
def test_names_and_long_numbers_do_not(text):
    assert not is_plain(text)


def test_codes_of_public_schemes_are_known():
    assert ("SCT", "10200004") in known_codes()      # the liver
    assert ("DCM", "113100") in known_codes()


def test_folding_takes_case_marks_and_signs_away():
    assert fold("Ångström^Åsa-Lill") == fold("ANGSTROM  asa lill") == "angstrom asa lill"


def test_marks_like_letters_are_found_and_noise_is_not(bright):
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(0)
    assert not looks_like_text(bright)
    assert not any(looks_like_text(rng.normal(size=(128, 128))) for _ in range(20))
    assert not looks_like_text(np.zeros((64, 64)))
    found = 0
    for number in range(10):
        drawing = Image.fromarray(bright.astype(np.uint8))
        ImageDraw.Draw(drawing).text((10 + 3 * number, 15 * number), f"ANDERSSON {rng.integers(1e6)}", fill=255)
        found += looks_like_text(np.asarray(drawing))
    assert found >= 8
    assert len("ANDERSSON") >= pixels.LEAST_MARKS
