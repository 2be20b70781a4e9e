"""Nothing that a model must not know reaches it: the test fold, and what came after time zero or the outcome."""

import tomllib

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.cohorts import baseline, build
from pipeline.config import read_study
from pipeline.fitting import Unknowns
from pipeline.fitting.visits import collect
from pipeline.models import MODELS, ROUTINE_ONLY, TwinDraws, assemble, out_of_fold, refit, save, split
from pipeline.runs import RunError
from pipeline.schema import TableError, variables
from tests.models.followed import follow_up, happened, matrix_of, people
from tests.models.people import BUILDERS, marks
from tests.repository import ROOT

every_model = pytest.mark.parametrize("model", [pytest.param(m, marks=marks(m)) for m in MODELS])
# Models that make their own features take no draws.
EACH_WAY = [
    pytest.param(m, drawn, marks=marks(m), id=f"{'draws' if drawn else 'one row a person'}-{m}")
    for m in MODELS for drawn in ((False,) if m in ROUTINE_ONLY else (False, True))
]  # fmt: skip
SETTINGS = {"folds": 3, "repeats": 1, "seed": 11, "train_draws": 2, "jobs": 1}


@every_model
def test_a_permuted_outcome_cannot_be_foretold(model):
    X = people(1000)
    follow = follow_up(X, lost=2e-4)
    matrix = matrix_of(X, follow.of(np.random.default_rng(8).permutation(len(X))))
    table = out_of_fold(matrix, None, {model: BUILDERS[model]}, **SETTINGS)
    wanted = "routine" if model in ROUTINE_ONLY else "both"
    table = table[(table["feature_set"] == wanted) & (table["weight"] > 0)]
    area = roc_auc_score(table["event"], table["risk"], sample_weight=table["weight"])
    # Standard error of the area of a score that says nothing: Hanley JA, McNeil BJ, Radiology 1982;143:29-36. The few
    # weights above 1 add a little.
    events, others = table["event"].sum(), (1 - table["event"]).sum()
    error = np.sqrt((events + others + 1) / (12 * events * others))
    assert 0.015 < error < 0.025
    assert abs(area - 0.5) < 4 * error


@pytest.fixture(scope="module")
def learned():
    """People with draws of a twin feature, and those of them that a model learns from."""
    X = people(300)
    matrix = matrix_of(X, follow_up(X, lost=2e-4))
    z = 1.0 + 0.5 * X[:, 2][:, None, None] + np.random.default_rng(2).normal(0, 0.6, (len(X), 6, 1))
    draws = TwinDraws(z, Unknowns(z.mean(axis=1), np.full((len(X), 1, 1), 0.6), z))
    fold = split(matrix.event, matrix.groups, folds=3, seed=5)
    return matrix, draws, np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)


def spoiled(matrix, draws, some):
    """The same with absurd values, outcomes and draws of some of the people."""
    frame, event = matrix.frame.copy(), matrix.event.copy()
    rows = frame.index[some]
    frame.loc[rows, ["a", "b"]] = np.column_stack([np.full(len(some), 1e6), np.linspace(-1e5, 1e5, len(some))])
    frame.loc[rows, "twin"] = np.nan
    frame.loc[rows, "sex"] = "unheard of"
    event[some] = 1 - event[some]
    time_d, status = matrix.follow.time_d.copy(), matrix.follow.status.copy()
    time_d[some], status[some] = 0.5, np.where(np.arange(len(some)) % 2, "event", "censored")
    follow = matrix.follow._replace(time_d=time_d, status=status, weight=np.where(matrix.follow.weight > 1, 50.0, 1.0))
    return matrix._replace(frame=frame, event=event, follow=follow), absurd(draws, some)


def absurd(draws, some):
    """Draws, and the unknowns that the population is learned from, far from everybody's."""
    parts = [part.copy() for part in (draws.features, draws.unknowns.mode, draws.unknowns.z)]
    for part in parts:
        part[some] = 30.0
    features, mode, z = parts
    return TwinDraws(features, draws.unknowns._replace(mode=mode, z=z))


@pytest.mark.parametrize(("model", "drawn"), EACH_WAY)
def test_the_fitted_model_is_the_same_whatever_stands_in_the_test_fold(model, drawn, learned, tmp_path):
    matrix, draws, train, test = learned

    def written(matrix, draws, name):
        path = tmp_path / name
        fitted = refit(matrix, draws if drawn else None, BUILDERS[model], "both", seed=3, train_draws=2, people=train)
        save(fitted, path)
        return path.read_bytes()

    honest = written(matrix, draws, "honest")
    assert written(*spoiled(matrix, draws, test), "spoiled") == honest
    assert written(*spoiled(matrix, draws, train[:1]), "of a training row") != honest


