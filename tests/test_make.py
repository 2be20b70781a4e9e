"""The graph of make: everything that a change touches runs again, and nothing else."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.repository import ROOT, git_files

STAGES = (
    "cohort", "fit", "features", "train", "evaluate", "uncertainty", "strata", "explain", "package", "report", "track",
)  # fmt: skip
# What every stage uses; a change reruns the cohort, and the rest if its outputs or settings change.
SHARED = {
    "pipeline/__init__.py", "pipeline/config.py", "pipeline/config_faults.py", "pipeline/sections.py",
    "pipeline/schema.py", "pipeline/runs.py", "stages/__init__.py",
}  # fmt: skip
LIMIT_S = 300


def gnu_make() -> bool:
    if shutil.which("make") is None:
        return False
    return "GNU Make" in subprocess.run(["make", "--version"], capture_output=True, text=True).stdout


pytestmark = pytest.mark.skipif(not gnu_make(), reason="needs GNU make")


class Checkout:
    """A copy of the repository, in which tests run make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, *arguments: str) -> list[str]:
        # The environment is the one of these tests, by a link: make must never install into it.
        return ["make", "-o", ".venv/.installed", "BASE_PYTHON=false", *arguments]

    def settings(self) -> dict[str, str]:
        outer = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "STUDY"}      # of the make that may run these tests
        return {key: value for key, value in os.environ.items() if key not in outer}

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command, options = self.command(*arguments), {"cwd": self.folder, "env": self.settings()}
        return subprocess.run(command, **options, capture_output=True, text=True, timeout=LIMIT_S)

    def run(self, study: str = "tiny", *arguments: str) -> list[str]:
        """The stages that `make run` executed, in order."""
        done = self.make("run", f"STUDY=studies/{study}.toml", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"Report: data/runs/{study}/report/report.html" in done.stdout
        return executed(done)

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen]:
        command, options = self.command(*arguments), {"cwd": self.folder, "env": self.settings()}
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **options, **silent, start_new_session=True) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def output(self, study: str, stage: str) -> Path:
        return self.folder / "data" / "runs" / study / stage / "outputs.sha256"

    def study(self, name: str, *changes: tuple[str, str]) -> Path:
        """Write a tiny study: the example on its CSV file with few draws, and these changes."""
        text = (ROOT / "configs" / "example_csv.toml").read_text(encoding="utf-8")
        small = (
            ("[models]\n", "[twins]\ndraws = 4\n\n[models]\ntrain_draws = 2\n"),
            ("[evaluation]\n", "[evaluation]\nbootstrap = 100\n"),
        )
        for old, new in (*small, *changes):
            assert text.count(old) == 1, f"the example study has changed: {old!r}"
            text = text.replace(old, new)
        path = self.folder / "studies" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def executed(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [s for s in re.findall(r"^\.venv/bin/python -m stages\.(\w+) ", done.stdout, re.M) if s != "check"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    """What a commit of the working tree would hold, with a link to the environment of these tests."""
    if not (Path(sys.prefix) / "bin" / "python").exists():
        pytest.skip("Python is not in a virtual environment that could stand in for .venv")
    folder = tmp_path_factory.mktemp("checkout")
    for path in git_files("--cached", "--others", "--exclude-standard"):
        name = path.relative_to(ROOT)
        if path.is_file() and name.parts[0] != ".venv":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    if compiled := os.environ.get("JAX_COMPILATION_CACHE_DIR"):      # what other tests have compiled is not done again
        Path(compiled).mkdir(parents=True, exist_ok=True)
        (folder / ".cache").mkdir()
        (folder / ".cache" / "jax").symlink_to(compiled)
    return Checkout(folder)


@pytest.fixture(scope="module")
def first(checkout) -> list[str]:
    """The stages of the first run of the tiny study."""
    checkout.study("tiny")
    return checkout.run()


@pytest.fixture
def done(checkout, first) -> Checkout:
    """The checkout, with every stage of the tiny study up to date."""
    checkout.study("tiny")
    checkout.make("run", "STUDY=studies/tiny.toml")
    return checkout


def test_make_alone_lists_every_target_with_a_line(checkout):
    done = checkout.make()
    assert done.returncode == 0
    targets = {"help", "run", "check", "test", "test-slow", "references", "lint", "ui", "gallery", "calibrate", "bench"}
    targets |= {"clean"}
    listed = dict(re.findall(r"^  make (\S+) +(\S.*)$", done.stdout, re.M))
    assert targets <= set(listed)
    assert "STUDY=" in done.stdout
    assert not (checkout.folder / "data" / "runs" / "nhanes_dysglycaemia").exists()


def test_a_bad_study_fails_before_any_work(checkout):
    path = checkout.study("bad", ("threshold = 0.30", "threshold = 30"))
    for goal in ("run", "check"):
        done = checkout.make(goal, f"STUDY={path.relative_to(checkout.folder)}")
        assert done.returncode == 2
        assert "studies/bad.toml: [evaluation] threshold is 30; it should be less than 1" in done.stderr
        assert executed(done) == []
    assert not (checkout.folder / "data" / "runs" / "bad").exists()


def test_a_study_that_is_not_there_is_told(checkout):
    done = checkout.make("run", "STUDY=nope")
    assert done.returncode == 2
    assert "configs/nope.toml: no such file" in done.stderr
    assert not (checkout.folder / "data" / "runs" / "nope").exists()


def database(checkout: Checkout) -> dict[str, set[str]]:
    """What each stage of the tiny study depends on directly, as make sees it."""
    text = checkout.make("-pn", "STUDY=studies/tiny.toml", "help").stdout
    rules = re.findall(r"^data/runs/tiny/(\w+)/manifest\.json: (.*)$", text, re.M)
    return {stage: set(needs.split()) for stage, needs in rules}


def used(module: Path, seen: set[Path]) -> set[Path]:
    """The module itself, and the modules of the library that define what it uses, and what those use."""
    if module in seen:
        return seen
    seen.add(module)
    tree = ast.parse(module.read_text(encoding="utf-8"))
    branches = (n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    never_run = {id(node) for branch in branches for node in branch.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in never_run:
            for alias in node.names if (node.module or "").split(".")[0] == "pipeline" else ():
                used(defining(node.module, alias.name), seen)
    return seen


def defining(module: str, name: str) -> Path:
    """The file that `from module import name` takes the name from, through the `__init__` that offers it."""
    folder = ROOT.joinpath(*module.split("."))
    if not folder.is_dir():
        return folder.with_suffix(".py")
    for node in ast.walk(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            return defining(node.module, name) if node.module != module else folder / f"{name}.py"
    for path in (folder / f"{name}.py", folder / name / "__init__.py"):
        if path.is_file():
            return path
    return folder / "__init__.py"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_it_uses(checkout, stage):
    checkout.study("tiny")
    needs = {path.relative_to(ROOT).as_posix() for path in used(ROOT / "stages" / f"{stage}.py", set())}
    assert len(needs) > 1
    assert sorted(needs - SHARED - database(checkout)[stage]) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_settings_and_its_own_code(checkout, stage):
    checkout.study("tiny")
    needs = database(checkout)[stage]
    assert f"data/runs/tiny/config/{stage}.json" in needs
    assert f"stages/{stage}.py" in needs
    assert not any(".venv" in need for need in needs), "installing is no dependency of data"


def test_a_stage_depends_on_the_outputs_it_reads(checkout):
    checkout.study("tiny")
    needs = database(checkout)
    for stage in STAGES:
        text = (ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8")
        read = set(re.findall(rf"\b({'|'.join(STAGES)})/[\w/{{}}]+\.(?:parquet|json|csv|npz|html|skops|sha256)", text))
        read |= set(re.findall(rf'folder / "({"|".join(STAGES)})" / "', text)) - {stage}
        above, left = set(), [stage]
        while left:
            for need in needs[left.pop()]:
                if (found := re.fullmatch(r"data/runs/tiny/(\w+)/outputs\.sha256", need)) and found[1] not in above:
                    above.add(found[1])
                    left.append(found[1])
        assert read <= above, stage


@pytest.mark.slow
def test_the_first_run_executes_every_stage_in_order(checkout, first):
    assert first == list(STAGES)
    assert (checkout.folder / "data" / "runs" / "tiny" / "report" / "report.html").stat().st_size > 10_000
    assert (checkout.folder / "data" / "mlflow" / "mlflow.db").is_file()


@pytest.mark.slow
def test_a_second_run_does_nothing_and_says_so(done):
    before = {path: path.stat().st_mtime_ns for path in (done.folder / "data").rglob("*")}
    second = done.make("run", "STUDY=studies/tiny.toml")
    assert second.returncode == 0
    assert executed(second) == []
    assert second.stdout.splitlines()[-2:] == [
        "tiny: nothing to do, all stages are up to date.",
        "Report: data/runs/tiny/report/report.html",
    ]
    assert {path: path.stat().st_mtime_ns for path in (done.folder / "data").rglob("*")} == before
    study = done.study("tiny")
    study.write_text(study.read_text(encoding="utf-8") + "\n# a thought\n", encoding="utf-8")
    assert done.run() == [], "a comment changes nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("pipeline/cohorts/csv_text.py", ["cohort"]),
        ("configs/scenarios/low_carbohydrate.toml", ["features", "package"]),
        ("pipeline/reports/wording.py", ["report"]),
    ],
)
def test_touched_code_reruns_its_stages_and_no_other_while_outputs_stay_equal(done, file, expected):
    if expected == ["report"]:      # it names when each stage ran: take in what reran before this test
        (done.folder / file).touch()
        done.run()
    (done.folder / file).touch()
    assert done.run() == expected
    assert done.run() == [], "once is enough"


@pytest.mark.slow
def test_changed_words_of_the_report_rerun_report_and_tracking(done):
    style = done.folder / "pipeline" / "reports" / "report.css"
    style.write_text(style.read_text(encoding="utf-8") + "\n.never-used { color: black; }\n", encoding="utf-8")
    assert done.run() == ["report", "track"]
    report = done.folder / "data" / "runs" / "tiny" / "report" / "report.html"
    assert ".never-used" in report.read_text(encoding="utf-8"), "the code of the checkout is what runs"
    assert done.run() == []


@pytest.mark.slow
def test_a_deleted_stage_comes_back_equal(done):
    expected = done.output("tiny", "evaluate").read_text()
    shutil.rmtree(done.output("tiny", "evaluate").parent)
    assert done.run()[0] == "evaluate"
    assert done.output("tiny", "evaluate").read_text() == expected


@pytest.mark.slow
def test_two_jobs_and_a_kill_in_the_middle_give_what_an_undisturbed_run_gives(done):
    done.study("parallel")
    draft = done.folder / "data" / "runs" / "parallel" / ".features.draft"
    with done.start("-j2", "run", "STUDY=studies/parallel.toml") as process:
        end = time.monotonic() + LIMIT_S
        while process.poll() is None and not draft.exists():
            assert time.monotonic() < end
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert draft.exists(), "it was killed in the middle"
    assert not done.output("parallel", "features").exists()
    trained = "data/runs/parallel/train/manifest.json"
    resumed = done.make("-j2", "STUDY=studies/parallel.toml", trained)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert executed(resumed) == ["features", "train"]
    for stage in STAGES[:4]:
        assert done.output("parallel", stage).read_text() == done.output("tiny", stage).read_text(), stage
    assert executed(done.make("-j2", "STUDY=studies/parallel.toml", trained)) == []


@pytest.mark.slow
def test_clean_removes_one_study_alone(done):
    done.study("cleaned")
    assert done.make("check", "STUDY=studies/cleaned.toml").returncode == 0
    assert (done.folder / "data" / "runs" / "cleaned").exists()
    assert done.make("clean", "STUDY=studies/cleaned.toml").returncode == 0
    assert not (done.folder / "data" / "runs" / "cleaned").exists()
    assert done.output("tiny", "cohort").exists()


@pytest.mark.slow
def test_a_changed_threshold_reruns_what_reads_it(done):
    """The last test here: whichever came after it would have to change everything back."""
    before = done.output("tiny", "train").stat().st_mtime_ns
    done.study("tiny", ("threshold = 0.30", "threshold = 0.40"))
    assert done.run() == ["evaluate", "explain", "package", "report", "track"]
    assert done.output("tiny", "train").stat().st_mtime_ns == before
    assert done.run() == []
