"""What several test packages share: the table of differences to independent reference solutions."""

import pytest

pytest.register_assert_rewrite("tests.browser")      # its checks say what they found
KEY = "difference to a reference"


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
