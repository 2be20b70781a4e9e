"""A stage appears whole or not at all, alone, and with a manifest of where it came from."""

import hashlib
import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline.runs import PACKAGES, RunError, git_commit, hash_code, hash_file, read_manifest, stage

ROOT = Path(__file__).parents[1]
HOLDER = """
import sys
from pathlib import Path
from pipeline.runs import stage
with stage(Path(sys.argv[1]), config={}) as running:
    running.path("half.txt").write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
"""


def write(folder: Path, text: str = "whole", **facts: object) -> Path:
    with stage(folder, config={"seed": 7}) as running:
        running.path("table.txt").write_text(text)
        running.note(**facts)
    return folder


def fail(folder: Path) -> None:
    with stage(folder, config={}) as running:
        running.path("table.txt").write_text("half")
        raise ZeroDivisionError


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def holder(tmp_path):
    """Another process that is in the middle of stage `fit` of the same study."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "demo" / "fit")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def test_a_stage_appears_whole(tmp_path):
    folder = tmp_path / "demo" / "fit"
    with stage(folder, config={}) as running:
        running.path("table.txt").write_text("whole")
        assert not folder.exists(), "nothing under the final name before the end"
    assert set(content(folder)) == {"table.txt", "manifest.json", "outputs.sha256"}
    assert sorted(p.name for p in folder.parent.iterdir()) == [".lock", "fit"]


def test_a_failed_first_run_leaves_nothing_under_the_name(tmp_path):
    folder = tmp_path / "demo" / "fit"
    with pytest.raises(ZeroDivisionError):
        fail(folder)
    assert not folder.exists()
    assert content(write(folder))["table.txt"] == b"whole", "the next run is not in its way"


def test_a_failed_rerun_leaves_the_old_output_untouched(tmp_path):
    folder = write(tmp_path / "demo" / "fit", "old")
    before, times = content(folder), {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    with pytest.raises(ZeroDivisionError):
        fail(folder)
    assert content(folder) == before
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == times


def test_a_killed_run_leaves_the_old_output_and_does_not_bar_the_next(tmp_path, holder):
    folder = tmp_path / "demo" / "fit"
    holder.kill()
    holder.wait()
    assert not folder.exists()
    assert (tmp_path / "demo" / ".fit.draft" / "half.txt").exists()
    write(folder)
    assert set(content(folder)) == {"table.txt", "manifest.json", "outputs.sha256"}
    assert sorted(p.name for p in folder.parent.iterdir()) == [".lock", "fit"]


def test_files_of_an_older_run_do_not_stay(tmp_path):
    folder = tmp_path / "demo" / "fit"
    with stage(folder, config={}) as running:
        running.path("gone.txt").write_text("x")
    assert "gone.txt" not in content(write(folder))


@pytest.mark.parametrize("left", [".fit.draft", ".fit.old"])
def test_what_a_kill_left_is_removed(tmp_path, left):
    stale = tmp_path / "demo" / left / "deep"
    stale.mkdir(parents=True)
    (stale / "half.txt").write_text("half")
    other = tmp_path / "demo" / ".cohort.draft"
    other.mkdir()
    write(tmp_path / "demo" / "fit")
    assert not stale.parent.exists()
    assert other.exists(), "drafts of other stages are theirs"


def test_equal_outputs_keep_their_time(tmp_path):
    folder = write(tmp_path / "demo" / "fit", note="first")
    hashes = folder / "outputs.sha256"
    os.utime(hashes, ns=(1_000_000_000, 1_000_000_000))
    finished = (folder / "manifest.json").stat().st_mtime_ns
    write(folder, note="second")
    assert hashes.stat().st_mtime_ns == 1_000_000_000
    assert (folder / "manifest.json").stat().st_mtime_ns > finished, "make sees that the stage ran"
    assert read_manifest(folder)["facts"] == {"note": "second"}


def test_changed_outputs_get_a_new_time(tmp_path):
    folder = write(tmp_path / "demo" / "fit", "one")
    hashes = folder / "outputs.sha256"
    os.utime(hashes, ns=(1_000_000_000, 1_000_000_000))
    write(folder, "two")
    assert hashes.stat().st_mtime_ns > 1_000_000_000
    assert time.time() - hashes.stat().st_mtime < 60


def test_hashes_are_those_of_sha256sum(tmp_path):
    folder = tmp_path / "demo" / "fit"
    with stage(folder, config={}) as running:
        running.path("models").mkdir()
        running.path("models/b.txt").write_text("b")
        running.path("a.txt").write_text("a")
    expected = "".join(
        f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in (("a.txt", b"a"), ("models/b.txt", b"b"))
    )
    assert (folder / "outputs.sha256").read_text() == expected
    assert hash_file(folder / "a.txt") == hashlib.sha256(b"a").hexdigest()


def test_a_second_writer_is_told_who_writes(tmp_path, holder):
    with (
        pytest.raises(RunError, match=rf"demo is being written by another run \(process {holder.pid} since .*wait"),
        stage(tmp_path / "demo" / "fit", config={}),
    ):
        raise AssertionError("the second writer got in")
    assert (tmp_path / "demo" / ".fit.draft" / "half.txt").exists(), "the first run's draft is left alone"
    out, _ = holder.communicate("", timeout=30)
    assert (holder.returncode, out) == (0, "")
    assert content(tmp_path / "demo" / "fit")["half.txt"] == b"half", "the first run ends as if alone"
    write(tmp_path / "demo" / "fit")


def test_stages_of_one_study_do_not_run_at_once(tmp_path, holder):
    with pytest.raises(RunError, match="another run"), stage(tmp_path / "demo" / "cohort", config={}):
        raise AssertionError("two stages of a study ran at once")


def test_another_study_may_run_at_the_same_time(tmp_path, holder):
    assert holder.poll() is None
    write(tmp_path / "other" / "fit")


def test_the_manifest_says_where_the_outputs_came_from(tmp_path):
    source = tmp_path / "demo" / "cohort" / "people.parquet"
    source.parent.mkdir(parents=True)
    source.write_bytes(b"people")
    folder = tmp_path / "demo" / "fit"
    with stage(folder, config={"twins": {"draws": 4}}) as running:
        assert running.read(source) == source
        running.path("table.txt").write_text("x")
        running.note(people=3, seed=7)
    manifest = read_manifest(folder)
    assert manifest["stage"] == "fit"
    assert manifest["study"] == "demo"
    assert manifest["config"] == {"twins": {"draws": 4}}
    assert manifest["inputs"] == {"cohort/people.parquet": hashlib.sha256(b"people").hexdigest()}
    assert manifest["outputs"] == {"table.txt": hashlib.sha256(b"x").hexdigest()}
    assert manifest["facts"] == {"people": 3, "seed": 7}
    assert manifest["packages"] == {name: version(name) for name in PACKAGES}
    assert manifest["code_sha256"] == hash_code()
    assert manifest["git_commit"] == git_commit(ROOT)
    assert manifest["python"].split(".")[0] == "3"
    assert manifest["seconds"] >= 0
    assert str(tmp_path) not in json.dumps(manifest)


def test_the_identity_of_the_code_follows_every_source_file(tmp_path, monkeypatch):
    for name in ("a.py", "deep/b.csv", "deep/c.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr("pipeline.runs.ROOT", tmp_path)
    seen = {hash_code()}
    (tmp_path / "notes.txt").write_text("not code")
    assert hash_code() in seen
    for name in ("a.py", "deep/b.csv", "deep/c.html"):
        (tmp_path / name).write_text("2")
        seen.add(hash_code())
    (tmp_path / "a.py").rename(tmp_path / "d.py")
    seen.add(hash_code())
    assert len(seen) == 5


def test_a_missing_input_says_which_file_and_what_to_run(tmp_path):
    missing = tmp_path / "demo" / "cohort" / "people.parquet"
    words = r"cohort/people\.parquet is missing: run the stage .* first"
    with pytest.raises(RunError, match=words), stage(tmp_path / "demo" / "fit", config={}) as running:
        running.read(missing)
    assert not (tmp_path / "demo" / "fit").exists()


def test_a_missing_manifest_says_which_stage_to_run(tmp_path):
    with pytest.raises(RunError, match=r"cohort/manifest\.json is missing: run the stage .* first"):
        read_manifest(tmp_path / "demo" / "cohort")


def test_git_commit_is_known_or_none(tmp_path):
    assert git_commit(tmp_path) is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (tmp_path / "file").write_text("1")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-qm", "One"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    commit = git_commit(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("2")
    assert git_commit(tmp_path) == f"{commit}-dirty"
