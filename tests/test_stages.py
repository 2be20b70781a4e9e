"""The stages as a user meets them: one after the other, killed in the middle, and in each other's way."""

import csv
import json
import math
import os
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
STAGES = (
    "cohort", "fit", "features", "train", "evaluate", "uncertainty", "strata", "explain", "package", "report", "track",
)  # fmt: skip
HEAVY = {"jax", "sklearn", "mlflow", "matplotlib", "scipy", "diffrax", "pandera"}
# Every module with a command line.
COMMANDS = sorted(path.stem for path in (ROOT / "stages").glob("[a-z]*.py"))
LIMIT_S = 240

# Somebody whose values occur nowhere else, the largest of their column, with a name and a heading that are HTML.
PLANTED = "Kanarina <b>Fågelström</b> 19500401-1234"
HEADING = "<i>steps</i> a day"
ROW = {
    "patient": PLANTED, "age": "79.31753", "sex": "M", "height_cm": "198.62471", "weight": "151.48297",
    "weight_unit": "kg", "waist_cm": "149.73519", "systolic": "188.26417", "diastolic": "104.59283",
    "cholesterol": "8.4172953", "cholesterol_unit": "mmol/L", "hba1c_percent": "8.6391427", "pdff_percent": "33.928417",
    "smoking": "S", "daily_steps": "23917.48261",
}  # fmt: skip


