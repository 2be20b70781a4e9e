"""How long the vault takes to write and to read: `taskset --cpu-list 0 python -m benchmarks.vault`."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.delivery import Delivery
from pipeline.schema import validate
from pipeline.vault import ALL, Rule, make_vault

VARIABLES = ("sbp_mmhg", "weight_kg", "hba1c_mmol_mol", "ldl_mmol_l")
VISITS = 4
REPEATS = 5


def people_with_readings(people: int) -> Delivery:
    """Invented people with four variables at four visits."""
    draw = np.random.default_rng(1)
    ids = [f"person-{number:07d}" for number in range(people)]
    rows = people * len(VARIABLES) * VISITS
    born = pd.Timestamp("1950-04-01")
    table = pd.DataFrame({"person_id": ids, "sex": "female", "birth_date": born, "age_years": np.nan})
    table = table.astype({"person_id": "str", "sex": "str", "birth_date": "datetime64[s]"})
    visits = np.repeat(pd.date_range("2020-01-01", periods=VISITS, freq="YS").to_numpy(), len(VARIABLES))
    readings = pd.DataFrame(
        {
            "person_id": np.repeat(ids, len(VARIABLES) * VISITS),
            "at": np.tile(visits, people),
            "phase": "",
            "variable": np.tile(VARIABLES, people * VISITS),
            "value": draw.normal(100.0, 10.0, rows),
            "text": pd.Series([None] * rows, dtype="str"),
            "flag": "",
            "source": "bundle.json Observation/1",
        }
    )
    texts = dict.fromkeys(("person_id", "phase", "variable", "flag", "source"), "str")
    return Delivery(table, readings.astype(texts | {"at": "datetime64[s]"}), pd.DataFrame(), (), {})


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What the work gives, CPU seconds and wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.process_time() - cpu, time.perf_counter() - wall


def measure(people: int) -> dict[str, tuple[float, float, float]]:
    """Rows, CPU seconds and wall seconds of writing all and reading half, the least of some repetitions."""
    delivery = people_with_readings(people)
    validate(delivery.people, "delivered_people", "people")      # what is imported on first use is not counted
    granted = [Rule(("research",), (ALL,), True, date(2024, 1, 1), None)]
    allowing = dict.fromkeys(delivery.people["person_id"][: people // 2], granted)
    found: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(REPEATS if people < 10_000 else 1):
        with tempfile.TemporaryDirectory() as folder, make_vault(Path(folder, "vault"), Path(folder, "key")) as vault:
            loaded, *seconds = timed(lambda: vault.load(delivery))
            found.setdefault("write", []).append((loaded.readings, *seconds))
            rules, *seconds = timed(lambda: vault.consents(allowing))
            found.setdefault("consent", []).append((rules, *seconds))
            given, *seconds = timed(lambda: vault.read("research"))
            found.setdefault("read", []).append((len(given.readings), *seconds))
            faults, *seconds = timed(vault.check)
            assert faults == []
            found.setdefault("check", []).append((loaded.readings, *seconds))
            erased, *seconds = timed(lambda: vault.erase(delivery.people["person_id"].iloc[0]))
            found.setdefault("erase a person", []).append((erased.readings, *seconds))
    return {name: min(rows, key=lambda row: row[1]) for name, rows in found.items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vault", description=__doc__)
    parser.add_argument("--people", type=int, default=500, help="16 readings each (default: %(default)s)")
    people = parser.parse_args().people
    print("| work | rows | CPU s | wall s |\n|---|---|---|---|")
    for name, (rows, cpu, wall) in measure(people).items():
        print(f"| {name} | {rows:,} | {cpu:.2f} | {wall:.2f} |")


if __name__ == "__main__":
    main()
