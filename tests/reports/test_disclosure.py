from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.reports.disclosure import Step, hidden, merge_flow, merge_reasons


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(5, 20))
def test_flow_adds_up_and_shows_no_small_step(removed, minimum):
    left = sum(removed) + 100
    flow = [Step(("source",), 0, left)]
    for i, n in enumerate(removed):
        left -= n
        flow.append(Step((f"rule {i}",), n, left))
    merged = merge_flow(flow, minimum)
    assert merged[0].left - sum(step.removed for step in merged[1:]) == merged[-1].left == 100
    for before, after in pairwise(merged):
        assert before.left - after.removed == after.left
    assert [r for step in merged for r in step.reasons] == [r for step in flow for r in step.reasons]
    if len(merged) > 2:
        assert not any(0 < step.removed < minimum for step in merged)


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 40), max_size=8))
def test_reasons_keep_their_sum(reasons):
    merged = merge_reasons(list(reasons.items()), 10)
    assert sum(n for _, n in merged) == sum(reasons.values())
    assert len(merged) < 2 or all(n >= 10 for _, n in merged)


@given(st.lists(st.integers(0, 100), max_size=8))
def test_no_single_count_is_withheld_beside_the_others(counts):
    secret = hidden(counts, 10)
    assert all(i in secret for i, n in enumerate(counts) if n < 10)
    assert len(secret) != 1 or len(counts) == 1
