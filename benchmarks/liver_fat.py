"""Three years of body composition and liver fat for many people: our batch solver beside Diffrax and sund.

    python -m benchmarks.liver_fat [--people 10000] [--write]

Every solver gets the same people, inputs and 37 output times; errors are against Diffrax at 1e-10 for 200 of
them. CPU seconds are user and system time of the process, compilation apart. `--write` renews the table in
benchmarks/README.md. sund is the compiled simulator of the group that published the twin; without it (it needs
a C++ compiler) its row says so.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pipeline.solving import make_grid
from pipeline.twins import INPUTS, System, build_twins, simulate

TIMES = tuple(np.linspace(0.0, 1095.0, 37).tolist())
OUTPUTS = ("weight_kg", "pdff_percent")
BASELINE = {name: spec.baseline for name, spec in INPUTS.items()}
README = Path(__file__).with_name("README.md")
SYSTEM = System(build_twins(["body_composition", "liver_fat"]))
PARAMETERS = {twin.name: twin.defaults() for twin in SYSTEM.twins}

# The same corrected equations in sund's language; constants of a person are computed by the twin and handed over.
SUND_MODEL = """
########## NAME
TvillingLiverBody
########## METADATA
time_unit = s
########## MACROS
########## STATES
ddt_H = indiet + innefa*x + kdnl*D - H*(kvldl + kbox/(1 + ks*D))
ddt_D = intca*x - kdnl*D
ddt_G = S/17.6e6
ddt_E = (-3000*(E - E0) - 4000*(1 - CI/CI0))/3220
ddt_F = (1 - q)*R/39.5e6
ddt_A = (0.14*(EI - EI0) - A)/14
H(0) = 60
D(0) = 3
G(0) = 0.5
E(0) = 12
F(0) = 27
A(0) = 0
########## PARAMETERS
indiet = 1
innefa = 1
intca = 1
kdnl = 1
kvldl = 1
kbox = 1
ks = 1
kir = 1.2
F0 = 27
E0 = 12
LF = 1
K = 1
kG = 1
CI = 1
CI0 = 1
EI = 1
EI0 = 1
delta = 1
########## VARIABLES
L = LF + 10.4*log(F)
W = F + L + 3.7*G + E
q = 10.4*7.6e6/39.5e6/(10.4*7.6e6/39.5e6 + F)
cost = 960000*q/7.6e6 + 750000*(1 - q)/39.5e6
S = CI - kG*G*G
EE = (K + 13000*F + 92000*L + delta*W + 0.1*(EI - EI0) + A + cost*(EI - S))/(1 + cost)
R = EI - EE - S
x = 1 + kir*(F/F0 - 1)
########## FUNCTIONS
########## EVENTS
########## OUTPUTS
########## INPUTS
########## FEATURES
weight_kg = W
pdff_percent = H/10
"""


def people(number: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Made-up people over the adult range, and what each changes."""
    r = np.random.default_rng(0)
    height, male, age = r.uniform(155, 190, number), r.integers(0, 2, number) * 1.0, r.uniform(25, 70, number)
    weight = r.uniform(22, 40, number) * (height / 100) ** 2
    log_bmi = np.log(weight / (height / 100) ** 2)
    fat = 0.14 * age + np.where(male > 0.5, 37.31 * log_bmi - 103.95, 39.96 * log_bmi - 102.01)
    person = {
        "male": male, "age_years": age, "height_cm": height, "weight_kg": weight, "body_fat_percent": fat,
        "activity_level": np.full(number, 1.5), "pdff_percent": r.uniform(2, 20, number),
        "carbohydrate_fraction": np.full(number, 0.45), "fat_fraction": np.full(number, 0.37),
    }  # fmt: skip
    change = {
        "energy_change_kcal_d": r.uniform(-500, 300, number),
        "carbohydrate_fraction": r.uniform(0.25, 0.55, number),
        "dnl_drug_factor": np.where(np.arange(number) % 5 == 0, 0.7176, 1.0),
    }
    return person, change


def one(method: Any, rtol: float = 1e-6) -> Callable[[Any], Any]:
    """The simulation of one person by one method."""
    grid = make_grid((0.0,), TIMES)

    def run(x: Any) -> Any:
        person, change = x
        inputs = [{**BASELINE, **change}]
        result = simulate(SYSTEM, person, PARAMETERS, inputs, (0.0,), grid, method=method, rtol=rtol)
        return {name: result.values[name] for name in OUTPUTS}

    return run


def timed(function: Callable[[], Any], least: float = 2.0) -> tuple[Any, float, float]:
    """The result, and CPU and wall seconds a call, over at least `least` seconds of calls."""
    cpu, wall, calls = time.process_time(), time.perf_counter(), 0
    while time.perf_counter() - wall < least:
        result, calls = function(), calls + 1
    return result, (time.process_time() - cpu) / calls, (time.perf_counter() - wall) / calls


def measure_jax(method: str, x: Any) -> tuple[dict[str, np.ndarray], float, float, float]:
    """Outputs, compile seconds, and CPU and wall microseconds a person."""
    number = len(jax.tree.leaves(x)[0])
    compiled = jax.jit(jax.vmap(one(method)))
    arrays = jax.tree.map(jax.numpy.asarray, x)
    start = time.perf_counter()
    jax.block_until_ready(compiled(arrays))
    first = time.perf_counter() - start
    result, cpu, wall = timed(lambda: jax.block_until_ready(compiled(arrays)))
    return {k: np.asarray(v) for k, v in result.items()}, first - wall, 1e6 * cpu / number, 1e6 * wall / number


