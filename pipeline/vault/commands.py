"""What can be done with a vault from the command line: a table of commands, each with its options and what it says."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.runs import RunError
from pipeline.schema import TableError
from pipeline.vault.consent import ALL, Rule, groups, purposes
from pipeline.vault.files import read_delivery, refuse_existing, write_delivery, write_json
from pipeline.vault.ledger import Affected
from pipeline.vault.vault import Vault
from pipeline.vault.words import tell_history


class Option(NamedTuple):
    """An argument of a command, as argparse takes it."""

    name: str
    settings: Mapping[str, Any]


class Said(NamedTuple):
    """What a command has to say, and whether it found a fault."""

    lines: list[str]
    has_faults: bool = False


class Command(NamedTuple):
    """One thing to do."""

    words: str
    options: tuple[Option, ...]
    do: Callable[[Vault, Namespace], Said]


def _option(name: str, words: str, **settings: Any) -> Option:
    return Option(name, {"help": words, **settings})


PERSON = _option("person", "identifier of the person, or - to type it, so that no shell keeps it")
FOR = _option("--for", f"purposes: {', '.join(purposes())}", nargs="+", metavar="PURPOSE", dest="purposes")
VARIABLES = _option(
    "--variables", f"names, groups ({', '.join(groups())}) or {ALL} (the default)", nargs="+", metavar="NAME"
)  # fmt: skip
OUT_FILE = _option("--out", "file to write, outside the vault", type=Path, required=True)
OUT_FOLDER = _option("--out", "new folder for people.parquet, readings.parquet and consent.json, outside the vault",
                     type=Path, required=True)  # fmt: skip


def _load(vault: Vault, options: Namespace) -> Said:
    loaded = vault.load(read_delivery(options.people, options.readings))
    said = f"{loaded.people} new people, {loaded.readings} new readings, {loaded.held} held already"
    return Said([said, "nobody is readable without consent" if loaded.people else "consents are as before"])


def _consent(vault: Vault, options: Namespace) -> Said:
    if options.fhir is not None:
        if options.person is not None or options.purposes is not None:
            raise RunError("give either --fhir or a person with --for, not both")
        new = vault.consent_fhir(_json(options.fhir), options.fhir.name, identify_by=options.identify_by)
        return Said([f"{new} new rules; those that the vault held already were left out"])
    if options.person is None or options.purposes is None:
        raise RunError("a consent needs a person and --for PURPOSE, or --fhir FILE")
    start = options.since or date.today()
    rule = Rule(tuple(options.purposes), tuple(options.variables or [ALL]), not options.refuse, start, options.until)
    vault.consent(options.person, [rule])
    return Said([f"written: {'refused' if options.refuse else 'granted'} for {', '.join(options.purposes)}"])


def _history(vault: Vault, options: Namespace) -> Said:
    return Said(tell_history(vault.history(options.person), options.language))


def _withdraw(vault: Vault, options: Namespace) -> Said:
    runs = vault.withdraw(options.person, options.purposes, options.variables or [ALL])
    return Said(["withdrawn from now on; what was allowed before stays in the history", *_rebuild(runs)])


def _read(vault: Vault, options: Namespace) -> Said:
    vault.refuse_inside(options.out)
    refuse_existing(options.out)      # before the reading, which the log tells
    delivery = vault.read(options.purpose, options.variables, options.at)
    write_delivery(options.out, delivery)
    consent = delivery.identity["consent"]
    return Said([
        f"{consent['people']} people, {consent['readings']} readings for {options.purpose}: {options.out}",
        "these files are plain: whoever reads them needs no key; record who was used with record",
    ])  # fmt: skip


def _export(vault: Vault, options: Namespace) -> Said:
    vault.refuse_inside(options.out)
    bundle = vault.export(options.person)
    write_json(options.out, bundle)
    return Said([f"{len(bundle['entry'])} resources: {options.out}", "this file is plain: hand it to the person alone"])


def _erase(vault: Vault, options: Namespace) -> Said:
    if not options.sure:
        raise RunError("an erased person cannot be brought back; say --sure")
    erased = vault.erase(options.person)
    lines = [f"erased: {erased.readings} readings and {erased.rules} rules, with the key of the person"]
    if erased.runs:
        lines += [f"must be rebuilt without the person: {', '.join(run.run for run in erased.runs)}"]
    return Said([
        *lines,
        "copies of the folder made before still hold the person: rekey, then destroy old keys",
        "what was read or exported before lies outside the vault: delete it there",
    ])  # fmt: skip


def _record(vault: Vault, options: Namespace) -> Said:
    import pandas as pd

    people = pd.read_parquet(options.people, columns=["person_id"])["person_id"]
    run = vault.record_use(options.run, people, _json(options.snapshot), options.replaces)
    return Said([f"{run.run}: {run.people} people used for {run.purpose}"])


def _uses(vault: Vault, options: Namespace) -> Said:
    lines = [
        f"{use.run.run}: {use.run.purpose}, {use.run.recorded[:10]}, {len(use.variables)} variables"
        for use in vault.uses(options.person)
    ]
    return Said(lines or ["no run or model used this person"])


def _affected(vault: Vault, options: Namespace) -> Said:
    runs = vault.affected()
    ended = [f"{run.run.run}: {run.ended} whose consent ran out since" for run in runs if not run.must_be_rebuilt]
    return Said([*(_rebuild(runs) or ["no run has to be rebuilt"]), *ended])


def _rebuild(runs: list[Affected]) -> list[str]:
    return [
        f"must be rebuilt: {run.run.run} ({run.run.people} people, {run.withdrawn} of them said no since, "
        f"{run.erased} were erased)"
        for run in runs
        if run.must_be_rebuilt
    ]


def _log(vault: Vault, options: Namespace) -> Said:
    lines = []
    for entry in vault.log(options.person):
        facts = ", ".join(f"{key} {_plain(value)}" for key, value in entry.facts.items())
        lines.append(f"{entry.number:6} {entry.at} {entry.by}: {entry.act}" + (f" ({facts})" if facts else ""))
    return Said(lines or ["no entry is about this person"])


def _check(vault: Vault, options: Namespace) -> Said:
    if options.accept:
        return Said([f"head {vault.accept()} taken as it is, and written to the log"])
    faults = vault.check(options.noted)
    if faults:
        return Said(faults, True)
    return Said(["log, counts, seals and files are as they were left", f"head {vault.head()} (keep it elsewhere)"])


def _rekey(vault: Vault, options: Namespace) -> Said:
    people = vault.rekey()
    return Said([f"new key for {people} people in {vault.key_path}: renew your copies of it, and destroy the old ones"])


COMMANDS = {
    "load": Command("take over people and readings; what is held already is left out", (
        _option("people", "Parquet file: person_id, sex, birth_date, age_years", type=Path),
        _option("readings", "Parquet file: person_id, at, phase, variable, value, text, flag, source", type=Path),
    ), _load),
    "consent": Command("write down what a person allows or refuses", (
        Option("person", dict(PERSON.settings) | {"nargs": "?"}), FOR, VARIABLES,
        _option("--from", "first day, such as 2026-05-01 (default: today)", type=date.fromisoformat, dest="since",
                metavar="DAY"),
        _option("--until", "last day (default: no end)", type=date.fromisoformat, metavar="DAY"),
        _option("--refuse", "the person says no", action="store_true"),
        _option("--fhir", "instead: a file with a FHIR R4B Consent, or a Bundle of some", type=Path, metavar="FILE"),
        _option("--identify-by", "with --fhir: what of a Patient the vault calls a person by (default: %(default)s)",
                choices=("id", "identifier"), default="id"),
    ), _consent),
    "history": Command("what a person ever allowed and refused, in words", (
        PERSON, _option("--language", "en or sv (default: %(default)s)", default="en"),
    ), _history),
    "withdraw": Command("refuse for a person from now on; says which runs must be rebuilt", (
        PERSON, Option("--for", dict(FOR.settings) | {"help": f"{FOR.settings['help']} (default: all)"}), VARIABLES,
    ), _withdraw),
    "read": Command("give out what people allow for a purpose", (
        _option("purpose", ", ".join(purposes())), OUT_FOLDER, VARIABLES,
        _option("--at", "day whose consent counts, beside today's (default: today)", type=date.fromisoformat,
                metavar="DAY"),
    ), _read),
    "export": Command("everything of one person as a FHIR R4B Bundle", (PERSON, OUT_FILE), _export),
    "erase": Command("delete a person and the person's key for good", (
        PERSON, _option("--sure", "there is no way back", action="store_true"),
    ), _erase),
    "record": Command("write down that a run used people of a delivery", (
        _option("run", "name of the run or model"),
        _option("--people", "Parquet file with the person_id of those used", type=Path, required=True),
        _option("--snapshot", "consent.json of the delivery", type=Path, required=True),
        _option("--replaces", "name of the run that this one replaces"),
    ), _record),
    "uses": Command("the runs and models that used a person", (PERSON,), _uses),
    "affected": Command("the runs that must be rebuilt after withdrawals and erasures", (), _affected),
    "log": Command("who did what, oldest first", (Option("person", dict(PERSON.settings) | {"nargs": "?"}),), _log),
    "check": Command("whether log, counts, seals and files are as they were left; ends with 1 if not", (
        _option("--noted", "a head that was kept elsewhere, such as 12:0123abcd...", metavar="HEAD"),
        _option("--accept", "take the log as it is after putting back a copy", action="store_true"),
    ), _check),
    "rekey": Command("give the vault a new key", (), _rekey),
}  # fmt: skip


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise RunError(f"{path}: {fault.strerror}") from None
    except ValueError as fault:
        raise TableError(f"{path} is no JSON: {fault}") from None


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
