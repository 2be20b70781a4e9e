"""Fit, profiles, sample and verdicts of problems whose answers are known in closed form."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pipeline.calibration import FitParameter, Problem, Quantity, calibrate, write
from pipeline.calibration.optimise import Search, optimise
from pipeline.calibration.profiles import profile
from pipeline.calibration.verdicts import IDENTIFIED, NOT_IDENTIFIED, ONLY_RATIO, agreement

pytestmark = pytest.mark.slow

SD = 0.1
Z = 1.959964


def lumped_residuals(theta):
    """Normal in the logarithms: `seen` by two points, of `over` and `under` only the ratio, `unseen` not at all."""
    seen, ratio = jnp.log(theta["seen"]), jnp.log(theta["over"] / theta["under"])
    return jnp.stack([(seen - 0.2) / SD, (seen - 0.4) / SD, (ratio - 1.0) / SD])


LUMPED = Problem(
    name="lumped",
    citation="none",
    parameters=tuple(FitParameter(n, "1", 0.01, 100.0, 1.0) for n in ("seen", "over", "under", "unseen")),
    quantities={
        "ratio": Quantity("1", ("over", "under"), "over / under"),
        "product": Quantity("1", (), "over under"),
    },
    residuals=lumped_residuals,
    derived=lambda theta: {
        "ratio": theta["over"] / theta["under"],
        "product": theta["over"] * theta["under"],
    },
    points=3,
    published_cost=2.0,
)
# A unit slope of the logarithm, and a band that the data would rather leave.
BANDED = Problem(
    name="banded",
    citation="none",
    parameters=(FitParameter("k", "1", 0.01, 100.0, 1.5),),
    quantities={"half": Quantity("1", (), "k / 2")},
    residuals=lambda theta: jnp.stack([(jnp.log(theta["k"]) - 1.0) / SD]),
    derived=lambda theta: {"half": theta["k"] / 2.0},
    points=1,
    published_cost=0.0,
    bands={"half": (0.5, 1.0)},
    penalty=lambda theta: jnp.where((theta["k"] < 1.0) | (theta["k"] > 2.0), 36.0, 0.0),
)


def lumped(seed=3):
    return calibrate(LUMPED, seed=seed, starts=5, chains=4, warmup=300, draws=1000, kept=100, progress=False)


@pytest.fixture(scope="module")
def found():
    return lumped()


@pytest.fixture(scope="module")
def verdicts(found):
    return found.tables["_verdicts"].set_index("quantity")


def test_the_best_fit_is_the_exact_one(found, verdicts):
    assert found.summary["best_cost"] == pytest.approx(2.0, abs=1e-6)      # (0.1 / 0.1)^2 twice
    assert found.summary["starts_reaching_best"] == 5
    assert verdicts["best"]["seen"] == pytest.approx(np.exp(0.3), rel=1e-6)
    assert verdicts["best"]["ratio"] == pytest.approx(np.e, rel=1e-6)


@pytest.mark.parametrize(("name", "middle", "sd"), [("seen", 0.3, SD / np.sqrt(2.0)), ("ratio", 1.0, SD)])
def test_profile_and_sample_agree_with_the_exact_interval(verdicts, name, middle, sd):
    exact = np.array([middle - Z * sd, middle + Z * sd])
    np.testing.assert_allclose(np.log(verdicts.loc[name, ["low", "high"]].astype(float)), exact, atol=0.002 * sd)
    drawn = np.log(verdicts.loc[name, ["sample_low", "sample_high"]].astype(float))
    np.testing.assert_allclose(drawn, exact, atol=0.3 * sd)


def test_what_only_a_ratio_shows_gets_that_verdict(verdicts):
    assert verdicts["verdict"].to_dict() == {
        "seen": IDENTIFIED,
        "over": ONLY_RATIO,
        "under": ONLY_RATIO,
        "unseen": NOT_IDENTIFIED,
        "ratio": IDENTIFIED,
        "product": NOT_IDENTIFIED,
    }
    assert "part of ratio" in verdicts["reason"]["over"]
    assert "a bound of the search" in verdicts["reason"]["unseen"]


def test_an_open_profile_ends_where_the_search_does(verdicts):
    assert verdicts.loc["unseen", ["low", "high"]].tolist() == pytest.approx([0.01, 100.0], rel=2e-3)
    assert verdicts["high"]["over"] == pytest.approx(100.0, rel=2e-3)
    assert verdicts["low"]["under"] == pytest.approx(0.01, rel=2e-3)


def test_chains_from_far_apart_agree(found):
    assert found.summary["r_hat_max"] < 1.05
    assert found.summary["effective_sample_size_min"] > 200


def test_agreement_is_the_part_of_the_sample_within_the_profile():
    table = pd.DataFrame({"quantity": ["a", "b"], "low": [1.0, 2.0], "high": [100.0, 3.0]})
    table = table.assign(sample_low=[10.0, 4.0], sample_high=[1000.0, 5.0])
    assert agreement(table) == {"a": 0.5, "b": 0.0}


def test_a_calibration_is_four_files(found, tmp_path):
    assert sorted(path.name for path in write(found, tmp_path)) == sorted(path.name for path in tmp_path.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "lumped.csv", "lumped_fit.json", "lumped_profiles.csv", "lumped_verdicts.csv",
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_files(found, tmp_path):
    first = [path.read_bytes() for path in write(found, tmp_path / "first")]
    again = [path.read_bytes() for path in write(lumped(), tmp_path / "again")]
    assert first == again


def test_a_band_stops_fit_and_profile_just_inside():
    search = Search(BANDED)
    best = optimise(search, 4, seed=0, progress=False)
    assert best.cost == pytest.approx(((np.log(2.0) - 1.0) / SD) ** 2, rel=2e-3)
    assert float(BANDED.penalty(BANDED.theta(best.x))) == 0.0
    assert profile(search, best, 0).high.stop == "band"
    assert profile(search, best, 0).low.stop == "data"
