"""Damaged, foreign and hostile files are refused in a sentence, with memory bounded and nothing taken."""

import gzip
import json
import tracemalloc
import zipfile

import pytest

from pipeline.records import Limits, read_fhir
from pipeline.runs import RunError
from pipeline.schema import TableError
from tests.records.resources import amount, bundle, kinds, ndjson, observation, panel, patient, settled

MEGABYTE = 1 << 20
SMALL = Limits(line=2000, bundle=20_000, unpacked=1 << 20, ratio=20, grace=10_000, members=5)


def refusal(path, limits=None):
    with pytest.raises(TableError) as fault:
        read_fhir(path, **({"limits": limits} if limits else {}))
    words = str(fault.value)
    assert words.startswith(path.name) or path.is_dir()
    assert "\n" not in words
    return words


def resources(count=3):
    return [patient(), *(observation(value=amount(60 + n, "kg"), code="29463-7", number=n) for n in range(count))]


def test_the_same_resources_are_read_from_every_kind_of_file(tmp_path):
    whole = bundle(*resources(), panel(120, 80, number=9))
    lines = "".join(json.dumps(entry["resource"]) + "\n" for entry in whole["entry"])
    (tmp_path / "a.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
    (tmp_path / "bom.json").write_text(json.dumps(dict(reversed(whole.items()))), encoding="utf-8-sig")
    (tmp_path / "b.ndjson").write_text(lines + "\n\n", encoding="utf-8")
    (tmp_path / "bundle a line.ndjson").write_text(json.dumps(whole) + "\n", encoding="utf-8")
    (tmp_path / "c.ndjson.gz").write_bytes(gzip.compress(lines.encode()))
    with zipfile.ZipFile(tmp_path / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/e.json", json.dumps(whole))
    (tmp_path / "folder").mkdir()
    ndjson(tmp_path / "folder" / "Patient.ndjson", patient())
    ndjson(tmp_path / "folder" / "Observation.ndjson", *(e["resource"] for e in whole["entry"][1:]))
    columns = ["person_id", "at", "variable", "value", "flag"]
    deliveries = [(path.name, read_fhir(path)) for path in sorted(tmp_path.iterdir())]
    assert all(settled(delivery) for _, delivery in deliveries)
    read = {name: delivery.readings[columns] for name, delivery in deliveries}
    assert len(read) == 7
    for frame in read.values():
        assert frame["value"].tolist() == [60, 61, 62, 120, 80]
        assert frame.equals(read["a.json"])


def test_bundles_a_line_are_told_apart_by_their_entries(tmp_path):
    one, two = panel(81, 132, number=1), panel(125, 75, number=2, effectiveDateTime="2024-02-01")
    other = bundle(patient("p2"), panel(110, 70, person="p2"))
    path = ndjson(tmp_path / "x.ndjson", bundle(patient(), one, two), other)
    delivery = read_fhir(path, delivered="2024-06-30")
    assert kinds(delivery) == {"pressures exchanged": 2}
    assert delivery.readings["value"].fillna(0).tolist() == [0, 0, 125, 75, 110, 70]
    assert delivery.readings["source"].iloc[4] == "x.ndjson, line 2, entry 2, component 1"
    assert settled(delivery)


@pytest.mark.parametrize("part", [0.1, 0.35, 0.5, 0.77, 0.9, 0.999])
@pytest.mark.parametrize("name", ["x.json", "x.ndjson"])
def test_a_file_that_was_cut_off_is_refused(tmp_path, name, part):
    text = json.dumps(bundle(*resources()), indent=1)
    if name.endswith(".ndjson"):
        text = "".join(json.dumps(r) + "\n" for r in resources()).rstrip()
    path = tmp_path / name
    path.write_text(text[: int(len(text) * part)], encoding="utf-8")
    words = refusal(path)
    assert ", line " in words
    assert "cut off" in words or "is not JSON" in words


def test_the_line_of_a_fault_is_that_of_an_editor(tmp_path):
    path = tmp_path / "x.ndjson"
    path.write_text(json.dumps(patient()) + "\n\n" + '{"resourceType": "Patient", "id": oops}\n', encoding="utf-8")
    assert refusal(path).startswith("x.ndjson, line 3: is not JSON")
    text = json.dumps(bundle(*resources()), indent=1).replace('"final"', "final", 1)
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    number = next(n for n, line in enumerate(text.splitlines(), 1) if ": final" in line)
    assert refusal(path).startswith(f"x.json, line {number}: is not JSON")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps(patient(name=[{"family": "Åkesson"}]), ensure_ascii=False).encode("latin-1"), "is no UTF-8"),
        (json.dumps(patient()).encode("utf-16"), "is UTF-16"),
        (b'{"a": 1}', "has no resourceType; it is not FHIR"),
        (b"[1, 2]", "has no resourceType; it is not FHIR"),
        (b'"text"', "has no resourceType; it is not FHIR"),
        (b"<Patient/>", "is not JSON"),
        (b"", "ends in the middle"),
        (b'{"resourceType": "Patient", "multipleBirthInteger": NaN}', "is not JSON"),
        (b'{"resourceType": "Patient", "multipleBirthInteger": ' + b"9" * 6000 + b"}", "is not JSON that can be read"),
        (b'{"resourceType": "Patient", "x": ' + b"[" * 200_000, "nested deeper"),
        (b'{"resourceType": "Patient", "id": "a",}', "is not JSON (a comma before the end)"),
        (b'{"resourceType": "Patient"}{"resourceType": "Patient"}', "name it .ndjson"),
        (b'{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"id": "x"}}]}', "entry 1"),
    ],
)
def test_what_is_no_fhir_is_refused(tmp_path, content, words):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert words in refusal(path)


