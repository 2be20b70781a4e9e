"""Glucose and insulin of one person: the equations that fasting and meals share, with the fat cell inside them.

Dalla Man C et al., IEEE Trans Biomed Eng 2007;54:1740-1749, doi 10.1109/TBME.2007.893506 (glucose, insulin, meal),
Nyman E et al., J Biol Chem 2011;286:26028-26041, doi 10.1074/jbc.M110.188987 (fat cell), joined to body composition
by Herrgårdh T et al., Diabetol Metab Syndr 2023, doi 10.1186/s13098-023-01223-6. Rates are per minute; glucose in
mg/kg, insulin in pmol/kg, stomach and gut in mg, pools of the fat cell in percent.
"""

from __future__ import annotations

from importlib.resources import files
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pandas as pd

from pipeline.twins.base import Parameter, Scalar, Table

CITATION = "Herrgårdh T et al., Diabetol Metab Syndr 2023, doi 10.1186/s13098-023-01223-6"
ASSUMED = "Herrgårdh 2023 for the median; spread assumed, none is published"
TRAITS = (
    Parameter("production", "1", 1.0, 0.05, ASSUMED),       # of the constant part of endogenous glucose production
    Parameter("sensitivity", "1", 1.0, 0.35, ASSUMED),      # of uptake by insulin in muscle and liver, and by fat cells
    Parameter("beta_cell", "1", 1.0, 0.30, ASSUMED),        # of insulin secretion
)

CONSTANTS = pd.read_csv(str(files("pipeline.twins").joinpath("glucose_insulin.csv")), float_precision="round_trip")
C: Any = SimpleNamespace(**dict(zip(CONSTANTS["name"], CONSTANTS["value"].tolist(), strict=True)))
FIXED = (
    Table(
        "The same in everybody; rate constants of signalling inside the fat cell (Nyman 2011) stand in the code.",
        tuple(head.capitalize() for head in CONSTANTS),
        tuple(CONSTANTS.itertuples(index=False, name=None)),
    ),
)
MG_PER_KCAL = 250.0                            # mg of glucose per kcal: all of a meal is counted as glucose
ONE_LIMIT = "loss of fat improves insulin sensitivity up to 5 % in all factors, instead of two limits and a jump"
LEAST_ACTION = -5.0                         # pmol/l, insulin action on fat at which receptors bind nothing
NO_BENEFIT = -0.0518191926                  # ln(fat ratio) below which loss of fat improves nothing further


class Factors(NamedTuple):
    """What change of fat mass does, each 1 at the start."""

    d: Any      # phosphorylation of IRS1 by mTORC1
    R: Any      # synthesis of insulin receptors
    G4: Any     # synthesis of GLUT4
    U: Any      # divides uptake by muscle and liver
    E: Any      # multiplies endogenous production
    I: Any      # noqa: E741  multiplies the rate of portal insulin


class Body(NamedTuple):
    """The person as seen by the equations of minutes."""

    weight: Any             # kg
    fat_ratio: Any
    lean_ratio: Any
    factors: Factors
    production: Any         # multiplier of the constant part of endogenous production
    sensitivity: Any        # multiplier of uptake by insulin
    beta: Any               # multiplier of secretion


class FatCell(NamedTuple):
    """Insulin signalling and glucose of a fat cell. S6 kinase and S6 act on nothing and are left out."""

    IRm: Scalar
    IRp: Scalar
    IRins: Scalar
    IRip: Scalar
    IRi: Scalar
    IRS1p: Scalar
    IRS1p307: Scalar
    IRS1307: Scalar
    Xp: Scalar
    PKB308p: Scalar
    PKB473p: Scalar
    PKBpp: Scalar
    mTORC1a: Scalar
    mTORC2a: Scalar
    AS160p: Scalar
    GLUT4m: Scalar
    GLUT4: Scalar
    Gi: Scalar
    G6P: Scalar


