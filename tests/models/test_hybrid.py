"""The hybrid learns through its twins: right gradients, failures kept out, and nothing made of nothing."""

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from pipeline.fitting import FREE, SENSORS, describe, personalise
from pipeline.models import FeatureSet, encoder, ensemble, fit, hybrid
from pipeline.models.hybrid import TWINS, Hybrid, read_visit
from tests.models.people import small_hybrid

READ = ("age_years", "height_cm", "weight_kg", "body_fat_percent", "sbp_mmhg", "dbp_mmhg")
COLUMNS = FeatureSet(READ, {"sex": ("female", "male")}, ())


def people(number, seed=0):
    """Virtual people of the prior: their unknowns, and one noisy visit with gaps."""
    draw = np.random.default_rng(seed)
    known = {"age_years": draw.uniform(30, 70, number), "male": (draw.random(number) < 0.5).astype(float)}
    z = draw.normal(size=(number, len(FREE)))
    truth = pd.DataFrame({name: np.asarray(v) for name, v in jax.vmap(describe)(z, known).items()})
    error = draw.normal(size=(number, 5))
    frame = truth[list(READ)].copy()
    frame["height_cm"] += 0.5 * error[:, 0]
    frame["weight_kg"] *= np.exp(0.01 * error[:, 1])
    frame["body_fat_percent"] += 1.5 * error[:, 2]
    frame["sbp_mmhg"] += 7.7 * error[:, 3]
    frame["dbp_mmhg"] += 6.0 * error[:, 4]
    frame["sex"] = pd.array(np.where(truth["male"] > 0.5, "male", "female"), dtype="str")
    for name in READ[1:]:
        frame.loc[draw.random(number) < 0.2, name] = np.nan
    return truth, frame


def told(frame):
    """Rows for the chain."""
    steps = hybrid(0, READ, COLUMNS.categories)[0].fit(frame)
    return steps, encoder.unpack(steps.transform(frame))


def heard(chain, rows):
    """What the twins say of people at their linear posterior means."""
    params, _ = member(rows, np.ones((2, chain.numbers)))
    params["layers"] = jax.tree.map(np.zeros_like, params["layers"])
    fixed = {"centre": np.zeros(chain.numbers), "spread": np.ones(chain.numbers)}
    return np.asarray(jax.jit(chain.forward)(params, fixed, rows)[1])


def member(rows, said, seed=1):
    """Parameters of one member away from where learning starts, and what is fixed for it."""
    draw = np.random.default_rng(seed)
    sizes = (rows["told"].shape[1], 6, len(FREE))
    layers = ensemble.layers(sizes, members=1, seed=0)
    layers = jax.tree.map(lambda leaf: 0.1 * draw.normal(size=leaf.shape[1:]), layers)
    line = 0.3 * draw.normal(size=rows["x"].shape[1] + said.shape[1] + 1)
    return {"line": line, "layers": layers}, {"centre": said.mean(axis=0), "spread": said.std(axis=0)}


@pytest.mark.slow
def test_the_gradient_of_the_loss_is_that_of_central_differences_through_the_twins():
    """Every kind of weight: the encoder's first and last layer, its biases, and the line, of twins' numbers too."""
    truth, frame = people(20)
    _, rows = told(frame)
    chain = encoder.build(TWINS)
    rows |= {"event": (truth["sbp_mmhg"] > 130).to_numpy(float), "weight": np.linspace(0.5, 1.5, 20)}
    params, fixed = member(rows, heard(chain, rows))
    value, slope = jax.jit(chain.loss), jax.jit(jax.grad(chain.loss))(params, fixed, rows)
    assert np.isfinite(value(params, fixed, rows))
    leaves, tree = jax.tree.flatten(params)
    draw = np.random.default_rng(2)
    for place, (leaf, found) in enumerate(zip(leaves, jax.tree.leaves(slope), strict=True)):
        for _ in range(2):
            direction = draw.normal(size=leaf.shape)

            def along(step, place=place, leaf=leaf, direction=direction):
                moved = [*leaves[:place], leaf + step * direction, *leaves[place + 1 :]]
                return float(value(jax.tree.unflatten(tree, moved), fixed, rows))

            # Fourth order, so that rounding and curvature both stay below what is asked; a slope of 0, of a unit that
            # is off in everybody, is found up to rounding alone.
            h = 1e-4
            rounding = 100 * np.finfo(float).eps * abs(float(value(params, fixed, rows))) / h
            central = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
            assert float((found * direction).sum()) == pytest.approx(central, rel=1e-5, abs=rounding), place


