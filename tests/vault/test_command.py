"""The vault from the command line, as its user meets it."""

import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pipeline.vault import COMMANDS
from stages import vault as stage
from tests.vault.people import CANARY_ID, canary, deliver

ROOT = Path(__file__).parents[2]


@pytest.fixture
def do(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder; gives what it printed, or the sentence of its fault."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))

    def run(line, code=0):
        monkeypatch.setattr(sys, "argv", ["vault", "v", *shlex.split(line)])
        try:
            stage.main()
            ended = 0
        except SystemExit as end:
            ended = end.code
        printed = capsys.readouterr()
        assert ended == code, printed
        return printed.err if code == 2 else printed.out

    return run


@pytest.fixture
def begun(do):
    """A vault with two people."""
    do("--by Anna init")
    for name, tables in (("a", canary()), ("b", deliver("berit"))):
        tables.people.to_parquet(f"{name}_people.parquet")
        tables.readings.to_parquet(f"{name}_readings.parquet")
        do(f"load {name}_people.parquet {name}_readings.parquet")
    return do


def test_a_vault_from_the_first_day_to_erasure(begun, tmp_path):
    do = begun
    assert "granted for research, care" in do("consent berit --for research care --variables body laboratory")
    assert do("read research --out given").startswith("1 people, 3 readings for research: given\n")
    people, snapshot = pd.read_parquet("given/people.parquet"), json.loads(Path("given/consent.json").read_text())
    assert snapshot["people"] == len(people) == 1
    assert "berit" not in set(people["person_id"])
    used = "--people given/people.parquet --snapshot given/consent.json"
    assert "first run: 1 people used" in do(f"record 'first run' {used}")
    assert re.search(r"first run: research, \d{4}-\d\d-\d\d, 43 variables", do("uses berit"))
    assert do("affected") == "no run has to be rebuilt\n"
    rebuild = "must be rebuilt: first run (1 people, 1 of them said no since, 0 were erased)"
    assert rebuild in do("withdraw berit --for research")
    assert rebuild in do("affected")
    assert do("read research --out later").startswith("0 people, 0 readings")
    history = do("history berit --language sv").splitlines()
    assert history[0].startswith("ja till forskning, vård av personen: kroppsmått")
    assert history[1].startswith("nej till forskning: allt; från och med")
    assert do("export berit --out berit.json").startswith("7 resources")
    assert json.loads(Path("berit.json").read_text())["resourceType"] == "Bundle"
    assert "say --sure" in do("erase berit", 2)
    erased = do("erase berit --sure")
    assert "erased: 4 readings and 2 rules" in erased
    assert "must be rebuilt without the person: first run" in erased
    assert "1 were erased" in do("affected")
    assert "new key for 1 people" in do("rekey")
    log = do("log")
    assert [line.split(": ")[1].split(" (")[0] for line in log.splitlines()] == [
        "init", "load", "load", "consent", "read", "use", "look at uses", "withdraw", "read", "look at consent",
        "export", "erase", "rekey",
    ]  # fmt: skip
    assert " Anna: init" in log
    said = do("check")
    assert "as they were left" in said
    head = re.search(r"head (\S+)", said)[1]
    assert do(f"check --noted {head}") == said


def test_faults_are_sentences_and_name_nobody(begun, tmp_path):
    do = begun
    for line, said in (
        (f"export '{CANARY_ID} ' --out x.json", "the vault holds nobody with this identifier"),
        ("read selling --out x", "'selling' is no purpose; purposes are care, research"),
        ("read care --out v/x", "v/x lies in the vault's own folder: what is plain does not belong there"),
        ("export berit --out v/x.json", "lies in the vault's own folder"),
        ("read care --out settings", "settings is there already; give the name of a new folder"),
        ("consent berit", "a consent needs a person and --for PURPOSE, or --fhir FILE"),
        ("consent berit --for care --fhir x.json", "not both"),
        ("consent --fhir nothing.json", "nothing.json: No such file"),
        ("consent --fhir a_people.parquet", "a_people.parquet is no JSON"),
        ("load nothing.parquet b_readings.parquet", "nothing.parquet: no such file"),
        ("load b_readings.parquet b_people.parquet", "b_readings.parquet|people: column"),
        ("history berit --language de", "no language 'de'; there are en, sv"),
        ("init", "v holds a vault already"),
        ("check --noted 1", "a noted head looks like"),
        ("--key other.key check", "other.key: no such key"),
    ):
        fault = do(line, 2)
        assert re.search(said, fault), (line, fault)
        assert "Traceback" not in fault
        assert CANARY_ID not in fault
    assert not Path("x.json").exists()
    assert "as they were left" in do("check")


def test_a_check_that_finds_something_ends_with_1(begun):
    (Path("v") / "copy.sqlite").touch()
    assert "copy.sqlite is no file of the vault" in begun("check", 1)


def test_a_consent_of_fhir_and_a_person_typed_in(begun, monkeypatch):
    do = begun
    do("consent berit --for care --from 2025-01-01 --until 2090-01-01")
    do("export berit --out one.json")
    do("erase berit --sure")
    do("load b_people.parquet b_readings.parquet")
    assert "1 new rules" in do("consent --fhir one.json")
    monkeypatch.setattr(sys, "stdin", io.StringIO("berit\n"))
    assert "yes to care of the person: everything; from 2025-01-01 through 2090-01-01" in do("history -")
    assert "2 people" not in do("read care --out given")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{CANARY_ID}\n"))
    do("consent - --for care --refuse")


def test_a_lost_head_can_be_accepted(begun):
    (head,) = (Path("settings") / "tvilling" / "vaults").glob("*.head")
    head.unlink()
    assert "the head of the access log is missing" in begun("check", 1)
    assert "taken as it is" in begun("check --accept")
    assert "as they were left" in begun("check")


@pytest.mark.parametrize("command", ["", *COMMANDS, "init"])
def test_every_command_explains_itself_and_every_option(do, command, capsys):
    text = do(f"{command} --help" if command else "--help")
    for option in COMMANDS[command].options if command in COMMANDS else ():
        assert option.settings["help"].split("%")[0].split()[0] in text
    assert "usage: python -m stages.vault" in text


def test_it_starts_as_a_module_without_heavy_packages(tmp_path):
    heavy = ["pandas", "pandera", "fhir", "jax", "sklearn", "mlflow"]
    script = f"import sys, stages.vault, pipeline.vault; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    command = [sys.executable, "-m", "stages.vault", str(tmp_path / "none"), "check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("none holds no vault (vault.sqlite is missing); make one with init\n")


@pytest.mark.parametrize("package", ["cryptography", "fhir"])
def test_a_missing_package_is_told_with_how_to_get_it(begun, monkeypatch, package):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    said = begun("export berit --out x.json" if package == "fhir" else "check", 2)
    assert re.search(r'needs the package (cryptography|fhir\.resources): pip install "tvilling\[clinical\]"', said)
