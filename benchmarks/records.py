"""Time and memory of the intake of health records, on records that carebundle generates.

`taskset --cpu-list 0 python -m benchmarks.records` (about three minutes, most of it the generator). Each row is a
process of its own, imports included; CPU is user and system time, the least of three runs, memory the peak of the
process. "By the models alone" validates each Observation in full by `fhir.resources`, does nothing else, and is
measured on 3,000 of them.

3,000 people of carebundle 0.5.0, x86_64, Python 3.11.7:

| delivery | resources or rows | readings | CPU s | peak MB |
|---|---|---|---|---|
| FHIR, patients and observations | 105,000 | 81,000 | 8.2 | 210 |
| FHIR, everything | 135,505 | 85,964 | 9.4 | 222 |
| OMOP, Parquet, the same readings | 88,964 | 85,964 | 2.2 | 239 |
| 100,000 observations by the models alone | | | 18.6 | |
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

READ = """
import json, time
from pathlib import Path
from pipeline.records import {reader}
found = {reader}(Path({path!r}), delivered="2026-01-02")
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(json.dumps([found.identity["rows"], len(found.readings), time.process_time(), int(peak) / 1024]))
"""
RUNS = 3


def measure(reader: str, path: Path) -> list[float]:
    """Rows, readings, least CPU seconds and peak megabytes of a reader on a delivery."""
    code = READ.format(reader=reader, path=str(path))
    runs = [json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
            for _ in range(RUNS)]  # fmt: skip
    return [*runs[0][:2], min(run[2] for run in runs), max(run[3] for run in runs)]


def by_models(path: Path, count: int = 3000) -> float:
    """CPU seconds that `fhir.resources` takes for 100,000 Observations of a file."""
    import time

    from fhir.resources.R4B.observation import Observation

    with path.open(encoding="utf-8") as file:
        lines = [json.loads(line) for _, line in zip(range(count), file, strict=False)]
    Observation.model_validate(lines[0])
    best = float("inf")
    for _ in range(RUNS):
        began = time.process_time()
        for line in lines:
            Observation.model_validate(line)
        best = min(best, time.process_time() - began)
    return best / len(lines) * 100_000


def main() -> None:
    """Generate, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.records", description=__doc__)
    parser.add_argument("--people", type=int, default=3000, help="of the generated records (default: %(default)s)")
    parser.add_argument("--keep", type=Path, help="folder of records generated before, or to keep them in")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch) / "fhir"
        if not (folder / "Observation.ndjson").exists():
            command = [str(Path(sys.executable).with_name("carebundle")), "generate", "--profile", "mixed"]
            options = ["--sex", "mixed", "--count", str(arguments.people), "--seed", "7"]
            output = ["--format", "ndjson", "--out", str(folder)]
            subprocess.run([*command, *options, *output], check=True, capture_output=True)
        alone = Path(scratch) / "observations"
        alone.mkdir()
        for name in ("Patient.ndjson", "Observation.ndjson"):
            (alone / name).symlink_to((folder / name).resolve())

        from pipeline.records import read_fhir, write_omop

        delivery = read_fhir(folder, delivered="2026-01-02")
        write_omop(delivery.people, delivery.readings, Path(scratch) / "omop")
        rows = [
            ("FHIR, patients and observations", *measure("read_fhir", alone)),
            ("FHIR, everything", *measure("read_fhir", folder)),
            ("OMOP, Parquet, the same readings", *measure("read_omop", Path(scratch) / "omop")),
        ]
        print("| delivery | resources or rows | readings | CPU s | peak MB |\n|---|---|---|---|---|")
        for name, count, readings, seconds, memory in rows:
            print(f"| {name} | {count:,} | {readings:,} | {seconds:.1f} | {memory:,.0f} |")
        print(f"| 100,000 observations by the models alone | | | {by_models(alone / 'Observation.ndjson'):.1f} | |")


if __name__ == "__main__":
    main()
