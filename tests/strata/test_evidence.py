"""Every row of evidence can be used, and says where it is from."""

import numpy as np
import pytest

from pipeline.strata import evidence, evidence_on
from pipeline.twins import TWINS

OBSERVABLES = {name: seen for twin in TWINS.values() for name, seen in twin.observables.items()}


@pytest.mark.parametrize("effect", evidence(), ids=lambda e: f"{e.outcome} {e.mediator}")
def test_a_row_can_be_used(effect):
    assert OBSERVABLES[effect.mediator].unit == effect.unit
    assert effect.mediator in {name for twin in TWINS.values() for name in twin.over_years}
    assert 0 < effect.low < effect.relative_risk < effect.high < 1, "less of every mediator so far is better"
    assert effect.per < 0
    assert abs(effect.per) <= effect.most
    assert "doi 10." in effect.source
    assert effect.in_whom
    middle = np.sqrt(effect.low * effect.high)
    assert effect.relative_risk == pytest.approx(middle, rel=0.01), "interval and middle belong together"


def test_an_outcome_and_mediator_stand_once():
    keys = [(effect.outcome, effect.mediator) for effect in evidence()]
    assert len(set(keys)) == len(keys)


def test_effects_per_unit():
    """Hamman 2006 also says it per kg: 16 % less. Ettehad 2016: 20 % less for 10 mmHg, so 36 % for 20."""
    weight = evidence_on("diabetes")["weight_kg"]
    assert np.exp(-weight.log_per_unit) == pytest.approx(0.84, abs=0.005)
    pressure = evidence_on("cardiovascular_event")["sbp_mmhg"]
    assert np.exp(-20 * pressure.log_per_unit) == pytest.approx(0.64)
    assert np.exp(-10 * pressure.log_per_unit + 1.96 * 10 * pressure.log_error) == pytest.approx(0.83, abs=0.002)


def test_an_outcome_without_trials_has_no_evidence():
    assert evidence_on("broken_leg") == {}
