import random
import re
from datetime import datetime, timedelta

import pytest
from pydicom.uid import UID, MRImageStorage, generate_uid

from pipeline.imaging.stand_ins import MOST_SECONDS, StandIns, cap_age, move_date, move_moment, turn_time

ONE, OTHER = StandIns(bytes(32), "set"), StandIns(bytes(31) + b"\1", "set")


def test_days_between_dates_of_one_person_stay():
    rng = random.Random(3)
    for person in range(20):
        days = ONE.days(str(person))
        assert 365 <= days <= 3652
        dates = [datetime(1980, 1, 1) + timedelta(days=rng.randrange(20_000)) for _ in range(5)]
        moved = [datetime.strptime(move_date(f"{date:%Y%m%d}", days), "%Y%m%d") for date in dates]
        assert {before - after for before, after in zip(dates, moved, strict=True)} == {timedelta(days=days)}
    assert len({ONE.days(str(person)) for person in range(50)}) > 40


def test_moments_move_as_their_date_and_their_time():
    assert move_date("20240301", 10) == "20240220"
    assert turn_time("120030.25", 30) == "120000.25"
    assert move_moment("20240301120030.25+0100", 10, 30) == "20240220120000.25+0100"
    assert move_moment("20240301", 10, 30) == "20240220"


def test_seconds_between_times_of_a_day_stay_outside_the_small_hours():
    seconds = ONE.seconds("1")
    assert 1 <= seconds <= MOST_SECONDS
    times = [datetime(2000, 1, 1, hour, 17, 5) for hour in range(5, 24)]
    turned = [datetime.strptime("20000101" + turn_time(f"{time:%H%M%S}", seconds), "%Y%m%d%H%M%S") for time in times]
    assert {before - after for before, after in zip(times, turned, strict=True)} == {timedelta(seconds=seconds)}


@pytest.mark.parametrize("text", ["", "2024", "20241301", "20240230", "Andersson", "20240101-20240201", "2024/01/01"])
def test_what_is_no_date_is_none(text):
    assert move_date(text, 1) is None
    assert move_moment(text, 1, 1) is None


@pytest.mark.parametrize("text", ["25", "1260", "Anna", "12:3", "123456.1234567"])
def test_what_is_no_time_is_none(text):
    assert turn_time(text, 1) is None


def test_instance_numbers_are_valid_keyed_and_of_the_scope():
    originals = [generate_uid(entropy_srcs=[str(i)]) for i in range(200)]
    made = [ONE.uid(original) for original in originals]
    assert all(UID(uid).is_valid and re.fullmatch(r"2\.25\.[1-9]\d{1,38}", uid) for uid in made)
    assert len(set(made)) == 200
    assert made == [ONE.uid(original) for original in originals]
    assert not set(made) & {OTHER.uid(original) for original in originals}
    assert not set(made) & {StandIns(bytes(32), "another").uid(original) for original in originals}
    assert ONE.uid(MRImageStorage) == MRImageStorage


def test_a_person_has_one_pseudonym_in_a_scope():
    assert ONE.person("a") == StandIns(bytes(32), "set").person("a")
    assert len({ONE.person("a"), ONE.person("b"), OTHER.person("a"), StandIns(bytes(32), "more").person("a")}) == 4


@pytest.mark.parametrize(("age", "kept"), [("089Y", "089Y"), ("090Y", "090Y"), ("103Y", "090Y"), ("999M", "999M"),
                                           ("045D", "045D"), ("45", None), ("Anna", None)])
def test_ages_over_89_are_one(age, kept):
    assert cap_age(age) == kept
