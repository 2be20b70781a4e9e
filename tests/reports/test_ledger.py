import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipeline.reports import render
from pipeline.reports.ledger import SOURCES, sources_of, tell_origin, trace
from pipeline.runs import RunError, stage

ROOT = Path(__file__).parents[2]
FIELDS = {
    "people": ("cohort/people.parquet", "cohort/observations.parquet"), "outcomes": ("cohort/outcomes.parquet",),
    "fits": ("fit/fits.parquet",), "trajectories": ("features/trajectories.parquet",),
    "predictions": ("train/predictions.parquet",), "uncertainty": ("uncertainty/uncertainty.parquet",),
    "metrics": ("evaluate/metrics.parquet",), "differences": ("evaluate/differences.parquet",),
    "calibration": ("evaluate/calibration.parquet",), "decision": ("evaluate/decision.parquet",),
    "strata": ("evaluate/strata.parquet",), "benefit": ("strata/benefit_groups.parquet",),
    "benefit_bands": ("strata/benefit_bands.parquet",),
    "best": ("strata/benefit.parquet",), "endotypes": ("strata/endotype_groups.parquet",),
    "smooth": ("evaluate/smooth.parquet",), "agreement": ("evaluate/agreement.parquet",),
    "subgroups": ("evaluate/subgroups.parquet",), "sets": ("evaluate/sets.parquet",),
    "missing": ("evaluate/missing.parquet",),
    "drivers": ("explain/global.parquet",), "reasons": ("explain/attributions.parquet",),
}  # fmt: skip


@pytest.fixture
def study(tmp_path):
    """Three stages of a study on a file of its own, each reading the one before."""
    source, folder = tmp_path / "clinic.csv", tmp_path / "runs" / "demo"
    source.write_text("a,b\n")
    run_cohort(folder, source)
    with stage(folder / "evaluate", config={"seed": 7}) as running:
        running.read(folder / "cohort/people.parquet")
        row = {"model": "logistic", "feature_set": "both", "metric": "auroc", "value": 0.7, "low": 0.6, "high": 0.8}
        pd.DataFrame([row]).to_parquet(running.path("metrics.parquet"))
        for name in ("calibration", "decision"):
            pd.DataFrame({"x": [1.0]}).to_parquet(running.path(f"{name}.parquet"))
    with stage(folder / "report", config={}) as running:
        for name in ("metrics", "calibration", "decision"):
            running.read(folder / f"evaluate/{name}.parquet")
        running.path("figures").mkdir()
        running.path("figures/calibration.svg").write_text("<svg/>")
    return folder


def run_cohort(folder, source, people=3):
    from pipeline.runs import hash_file

    with stage(folder / "cohort", config={"cohort": {"path": str(source)}}) as running:
        running.inputs[source.name] = hash_file(source)
        pd.DataFrame({"n": range(people)}).to_parquet(running.path("people.parquet"))


def faults(folder, what=None):
    return tell_origin(folder, what)[1]


def test_a_figure_is_traced_to_the_source_with_code_settings_and_hashes(study):
    wanted, origins = trace(study, "calibration")
    assert wanted == {"figure calibration": ["evaluate/calibration.parquet", "evaluate/metrics.parquet"]}
    assert {origin.stage for origin in origins} == {"report", "evaluate", "cohort"}
    said, found = tell_origin(study, "calibration")
    assert found == []
    text = "\n".join(said)
    assert 'settings {"seed": 7}' in text
    assert re.search(r"code [0-9a-f]{64}, commit ([0-9a-f]{40}(-dirty)?|not known)", text)
    assert re.search(r"read [0-9a-f]{64} clinic.csv\n", text)


def test_a_measure_is_told_with_its_value_and_table(study):
    said, _ = tell_origin(study, "auroc")
    assert said[:2] == ["measure auroc: evaluate/metrics.parquet", "  logistic on both: 0.7 (0.6 to 0.8)"]


def test_what_is_not_in_the_report_is_told_with_what_is(study):
    with pytest.raises(RunError, match="no figure, section or measure 'nope'; there are calibration, "):
        trace(study, "nope")


def test_an_edited_file_is_told(study):
    pd.DataFrame({"x": [2.0]}).to_parquet(study / "evaluate/calibration.parquet")
    told = "evaluate/calibration.parquet is not what its stage wrote: the file was changed afterwards"
    assert faults(study) == [told]


def test_an_edited_figure_is_told(study):
    (study / "report/figures/calibration.svg").write_text("<svg>nicer</svg>")
    assert faults(study, "calibration") == [
        "report/figures/calibration.svg is not what its stage wrote: the file was changed afterwards"
    ]


def test_a_missing_file_is_told(study):
    (study / "cohort/people.parquet").unlink()
    assert faults(study) == ["cohort/people.parquet is missing"]


def test_a_stage_that_ran_again_with_another_result_is_told(study, tmp_path):
    run_cohort(study, tmp_path / "clinic.csv", people=4)
    assert faults(study) == ["cohort/people.parquet has been made anew since evaluate read it"]


def test_a_source_that_is_not_what_it_was_is_told(study, tmp_path):
    (tmp_path / "clinic.csv").write_text("a,b\n1,2\n")
    assert faults(study) == ["clinic.csv is not what it was when cohort read it"]


def test_the_command_ends_with_one_if_a_file_was_changed(study, command):
    done = command("trace", study, "calibration")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Every file is what its manifest says.\n")
    (study / "evaluate/metrics.parquet").write_bytes(b"")
    done = command("trace", study, "calibration")
    assert done.returncode == 1
    assert "evaluate/metrics.parquet is not what its stage wrote" in done.stdout
    done = command("trace", study / "nowhere")
    assert done.returncode == 2
    assert "give the folder of a finished study" in done.stderr


def parts(results):
    """Every figure and section of the report by name."""
    report = render(results)
    sections = dict(re.findall(r'<section id="(\w+)".*?>(.*?)</section>', report.html, flags=re.DOTALL))
    return {f"figure {name}": svg for name, svg in report.figures.items()} | {
        f"section {name}": html for name, html in sections.items()
    }


def test_every_section_of_the_report_has_its_sources(page):
    sections = set(re.findall(r'<section id="(\w+)"', page))
    assert {f"section {name}" for name in sections} <= set(SOURCES)


def test_a_figure_that_has_no_line_is_drawn_from_all_that_the_report_read():
    assert sources_of("figure another") == ("*/*",)


@pytest.fixture(scope="module")
def unmoved(results):
    return parts(results)


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
def test_the_sources_of_a_figure_are_all_that_move_it(results, unmoved, field):
    table = getattr(results, field)
    floats = table.select_dtypes("float").columns
    moved = parts(replace(results, **{field: table.assign(**{name: 0.97 * table[name] for name in floats})}))
    for name, drawn in unmoved.items():
        if moved.get(name) != drawn:
            assert set(sources_of(name)) & set(FIELDS[field]), f"{name} is moved by {field}"
