from datetime import date

import pytest

from pipeline.runs import RunError
from pipeline.vault import ALL, Rule
from tests.vault.people import deliver

START = date(2024, 1, 1)
NO, UNTIL_JUNE = (False, None), (True, date(2026, 6, 1))
PEOPLE = ("anna", "berit", "cecilia", "doris")


@pytest.fixture
def used(vault):
    """Four people who allow research (doris the laboratory alone), and two runs: of all, and of anna and berit."""
    vault.load(deliver(*PEOPLE))
    for person in PEOPLE:
        names = ("laboratory",) if person == "doris" else (ALL,)
        vault.consent(person, [Rule(("research",), names, True, START, None)])
    given = vault.read("research")
    snapshot = given.identity["consent"]
    vault.record_use("run of all", given.people["person_id"], snapshot)
    # Codes are nobody's without a key: who is who is told by values, as a study could not without the identifiers.
    weights = given.readings.query("variable == 'weight_kg'").sort_values("value")["person_id"]
    vault.record_use("run of two", weights.iloc[:2], snapshot)
    return vault


def told(vault):
    return {run.run.run: (run.erased, run.withdrawn, run.ended) for run in vault.affected()}


def test_uses_of_a_person_are_listed_with_what_was_used(used):
    assert [use.run.run for use in used.uses("anna")] == ["run of all", "run of two"]
    (of_doris,) = used.uses("doris")
    assert "hba1c_mmol_mol" in of_doris.variables
    assert "weight_kg" not in of_doris.variables
    assert of_doris.run.people == 4
    assert of_doris.run.purpose == "research"
    assert told(used) == {}


def test_a_withdrawal_says_which_runs_must_be_rebuilt(used):
    (first,) = used.withdraw("cecilia")
    assert (first.run.run, first.withdrawn, first.must_be_rebuilt) == ("run of all", 1, True)
    used.withdraw("anna", ["research"], ["alcohol"])
    assert told(used) == {"run of all": (0, 2, 0), "run of two": (0, 1, 0)}


def test_a_withdrawal_of_what_was_not_used_affects_no_run(used):
    assert used.withdraw("anna", ["care"]) == []
    assert used.withdraw("doris", ["research"], ["body"]) == []


def test_after_a_consent_that_runs_out_counts_what_was_decided_before(used, clock):
    no, until_june = (Rule(("research",), (ALL,), granted, START, end) for granted, end in (NO, UNTIL_JUNE))
    for person in ("anna", "cecilia"):
        used.consent(person, [no, until_june])
    clock.forward(days=60)
    assert told(used) == {"run of all": (0, 2, 0), "run of two": (0, 1, 0)}, "both had said no, then yes until June"
    used.consent("berit", [until_june])
    assert told(used)["run of two"] == (0, 1, 0), "an older consent without end goes on"


def test_a_consent_that_ends_by_itself_does_not_reach_back(vault, clock):
    vault.load(deliver("anna"))
    vault.consent("anna", [Rule(("research",), (ALL,), True, START, date(2026, 6, 1))])
    given = vault.read("research")
    vault.record_use("run", given.people["person_id"], given.identity["consent"])
    assert told(vault) == {}
    clock.forward(days=60)
    (found,) = vault.affected()
    assert (found.erased, found.withdrawn, found.ended, found.must_be_rebuilt) == (0, 0, 1, False)


def test_after_erasure_a_run_says_that_somebody_was_in_it_and_not_who(used):
    used.erase("cecilia")
    used.erase("anna")
    assert told(used) == {"run of all": (2, 0, 0), "run of two": (1, 0, 0)}
    marks = used._session.store.one("SELECT count(*) FROM uses")[0]
    assert marks == 3, "of an erased person no mark stays"
    assert used.check() == []


def test_a_cohort_is_rebuilt_without_the_person_by_reading_again(used):
    before = used.read("research")
    used.withdraw("anna")
    used.erase("berit")
    after = used.read("research")
    gone = set(before.people["person_id"]) - set(after.people["person_id"])
    assert len(gone) == 2
    kept = before.readings[~before.readings["person_id"].isin(gone)].reset_index(drop=True)
    assert after.readings.equals(kept)
    used.record_use("run of all, again", after.people["person_id"], after.identity["consent"], replaces="run of all")
    assert told(used) == {"run of two": (1, 1, 0)}, "a run that was replaced needs nothing any more"


def test_equal_consent_gives_an_equal_snapshot_and_any_change_another(used):
    first, second = (used.read("research").identity["consent"] for _ in range(2))
    same = ("consent_hmac", "content_hmac", "people", "readings", "people_by_variable")
    assert [first[key] for key in same] == [second[key] for key in same]
    assert first["entry"] + 1 == second["entry"]
    used.withdraw("anna", ["research"], ["sbp_mmhg"])
    third = used.read("research").identity["consent"]
    assert third["consent_hmac"] != first["consent_hmac"]
    assert third["people_by_variable"]["sbp_mmhg"] == first["people_by_variable"]["sbp_mmhg"] - 1 == 2
    assert not any(person in str(first) for person in PEOPLE)


def test_a_use_is_recorded_as_it_was_read_even_if_a_person_withdrew_or_was_erased_meanwhile(used):
    given = used.read("research")
    people, snapshot = given.people["person_id"], given.identity["consent"]
    used.withdraw("anna")
    used.erase("cecilia")
    run = used.record_use("late", people, snapshot)
    assert (run.people, run.erased) == (4, 1)
    assert told(used)["late"] == (1, 1, 0)
    assert used.uses("anna")[-1].run.run == "late"


def test_wrong_records_are_refused(used):
    given = used.read("research")
    people, snapshot = list(given.people["person_id"]), given.identity["consent"]
    for said, run, of, shot, replaces in (
        ("in the ledger already", "run of all", people, snapshot, None),
        ("which 'new' replaces, is not in the ledger", "new", people, snapshot, "nothing"),
        ("not one that this vault gave", "new", people, snapshot | {"people": 5}, None),
        ("not one that this vault gave", "new", people, snapshot | {"variables": ["sbp_mmhg"]}, None),
        ("not one that this vault gave", "new", people, {}, None),
        ("1 of its people are not in the vault, nor were they erased since", "new", [*people, "XXXX"], snapshot, None),
    ):
        with pytest.raises(RunError, match=said):
            used.record_use(run, of, shot, replaces)
    only = used.read("research", ["body"])
    assert len(only.people) == 3
    with pytest.raises(RunError, match="somebody of its people was not in the delivery"):
        used.record_use("new", people, only.identity["consent"])
    assert "new" not in told(used)


def test_codes_are_stable_and_differ_by_purpose(used):
    used.consent("anna", [Rule(("education",), (ALL,), True, START, None)])
    first, second = (set(used.read("research").people["person_id"]) for _ in range(2))
    assert first == second
    (other,) = used.read("education").people["person_id"]
    assert other not in first
    assert not {*PEOPLE} & first
