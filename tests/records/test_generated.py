"""Records that nobody here wrote: every statement is accounted for, no unit fails, and nothing good is called wrong."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipeline.records import read_fhir
from pipeline.records.codes import short, targets
from tests.records.resources import kinds, settled

UNIT_KINDS = {"unit absent", "unit does not fit", "unit implausible", "unit contradicts itself"}
HERE = Path(__file__).parents[2]


def everything(folder):
    """Every resource of a folder, by the standard library alone."""
    for path in sorted(folder.iterdir()):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ndjson":
            yield from (json.loads(line) for line in text.splitlines())
        elif '"Bundle"' in text:
            yield from (entry["resource"] for entry in json.loads(text)["entry"])


def written(concept):
    return tuple((c.get("system", ""), c["code"]) for c in concept.get("coding", []) if c["code"])


def recount(folder):
    """Statements by kind, and how often each code is stated, straight from the JSON."""
    said, stated = Counter(), Counter()
    for resource in everything(folder):
        kind = resource["resourceType"]
        said[kind] += 1
        if kind == "Observation":
            parts = resource.get("component", [])
            said["Observation.component"] += len(parts)
            own = [] if parts and not any(k.startswith("value") for k in resource) else [resource]
            for part in [*own, *parts]:
                stated[written(part["code"])] += 1
        elif kind in {"Condition", "MedicationRequest"}:
            concept = resource.get("code") or resource.get("medicationCodeableConcept", {})
            stated[written(concept)] += 1
    return said, stated


def check_accounts(folder, delivery):
    said, stated = recount(folder)
    counts = delivery.identity["counts"]
    assert settled(delivery)
    for kind, times in said.items():
        if times:
            assert counts[kind]["read"] == times, kind
    left = {(system, code): n for system, code, _, n in delivery.unmapped.itertuples(index=False, name=None)}
    expected = Counter()
    for codings, times in stated.items():
        if not any(targets(short(system), code) for system, code in codings):
            expected[codings[0] if codings else ("", "")] += times
    without_code = expected.pop(("", ""), 0)
    refused = sum(count.get("refused", 0) for count in counts.values())      # their code is empty text
    assert delivery.unmapped.loc[delivery.unmapped["code"] == "", "count"].sum() == without_code - refused
    assert {key: n for key, n in left.items() if key[1]} == dict(expected)
    assert not UNIT_KINDS & set(kinds(delivery))
    assert set(kinds(delivery)) <= {"code absent"}
    assert kinds(delivery).get("code absent", 0) == without_code


def test_carebundle_is_read_to_the_last_statement(carebundle_folder):
    delivery = read_fhir(carebundle_folder, delivered="2026-01-02")
    check_accounts(carebundle_folder, delivery)
    assert len(delivery.people) == 8
    assert delivery.readings["variable"].nunique() >= 30
    assert (delivery.readings["flag"] == "").all()


def test_values_of_carebundle_are_what_its_json_says(carebundle_folder):
    """HbA1c by the published master equation, glucose and cholesterol by molar masses."""
    readings = read_fhir(carebundle_folder, delivered="2026-01-02").readings
    raw = {"4548-4": [], "2345-7": [], "2093-3": [], "29463-7": []}
    for resource in everything(carebundle_folder):
        code = resource.get("code", {}).get("coding", [{}])[0].get("code")
        if code in raw and resource["resourceType"] == "Observation":
            raw[code].append(resource["valueQuantity"]["value"])
    by_hand = {
        "hba1c_mmol_mol": [10.93 * v - 23.50 for v in raw["4548-4"]],
        "glucose_mmol_l": [v * 10 / 180.156 for v in raw["2345-7"]],
        "cholesterol_mmol_l": [v * 10 / 386.65 for v in raw["2093-3"]],
        "weight_kg": raw["29463-7"],
    }
    for name, expected in by_hand.items():
        got = readings.loc[readings["variable"] == name, "value"].tolist()
        assert got == pytest.approx(expected, rel=2e-3), name


def clinosim(folder, country):
    command = [
        str(Path(sys.executable).with_name("clinosim")), "simulate", "-p", "25", "-s", "5", "--country", country,
        "--start", "2024-07-01", "--end", "2025-06-30", "--format", "fhir-r4", "-o", str(folder), "--allow-legacy",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return folder / "fhir_r4"


@pytest.mark.slow
@pytest.mark.parametrize("country", ["US", "JP"])
def test_clinosim_is_read_to_the_last_statement(tmp_path, country):
    folder = clinosim(tmp_path, country)
    delivery = read_fhir(folder)
    check_accounts(folder, delivery)
    assert delivery.readings["variable"].nunique() >= 20


@pytest.mark.slow
def test_a_hundred_thousand_observations_take_less_than_twenty_seconds(tmp_path, bundles):
    """CPU seconds of the whole intake in a process of its own; the people are copies under other names."""
    lines = []
    for entry in (e for b in bundles for e in b["entry"]):
        resource = entry["resource"] | {"id": "@@" + entry["fullUrl"][-20:], "identifier": []}
        if resource["resourceType"] == "Observation":
            person = resource["subject"]["reference"]
            resource["subject"] = {"reference": f"Patient/@@{person[-20:]}"}
        if resource["resourceType"] in {"Patient", "Observation"}:
            lines.append(json.dumps({key: value for key, value in resource.items() if value}))
    count = len(lines) - len(bundles)
    with (tmp_path / "x.ndjson").open("w", encoding="utf-8") as file:
        for copy in range(100_000 // count + 1):
            file.write("\n".join(lines).replace("@@", f"{copy}-") + "\n")
    code = (
        "import time; from pathlib import Path; from pipeline.records import read_fhir\n"
        f"d = read_fhir(Path({str(tmp_path / 'x.ndjson')!r}), delivered='2026-01-02')\n"
        "print(d.identity['counts']['Observation']['read'], len(d.findings), time.process_time())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE)
    read, findings, seconds = (float(word) for word in done.stdout.split())
    assert read >= 100_000
    assert findings == 0
    assert seconds < 20