def write_study(folder: Path, name: str = "tiny") -> Path:
    """The example study on its CSV file, made small: few draws, one repeat, a hundred resamples."""
    text = (ROOT / "configs" / "example_csv.toml").read_text(encoding="utf-8")
    for old, new in (
        ("../data/example/clinic.csv", "clinic.csv"),
        ('column = "daily_steps"', f'column = "{HEADING}"'),
        ("[models]\n", "[twins]\ndraws = 4\n\n[models]\ntrain_draws = 2\n"),
        ("[evaluation]\n", "[evaluation]\nbootstrap = 100\n"),
    ):
        assert text.count(old) == 1, f"the example study has changed: {old!r}"
        text = text.replace(old, new)
    assert "repeats = 1" in text
    with (ROOT / "data" / "example" / "clinic.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[-1]) == list(ROW)
    with (folder / "clinic.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([HEADING if name == "daily_steps" else name for name in ROW])
        table.writerows([*(row.values() for row in rows[:-1]), ROW.values()])
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> dict[str, str]:
    own = {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "EQX_ON_ERROR": "nan",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return {"JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("jax")), **os.environ, **own}


class Workplace:
    """A study file and the folder its runs are kept in."""

    def __init__(self, study: Path, data: Path, environment: dict[str, str]) -> None:
        self.study, self.data, self.environment = study, data, environment
        self.folder = data / "runs" / study.stem

    def command(self, stage: str) -> list[str]:
        return [sys.executable, "-m", f"stages.{stage}", str(self.study), "--runs", str(self.data / "runs")]

    def run(self, stage: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(stage), cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=LIMIT_S
        )

    @contextmanager
    def start(self, stage: str) -> Iterator[subprocess.Popen]:
        """The stage in a process group of its own, gone at the end whatever happens."""
        out = subprocess.DEVNULL
        with subprocess.Popen(
            self.command(stage), cwd=ROOT, env=self.environment, stdout=out, stderr=out, start_new_session=True
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def runs(self) -> list[tuple[str, bool]]:
        """Status of every MLflow run in the store, and whether it is the parent of others."""
        store = self.data / "mlflow" / "mlflow.db"
        if not store.exists():
            return []
        asked = (
            "select status, not exists (select 1 from tags where tags.run_uuid = runs.run_uuid"
            " and tags.key = 'mlflow.parentRunId') from runs"
        )
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
            try:
                return [(status, bool(parent)) for status, parent in database.execute(asked)]
            except sqlite3.OperationalError:      # the store is being made
                return []


@pytest.fixture(scope="module")
def finished(tmp_path_factory, environment) -> Workplace:
    """A study that ran undisturbed from the first stage to the last."""
    folder = tmp_path_factory.mktemp("finished")
    place = Workplace(write_study(folder), folder / "data", environment)
    for stage in STAGES:
        done = place.run(stage)
        assert done.returncode == 0, f"{stage}: {done.stderr}"
        assert "Warning" not in done.stderr, f"{stage}: {done.stderr}"
    return place


@pytest.fixture
def place(finished, tmp_path) -> Workplace:
    """A copy of the finished study, for a test to disturb; the MLflow store is a new one."""
    shutil.copytree(finished.data / "runs", tmp_path / "data" / "runs")
    return Workplace(finished.study, tmp_path / "data", finished.environment)


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def wait(process: subprocess.Popen, reached: Callable[[], bool]) -> None:
    """Until the process has reached the moment, or has ended."""
    end = time.monotonic() + LIMIT_S
    while process.poll() is None and not reached():
        assert time.monotonic() < end, "the moment never came"
        time.sleep(0.002)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_fast_and_loads_nothing_heavy(command):
    code = (
        f"import runpy, sys; sys.argv = ['{command}', '--help']\n"
        f"try: runpy.run_module('stages.{command}', run_name='__main__')\n"
        f"except SystemExit as end: print('code', end.code, 'heavy', sorted({HEAVY!r} & set(sys.modules)))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
    assert done.stdout.startswith("usage: ")
    assert done.stdout.endswith("code 0 heavy []\n")


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_stage_without_the_one_before_says_what_is_missing(tmp_path, command, stage):
    runs = tmp_path / "data" / "runs"
    done = command(stage, write_study(tmp_path), "--runs", runs)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert " is missing: run the stage " in done.stderr
    assert not (runs / "tiny" / stage).exists()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_refuses_a_bad_study_before_any_work(tmp_path, command, stage):
    study = write_study(tmp_path)
    study.write_text(study.read_text().replace("folds = 4", "fold = 4"))
    done = command(stage, study, "--runs", tmp_path / "data" / "runs")
    assert done.returncode == 2
    assert done.stderr.startswith(f"{study}: [models] does not know fold; it knows ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_all_stages_give_a_report_and_a_tracked_run(finished):
    html = (finished.folder / "report" / "report.html").read_text(encoding="utf-8")
    assert "Example: raised blood sugar in a small clinic" in html
    assert html.rstrip().endswith("</html>")
    tracked = {path.name for path in (finished.data / "mlflow").rglob("report/*")}
    assert tracked == {"report.html", "model_card.html", "model_card.json", "protocol.html", "protocol.json"}
    parents = [status for status, parent in finished.runs() if parent]
    children = [status for status, parent in finished.runs() if not parent]
    assert parents == ["FINISHED"]
    assert children == ["FINISHED"] * 6, "two models on three feature sets"
    assert sorted(p.name for p in finished.folder.iterdir()) == sorted([".lock", *STAGES])


def own_values(folder: Path) -> set[float]:
    """Whatever the stages worked out of the planted person alone: readings, fits, features of every draw."""
    mine: set[float] = set()
    others: set[float] = set()
    for name in ("cohort/people", "cohort/observations", "fit/fits", "features/features", "features/features_draws"):
        table = pd.read_parquet(folder / f"{name}.parquet")
        of_person = table["person_id"] == PLANTED
        assert of_person.any(), name
        numbers = table.select_dtypes("float")
        mine |= set(numbers[of_person].to_numpy().ravel().tolist())
        others |= set(numbers[~of_person].to_numpy().ravel().tolist())
    return {value for value in mine - others if math.isfinite(value) and round(value, 3) != value}


@pytest.mark.slow
def test_nothing_of_a_person_is_in_the_store_or_the_packaged_model(finished):
    values = own_values(finished.folder)
    assert len(values) > 100
    told = [*ROW.values(), *map(repr, values)]
    canaries = [PLANTED.split(" ")[0], "19500401", "Fågelström", *(text for text in told if len(text) > 7)]
    searched = [canary.encode() for canary in canaries] + [struct.pack("<d", value) for value in values]
    content = []
    for path in [*(finished.data / "mlflow").rglob("*"), *(finished.folder / "package").rglob("*")]:
        if path.is_file():
            content.append(path.read_bytes())
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    content += [archive.read(name) for name in archive.namelist()]
    assert len(content) > 60
    everything = b"".join(content)
    assert [canary for canary in searched if canary in everything] == []
    cohort = (finished.folder / "cohort" / "people.parquet").read_bytes()
    assert PLANTED.encode() in cohort, "it would have been found"


@pytest.mark.slow
def test_names_and_headings_stay_text_in_every_page(finished):
    pages = [*finished.folder.rglob("*.html"), *(finished.data / "mlflow").rglob("*.html")]
    assert {"report.html", "quality.html", "model_card.html", "protocol.html"} <= {page.name for page in pages}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<i>steps" not in text, page
        assert "<b>Fågelström" not in text, page


@pytest.mark.slow
def test_every_manifest_matches_its_outputs_and_inputs(finished):
    hashes = {}
    for stage in STAGES:
        manifest = json.loads((finished.folder / stage / "manifest.json").read_text())
        lines = (finished.folder / stage / "outputs.sha256").read_text().splitlines()
        assert [line.split("  ") for line in lines] == [[digest, name] for name, digest in manifest["outputs"].items()]
        assert manifest["config"], stage
        hashes |= {f"{Path(stage, name).parent.name}/{Path(name).name}": d for name, d in manifest["outputs"].items()}
        read = {name: d for name, d in manifest["inputs"].items() if name in hashes}
        assert read == {name: hashes[name] for name in read}, stage
        assert read or stage == "cohort", f"{stage} noted no input"


KILLED = [("cohort", True), ("fit", False), ("features", True), ("train", True), ("explain", False), ("report", False)]


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "first"), KILLED)
def test_a_killed_stage_leaves_nothing_half_written(place, stage, first):
    """A first run is killed as it starts its work, a rerun as soon as it has written a file."""
    folder, draft = place.folder / stage, place.folder / f".{stage}.draft"
    expected, time_ns = (folder / "outputs.sha256").read_text(), (folder / "outputs.sha256").stat().st_mtime_ns
    if first:
        shutil.rmtree(folder)
    before = content(folder)
    moment = draft.exists if first else lambda: any(path.is_file() for path in draft.rglob("*"))
    for _ in range(3):
        with place.start(stage) as process:
            wait(process, moment)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            if process.wait() == -signal.SIGKILL:
                break
        before = content(folder)      # it was quicker than the kill: again
    assert process.returncode == -signal.SIGKILL
    assert draft.exists(), "it was killed in the middle"
    assert content(folder) == before, "the old output is whole, or there is none"
    done = place.run(stage)
    assert done.returncode == 0, done.stderr
    assert (folder / "outputs.sha256").read_text() == expected, "as if nothing had happened"
    assert first or (folder / "outputs.sha256").stat().st_mtime_ns == time_ns, "make sees no change"
    assert not draft.exists()


@pytest.mark.slow
def test_a_killed_tracking_leaves_no_run_open(place):
    with place.start("track") as process:
        wait(process, lambda: ("RUNNING", False) in place.runs())
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert ("RUNNING", True) in place.runs()
    finished = [run for run in place.runs() if run == ("FINISHED", True)]
    done = place.run("track")
    assert done.returncode == 0, done.stderr
    statuses = place.runs()
    assert "RUNNING" not in {status for status, _ in statuses}
    assert statuses.count(("FINISHED", True)) == len(finished) + 1
    assert ("KILLED", True) in statuses


@pytest.mark.slow
def test_a_second_run_of_a_study_ends_with_a_sentence(place):
    draft = place.folder / ".features.draft"
    expected = (place.folder / "features" / "outputs.sha256").read_text()
    with place.start("features") as process:
        wait(process, draft.exists)
        for stage in ("features", "cohort"):
            second = place.run(stage)
            assert second.returncode == 2
            assert second.stderr.startswith(f"tiny is being written by another run (process {process.pid} since ")
            assert "wait for it to end" in second.stderr
            assert len(second.stderr.splitlines()) == 1
        assert process.wait(LIMIT_S) == 0, "the first run is not disturbed"
    assert (place.folder / "features" / "outputs.sha256").read_text() == expected


@pytest.mark.slow
def test_another_seed_gives_other_draws(place):
    study = place.study.with_name("seeded.toml")
    study.write_text(place.study.read_text().replace("seed = 7", "seed = 8"))
    shutil.copytree(place.folder, place.folder.with_name("seeded"))
    other = Workplace(study, place.data, place.environment)
    before = json.loads((other.folder / "fit" / "manifest.json").read_text())["outputs"]
    assert other.run("fit").returncode == 0
    after = json.loads((other.folder / "fit" / "manifest.json").read_text())["outputs"]
    assert after["draws.npz"] != before["draws.npz"]
    assert after["fits.parquet"] == before["fits.parquet"], "the seed decides the draws, not the fit"


def test_a_study_without_experiments_says_so(tmp_path, command):
    done = command("experiments", write_study(tmp_path), "--runs", tmp_path / "runs")
    assert done.returncode == 2
    assert done.stderr.strip() == "the study names no experiment: add one under [experiments]"


@pytest.mark.slow
def test_experiments_leave_a_table_each(tmp_path, environment):
    place = Workplace(write_study(tmp_path), tmp_path / "data", environment)
    asked = "missing_at_use = ['cholesterol_mmol_l']\nrange_shift = { variable = 'age_years', below = 50 }\n"
    text = place.study.read_text(encoding="utf-8")
    place.study.write_text(f"{text}\n[experiments]\n{asked}", encoding="utf-8")
    for stage in ("cohort", "experiments"):
        done = place.run(stage)
        assert done.returncode == 0, done.stderr
    assert {p.name for p in (place.folder / "experiments").iterdir()} >= {"missing_at_use.csv", "range_shift.csv"}
    assert "range shift" in done.stdout

    visits = "forecasts = [{ variable = 'sbp_mmhg', target = 2 }]\n"
    place.study.write_text(f"{text}\n[experiments]\n{visits}", encoding="utf-8")
    done = place.run("experiments")
    assert done.returncode == 2
    assert done.stderr.strip().startswith("forecast of sbp_mmhg: 0 people (or groups) had it read at 2 visits, and 101")


def test_without_a_finished_study_there_is_nothing_to_compare(tmp_path, command):
    done = command("compare", "--runs", tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip() == f"no study is finished under {tmp_path}: make run STUDY=... first"


@pytest.mark.slow
def test_a_finished_study_is_traced_without_a_fault_until_a_file_is_edited(place):
    command = [sys.executable, "-m", "stages.trace", str(place.folder)]
    done = subprocess.run(command, cwd=ROOT, env=place.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert done.stdout.endswith("Every file is what its manifest says.\n")
    told = {stage for stage in STAGES if f"\n{stage}: finished " in done.stdout}
    assert told == set(STAGES) - {"package", "track"}, "no figure of the report is drawn from these two"
    table = place.folder / "train" / "predictions.parquet"
    table.write_bytes(table.read_bytes() + b" ")
    done = subprocess.run([*command, "calibration"], cwd=ROOT, env=place.environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.endswith("predictions.parquet is not what its stage wrote: the file was changed afterwards\n")
