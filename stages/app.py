"""Show the packaged model of a finished study as a page in the browser, for one person and two plans."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.runs import RunError
from stages import RUNS, faults_in_words

if TYPE_CHECKING:
    from pipeline.app import Desk


def main() -> None:
    """Command line of the app."""
    parser = argparse.ArgumentParser(prog="python -m stages.app", description=__doc__)
    parser.add_argument("study", type=Path, help="study file, such as configs/nhanes_dysglycaemia.toml")
    parser.add_argument("--host", default="127.0.0.1", help="address to answer at (default: this machine alone)")
    parser.add_argument("--port", type=int, default=5002, help="default: %(default)s")
    parser.add_argument("--runs", type=Path, default=RUNS, help="where runs are kept (default: %(default)s)")
    arguments = parser.parse_args()
    with faults_in_words():
        folder = arguments.runs / arguments.study.stem / "package" / "model"

        from pipeline import app, served

        desk = app.Desk(served.load(folder))
        try:
            listening = socket.create_server((arguments.host, arguments.port))
        except OSError as fault:
            reason = (fault.strerror or str(fault)).split(" (")[0]
            raise RunError(f"{arguments.host}:{arguments.port} cannot be used ({reason}): try --port") from None
        serve(desk, listening, arguments.host)


def serve(desk: Desk, listening: socket.socket, host: str) -> None:
    """Compile, say that the page is ready, and answer until stopped."""
    import uvicorn

    from pipeline.app import make_app

    with listening:
        print("compiling the twins: a minute or two the first time", flush=True)
        desk.prepare()
        page = make_app(desk, (host, "127.0.0.1", "localhost"))
        server = uvicorn.Server(uvicorn.Config(page, log_level="warning", access_log=False, server_header=False))
        url = f"http://{host}:{listening.getsockname()[1]}"
        print(f"ready: {url} (Ctrl+C ends it; nothing told of a person is kept)", flush=True)
        server.run(sockets=[listening])


if __name__ == "__main__":
    main()
