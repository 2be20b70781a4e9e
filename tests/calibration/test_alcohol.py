"""The alcohol twin costs on its training and validation data what its authors say, and its shipped sample holds."""

import json
from importlib.resources import files

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pipeline.calibration import PROBLEMS
from pipeline.calibration.alcohol import bench, predict, studies, whitened
from pipeline.calibration.verdicts import IDENTIFIED, NOT_IDENTIFIED, ONLY_RATIO

PROBLEM = PROBLEMS["alcohol"]
SHIPPED = files("pipeline.twins").joinpath("posteriors")
# By set, from the reference solution of the vector published as best with the gate at 0.001 kcal.
SETS = {
    "Mitchell_Beer": 9.815,
    "Jones_Food": 3.407,
    "Jones_Fasting": 23.143,
    "Okabe_UG200": 10.868,
    "Kechagias_Breakfast": 10.798,
    "Javors_High": 52.352,
    "Javors_Combined": 2.005,
}


def shipped(end):
    return pd.read_csv(str(SHIPPED.joinpath(f"alcohol{end}.csv")))


def logs(vector):
    return np.log([vector[name] for name in PROBLEM.names])


@pytest.fixture(scope="module")
def fit():
    return json.loads(SHIPPED.joinpath("alcohol_fit.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def distances():
    """Of the estimation, as a function of the logarithms of the parameters."""
    return jax.jit(lambda x: whitened(PROBLEM.theta(x), "estimation"))


def test_points_are_those_of_the_paper_with_their_citations():
    data = studies()
    assert data["role"].value_counts().to_dict() == {"estimation": 193, "validation": 73}
    assert (data["sem"] > 0).all()
    assert data["citation"].str.match(r"doi 10\.").all()
    assert PROBLEM.points == 193
    assert len(PROBLEM.names) == 19


@pytest.mark.slow
def test_the_published_vector_has_its_published_cost_on_the_estimation(distances):
    assert float(jnp.sum(distances(PROBLEM.published) ** 2)) == pytest.approx(187.20, abs=0.3)


@pytest.mark.slow
def test_the_published_vector_has_its_published_cost_on_the_validation():
    alone = {name: np.exp(PROBLEM.published[i : i + 1]) for i, name in enumerate(PROBLEM.names)}
    said = predict(alone, np.zeros(1)).costs
    assert said["best"]["validation"] == pytest.approx(71.06, abs=0.3)
    assert said["chi_square_limits"]["validation"] == pytest.approx(93.95, abs=0.01)


@pytest.mark.slow
def test_sets_cost_what_the_reference_solution_says(distances):
    rows = bench("estimation").rows
    costs = pd.Series(np.asarray(distances(PROBLEM.published)) ** 2).groupby(rows["study"]).sum()
    for study, cost in SETS.items():
        assert costs[study] == pytest.approx(cost, abs=0.06), study


@pytest.mark.slow
def test_slopes_through_the_stomach_gate_are_the_published_ones(distances):
    """Published: central differences of the reference simulator; blind to the gate, they are 9.24, 2.25 and 0.13."""
    food = np.flatnonzero(bench("estimation").rows["study"] == "Jones_Food")

    @jax.jit
    def moved(x, way):
        return jax.jvp(lambda x: jnp.sum(distances(x)[food] ** 2), (x,), (way,))

    published = {"Vmax": 13.136, "k_kcal": 3.218, "k_Kcal": 0.371}
    for name, way in zip(PROBLEM.names, np.eye(len(PROBLEM.names)), strict=True):
        _, slope = moved(PROBLEM.published, way)
        h = 1e-4
        central = (moved(PROBLEM.published + h * way, way)[0] - moved(PROBLEM.published - h * way, way)[0]) / (2.0 * h)
        assert float(slope) == pytest.approx(float(central), rel=1e-5, abs=1e-9), name
        assert float(slope) == pytest.approx(published.get(name, float(slope)), rel=0.02), name


def test_the_sample_coordinates_can_be_turned_back_and_hold_the_published_vector():
    matrix, low, high = PROBLEM.chart
    assert np.linalg.matrix_rank(matrix) == len(PROBLEM.names)
    at = matrix @ PROBLEM.published
    assert ((low <= at + 1e-6) & (at <= high + 1e-6)).all()


def test_own_optimum_is_no_worse_than_the_published(fit, distances):
    assert fit["best_cost"] < 187.20
    assert float(jnp.sum(distances(logs(fit["best"])) ** 2)) == pytest.approx(fit["best_cost"], abs=1e-3)
    assert fit["starts_reaching_best"] >= 2


@pytest.mark.slow
def test_searching_on_from_the_shipped_best_fit_gains_nothing(fit):
    from pipeline.calibration.optimise import Search

    search = Search(PROBLEM)
    assert search.cost(search.minimise(logs(fit["best"]))) == pytest.approx(fit["best_cost"], abs=PROBLEM.effort.same)


def test_shipped_draws_cost_what_they_claim_and_keep_their_ranges(fit, distances):
    draws = shipped("")
    assert 200 <= len(draws) <= 400
    assert tuple(draws.columns) == (*PROBLEM.names, "cost")
    assert draws["cost"].min() > fit["best_cost"] - PROBLEM.effort.same
    for _, row in draws.iloc[:: len(draws) // 10].iterrows():
        assert float(jnp.sum(distances(logs(row)) ** 2)) == pytest.approx(row["cost"], rel=1e-5)
    matrix, low, high = PROBLEM.chart
    at = np.log(draws[list(PROBLEM.names)].to_numpy()) @ matrix.T
    assert ((low - 1e-5 <= at) & (at <= high + 1e-5)).all()


def test_shipped_verdicts_cover_everything_with_one_of_three_words():
    table = shipped("_verdicts").set_index("quantity")
    assert tuple(table.index) == PROBLEM.labels
    assert set(table["verdict"]) <= {IDENTIFIED, ONLY_RATIO, NOT_IDENTIFIED}
    for name in ("emptying_rate", "absorbed_share", "peth_fast"):
        assert table["verdict"][name] == IDENTIFIED
    for name in ("Vmax", "km", "k3", "k4", "kPEth", "kPEth_bind"):
        assert table["verdict"][name] == ONLY_RATIO


def test_shipped_predictions_hold_the_validation_below_its_limit(fit):
    assert len(shipped("_predictions")) == 73
    assert fit["held_back"]["best"]["validation"] < fit["held_back"]["chi_square_limits"]["validation"]
