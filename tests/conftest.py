"""What several test packages share: the table of differences to independent reference solutions."""

import runpy
import sys
from typing import NamedTuple

import pytest

from tests.repository import ROOT

pytest.register_assert_rewrite("tests.browser")      # its checks say what they found
KEY = "difference to a reference"


class Done(NamedTuple):
    """What a command left behind, in the names of a finished process."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs a command of `stages/` in this process, where all it needs is loaded already."""

    def run(name: str, *arguments: object) -> Done:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        monkeypatch.delitem(sys.modules, f"stages.{name}", raising=False)      # which another test may have imported
        capsys.readouterr()
        code = 0
        try:
            runpy.run_module(f"stages.{name}", run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def meets(record_property):
    """Checks a difference to a reference solution against its tolerance and keeps it for the table."""

    def check(reference, quantity, difference, tolerance):
        record_property(KEY, (reference, quantity, float(difference), float(tolerance)))
        assert difference < tolerance, f"{reference}: {quantity}"

    return check


def pytest_terminal_summary(terminalreporter, config):
    if "reference" not in config.option.markexpr:
        return
    reports = [r for group in ("passed", "failed") for r in terminalreporter.stats.get(group, [])]
    rows = sorted(tuple(value) for r in reports for key, value in r.user_properties if key == KEY)
    terminalreporter.write_sep("-", "largest differences to the reference solutions (relative, or to the peak)")
    for reference, quantity, difference, tolerance in rows:
        verdict = "met" if difference < tolerance else "MISSED"
        figures = f"{difference:9.1e}  allowed {tolerance:7.0e}  {verdict}"
        terminalreporter.write_line(f"{reference:48} {quantity:30} {figures}")
