"""The liver twin fits the study that it was trained on as well as its authors say (Simonsson 2024)."""

import pytest

from pipeline.fitting.calibration import published_costs, training_data


def test_seventeen_points_of_one_study():
    data = training_data()
    assert len(data) == 17
    assert data.groupby("observable").size().to_dict() == {
        "bhb_mg_dl": 5,
        "dnl_umol_l": 3,
        "pdff_percent": 5,
        "vldl_tag_mmol_l": 4,
    }
    assert (data["sem"] > 0).all()


def test_published_vectors_have_their_published_cost():
    assert published_costs() == pytest.approx({"0": 5.041, "1": 8.3311, "2": 6.8384}, abs=1e-3)
