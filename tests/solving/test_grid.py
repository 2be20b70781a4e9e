"""Time lines: they restart where inputs switch and find the step that holds each read time."""

import numpy as np
import pytest

from pipeline.solving import make_grid


def random_case(seed):
    rng = np.random.default_rng(seed)
    switches = tuple(np.cumsum(rng.uniform(0.5, 200.0, rng.integers(1, 5))))
    inside = rng.uniform(switches[0], switches[-1] + 900.0, rng.integers(1, 9))
    some = rng.choice(switches, rng.integers(0, len(switches) + 1), replace=False)
    settings = {
        "first_step": rng.uniform(0.01, 1.0),
        "growth": rng.uniform(1.0, 2.0),
        "max_step": rng.uniform(1.0, 60.0),
    }
    return switches, tuple(sorted({*inside, *some})), settings


@pytest.mark.parametrize("seed", range(40))
def test_steps_fill_every_segment_and_hold_every_read_time(seed):
    switches, times, settings = random_case(seed)
    grid = make_grid(switches, times, **settings)
    assert grid.times == times
    assert tuple(s.start for s in grid.segments) == switches[: len(grid.segments)]
    read = [t for s in grid.segments for t in s.saved]
    assert read == [t for t in times if t > switches[0]]
    for segment, following in zip(grid.segments, [*grid.segments[1:], None], strict=True):
        nodes = segment.start + np.cumsum(segment.steps)
        assert nodes[-1] == pytest.approx(segment.end, rel=1e-12)
        assert min(segment.steps) > 0
        place, share, steps = np.array(segment.place, int), np.array(segment.share), np.array(segment.steps)
        assert ((share > 0) & (share <= 1 + 1e-12)).all()
        np.testing.assert_allclose(nodes[place] - (1 - share) * steps[place], segment.saved, rtol=1e-12)
        assert following is None or following.start == segment.end


@pytest.mark.parametrize("seed", range(10))
def test_steps_start_small_grow_gently_and_stay_below_the_largest(seed):
    switches, times, settings = random_case(seed)
    largest = max(settings["first_step"], settings["max_step"])
    for segment in make_grid(switches, times, **settings).segments:
        steps = np.array(segment.steps)
        assert steps[0] <= 1.001 * settings["first_step"]
        assert steps.max() <= 1.001 * largest * (1 + 1e-9)
        wish = settings["first_step"] * settings["growth"] ** np.arange(len(steps))
        assert (steps <= 1.001 * np.minimum(wish, largest) * (1 + 1e-9)).all()


def test_hand_made_grid():
    grid = make_grid((0.0,), (0.0, 7.0), first_step=1.0, growth=2.0, max_step=4.0)
    assert grid.segments[0].steps == (1.0, 2.0, 4.0)
    assert grid.segments[0].place == (2,)
    assert grid.segments[0].share == (1.0,)
    assert grid.times == (0.0, 7.0)


def test_switch_at_the_last_read_time_adds_no_segment():
    assert len(make_grid((0.0, 10.0), (0.0, 10.0)).segments) == 1


def test_switch_after_the_last_read_time_is_reached():
    assert make_grid((0.0, 10.0), (5.0,)).segments[0].end == 10.0


@pytest.mark.parametrize(
    ("switches", "times", "words"),
    [
        ((0.0, 0.0), (1.0,), "must rise"),
        ((5.0, 0.0), (6.0,), "must rise"),
        ((0.0,), (2.0, 1.0), "must rise"),
        ((0.0,), (1.0, 1.0), "must rise"),
        ((0.0,), (-1.0, 1.0), "before the start"),
    ],
)
def test_times_that_make_no_sense_are_refused(switches, times, words):
    with pytest.raises(ValueError, match=words):
        make_grid(switches, times)