def measure_sund(x: Any) -> tuple[dict[str, np.ndarray], float, float, float]:
    """The same for sund: one person after another, as it is used."""
    import sund

    person, change = x
    start = time.perf_counter()
    sund.install_model(SUND_MODEL, force=True)
    model = sund.load_model("TvillingLiverBody")
    times = np.array(TIMES)
    simulation = sund.Simulation(models=[model], time_vector=times, time_unit="s")
    compile_s = time.perf_counter() - start
    k = {n: np.asarray(v) for n, v in constants(person, change).items()}
    names, states = simulation.parameter_names, simulation.state_names
    number = len(person["male"])
    values = np.stack([np.broadcast_to(k[n], number) for n in names], axis=1)
    starts = np.stack([np.broadcast_to(k[f"{n}(0)"], number) for n in states], axis=1)
    place = [list(simulation.feature_names).index(n) for n in OUTPUTS]
    found = np.empty((number, len(TIMES), len(OUTPUTS)))

    def run() -> None:
        for i in range(number):
            simulation.parameter_values = values[i]
            simulation.state_values = starts[i]
            simulation.simulate(time_vector=times, reset=False)   # from the state just set
            found[i] = simulation.feature_values[:, place]

    _, cpu, wall = timed(run, least=0.1)
    outputs = {name: found[:, :, i] for i, name in enumerate(OUTPUTS)}
    return outputs, compile_s, 1e6 * cpu / number, 1e6 * wall / number


def constants(person: dict[str, np.ndarray], change: dict[str, np.ndarray]) -> dict[str, Any]:
    """Constants of each person in the names of the sund model."""
    k = jax.vmap(lambda p: SYSTEM.constants(p, PARAMETERS))(jax.tree.map(jax.numpy.asarray, person))
    body, liver, p = k["body_composition"], k["liver_fat"], PARAMETERS["liver_fat"]
    EI = body.EI0 + 4184.0 * change["energy_change_kcal_d"]
    r, c = EI / body.EI0, change["carbohydrate_fraction"]
    fat = person["fat_fraction"] + person["carbohydrate_fraction"] - c
    return {
        "indiet": p["k_diet"] * r * fat / liver.f0, "innefa": p["k_nefa"] * liver.m_N,
        "intca": p["k_tca"] * liver.m_T * change["dnl_drug_factor"] * r * c / liver.c0,
        "kdnl": p["k_dnl"], "kvldl": p["k_vldl"], "kbox": p["k_box"], "ks": p["k_s"], "kir": p["k_IR"],
        "F0": body.F0, "E0": body.E0, "LF": body.L_F, "K": body.K, "kG": body.k_G, "CI": c * EI, "CI0": body.CI0,
        "EI": EI, "EI0": body.EI0, "delta": (0.9 * body.PAL - 1.0) * body.RMR / body.W0,
        "H(0)": liver.H0, "D(0)": liver.D0, "G(0)": 0.5, "E(0)": body.E0, "F(0)": body.F0, "A(0)": 0.0,
    }  # fmt: skip


def main() -> None:
    """Measure, print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--write", action="store_true", help="renew benchmarks/README.md")
    arguments = parser.parse_args()
    x = people(arguments.people)
    few = jax.tree.map(lambda v: v[:200], x)
    exact = jax.jit(jax.vmap(one("reference", 1e-10)))(jax.tree.map(jax.numpy.asarray, few))
    cases: list[tuple[str, Callable[[], Any]]] = [
        ("tvilling batch solver (Rodas3, sparse)", lambda: measure_jax("batch", x)),
        ("tvilling, Diffrax Kvaerno5 at 1e-6, 200 people", lambda: measure_jax("reference", few)),
        ("sund (SUNDIALS), 2,000 people", lambda: measure_sund(jax.tree.map(lambda v: v[:2000], x))),
    ]
    rows, base = [], None
    for name, case in cases:
        try:
            found, compile_s, cpu, wall = case()
        except ImportError:
            rows.append(f"| {name} | not installed | | | | |")
            continue
        base = base or cpu
        error = max(np.max(np.abs(found[o][:200] - exact[o]) / np.abs(exact[o])) for o in OUTPUTS)
        rows.append(
            f"| {name} | {compile_s:.1f} | {cpu:.1f} | {wall:.1f} | {1e6 / cpu:,.0f} | {error:.1e} | {cpu / base:.1f} |"
        )
    head = (
        "| solver | compile s | CPU us a person | wall us a person | people per CPU-second | max relative error | "
        "CPU, ours = 1 |\n|---|---|---|---|---|---|---|"
    )
    table = "\n".join([head, *rows])
    print(table)
    if arguments.write:
        text = README.read_text(encoding="utf-8")
        start, end = text.index("<!-- liver_fat -->"), text.index("<!-- end liver_fat -->")
        where = f"Python {platform.python_version()}, {platform.machine()}, {arguments.people:,} people"
        README.write_text(f"{text[:start]}<!-- liver_fat -->\n{where}\n\n{table}\n{text[end:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
