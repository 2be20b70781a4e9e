"""`python -m stages.simulate`: one person, one scenario, a tidy file with units."""

from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "configs" / "people" / "woman_45_plus_250_kcal.toml"


@pytest.fixture
def simulate(command):
    return lambda scenario, out: command("simulate", scenario, "--out", out)


@pytest.mark.slow
def test_a_person_is_written_tidily_with_units(tmp_path, simulate):
    out = tmp_path / "out.csv"
    done = simulate(EXAMPLE, out)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(out)
    assert list(table) == ["time_d", "observable", "value", "unit"]
    end = table[table["time_d"] == 1095].set_index("observable")
    # The checked example of the liver twin: independent solvers give 8.792 % and 86.7 kg at three years.
    assert end.loc["pdff_percent", "value"] == pytest.approx(8.792, abs=2e-3)
    assert end.loc["weight_kg", "value"] == pytest.approx(86.7, abs=0.05)
    assert end.loc["pdff_percent", "unit"] == "%"
    assert table["value"].notna().all()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("age_years = 45", "age = 45", "body_composition needs age_years"),
        ('sex = "female"', 'sex = "f"', "allowed: 'female', 'male'"),
        ("energy_change_kcal_d = 250", "energy_chang = 250", "no input energy_chang; there are"),
        ("energy_change_kcal_d = 250", "energy_change_kcal_d = 25000", "allowed: -5000 to 5000 kcal/d"),
        ('"liver_fat"', '"liver"', "no twin liver here; there are"),
        ("end_d = 1095", "end_d = -1", "[times] end_d"),
    ],
)
def test_a_mistake_in_the_file_is_named_and_nothing_is_written(tmp_path, simulate, old, new, words):
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    scenario = tmp_path / "person.toml"
    scenario.write_text(text.replace(old, new), encoding="utf-8")
    done = simulate(scenario, tmp_path / "out.csv")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [scenario]