@every_model
def test_a_test_fold_does_not_inform_its_own_model(model, learned):
    """An absurd value of one person changes the risks of other folds, never of those in the same fold."""
    matrix, draws, _, _ = learned
    frame, other = matrix.frame.copy(), absurd(draws, [7])
    frame.loc["p0007", ["a", "b"]] = 1e6, np.nan
    honest, changed = (
        out_of_fold(m, d, {model: BUILDERS[model]}, **SETTINGS)
        for m, d in ((matrix, draws), (matrix._replace(frame=frame), other))
    )
    own = honest.loc[honest["person_id"] == "p0007"].set_index("feature_set")["fold"]
    same = honest["fold"].to_numpy() == own.loc[honest["feature_set"]].to_numpy()
    equal = (honest["risk"] == changed["risk"]).to_numpy()
    assert equal[same & (honest["person_id"] != "p0007").to_numpy()].all()
    assert not equal[~same].all()


def test_the_population_is_that_of_the_training_people_alone(learned):
    _, draws, train, test = learned
    assert (draws.redrawn(train, 1) != np.arange(6)).any(), "a population was learned"
    np.testing.assert_array_equal(absurd(draws, test).redrawn(train, 1)[train], draws.redrawn(train, 1)[train])


VISITS = """patient,age,sex,day,sbp,hba1c
1,50,F,-20,120,5.0
1,51,F,0,130,5.2
2,60,M,-3,140,6.0
"""


def clinic(tmp_path, text):
    path = tmp_path / "visits.csv"
    path.write_text(text, encoding="utf-8")
    columns = "\n".join(
        f"{name} = {{ column = {heading!r}{more} }}"
        for name, heading, more in (
            ("age_years", "age", ""),
            ("sex", "sex", ", codes = { F = 'female', M = 'male' }"),
            ("time_d", "day", ""),
            ("sbp_mmhg", "sbp", ""),
            ("hba1c_mmol_mol", "hba1c", ", unit = '%'"),
        )
    )
    study = read_study(ROOT / "configs" / "example_csv.toml")
    text = f"source = 'csv'\npath = '{path}'\nperson_id = 'patient'\n[columns]\n{columns}\n"
    cohort = type(study.cohort).model_validate(tomllib.loads(text))
    return study.model_copy(update={"cohort": cohort, "predictors": ("age_years", "sex", "sbp_mmhg")})


def learned_from(study):
    """All that a model and a fit of the study's people learn from."""
    cohort, known = build(study), study.known_variables()
    table = baseline(cohort.people, cohort.observations, known)
    matrix = assemble(
        cohort.people, cohort.outcomes, table, None, predictors=study.predictors, known=known, names=["routine"]
    )
    return matrix, collect(cohort.observations)


def test_a_visit_after_time_zero_changes_nothing(tmp_path):
    (matrix, visits), (future, later) = (
        learned_from(clinic(tmp_path, text)) for text in (VISITS, VISITS + "1,99,F,1,250,15.0\n2,99,M,4000,70,4.0\n")
    )
    pd.testing.assert_frame_equal(future.frame, matrix.frame)
    np.testing.assert_array_equal(future.event, matrix.event)
    np.testing.assert_equal(later._asdict(), visits._asdict())


def test_a_reading_after_the_outcome_is_refused_and_named(tmp_path):
    with pytest.raises(TableError) as fault:
        build(clinic(tmp_path, VISITS + "2,60,M,-1,150,\n"))
    assert str(fault.value).startswith(
        "visits.csv: person 2: sbp_mmhg of day -1 is dated after the outcome, of day -3, and must not predict it"
    )
    assert "take such visits out" in str(fault.value)


def test_an_outcome_before_time_zero_is_refused_and_named():
    X = people(20)
    follow = follow_up(X)
    follow.time_d[4] = -3.0
    ids = [f"p{i:02d}" for i in range(20)]
    outcomes = pd.DataFrame(
        {"person_id": ids, "event": happened(follow), "time_d": follow.time_d, "status": "event", "weight": 1.0}
    )
    with pytest.raises(RunError, match="person p04: event on day -3, so that what is known at time zero may have been"):
        assemble(
            pd.DataFrame({"person_id": ids, "group_id": ids}),
            outcomes,
            pd.DataFrame({"age_years": 50.0}, index=pd.Index(ids, name="person_id")),
            None,
            predictors=["age_years"],
            known=variables(),
            names=["routine"],
            horizon_years=2.0,
        )
