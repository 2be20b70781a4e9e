"""What both alcohol twins share: the time course of solid food, and when the stomach holds liquid.

Neither depends on ethanol, so both are known before anything is solved: solid food in closed form (emptying curve of
doi 10.1016/S0002-9270(00)00868-6), and the moments at which the liquid passes twice its residual volume. There the
exchange between liquid and food starts and stops, which moves blood alcohol; plain automatic differentiation would not
see that these moments depend on parameters, so they are solved for here and the solvers restart at them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pipeline.twins.base import Values
from pipeline.twins.events import NEVER

SOLID_END_MIN = 225.64471664  # min after a meal at which the emptying curve reaches zero, whatever its size
FEW_KCAL = (9.0, 3.0, 1.0)    # solid energy below which its volume falls fast; with the last it is that of 1 kcal
LEFT_KCAL = 1e-3              # solid energy at which the exchange with the liquid stops
DRINKING_STEPS = 12           # steps through a drink, where the volume has no closed form


def solid_share(tau: Any) -> Any:
    """Share of a meal's solid energy still in the stomach `tau` minutes after it."""
    x = (0.01 * jnp.maximum(tau, 1e-12)) ** 1.86
    return jnp.maximum(0.0, 1.0 - 1.88 / 1.86 * -jnp.expm1(-x))


class Meals(NamedTuple):
    """Meals in order of time; what a later one finds is added to it."""

    start: Any       # min
    size: Any        # kcal, M: solid energy right after the meal
    few: Any         # (levels, meals), min at which each of `FEW_KCAL` is left,
    left: Any        # and `LEFT_KCAL`; or the next meal, as for the others
    end: Any         # min at which nothing is left; never, if the next meal comes first


def stack_meals(start: Any, kcal: Any) -> Meals:
    """Sizes and ends of meals; `start` rises."""

    def add(earlier: Any, meal: Any) -> Any:
        before, size = earlier
        now, energy = meal
        size = energy + size * solid_share(now - before)
        return (now, size), size

    _, size = jax.lax.scan(add, (start[0], jnp.zeros_like(kcal[0])), (start, kcal))
    after = jnp.append(start[1:], jnp.inf)

    def until(kcal: float) -> Any:
        some = size > 2.0 * kcal
        emptied = 1.0 - (1.0 - kcal / jnp.where(some, size, 1.0)) * 1.86 / 1.88
        tau = 100.0 * (-jnp.log(jnp.where(some, emptied, 0.5))) ** (1.0 / 1.86)
        return jnp.minimum(start + jnp.where(some, tau, 0.0), after)

    gone = start + SOLID_END_MIN
    end = jnp.where(gone < after, gone, NEVER)
    return Meals(start, size, jnp.stack([until(kcal) for kcal in FEW_KCAL]), until(LEFT_KCAL), end)


class Intervals(NamedTuple):
    """Stretches of time within which drinking goes on at one rate, or not at all."""

    start: Any       # min
    end: Any
    flow: Any        # L/min
    energy: Any      # kcal/min


def drinking(events: Values, start: Any, end: Any) -> Intervals:
    """The stretches between starts and ends of drinks."""
    begin = events["drink_start_min"]
    finish = begin + events["drink_minutes"]
    bounds = jnp.sort(jnp.clip(jnp.concatenate([jnp.stack([start, end]), begin, finish]), start, end))
    flow, energy = flows(events, 0.5 * (bounds[1:] + bounds[:-1]))[:2]
    return Intervals(bounds[:-1], bounds[1:], flow, energy)


def flows(events: Values, t: Any) -> tuple[Any, Any, Any]:
    """Liquid (L/min), energy (kcal/min) and alcohol (L/min) swallowed at times `t`; overlapping drinks add up."""
    begin = events["drink_start_min"]
    on = (begin <= t[..., None]) & (t[..., None] < begin + events["drink_minutes"])
    flow = jnp.where(on, events["drink_volume_l"] / events["drink_minutes"], 0.0)
    energy, alcohol = flow * events["drink_kcal_per_l"], flow * events["drink_abv_percent"] / 100.0
    return flow.sum(-1), energy.sum(-1), alcohol.sum(-1)


class Emptying(NamedTuple):
    """How liquid leaves the stomach: rate = speed * u / (u + half) * brake(energy), u volume above the residual.

    While nothing is drunk, `time(energy, t)` is the integral of the brake over `t` minutes from liquid energy
    `energy`, and `brake_after(energy, t)` its slope.
    """

    speed: Any
    half: Any
    residual: Any
    brake: Callable[[Any], Any]
    feed: Callable[[Any, Any, Any], Any]             # rate of the braking energies (energies, swallowed, share emptied)
    start_drink: Callable[[Any], Any]                # braking energies right when drinking starts
    rest: Callable[[Any, Any, Any], Any]             # energies after t minutes without drinking, in which the volume
                                                     # shrank by a factor (energies, t, factor)
    time: Callable[[Any, Any], Any]
    brake_after: Callable[[Any, Any], Any]
    litre: float                                     # units of volume in a litre


