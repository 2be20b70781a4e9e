"""A million readings: in seconds, and with memory in proportion."""

import subprocess
import sys

import pytest

from tests.repository import ROOT

RUN = """
import time
from pathlib import Path
from tests.curation.material import clean
from pipeline import curation
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
made = clean(count=5000, visits=20)
Path("/proc/self/clear_refs").write_text("5")      # the peak starts anew
before, began = peak(), time.process_time()
alone = curation.curate(made)
alone_s, alone_mb = time.process_time() - began, peak() - before
began = time.process_time()
curation.curate(made, made)
print(len(made.readings), len(alone.questions), alone_s, alone_mb, time.process_time() - began, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_a_million_readings_take_seconds_and_little_memory():
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True, cwd=ROOT)
    readings, found, alone_s, alone_mb, compared_s, compared_mb = (float(word) for word in done.stdout.split())
    assert readings > 990_000
    assert found == 0
    assert alone_s < 10
    assert compared_s < 20
    assert alone_mb < 400
    assert compared_mb < 600
