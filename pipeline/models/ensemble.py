"""Neural ensembles whose members have each left out a part of the training people.

Member k learns from everybody but part k. The part that it left out says when to stop and how far to believe it, so
that no person is needed twice and nothing is learned from people outside (Krogh A, Vedelsby J, Adv Neural Inf Process
Syst 1995;7:231-238). Members also begin from different weights, and their spread is what is unknown about the model
(Lakshminarayanan B et al., Adv Neural Inf Process Syst 2017;30:6402-6413).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Int
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from pipeline.models.knowledge import PriorLogistic

RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)      # C of the straight line that learning starts from
SLOPE_SD = 0.3                                   # by how much members are expected to be over- or underconfident
COLUMNS, ROWS = 16, 256                          # tables are padded to multiples and powers, so that few shapes compile

Loss = Callable[[Any, Any, Any], Any]            # parameters of one member, what is fixed for it, a batch of rows
Forward = Callable[[Any, Any, Any], Any]         # the same, to what is asked of each row; log odds come first


class Descent(NamedTuple):
    """How weights are learned."""

    rate: float       # of Adam, falling to 0
    decay: float      # of the layers' weights
    batch: int        # rows a step; of few rows a quarter
    steps: int        # between two looks at the people left out
    looks: int


Layers = tuple[eqx.nn.Linear, ...]


@partial(jax.jit, static_argnames=("sizes", "members"))
def layers(sizes: tuple[int, ...], *, members: int, seed: int) -> Layers:
    """Layers of all members that differ in all but the last, which begins at zero."""

    def one(key: Any) -> Layers:
        pairs = zip(sizes[:-1], sizes[1:], jax.random.split(key, len(sizes) - 1), strict=True)
        made = tuple(eqx.nn.Linear(before, after, key=k) for before, after, k in pairs)
        return (*made[:-1], jax.tree.map(jnp.zeros_like, made[-1]))

    return jax.vmap(one)(jax.random.split(jax.random.key(seed), members))


def through(layers: Layers, rows: Any) -> Any:
    """What the layers of one member make of rows."""
    for layer in layers[:-1]:
        rows = jnp.tanh(rows @ layer.weight.T + layer.bias)
    return rows @ layers[-1].weight.T + layers[-1].bias


def to_arrays(layers: Layers) -> list[np.ndarray]:
    """Weights and biases, for an estimator to keep."""
    return [np.asarray(leaf) for leaf in jax.tree.leaves(layers)]


def from_arrays(arrays: Sequence[np.ndarray]) -> Layers:
    """The layers whose weights and biases these are."""
    sizes = (arrays[0].shape[-1], *(bias.shape[-1] for bias in arrays[1::2]))
    shape = jax.eval_shape(partial(layers, sizes, members=len(arrays[0])), seed=0)
    return jax.tree.unflatten(jax.tree.structure(shape), arrays)


class Parts(NamedTuple):
    """Which rows each member leaves out, and which it learns from at each step."""

    fold: Int[np.ndarray, " rows"]
    held: Int[np.ndarray, "members width"]           # rows left out; the first ones again where there are fewer
    batches: Int[np.ndarray, "looks steps members batch"]


def divide(
    event: Int[np.ndarray, " rows"], descent: Descent, *, members: int, rows_per_person: int, seed: int
) -> Parts:
    """Parts with like shares of events; consecutive rows of one person stay together."""
    draw = np.random.default_rng(seed)
    people = event[::rows_per_person]
    fold = np.empty(len(people), dtype=np.int64)
    fold[np.lexsort((draw.random(len(people)), people))] = np.arange(len(people)) % members
    fold = np.repeat(fold, rows_per_person)[: len(event)]
    left = [np.flatnonzero(fold == m) for m in range(members)]
    held = np.stack([np.resize(rows, max(len(each) for each in left)) for rows in left])
    batch = min(descent.batch, _length(len(event)) // 4)
    total = descent.looks * descent.steps * batch
    rows = [np.flatnonzero(fold != m) for m in range(members)]
    orders = [np.concatenate([draw.permutation(r) for _ in range(-(-total // len(r)))])[:total] for r in rows]
    shape = (members, descent.looks, descent.steps, batch)
    return Parts(fold, held, np.moveaxis(np.stack(orders).reshape(shape), 0, 2))


def widen(X: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows more"]:
    """The table with columns of zeros beside, up to one of few widths."""
    return np.pad(X, ((0, 0), (0, -X.shape[1] % COLUMNS)))


def lengthen(rows: Any) -> Any:
    """Arrays over rows, with rows again below, up to one of few lengths."""
    number = _length(len(jax.tree.leaves(rows)[0]))
    return jax.tree.map(lambda leaf: np.resize(leaf, (number, *leaf.shape[1:])), rows)


def _length(rows: int) -> int:
    return int(ROWS * 2 ** np.ceil(np.log2(max(rows / ROWS, 1.0))))


def lack(logit: Any, batch: Any) -> Any:
    """What the risks of a batch lack a person, in nats."""
    return jnp.mean(batch["weight"] * (jnp.logaddexp(0.0, logit) - batch["event"] * logit))


def straight_lines(
    X: Sequence[Float[np.ndarray, "rows columns"]],
    event: Int[np.ndarray, " rows"],
    weight: Float[np.ndarray, " rows"],
    fold: Int[np.ndarray, " rows"],
) -> tuple[float, Float[np.ndarray, "members columns+1"]]:
    """Ridge logistic regression of each member on its own columns: the common C, and levels before slopes.

    C is the one of `RIDGES` with which the left-out people are foretold best.
    """
    losses, found = [], []
    for C in RIDGES:
        loss, lines = 0.0, []
        for m, columns in enumerate(X):
            inside, left = fold != m, fold == m
            model = LogisticRegression(C=C, solver="newton-cholesky")
            model.fit(columns[inside], event[inside], sample_weight=weight[inside])
            lines.append(np.concatenate([model.intercept_, model.coef_[0]]))
            loss += log_loss(model.decision_function(columns[left]), event[left], weight[left])
        losses.append(loss)
        found.append(np.stack(lines))
    best = int(np.argmin(losses))
    return RIDGES[best], found[best]


def log_loss(logit: Any, event: Any, weight: Any) -> float:
    """Sum of what the risks lack, in nats."""
    return float(np.sum(weight * (np.logaddexp(0.0, logit) - event * logit)))


def learn(
    loss: Loss,
    forward: Forward,
    start: Any,
    fixed: Any,
    C: float,
    data: Any,
    event: Int[np.ndarray, " rows"],
    weight: Float[np.ndarray, " rows"],
    parts: Parts,
    descent: Descent,
) -> tuple[Any, Float[np.ndarray, " two"]]:
    """Parameters of all members after as many steps as serve the left-out people best, and how to calibrate them.

    `start` and `fixed` have members as first axis, `data` rows; `start` holds as `line` what `straight_lines` gave,
    which stays under its ridge `C`. The calibration is level and slope on the log odds of the left-out people, the
    slope normal around 1 with spread `SLOPE_SD`.
    """
    rows = lengthen(data | {"event": event, "weight": weight / weight.mean()})
    ridge = 1.0 / (C * weight.sum())
    later = _descend(loss, descent.rate, descent.decay, ridge, start, fixed, rows, parts.batches)
    looks = [start, *(jax.tree.map(lambda leaf: leaf[i], later) for i in range(descent.looks))]      # noqa: B023
    left = np.empty((len(looks), len(event)))
    for i, params in enumerate(looks):
        logits, *_ = evaluate(forward, params, fixed, data, parts.held)
        left[i, parts.held] = logits
    best = int(np.argmin([log_loss(each, event, weight) for each in left]))
    calibration = PriorLogistic(slope_sd=SLOPE_SD).fit(left[best][:, None], event, weight).coef_
    return jax.tree.map(np.asarray, looks[best]), calibration


def evaluate(
    forward: Forward, params: Any, fixed: Any, data: Any, which: Int[np.ndarray, "members some"] | None = None
) -> tuple[np.ndarray, ...]:
    """What `forward` gives for rows `which` of each member, or for all, as arrays (members, some, ...)."""
    if which is None:
        members, rows = len(params["line"]), len(jax.tree.leaves(data)[0])
        which = np.broadcast_to(np.arange(rows), (members, rows))
    parts = []
    for first in range(0, which.shape[1], ROWS):
        some = which[:, first : first + ROWS]
        filled = np.pad(some, ((0, 0), (0, ROWS - some.shape[1])), mode="edge")
        found = _evaluate(forward, params, fixed, jax.tree.map(lambda leaf: leaf[filled], data))      # noqa: B023
        parts.append([np.asarray(each)[:, : some.shape[1]] for each in found])
    return tuple(np.concatenate(each, axis=1) for each in zip(*parts, strict=True))


@partial(jax.jit, static_argnums=0)
def _evaluate(forward: Forward, params: Any, fixed: Any, rows: Any) -> Any:
    return jax.vmap(forward)(params, fixed, rows)


def calibrated(logits: Float[np.ndarray, "members rows"], calibration: np.ndarray) -> Float[np.ndarray, "members rows"]:
    """Risks by each member."""
    return expit(calibration[0] + calibration[1] * np.asarray(logits))


@partial(jax.jit, static_argnums=(0, 1, 2))
def _descend(
    loss: Loss, rate: float, decay: float, ridge: Any, start: Any, fixed: Any, rows: Any, batches: Any
) -> Any:
    """Parameters at each look."""
    looks, steps = batches.shape[:2]
    # The straight line is shrunk by its ridge, as when it was found.
    shrunk = {name: name != "line" for name in start}
    optimiser = optax.adamw(optax.cosine_decay_schedule(rate, looks * steps), weight_decay=decay, mask=shrunk)

    def total(params: Any, which: Any) -> Any:
        batch = jax.tree.map(lambda leaf: leaf[which], rows)
        return jnp.sum(jax.vmap(loss)(params, fixed, batch)) + 0.5 * ridge * (params["line"][:, 1:] ** 2).sum()

    def step(carry: Any, which: Any) -> tuple[Any, None]:
        params, state = carry
        updates, state = optimiser.update(jax.grad(total)(params, which), state, params)
        return (optax.apply_updates(params, updates), state), None

    def look(carry: Any, which: Any) -> tuple[Any, Any]:
        carry, _ = jax.lax.scan(step, carry, which)
        return carry, carry[0]

    return jax.lax.scan(look, (start, optimiser.init(start)), batches)[1]