def liquid_spans(stretches: Intervals, emptying: Emptying, energies: Any) -> tuple[Any, Any]:
    """Starts and ends of the times with more liquid than twice the residual, one span a stretch (may be empty)."""

    def pass_stretch(carry: Any, stretch: Any) -> Any:
        u, K, was_wet = carry
        begin, end, flow, swallowed = stretch
        length = end - begin
        wet = flow > 0.0
        K = jax.tree.map(lambda a, b: jnp.where(wet & ~was_wet, a, b), emptying.start_drink(K), K)
        # A stretch without drinking takes no steps here: through long ones they would explode, and slopes with them.
        u_wet, K_wet = _drink(u, K, emptying, emptying.litre * flow, swallowed, jnp.where(wet, length, 0.0))
        rise = emptying.litre * flow - _rate(0.5 * (jnp.minimum(u, emptying.residual) + emptying.residual), K, emptying)
        opens = jnp.where(wet, jnp.maximum(emptying.residual - u, 0.0) / jnp.where(rise > 0.0, rise, 1.0), 0.0)
        closes = jnp.where(wet, length, _falls_to(u, emptying.residual, K, emptying))
        span = begin + jnp.minimum(opens, length), begin + jnp.minimum(closes, length)
        rested = _rests(u, K, emptying, length)
        K_dry = emptying.rest(K, length, (rested + emptying.residual) / (u + emptying.residual))
        K = jax.tree.map(lambda a, b: jnp.where(wet, a, b), K_wet, K_dry)
        return (jnp.where(wet, u_wet, rested), K, wet), span

    _, spans = jax.lax.scan(pass_stretch, (jnp.zeros(()), energies, jnp.asarray(False)), stretches)
    return spans


def _rate(u: Any, K: Any, emptying: Emptying) -> Any:
    return emptying.speed * u / (u + emptying.half) * emptying.brake(K)


def _drink(u: Any, K: Any, emptying: Emptying, inflow: Any, swallowed: Any, length: Any) -> tuple[Any, Any]:
    """Volume and braking energies at the end of a drink, by the classical Runge-Kutta method."""
    h = length / DRINKING_STEPS

    def rate(state: Any) -> Any:
        u, K = state
        out = _rate(u, K, emptying)
        return inflow - out, emptying.feed(K, swallowed, out / (u + emptying.residual))

    def ahead(state: Any, slope: Any, by: Any) -> Any:
        return jax.tree.map(lambda a, b: a + by * b, state, slope)

    def one(state: Any, _: None) -> Any:
        a = rate(state)
        b = rate(ahead(state, a, h / 2))
        c = rate(ahead(state, b, h / 2))
        d = rate(ahead(state, c, h))
        slope = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, a, b, c, d)
        return ahead(state, slope, h), None

    return jax.lax.scan(one, (u, K), None, length=DRINKING_STEPS)[0]


def _rests(u: Any, K: Any, emptying: Emptying, length: Any) -> Any:
    """Volume after `length` minutes without drinking: u + half ln u falls by speed times the braked time."""
    some = jnp.maximum(u, 1e-12)
    goal = some / emptying.half + jnp.log(some) - emptying.speed / emptying.half * emptying.time(K, length)
    w = jnp.minimum(goal, jnp.log(some))             # ln u; Newton on exp(w)/half + w = goal
    for _ in range(4):
        w = w - (jnp.exp(w) / emptying.half + w - goal) / (jnp.exp(w) / emptying.half + 1.0)
    return jnp.exp(w)


def _falls_to(u: Any, level: Any, K: Any, emptying: Emptying) -> Any:
    """Minutes without drinking until the volume has fallen from `u` to `level`; 0 if it is there already."""
    above = u > level
    start = jnp.where(above, u, 2.0 * level)
    goal = (start - level + emptying.half * jnp.log(start / level)) / emptying.speed
    # The braked time is convex in t and no larger than t: Newton from t = goal passes the root once, then descends.

    def improve(_: Any, t: Any) -> Any:
        return jax.lax.stop_gradient(t - (emptying.time(K, t) - goal) / emptying.brake_after(K, t))

    t = jax.lax.fori_loop(0, 10, improve, jax.lax.stop_gradient(goal))
    # The root's derivative comes from one more step: implicit function theorem.
    t = t - (emptying.time(K, t) - goal) / jax.lax.stop_gradient(emptying.brake_after(K, t))
    return jnp.where(above, t, 0.0)
