"""Speed and accuracy of our twins beside sund, the compiled simulator of the group that published the models.

    python -m benchmarks.twins [--people 1000 10000] [--cases liver alcohol] [--million] [--write]

Each case has the same people, scenario and outputs here and there, on one core (`taskset --cpu-list 0`): threads that
wait for each other count twice as CPU time. `--million` adds one million people, on all cores; `--write` renews the
tables in benchmarks/README.md. Without sund (it needs a C++ compiler) its columns stay empty.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax

from benchmarks import cases, gradients
from benchmarks.cases import CASES, Case
from benchmarks.measure import (
    Measured,
    exact_solution,
    first,
    fresh_cache,
    largest_error,
    run_ours,
    run_sund,
    size,
)
from pipeline.solving import run_batches
from pipeline.twins import System

README = Path(__file__).with_name("README.md")
HAS_SUND = find_spec("sund") is not None
# Its defaults, and tighter where these miss the error allowed.
SUND_OPTIONS = (None, {"rel_tol": 1e-7, "abs_tol": 1e-7}, {"rel_tol": 1e-8, "abs_tol": 1e-8})
GRADIENT_TARGET, GRADIENT_BOUND = 4.0, 1e-2
MILLION_TARGET = 20.0


def case_rows(case: Case, numbers: list[int], few: int) -> list[list[str]]:
    """A row for each number of people; sund and the tight solution take the first of them."""
    rows = []
    for number in numbers:
        people = case.people(number)
        with jax.default_device(jax.devices("cpu")[0]):
            ours = run_ours(case.ours(people, "batch"), people, case.chunk)
        names = tuple(ours.outputs)
        some = first(people, min(number, case.in_sund))
        error = their_error = theirs = None
        if HAS_SUND or case.exact == "diffrax":
            exact = exact_solution(case, some if case.exact == "sund" else first(people, min(few, number)), names)
            error = largest_error(case, ours.outputs, exact)
        for options in SUND_OPTIONS if HAS_SUND else ():
            theirs = run_sund(case.sund(some), names, size(some), options)
            their_error = largest_error(case, theirs.outputs, exact)
            if their_error <= case.bound:
                break
        ratio = theirs.cpu_us / ours.cpu_us if theirs else None
        met = error is not None and ratio is not None and error <= case.bound and ratio >= case.target
        verdict = "met" if met else "missed" if ratio else "-"
        rows.append([
            case.name, f"{number:,}", f"{case.bound:.0e}", shown(error, ".1e"), shown(their_error, ".1e"),
            f"{ours.cpu_us:.1f}", shown(theirs and theirs.cpu_us, ",.1f"), shown(ratio, ".1f"),
            f"{case.target:g} {verdict}", f"{ours.cold_s:.1f}", f"{ours.cached_s:.1f}",
            *accelerated(case, people, ours),
        ])  # fmt: skip
    return rows


def accelerated(case: Case, people: Any, ours: Measured) -> list[str]:
    """Wall microseconds a person on an accelerator in float64 and float32, and errors to float64 here."""
    if jax.default_backend() == "cpu":
        return []
    cells = []
    for wide in (True, False):
        with jax.enable_x64(wide):
            there = run_ours(case.ours(people, "batch"), people, size(people))
            cells.append(f"{there.wall_us:.2f} ({largest_error(case, there.outputs, ours.outputs):.0e})")
    return cells


def million(number: int) -> str:
    """Three years of body and liver for very many people, all outputs kept."""
    people, system = cases.liver_people(number), System(cases.BODY_LIVER)
    before, start, cpu = peak_gb(), time.perf_counter(), time.process_time()
    found = run_batches(lambda x: cases.liver(system, x, "batch"), people, chunk=8000, label="people", progress=False)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    bytes_out = sum(v.nbytes for v in found.values()) / 1e9
    return (
        f"{number:,} people, three years of body composition and liver fat, 37 output times: {wall:.1f} s wall "
        f"(target {MILLION_TARGET:g} s, {'met' if wall <= MILLION_TARGET else 'missed'}), {cpu:.1f} s CPU, compilation "
        f"included; peak memory {peak_gb():.2f} GB, of which {before:.2f} GB before and {bytes_out:.2f} GB are results."
    )


def peak_gb() -> float:
    """Most memory this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def gradient_row(found: gradients.Gradient) -> list[str]:
    """What a gradient costs in units of the solve."""
    ratio = found.modes[found.cheaper] / found.forward_us
    met = ratio <= GRADIENT_TARGET and found.error <= GRADIENT_BOUND
    return [
        found.name, f"{found.number:,}", str(found.parameters), f"{found.forward_us:.1f}",
        *(f"{found.modes[mode]:.1f}" for mode in gradients.MODES), f"{found.cheaper}, {ratio:.1f}",
        f"{GRADIENT_TARGET:g} {'met' if met else 'missed'}", f"{found.error:.1e}", f"{found.cold_s:.1f}",
        f"{found.cached_s:.1f}",
    ]  # fmt: skip


def shown(value: float | None, form: str) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else format(value, form)


def table(head: str, rows: list[list[str]]) -> str:
    """Markdown."""
    lines = [head, "|" + "---|" * (head.count("|") - 1), *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join(lines)


def main() -> None:
    """Measure, print the tables, and write them if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--cases", nargs="*", choices=[*CASES, "gradients"], default=[*CASES, "gradients"])
    parser.add_argument("--exact", type=int, default=20, help="people whose errors Diffrax tells")
    parser.add_argument("--million", type=int, nargs="?", const=1_000_000, help="a million people, or as many")
    parser.add_argument("--write", action="store_true", help="renew benchmarks/README.md")
    arguments = parser.parse_args()
    fresh_cache()
    parts = [f"Python {platform.python_version()}, JAX {jax.__version__}, {platform.machine()}"]
    many = million(arguments.million) if arguments.million else ""      # first, as memory peaks once a process
    head = (
        "| case | people | error allowed | max error, ours | sund | CPU us a person, ours | sund | sund / ours | "
        "target | compile s, cold | cached |"
    )
    if jax.default_backend() != "cpu":
        head += f" {jax.devices()[0].device_kind} us a person, float64 (error) | float32 (error) |"
    rows = [r for c in arguments.cases if c in CASES for r in case_rows(CASES[c], arguments.people, arguments.exact)]
    if rows:
        parts.append(table(head, rows))
    if "gradients" in arguments.cases:
        head = (
            "| gradient of | people | parameters | CPU us a person, solve | reverse | forward | cheaper / solve | "
            "at most | error | compile s, cold | cached |"
        )
        found = [gradients.measure(key, arguments.people[0]) for key in gradients.LOSSES]
        parts.append(table(head, [gradient_row(g) for g in found]))
    text = "\n\n".join([*parts, many] if many else parts)
    print(text)
    if arguments.write:
        page = README.read_text(encoding="utf-8")
        start, end = page.index("<!-- twins -->"), page.index("<!-- end twins -->")
        README.write_text(f"{page[:start]}<!-- twins -->\n{text}\n{page[end:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
