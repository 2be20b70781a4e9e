"""The app on a study with one twin of a formula, answering at a free port; and a browser to look at it."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
import uvicorn

from pipeline import app, served
from tests.reports.conftest import browser  # noqa: F401
from tests.served.conftest import NAME, run  # noqa: F401

START_S = 20


class Site:
    """A running app."""

    def __init__(self, url: str, desk: app.Desk) -> None:
        self.url, self.desk = url, desk

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, dict]:
        """Status and JSON of an answer; bytes are sent as they are."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as fault:
            with fault:
                text = fault.read().decode()
            return fault.code, json.loads(text) if text.startswith("{") else {"text": text}


@contextmanager
def running(desk: app.Desk):
    """The app in a thread of its own, ended at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app.make_app(desk), log_level="error", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        end = time.monotonic() + START_S
        while not server.started:
            assert time.monotonic() < end
            time.sleep(0.01)
        try:
            yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}", desk)
        finally:
            server.should_exit = True
            thread.join(START_S)


def make_desk(home, **outcome: object) -> app.Desk:
    """The example study's packaged model; `outcome` changes what is said of its outcome."""
    model = served.load(home / "runs" / NAME / "package" / "model")
    told = model.settings.outcome.model_copy(update=outcome)
    return app.Desk(served.ServedModel(model.settings.model_copy(update={"outcome": told}), model.members))


@pytest.fixture(scope="module")
def site(run):  # noqa: F811
    desk = make_desk(run)
    desk.prepare()
    with running(desk) as found:
        yield found


@pytest.fixture(scope="module")
def with_trials(run):  # noqa: F811
    """The same, as if the outcome were one that trials of pressure drugs had looked at."""
    desk = make_desk(run, evidence="cardiovascular_event")
    desk.prepare()
    with running(desk) as found:
        yield found
