"""Virtual people are recovered: the truth lies in the 95 % interval of as many of them as it should."""

import numpy as np
import pytest
from scipy.stats import binom

from pipeline.fitting import personalise
from tests.strata.virtual import NAMES, virtual_cohort

pytestmark = pytest.mark.slow

PEOPLE = 1000
NEARLY_NEVER = 1e-3      # a chance below which as few, or as many, are not covered by chance; eleven unknowns are tried


@pytest.fixture(scope="module")
def recovered():
    cohort = virtual_cohort(PEOPLE, seed=11)
    fitted = personalise(cohort.people, cohort.observations, ["body_composition", "liver_fat"], 64, seed=1)
    return cohort, spreads(fitted)


def spreads(fitted):
    """Draws of each unknown, in spreads from usual."""
    return dict(zip(NAMES, np.moveaxis(fitted.unknowns.z, 2, 0), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_intervals_hold_the_truth_at_their_nominal_rate(recovered, name):
    cohort, found = recovered
    mean, sd = found[name].mean(axis=1), found[name].std(axis=1)
    inside = int((np.abs(cohort.z[name].to_numpy() - mean) < 1.959964 * sd).sum())
    assert binom.cdf(inside, PEOPLE, 0.95) > NEARLY_NEVER / 2
    assert binom.sf(inside - 1, PEOPLE, 0.95) > NEARLY_NEVER / 2


def test_intervals_a_fifth_too_narrow_would_be_found(recovered):
    cohort, found = recovered
    for name in NAMES:
        mean, sd = found[name].mean(axis=1), found[name].std(axis=1)
        inside = int((np.abs(cohort.z[name].to_numpy() - mean) < 0.8 * 1.959964 * sd).sum())
        assert binom.cdf(inside, PEOPLE, 0.95) < NEARLY_NEVER / 2, name


def test_who_was_not_measured_is_as_far_from_usual_as_anybody(recovered):
    cohort, _ = recovered
    fitted = personalise(cohort.people, cohort.observations.iloc[:0], ["body_composition", "liver_fat"], 64, seed=1)
    for name, z in spreads(fitted).items():
        np.testing.assert_allclose(z.mean(axis=1), 0.0, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(z.std(axis=1), 1.0, atol=1e-5, err_msg=name)
