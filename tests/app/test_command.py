"""The command line of the app: a sentence where it cannot start."""

import socket

import pytest

from tests.served.conftest import NAME, run  # noqa: F401


@pytest.fixture
def start(command):
    return lambda home, *options: command("app", f"{home}/{NAME}.toml", "--runs", f"{home}/runs", *options)


def test_without_a_packaged_model_it_says_what_to_run(tmp_path, start):
    done = start(tmp_path)
    assert done.returncode == 2
    assert "holds no packaged model: run the package stage first" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_taken_port_is_said_before_anything_is_compiled(run, start):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = start(run, "--port", str(port))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip() == f"127.0.0.1:{port} cannot be used (Address already in use): try --port"
