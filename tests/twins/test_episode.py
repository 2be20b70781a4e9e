"""Many episodes at once: whoever the batch solver may have wrong goes to the reference solver."""

import numpy as np
import pytest

from pipeline.solving import Status
from pipeline.twins import TWINS, Events, event_arrays, simulate_episodes
from tests.twins.people import many

TIMES = np.linspace(0.0, 600.0, 13)
EVENTS = event_arrays(
    [
        Events.model_validate(
            {
                "meals": [{"start_min": 0.0, "kcal": 500.0}],
                "drinks": [{"start_min": start, "minutes": 15.0, "volume_l": 0.2, "abv_percent": 12.0}],
            }
        )
        for start in (20.0, 60.0, 222.0)
    ]
)


@pytest.mark.slow
def test_hard_episodes_are_solved_again_by_the_reference_solver():
    """The third person drinks when the food is nearly gone, where steps of minutes go astray."""
    twin = TWINS["alcohol"].build("corrected")
    people, p = many(3, seed=2), {n: np.full(3, v) for n, v in twin.defaults().items()}

    def solve(max_error):
        return simulate_episodes(twin, people, p, EVENTS, TIMES, max_error=max_error, progress=False)

    usual, exact = solve(0.8), solve(0.0)
    assert (exact.status["alcohol"] == Status.OK).all()
    assert (exact.error < 1e-5).all()
    blood = "blood_alcohol_mg_dl"
    peaks = exact.values[blood].max(axis=1, keepdims=True)
    assert np.max(np.abs(usual.values[blood] - exact.values[blood]) / peaks) < 1e-2