class Pools(NamedTuple):
    """Amounts that never change, in percent: what is left of each is the form that is not a state."""

    IRS1: float = 100.0000876611945
    X: float = 100.00004603000008
    PKB: float = 99.9999
    mTORC1: float = 100.0
    mTORC2: float = 100.00005900000004
    AS160: float = 100.0


FAT_CELL_SCALE = FatCell(
    IRm=60.0, IRp=1.6e-3, IRins=1.0, IRip=15.0, IRi=0.03, IRS1p=5e-3, IRS1p307=8.0, IRS1307=90.0, Xp=7e-3,
    PKB308p=0.05, PKB473p=30.0, PKBpp=70.0, mTORC1a=80.0, mTORC2a=50.0, AS160p=75.0, GLUT4m=60.0, GLUT4=40.0,
    Gi=5.0, G6P=5e-3,
)  # fmt: skip
P = Pools()


def resistance(fat_ratio: Any, *, one_limit: bool) -> Factors:
    """Factors of insulin resistance at a fat mass over that at the start.

    As published the benefit of fat loss ends at one limit in three factors and at another, with a jump, in two;
    with `one_limit` it ends at 5 % of fat loss in all.
    """
    x = jnp.log(fat_ratio)
    if one_limit:
        x = jnp.maximum(x, NO_BENEFIT)
    d = 1.0 - 0.08962 * x
    R, G4 = 1.0 - 0.13696 * x, 1.0 - 0.15865 * x
    U, E, I = (1.0 + 2.35 * slope * x for slope in (0.605258205407204, 1.14283956191542, 0.749598731223457))  # noqa: E741
    if not one_limit:
        R = jnp.where(d < 1.046, jnp.minimum(1.0, R), 1.007097156799198)
        G4 = jnp.where(d < 1.046, jnp.minimum(1.0, G4), 1.008221115115309)
        U = jnp.where(d < 1.0046, U, 0.926294640396772)
        E = jnp.where(d < 1.0046, E, 0.860830533146272)
        I = jnp.where(d < 1.0046, I, 0.90871750253449)  # noqa: E741
    return Factors(d, R, G4, U, E, I)


def endogenous_production(Gp: Any, Id: Any, Ipo: Any, body: Body) -> Any:
    """Glucose made by liver and kidney, mg/kg/min; negative where too much insulin is about."""
    return (C.kp1 * body.production - C.kp2 * Gp - C.kp3 * Id - C.kp4 * Ipo) * body.factors.E


def excretion(Gp: Any) -> Any:
    """Glucose lost in urine above the threshold, mg/kg/min."""
    return C.ke1 * jnp.maximum(0.0, Gp - C.ke2)


def muscle_and_liver(Gt: Any, M: Any, body: Body) -> tuple[Any, Any]:
    """Uptake by muscle and by liver under the insulin action `M`, mg/kg/min."""
    action = body.sensitivity * M
    muscle = body.lean_ratio * (C.Vm + C.Vmx * action) / (C.Km + Gt)
    liver = (C.Vl + C.Vlx * action) / (C.Kl + Gt)
    share = Gt / body.factors.U
    return muscle * share, liver * share


def fat_influx(Gt: Any, N: Any, GLUT4m: Any, body: Body) -> Any:
    """Glucose into fat cells before what flows back, per unit of fat at the start."""
    return body.sensitivity * C.p4 * Gt * C.nC * ((C.k8 * GLUT4m + C.glut1) / C.pf + C.be + C.kbf * (N + 7.0))


def liver_loss(S: Any) -> Any:
    """Rate at which the liver clears insulin (m3), 1/min: less of it the more is secreted."""
    HE = C.m6 - C.m5 * S
    return HE * C.m1 / (1.0 - HE)


def emptying(Q: Any, D: Any) -> Any:
    """Rate at which the stomach with `Q` mg empties after a meal of `D` mg, 1/min."""
    aa, cc = 2.5 / ((1.0 - C.b) * D), 2.5 / (C.dd * D)
    return C.kmin + 0.5 * (C.kmax - C.kmin) * (jnp.tanh(aa * (Q - C.b * D)) - jnp.tanh(cc * (Q - C.dd * D)) + 2.0)


