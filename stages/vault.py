"""The patient's own vault: sealed data of people, given out only as each of them allows, with a log of who did what."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages import faults_in_words


def parse() -> argparse.Namespace:
    """The command line: a folder, a command, and its options."""
    from pipeline.vault import COMMANDS

    parser = argparse.ArgumentParser(prog="python -m stages.vault", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the vault, such as data/vault")
    parser.add_argument("--key", type=Path, help="its key (default: in the user's settings, outside the folder)")
    parser.add_argument("--by", help="who works with it, for the log (default: the user of this machine)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("init", help="make a new vault with a new key", description="Make a new vault with a new key.")
    for name, command in COMMANDS.items():
        described = commands.add_parser(name, help=command.words, description=f"vault: {command.words}.")
        for option in command.options:
            described.add_argument(option.name, **option.settings)
    return parser.parse_args()


def main() -> None:
    """Command line of the vault; ends with 1 if a check found faults."""
    with faults_in_words():
        arguments = parse()

        from pipeline.vault import COMMANDS, make_vault, open_vault

        if arguments.command == "init":
            with make_vault(arguments.folder, arguments.key, by=arguments.by) as vault:
                print(f"vault: {vault.folder}\nkey: {vault.key_path} (keep a copy apart from copies of the folder)")
                print(f"head: {vault.head()} (keep it elsewhere too)")
            return
        if getattr(arguments, "person", None) == "-":
            print("person: ", end="", file=sys.stderr, flush=True)
            arguments.person = sys.stdin.readline().strip()
        with open_vault(arguments.folder, arguments.key, by=arguments.by, progress=progress) as vault:
            said = COMMANDS[arguments.command].do(vault, arguments)
        print("\n".join(said.lines))
        if said.has_faults:
            raise SystemExit(1)


def progress(rows: Any) -> Iterable[Any]:
    """The rows, with a bar for those who watch."""
    from tqdm import tqdm

    return tqdm(rows, unit=" people", leave=False, disable=None)


if __name__ == "__main__":
    main()
