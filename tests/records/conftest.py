"""Records that nobody here wrote, generated once a session."""

import json

import pytest


@pytest.fixture(scope="session")
def bundles():
    """Transaction bundles of carebundle, one a person."""
    import carebundle

    profiles = ("type2_diabetes", "hypertension", "healthy", "ckd_stage3")
    made = (
        carebundle.generate_bundle(profile=profile, seed=11 + index, index=index, sex="FM"[index % 2])
        for index, profile in enumerate(profiles * 2)
    )
    return [json.loads(carebundle.to_json(one)) for one in made]


@pytest.fixture(scope="session")
def carebundle_folder(bundles, tmp_path_factory):
    """The same as a folder of bundles."""
    folder = tmp_path_factory.mktemp("carebundle")
    for number, one in enumerate(bundles):
        (folder / f"{number}.json").write_text(json.dumps(one), encoding="utf-8")
    return folder