class Fasting(NamedTuple):
    """The steady state without food at a plasma glucose; steady if `surplus` (mg/kg/min) is zero."""

    surplus: Any
    Gt: Any
    Il: Any
    Ip: Any
    Ipo: Any
    N: Any
    M: Any
    muscle: Any
    fat: Any
    Gi: Any


def fasting_at(Gp: Any, body: Body, action: tuple[Any, Any] | None, *, excretes: bool) -> Fasting:
    """Everything that follows from a plasma glucose `Gp` in the steady state, by algebra.

    `action` is the insulin action (N, M) held since the last meal; None if it follows fasting insulin. Secretion
    has a floor at zero: the published switch below it has no steady state. G6P (0.006) is lost beside the constant
    11496 of the fat cell: an error of 5e-7 of its uptake.
    """
    Ipo = jnp.maximum(0.0, C.betas * (Gp / C.VG - C.Gb) + C.Sb) / C.gamma
    S = C.gamma * Ipo * body.beta
    Il = S / (C.m1 + liver_loss(S) - C.m1 * C.m2 / (C.m2 + C.m4))
    Ip = C.m1 * Il / (C.m2 + C.m4)
    insulin = Ip / C.VI
    N, M = follows(insulin, body) if action is None else action
    EGP = endogenous_production(Gp, insulin, Ipo, body)
    supply = EGP - C.Uii - (excretion(Gp) if excretes else 0.0)
    Gt = jnp.maximum(0.0, (C.k1 * Gp - supply) / C.k2)
    muscle, liver = muscle_and_liver(Gt, M, body)
    into = fat_influx(Gt, N, 62.81266 * body.factors.G4, body)
    Gi = _inside(into)
    fat = body.fat_ratio * (into - C.p3 * Gi)
    return Fasting(supply - (muscle + liver + fat), Gt, Il, Ip, Ipo, N, M, muscle, fat, Gi)


def follows(insulin: Any, body: Body) -> tuple[Any, Any]:
    """Insulin action (N, M) in balance with insulin (pmol/l), within its limits."""
    return limited(insulin - C.Ib, C.kI1 / C.kI2 * (insulin - C.Ib), body)


def limited(N: Any, M: Any, body: Body) -> tuple[Any, Any]:
    """Insulin action no lower than where receptors bind nothing and where uptake by muscle is zero."""
    return jnp.maximum(N, LEAST_ACTION), jnp.maximum(M, -C.Vm / C.Vmx / body.sensitivity)


def _inside(into: Any) -> Any:
    """Glucose in the fat cell at which influx, return and phosphorylation are in balance."""
    A = C.V6 / C.G6
    half = 0.5 * (A + C.p1 * C.p3 * C.K6 - C.p1 * into)
    c = C.p1 * C.p1 * C.p3 * C.K6 * into
    root = jnp.sqrt(half * half + c)
    return (root - half) / (C.p1 * C.p3)


def solve_fasting(body: Body, action: tuple[Any, Any] | None, *, excretes: bool) -> Any:
    """Fasting plasma glucose (mg/kg); above the bracket insulin would not leave the blood any more."""

    high = jnp.minimum(700.0, C.VG * (C.Gb + (S_MAX / body.beta - C.Sb) / C.betas))
    surplus = lambda Gp, known: fasting_at(Gp, *known, excretes=excretes).surplus  # noqa: E731
    return _falling_root(surplus, (body, action), (20.0, high), 178.0, steps=6)