def test_a_line_of_two_gigabytes_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "Observation.ndjson"
    with path.open("wb") as file:
        file.write(json.dumps(patient()).encode() + b"\n{")
        file.truncate(2 << 30)
    tracemalloc.start()
    words = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert words == "Observation.ndjson, line 2: is longer than 32 MB; one resource stands in a line"
    assert peak < 150 * MEGABYTE


def test_a_bundle_beyond_the_limit_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate(8 << 30)
    tracemalloc.start()
    words = refusal(path, Limits(bundle=MEGABYTE))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "is larger than 1 MB" in words
    assert "ndjson" in words
    assert peak < 20 * MEGABYTE


@pytest.mark.parametrize("name", ["bomb.json.gz", "bomb.ndjson.gz", "bomb.zip"])
def test_a_bomb_is_refused_while_it_unpacks(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(b" " * MEGABYTE) * 600)      # members of a gzip file follow each other
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bundle.json", b'{"resourceType":' * (5 * MEGABYTE))
    assert path.stat().st_size < 3 * MEGABYTE
    tracemalloc.start()
    words = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "unpacks to more than 200 times its size" in words or "is longer than 32 MB" in words
    assert peak < 200 * MEGABYTE


def test_archives_have_limits_and_damage_is_told(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(6):
            archive.writestr(f"{number}.json", json.dumps(patient(f"p{number}")))
    assert "holds 6 files" in refusal(path, SMALL)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be unpacked" in refusal(path)
    path = tmp_path / "b.ndjson.gz"
    packed = gzip.compress("".join(json.dumps(r) + "\n" for r in resources(50)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    assert "cannot be unpacked" in refusal(path)
    path.write_bytes(b"no gzip at all")
    assert "cannot be unpacked" in refusal(path)


def test_the_total_of_an_archive_is_limited_over_all_its_files(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.ndjson", "".join(json.dumps(r) + "\n" for r in resources(1000)))
    assert "unpacks to more than" in refusal(path, SMALL._replace(unpacked=600_000))


def test_files_beside_the_records_are_told_and_not_read(tmp_path):
    ndjson(tmp_path / "Patient.ndjson", patient())
    (tmp_path / "manifest.json").write_text('{"transactionTime": "2024-01-01"}', encoding="utf-8")
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    found = [f for f in read_fhir(tmp_path).findings if f.kind == "file not read"]
    assert [f.place for f in found] == ["manifest.json", "notes.txt"]


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(RunError, match="is missing"):
        read_fhir(tmp_path / "nowhere")
    assert "holds no resource" in refusal(tmp_path)
    path = tmp_path / "x.csv"
    path.write_text("a,b\n", encoding="utf-8")
    assert "FHIR is read from these" in refusal(path)


def test_another_version_of_fhir_is_refused_with_its_line(tmp_path):
    r5 = {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"}, "medication": {"concept": {"text": "x"}},
    }  # fmt: skip
    words = refusal(ndjson(tmp_path / "x.ndjson", patient(), r5))
    assert words.startswith("x.ndjson, line 2: is FHIR R5, not R4 (MedicationRequest.medication")


def test_memory_does_not_grow_with_the_length_of_a_bundle(tmp_path):
    """Entries are objects one at a time: what is held is the text and the readings."""
    path = tmp_path / "x.json"
    note = [{"text": "x" * 20_000}]
    many = (observation(value=amount(60 + n / 100, "kg"), code="29463-7", number=n, note=note) for n in range(600))
    path.write_text(json.dumps(bundle(patient(), *many)), encoding="utf-8")
    size = path.stat().st_size
    assert size > 12_000_000
    tracemalloc.start()
    assert len(read_fhir(path).readings) == 600
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * size
