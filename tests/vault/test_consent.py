import shutil
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.runs import RunError
from pipeline.schema import variables
from pipeline.vault import ALL, Rule, groups, make_vault, open_vault, purposes
from pipeline.vault.consent import covered, decide
from tests.vault.clock import Clock
from tests.vault.people import deliver

TODAY = date(2026, 5, 4)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def rule(granted=True, purpose="research", names=(ALL,), start=-30, end=None, decided=0):
    last = None if end is None else TODAY + timedelta(days=end)
    return Rule((purpose,), names, granted, TODAY + timedelta(days=start), last, NOON + timedelta(days=decided))


def allowed(*rules, purpose="research", day=TODAY):
    return decide(rules, purpose, day).allowed


def test_every_variable_stands_in_one_group():
    placed = [name for group in groups().values() for name in group.variables]
    assert sorted(placed) == sorted([*variables(), "birth_date"])
    assert not {*groups(), ALL} & {*variables(), "birth_date"}, "a name would mean two things"


def test_purposes_and_groups_have_words_in_both_languages():
    assert {"research", "care", "quality_improvement"} <= set(purposes())
    for row in (*purposes().values(), *groups().values()):
        assert all(row.words[language].strip() for language in ("en", "sv"))
        assert row.words["en"] != row.words["sv"]
    assert {purpose.identity for purpose in purposes().values()} == {"id", "code"}
    assert purposes()["research"].identity == "code"


def test_without_a_rule_the_answer_is_no():
    assert allowed() == frozenset()
    assert allowed(rule(purpose="care")) == frozenset()
    assert allowed(rule(start=1)) == frozenset(), "not yet"
    assert allowed(rule(end=-1)) == frozenset(), "no longer"


def test_first_and_last_day_count():
    assert "sbp_mmhg" in allowed(rule(start=0, end=0))


def test_the_last_decision_wins_variable_by_variable():
    said = allowed(rule(decided=0), rule(False, names=("alcohol", "weight_kg"), decided=1))
    assert "sbp_mmhg" in said
    assert not said & {*groups()["alcohol"].variables, "weight_kg"}
    assert "weight_kg" in allowed(rule(False, decided=0), rule(names=("weight_kg",), decided=1))


def test_an_old_consent_that_arrives_late_does_not_undo_a_withdrawal():
    withdrawn, delivered_again = rule(False, decided=0), rule(decided=-10)
    assert allowed(withdrawn, delivered_again) == frozenset()


def test_of_two_decisions_at_one_moment_the_later_arrival_counts():
    assert allowed(rule(), rule(False)) == frozenset()
    assert "sbp_mmhg" in allowed(rule(False), rule())


def test_a_birth_date_is_not_given_with_an_age():
    assert "birth_date" not in covered(["basics"])
    assert {"birth_date", "age_years"} <= covered([ALL])


def test_names_that_mean_nothing_are_refused_with_what_there_is():
    with pytest.raises(RunError, match=r"'labs' is no variable and no group; groups are basics, .* laboratory"):
        covered(["labs"])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (Rule(("marketing",), (ALL,), True, TODAY, None), "'marketing' is no purpose; purposes are care, research"),
        (Rule((), (ALL,), True, TODAY, None), "at least one purpose"),
        (Rule(("care",), (), True, TODAY, None), "at least one purpose, and variables"),
        (Rule(("care",), (ALL,), True, TODAY, date(2020, 1, 1)), "cannot end on 2020-01-01, before it begins"),
        (Rule(("care",), (ALL,), True, TODAY, None, NOON + timedelta(days=1)), "lies in the future"),
    ],
)
def test_rules_that_say_nothing_are_refused_and_nothing_is_written(vault, bad, said):
    vault.load(deliver("one"))
    with pytest.raises(RunError, match=said):
        vault.consent("one", [rule(), bad])
    assert vault.history("one") == []
    assert [entry.act for entry in vault.log()] == ["init", "load", "look at consent"]


def test_a_withdrawal_counts_from_now_on_and_history_keeps_what_was(vault, clock):
    vault.load(deliver("one"))
    granted = Rule(("research", "care"), (ALL,), True, TODAY, None)
    vault.consent("one", [granted])
    assert len(vault.read("research").people) == 1
    clock.forward(days=3)
    vault.withdraw("one", ["research"])
    assert len(vault.read("research").people) == 0
    assert len(vault.read("research", at=TODAY).people) == 0, "asking about an earlier day is no way round it"
    assert len(vault.read("care").people) == 1
    first, second = vault.history("one")
    assert first[:5] == granted[:5]
    assert second[:5] == (("research",), (ALL,), False, TODAY + timedelta(days=3), None)


def test_a_withdrawal_counts_also_where_the_clock_was_put_back(vault, clock):
    vault.load(deliver("one"))
    vault.consent("one", [rule()._replace(decided=datetime.max.replace(tzinfo=UTC))])
    clock.forward(hours=-2)
    vault.withdraw("one")
    assert len(vault.read("research").people) == 0


def test_a_rule_that_is_held_already_is_not_written_twice(vault):
    vault.load(deliver("one"))
    assert vault.consent("one", [rule(), rule()]) == 1
    assert vault.consent("one", [rule()]) == 0
    assert len(vault.history("one")) == 1


# Few names, so that rules meet each other; the vault holds readings of the first four.
NAMES = ("sbp_mmhg", "weight_kg", "hba1c_mmol_mol", "peth_umol_l", "sex", "age_years", "birth_date")
MEMBERS = {"body": {"sbp_mmhg", "weight_kg"}, "laboratory": {"hba1c_mmol_mol"}, "alcohol": {"peth_umol_l"},
           "basics": {"sex", "age_years"}, "identity": {"birth_date"}, ALL: set(NAMES)}  # fmt: skip
