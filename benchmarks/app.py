"""How long the page for one person and two plans takes to answer, measured in Chromium.

`make app` in one terminal, then `python -m benchmarks.app` in another (half a minute). Times run from an event at a
field until what it changes is on the screen. The default study, two cores, x86_64, Python 3.11.7, in milliseconds:

| from | to | times | median | worst |
|---|---|---|---|---|
| opening the page | the form can be filled in | 10 | 350 | 560 |
| moving a slider | new curves | 80 | 75 | 153 |
| another value of the person | the new risk | 30 | 128 | 193 |
| another value of the person | new curves | 30 | 222 | 328 |
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from itertools import cycle, islice
from typing import Any

from playwright.sync_api import sync_playwright

PERSON = {"age_years": "62", "sbp_mmhg": "158", "dbp_mmhg": "92", "weight_kg": "96.5", "height_cm": "178"}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]
OPENED, MOVED, CHANGED = 10, 80, 30
ANSWER = """([field, value, kind, place]) => new Promise(done => {
    const element = document.getElementById(field), start = performance.now();
    new MutationObserver((_, watch) => {
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
    }).observe(document.getElementById(place), { childList: true });
    element.value = value;
    element.dispatchEvent(new Event(kind, { bubbles: true }));
})"""


def opened(browser: Any, url: str) -> float:
    """Milliseconds until the form of a page without a history can be filled in."""
    with browser.new_context() as context:
        tab, start = context.new_page(), time.perf_counter()
        tab.goto(url)
        tab.wait_for_selector("body[data-ready]")
        return 1000 * (time.perf_counter() - start)


def told(browser: Any, url: str) -> Any:
    """The page with a person in it, whose risk and curves are shown."""
    tab = browser.new_page()
    tab.goto(url)
    tab.wait_for_selector("body[data-ready]")
    for name, value in PERSON.items():
        tab.fill(f"#field-{name}", value)
    tab.select_option("#field-sex", "male")
    tab.wait_for_selector("#risk .people")
    tab.wait_for_selector("#curves figure")
    return tab


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.app", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:5002", help="where make app answers (default: %(default)s)")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser's program")
    arguments = parser.parse_args()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=arguments.chromium, args=FLAGS)
        opens = [opened(browser, arguments.url) for _ in range(OPENED)]
        rows = [("opening the page", "the form can be filled in", opens)]
        tab = told(browser, arguments.url)

        def answers(field: str, values: list[Any], kind: str, place: str) -> list[float]:
            return [tab.evaluate(ANSWER, [field, value, kind, place]) for value in values]

        moves = list(islice(cycle((1, 2, 3)), MOVED))
        rows.append(("moving a slider", "new curves", answers("plan_a-pressure_drugs", moves, "input", "curves")))
        for place, what in (("risk", "the new risk"), ("curves", "new curves")):
            values = [str(value) for value in range(130, 130 + CHANGED)]
            rows.append(("another value of the person", what, answers("field-sbp_mmhg", values, "change", place)))
        browser.close()
    print("| from | to | times | median | worst |\n|---|---|---|---|---|")
    for start, end, taken in rows:
        print(f"| {start} | {end} | {len(taken)} | {statistics.median(taken):.0f} | {max(taken):.0f} |")


if __name__ == "__main__":
    main()
