"""The command line of the app: a sentence where it cannot start."""

import socket
import subprocess
import sys

import pytest

from tests.repository import ROOT
from tests.served.conftest import NAME, run  # noqa: F401


def start(home, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stages.app", f"{home}/{NAME}.toml", "--runs", f"{home}/runs", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_without_a_packaged_model_it_says_what_to_run(tmp_path):
    done = start(tmp_path)
    assert done.returncode == 2
    assert "holds no packaged model: run the package stage first" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_taken_port_is_said_before_anything_is_compiled(run):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = start(run, "--port", str(port))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip() == f"127.0.0.1:{port} cannot be used (Address already in use): try --port"