some_names = st.lists(st.sampled_from([*NAMES, *MEMBERS]), min_size=1, max_size=3)
days = st.integers(-3, 3)
PEOPLE = ("anna", "berit", "cecilia")
events = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(PEOPLE), st.sets(st.sampled_from(("research", "care")), min_size=1),
              some_names, st.booleans(), days, st.none() | days, st.none() | st.integers(-3, 0)),
    st.tuples(st.just("withdraw"), st.sampled_from(PEOPLE), st.none() | st.just(["research"]), some_names),
    st.tuples(st.just("wait"), st.integers(0, 2)),
    st.tuples(st.just("read"), st.sampled_from(("research", "care", "education")), st.none() | some_names,
              st.none() | st.integers(-3, 0)),
)  # fmt: skip


class Model:
    """The rules once more, as plainly as can be: of each person a list, and for each variable the last that applies."""

    def __init__(self):
        self.rules = {person: [] for person in PEOPLE}

    def say(self, person, purposes, names, granted, start, end, decided, now):
        latest = max((r[5] for r in self.rules[person]), default=now - timedelta(days=99))
        decided = decided or max(now, latest + timedelta(microseconds=1))
        row = (set(purposes), [*names], granted, start, end, decided)
        if row not in self.rules[person]:
            self.rules[person].append(row)

    def allows(self, person, purpose, name, day):
        best = None
        for of, names, granted, start, end, decided in self.rules[person]:
            means = any(name == n or name in MEMBERS.get(n, ()) for n in names)
            applies = purpose in of and means and start <= day and (end is None or day <= end)
            if applies and (best is None or decided >= best[0]):
                best = decided, granted
        return best is not None and best[1]


DELIVERED = deliver(*PEOPLE)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A vault with three people, to be copied."""
    folder = tmp_path_factory.mktemp("loaded")
    with make_vault(folder / "vault", folder / "key", by="Anna", now=Clock()) as vault:
        vault.load(DELIVERED)
    return folder


some_life = given(st.lists(events, min_size=4, max_size=14))
searched = {"deadline": None, "derandomize": True, "suppress_health_check": [HealthCheck.too_slow]}


@settings(max_examples=12, **searched)
@some_life
def test_no_order_of_rules_withdrawals_and_questions_leaks_anything(loaded, tmp_path_factory, happened):
    live(loaded, tmp_path_factory, happened)


@pytest.mark.slow
@settings(max_examples=150, **searched)
@some_life
def test_no_order_of_many_leaks_anything(loaded, tmp_path_factory, happened):
    live(loaded, tmp_path_factory, happened)


def live(loaded, tmp_path_factory, happened):
    """All that happened, on a copy of the vault; what it gives out is what the model allows, each time."""
    folder, clock, model = tmp_path_factory.mktemp("fuzz") / "copy", Clock(), Model()
    shutil.copytree(loaded, folder)
    with open_vault(folder / "vault", folder / "key", by="Anna", now=clock) as vault:
        for kind, *what in [*happened, ("read", "research", None, None), ("read", "care", None, None)]:
            today = clock().astimezone().date()
            if kind == "wait":
                clock.forward(days=what[0])
            elif kind == "withdraw":
                person, of, names = what
                vault.withdraw(person, of, names)
                model.say(person, of or purposes(), names, False, today, None, None, clock())
            elif kind == "say":
                person, of, names, granted, start, length, ago = what
                start = today + timedelta(days=start)
                end = None if length is None else start + timedelta(days=abs(length))
                decided = None if ago is None else clock() + timedelta(days=ago)
                exact = {} if decided is None else {"decided": decided}
                vault.consent(person, [Rule(tuple(sorted(of)), tuple(names), granted, start, end, **exact)])
                model.say(person, of, names, granted, start, end, decided, clock())
            else:
                purpose, names, ago = what
                at = None if ago is None else today + timedelta(days=ago)
                check(vault.read(purpose, names, at), model, purpose, names, at or today, today)


def check(given_out, model, purpose, names, at, today):
    """Exactly what the model allows was given: values, people, sex, birth date and age."""
    wanted = {n for n in NAMES if names is None or any(n == asked or n in MEMBERS.get(asked, ()) for asked in names)}
    allows = {
        person: {n for n in wanted if all(model.allows(person, purpose, n, day) for day in (at, today))}
        for person in PEOPLE
    }
    readings, people = given_out.readings, given_out.people
    value = {(row.person_id, row.variable): row.value for row in DELIVERED.readings.itertuples()}
    expected = [value[person, n] for person in PEOPLE for n in allows[person] if (person, n) in value]
    assert sorted(readings["value"]) == sorted(expected)
    grouped = sorted(sorted(group) for _, group in readings.groupby("person_id")["value"])
    each = ([value[person, n] for n in allows[person] if (person, n) in value] for person in PEOPLE)
    assert grouped == sorted(sorted(group) for group in each if group), "nobody's values stand under another"
    assert len(people) == sum(bool(any_allowed) for any_allowed in allows.values())
    named = {person for person in PEOPLE if allows[person]} if purposes()[purpose].identity == "id" else set()
    assert {*PEOPLE} & {*people["person_id"]} == named
    count = lambda n: sum(n in those for those in allows.values())  # noqa: E731
    assert people["sex"].notna().sum() == count("sex")
    assert people["birth_date"].notna().sum() == count("birth_date")
    ages = sum("age_years" in those and "birth_date" not in those for those in allows.values())
    assert people["age_years"].notna().sum() == ages
    snapshot = given_out.identity["consent"]
    assert snapshot["people"] == len(people)
    counted = {n: c for n, c in snapshot["people_by_variable"].items() if n in NAMES}
    assert counted == {n: count(n) for n in wanted if count(n)}