@pytest.mark.slow
def test_the_outcome_moves_the_encoder_through_the_solver():
    """Without the readings' and the prior's part the encoder still has a slope: it can only come through the twins."""
    _, frame = people(20)
    _, rows = told(frame)
    chain = encoder.build(TWINS)
    params, fixed = member(rows, heard(chain, rows))
    params["line"][: rows["x"].shape[1] + 1] = 0.0      # the twins' numbers alone
    slope = jax.jit(jax.grad(lambda p: chain.forward(p, fixed, rows)[0].sum()))(params)
    assert np.abs(slope["layers"][0].weight).max() > 1e-3


@pytest.fixture
def failing(monkeypatch):
    """Twins of pressure that fail, with NaN in their slopes too, for people above 150 mmHg."""

    def simulate(system, person, *others, **options):
        result = real(system, person, *others, **options)
        broken = 1.0 + 0.0 * jax.numpy.sqrt(150.0 - person["sbp_mmhg"])
        return result._replace(values={name: broken * v for name, v in result.values.items()})

    real = encoder.simulate
    monkeypatch.setattr(encoder, "simulate", simulate)
    chain = encoder.build.__wrapped__(("blood_pressure",))
    monkeypatch.setattr(encoder, "build", lambda twins: chain)
    return chain


@pytest.mark.slow
def test_a_failed_twin_is_counted_and_teaches_no_nonsense(failing):
    truth, frame = people(300)
    steps, rows = told(frame)
    said = heard(failing, rows)
    solved = np.isfinite(said).all(axis=1)
    assert 10 < (~solved).sum() < 150
    y = (truth["sbp_mmhg"] + 10 * np.random.default_rng(1).normal(size=300) > 130).to_numpy(int)
    fixed = {"centre": np.nanmean(said, axis=0), "spread": np.nanstd(said, axis=0)}
    params, _ = member(rows, said)
    data = rows | {"event": y, "weight": np.ones(300)}
    for leaf in jax.tree.leaves(jax.jit(jax.grad(failing.loss))(params, fixed, data)):
        assert np.isfinite(leaf).all()
    # Of whom the twins say nothing, the risk does not hang on their part of the line.
    theirs = np.arange(len(params["line"])) >= len(params["line"]) - said.shape[1]
    other = params | {"line": params["line"] + theirs}
    (one, says), (two, _) = (failing.forward(p, fixed, rows) for p in (params, other))
    np.testing.assert_array_equal(np.asarray(one == two), np.isnan(np.asarray(says)).any(axis=1))

    model = Hybrid(("blood_pressure",), n_members=3).fit(steps.transform(frame), y)
    assert abs(model.failed_ - (~solved).sum()) < 30      # the encoder moves a few across
    risk = model.predict_proba(steps.transform(frame))[:, 1]
    assert np.isfinite(risk).all()
    assert roc_auc_score(y, risk) > 0.8


@pytest.mark.slow
def test_age_and_sex_alone_leave_the_prior():
    _, frame = people(30)
    steps, rows = told(frame)
    alone = encoder.unpack(steps.transform(frame.assign(**dict.fromkeys(READ[1:], np.nan))))
    params, _ = member(rows, np.ones((2, 3)))
    np.testing.assert_allclose(encoder.encode(params, alone), 0.0, atol=1e-12)
    assert np.abs(encoder.encode(params, rows)).max() > 0.5


