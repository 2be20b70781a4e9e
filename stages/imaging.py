"""Data sets of images: take in and de-identify DICOM, verify, release, compare; measure liver fat; make a phantom."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.pseudonym import default_key, read_key
from stages import faults_in_words

NAME = {"name": {"help": "name of the data set, such as liver_fat"}}
VERSION = {"--version": {"default": "", "help": "such as 1.0.0 or draft (default: the newest release, else the draft)"}}
CARD = {"--card": {"type": Path, "help": "data card in TOML (default: card.toml in the folder of the data set)"}}
ALLOW = {"--allow": {"action": "append", "default": [], "metavar": "FINDING", "help": "take images in spite of: "
         '"burned-in text", "text not excluded", "text-like marks" or "recognisable face"; may be repeated'}}
COMMANDS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "list": ("data sets and their versions", {}),
    "card": ("write an empty data card, or say what it lacks", NAME),
    "check": ("what is wrong with a folder of images; nothing is written", {
        "source": {"type": Path, "help": "folder of DICOM files"},
        "--use": {"default": "any", "help": "any, liver_pdff, mr, ct, pet, ... (default: %(default)s)"}, **ALLOW}),
    "add": ("check and de-identify a folder of images into the draft", {
        **NAME, "source": {"type": Path, "help": "folder of DICOM files"}, **CARD, **ALLOW,
        "--leave-out": {"action": "store_true", "help": "leave out what is refused and take the rest"},
        "--scope": {"default": "", "help": "pseudonyms are the same within it (default: the name of the data set)"},
        "--key": {"type": Path, "help": "secret key of pseudonyms (default: in the user's settings)"}}),
    "verify": ("whether every file is as it was", {**NAME, **VERSION}),
    "release": ("turn the draft into a version that nobody changes", {
        **NAME, **CARD, "--version": {"default": "", "help": "such as 1.1.0 (default: as changes ask for)"}}),
    "diff": ("what changed from one version to another", {
        **NAME, "before": {"help": "version, such as 1.0.0"}, "after": {"help": "version, or draft"}}),
    "pdff": ("liver fat by fat-fraction series and mask", {
        "name": {"help": "name of the data set; with --mask a folder that holds one fat-fraction series"}, **VERSION,
        "--mask": {"type": Path, "help": "segmentation, folder of mask images, or .npy"},
        "--unit": {"default": "", "help": "percent, permille or fraction, where the files do not say it"},
        "--erode-mm": {"type": float, "default": 5.0, "help": "edge of the mask left out (default: %(default)s)"},
        "--purpose": {"default": "research", "help": "that the card must allow (default: %(default)s)"},
        "--out": {"type": Path, "help": "CSV file for the readings"}}),
    "phantom": ("write made-up examinations with known liver fat", {
        "folder": {"type": Path, "help": "new folder to write"},
        "--people": {"type": int, "default": 3, "help": "default: %(default)s"},
        "--visits": {"type": int, "default": 2, "help": "of each (default: %(default)s)"},
        "--planted": {"action": "store_true", "help": "write the people also into comments, sequences, private tags"},
        "--noise-points": {"type": float, "default": 2.0, "help": "spread of a voxel (default: %(default)s)"},
        "--seed": {"type": int, "default": 0, "help": "default: %(default)s"}}),
}  # fmt: skip


def watch(items: Sequence[Any], what: str) -> Iterable[Any]:
    """A loop with a progress bar, where somebody looks."""
    from tqdm import tqdm

    return tqdm(items, desc=what, leave=False, disable=not sys.stderr.isatty())


def main() -> None:
    """Command line of the imaging hub."""
    parser = argparse.ArgumentParser(prog="python -m stages.imaging", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (words, options) in COMMANDS.items():
        one = commands.add_parser(name, help=words, description=words)
        for option, settings in options.items():
            one.add_argument(option, **settings)
        one.add_argument("--registry", type=Path, default=Path("data/imaging"), help="default: %(default)s")
    given = vars(parser.parse_args())
    command = given.pop("command")
    with faults_in_words():
        from pipeline import imaging

        if command == "add":
            given["key"] = read_key(given["key"] or default_key())
        for line in imaging.run_command(command, watch=watch, **given):
            print(line)


if __name__ == "__main__":
    main()
