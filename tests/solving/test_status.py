"""Names of failures."""

from pipeline.solving import Status


def test_every_status_has_its_own_words():
    assert len({status.words for status in Status}) == len(Status)
    assert Status.OK.words == "ok"