@pytest.mark.slow
def test_the_linear_posterior_mean_is_near_the_mode():
    """Against the fits of the same visit, which iterate."""
    _, frame = people(40)
    _, rows = told(frame)
    ids = [f"p{i}" for i in range(40)]
    long = frame[list(READ[1:])].set_axis(ids).stack().rename_axis(["person_id", "variable"])
    long = long.rename("value").reset_index()
    table = pd.DataFrame({"person_id": ids, "age_years": frame["age_years"], "sex": frame["sex"]})
    fitted = personalise(table, long.assign(time_d=0.0, text=None), ["blood_pressure", "body_composition"], 2, 0).table
    mode = fitted.pivot_table(index="person_id", columns="parameter", values="mode").loc[ids]
    person = jax.vmap(describe)(rows["mean"], rows["known"])
    for name, close in (("sbp_mmhg", 0.1), ("dbp_mmhg", 0.1), ("height_cm", 0.5), ("body_fat_percent", 2.0)):
        assert np.median(np.abs(np.asarray(person[name]) - mode[name])) < close, name


@pytest.mark.slow
def test_a_later_visit_is_learned_from_and_not_asked_for():
    truth, frame = people(200)
    y = (truth["sbp_mmhg"] > 130).to_numpy(int)
    later = pd.DataFrame({"sbp_mmhg": truth["sbp_mmhg"] + 40.0, "years": 3.0})
    later.loc[::4] = np.nan
    plain, with_later = (fit(small_hybrid, frame, y, COLUMNS, seed=3, later=given) for given in (None, later))
    risks = [model.predict_proba(frame)[:, 1] for model in (plain, with_later)]
    assert np.isfinite(risks[1]).all()
    again = fit(small_hybrid, frame, y, COLUMNS, seed=3, later=later).predict_proba(frame)[:, 1]
    np.testing.assert_array_equal(risks[1], again)
    assert not np.array_equal(*risks)


def test_what_the_next_visit_read_has_to_be_explained():
    """A pressure far above that of today makes the loss larger, by the error of a visit and of the years between."""
    _, frame = people(30)
    _, rows = told(frame)
    chain = encoder.build(("blood_pressure",))
    params, _ = member(rows, np.ones((2, chain.numbers)))
    fixed = {"centre": np.zeros(chain.numbers), "spread": np.ones(chain.numbers)}
    systolic = [sensor.tells for sensor in SENSORS].index("sbp_mmhg")
    one = np.zeros(len(SENSORS))
    one[systolic] = 1.0
    losses = []
    for pressure in (None, 130.0, 200.0):
        later = pd.DataFrame({"sbp_mmhg": [np.nan if pressure is None else pressure] * 30, "years": 4.0})
        visit = read_visit(later.drop(columns="years"), later["years"].to_numpy())
        if pressure:
            np.testing.assert_allclose(visit["whiten"], one / np.sqrt(7.7**2 + 4 * 3.5**2) + np.zeros((30, 1)))
            np.testing.assert_allclose(visit["years"][:, systolic], 4.0)
        data = rows | {"later": visit, "event": np.zeros(30), "weight": np.ones(30)}
        losses.append(float(jax.jit(chain.loss)(params, fixed, data)))
    assert losses[0] < losses[1] < losses[2] - 1.0


@pytest.mark.slow
def test_finds_what_only_several_noisy_readings_show_together():
    """Risk follows usual pressure, of which age, sex and both readings tell: ranked as by its posterior mean."""
    truth, frame = people(1500, seed=4)
    draw = np.random.default_rng(5)
    y = (draw.random(1500) < expit(0.12 * (truth["sbp_mmhg"] - 130))).astype(int)
    learn, test = slice(0, 700), slice(700, 1500)
    model = fit(hybrid, frame[learn], y[learn].to_numpy(), COLUMNS, seed=1)
    _, rows = told(frame)
    usual = np.asarray(jax.vmap(describe)(rows["mean"], rows["known"])["sbp_mmhg"])
    risk = model.predict_proba(frame[test])[:, 1]
    best = roc_auc_score(y[test], usual[test])
    alone = frame["sbp_mmhg"].fillna(frame["sbp_mmhg"].median())
    assert roc_auc_score(y[test], alone[test]) < best - 0.005
    assert roc_auc_score(y[test], risk) > best - 0.01
    assert model[-1].failed_ == 0