def _falling_root(function: Any, known: Any, bracket: tuple[Any, Any], first: float, steps: int) -> Any:
    """Where `function(x, known)` turns from positive to negative: Newton steps kept within a shrinking bracket.

    One more step outside the loop carries the derivative (implicit function theorem), to first order.
    """
    held = jax.lax.stop_gradient(known)
    shape = jnp.broadcast_shapes(*(jnp.shape(v) for v in jax.tree.leaves(known)))

    def slope_at(x: Any) -> tuple[Any, Any]:
        return jax.jvp(lambda v: function(v, held), (x,), (jnp.ones_like(x),))

    def narrow(_: int, carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        low, high, x = carry
        value, slope = slope_at(x)
        low, high = jnp.where(value > 0.0, x, low), jnp.where(value > 0.0, high, x)
        step = x - value / slope
        return low, high, jnp.where((step >= low) & (step <= high), step, 0.5 * (low + high))

    low, high = (jax.lax.stop_gradient(jnp.broadcast_to(jnp.asarray(end, dtype=float), shape)) for end in bracket)
    x = jax.lax.fori_loop(0, steps, narrow, (low, high, jnp.clip(first, low, high)))[2]
    return x - function(x, known) / slope_at(x)[1]


# pmol/kg/min, secretion at which clearance by liver and plasma together would vanish, with a margin
S_MAX = 0.98 * (C.m6 + (C.m4 / (C.m2 + C.m4)) / (1.0 - C.m4 / (C.m2 + C.m4))) / C.m5


def fat_cell_at_rest(N: Any, Gi: Any, factors: Factors) -> FatCell:
    """The fat cell in its steady state under insulin action `N` and with glucose `Gi` inside.

    One scalar equation, in active mTORC1; the rest is algebra.
    """

    def excess(m: Any, known: tuple[Any, Any, Factors]) -> Any:
        cell = _fat_cell_at(m, *known)
        drive = 1.8423 * cell.PKBpp + 0.055064 * cell.PKB308p
        return P.mTORC1 * drive / (drive + 24.826) - m

    m = _falling_root(excess, (N, Gi, factors), (0.0, P.mTORC1), 84.0, steps=3)
    return _fat_cell_at(m, N, Gi, factors)


def _fat_cell_at(m: Any, N: Any, Gi: Any, factors: Factors) -> FatCell:
    IRi = 0.0323845 * factors.R                                  # synthesis is lost by this form alone
    IRp = 1.547 * IRi / 31.0
    bound = 0.633e-3 * (N + 5.0)
    IRm = 1971.0 * IRp / (0.0368 + bound)
    product = 31.0 * IRp / 0.368                                 # of IRip and Xp
    # IRS1 over all its forms is a quadratic in IRS1p, whose coefficients follow from going through X.
    a, b = 0.00137731, 0.0987558
    to307 = 5758.78 * m * factors.d / (280.753 + 2.9131)
    to1307 = 2.9131 / 0.267089
    fixed = 1.0 + to307 * (1.0 + to1307)
    free = (3424.35 + 2.9131 * to307) * P.X * a / (3.22728 * product)
    A = fixed * a + free * (1.0 + 0.0422768 / 0.267089)
    B = fixed * b - P.IRS1 * a
    u = 2.0 * P.IRS1 * b / (B + jnp.sqrt(B * B + 4.0 * A * P.IRS1 * b))
    Xp = P.X * a * u / (a * u + b)
    IRip = product / Xp
    IRS1 = free * u * u / (a * u + b)
    mTORC2a = P.mTORC2 * 0.0857515 * IRip / (0.0857515 * IRip + 1.06013)
    on = 4.45581 * mTORC2a                                       # PKB relative to PKB308p
    PKB473p = on / 0.536145
    PKBpp = PKB473p * (42.8395 * to307 * u + 0.536145) / 143.597
    one = P.PKB / (1.0 + PKB473p + PKBpp + (34.7965 + on) / (5790.17 * u))
    open_ = 2.65168 * PKBpp * one + 36.9348 * _saturated(PKB473p * one)
    AS160p = P.AS160 * open_ / (open_ + 65.1841)
    GLUT4m = 62.81266 * factors.G4
    return FatCell(
        IRm=IRm, IRp=IRp, IRins=bound * IRm / 0.877, IRip=IRip, IRi=IRi,
        IRS1p=u, IRS1p307=to307 * u, IRS1307=to1307 * to307 * u + 0.0422768 / 0.267089 * IRS1, Xp=Xp,
        PKB308p=one, PKB473p=PKB473p * one, PKBpp=PKBpp * one, mTORC1a=m, mTORC2a=mTORC2a,
        AS160p=AS160p, GLUT4m=GLUT4m, GLUT4=2291.0 * GLUT4m / (51.0 * AS160p),
        Gi=Gi, G6P=C.V6 * Gi / (C.K6 + Gi) / C.G6 / C.p2,
    )  # fmt: skip


def fat_cell_rates(y: FatCell, N: Any, into: Any, factors: Factors) -> FatCell:
    """Rate of each form, per minute, by mass action; `into` is the influx of glucose."""
    IRS1 = P.IRS1 - y.IRS1p - y.IRS1p307 - y.IRS1307
    PKB = P.PKB - y.PKB308p - y.PKB473p - y.PKBpp
    binding, basal = 0.633e-3 * (N + 5.0) * y.IRm, 0.0368 * y.IRm
    autophosphorylation, recovery, internalisation = 0.877 * y.IRins, 1940.0 * y.IRp, 31.0 * y.IRp
    off, recycling = 0.368 * y.IRip * y.Xp, 0.547 * y.IRi
    to_p, from_p = 3.22728 * IRS1 * y.IRip, 3424.35 * y.IRS1p
    to_p307, from_p307 = 5758.78 * y.IRS1p * y.mTORC1a * factors.d, 280.753 * y.IRS1p307
    to_307, out_307, in_307 = 2.9131 * y.IRS1p307, 0.267089 * y.IRS1307, 0.0422768 * IRS1
    to_308, from_308 = 5790.17 * PKB * y.IRS1p, 34.7965 * y.PKB308p
    to_both, from_473, to_473 = 4.45581 * y.PKB308p * y.mTORC2a, 42.8395 * y.PKB473p * y.IRS1p307, 143.597 * y.PKBpp
    to_surface, to_inside = 51.0 * y.GLUT4 * y.AS160p, 2290.0 * y.GLUT4m
    phosphorylation = C.V6 * y.Gi / (C.K6 + y.Gi) / (C.G6 + y.G6P)
    return FatCell(
        IRm=0.0323845 * factors.R + recovery + recycling - binding - basal,
        IRp=basal + autophosphorylation - recovery - internalisation,
        IRins=binding - autophosphorylation,
        IRip=internalisation - off,
        IRi=off - recycling - y.IRi,
        IRS1p=to_p + from_p307 - from_p - to_p307,
        IRS1p307=to_p307 - from_p307 - to_307,
        IRS1307=to_307 + in_307 - out_307,
        Xp=0.00137731 * (P.X - y.Xp) * y.IRS1p - 0.0987558 * y.Xp,
        PKB308p=to_308 - from_308 - to_both,
        PKB473p=to_473 - from_473 - 0.536145 * y.PKB473p,
        PKBpp=to_both + from_473 - to_473,
        mTORC1a=(P.mTORC1 - y.mTORC1a) * (1.8423 * y.PKBpp + 0.055064 * y.PKB308p) - 24.826 * y.mTORC1a,
        mTORC2a=0.0857515 * (P.mTORC2 - y.mTORC2a) * y.IRip - 1.06013 * y.mTORC2a,
        AS160p=(P.AS160 - y.AS160p) * (2.65168 * y.PKBpp + 36.9348 * _saturated(y.PKB473p)) - 65.1841 * y.AS160p,
        GLUT4m=to_surface - to_inside - y.GLUT4m,
        GLUT4=62.81266 * factors.G4 + to_inside - to_surface,
        Gi=C.p1 * (into - C.p3 * y.Gi) - phosphorylation,
        G6P=phosphorylation - C.p2 * y.G6P,
    )


def _saturated(PKB473p: Any) -> Any:
    share = (PKB473p / 30.5424) ** 2.13707
    return share / (1.0 + share)
