import importlib
import sys

import pytest

from pipeline.runs import RunError
from stages import imaging as stage


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs a command in this process; its lines, or those of its fault with exit code 2."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["imaging", *map(str, words)])
        try:
            stage.main()
        except SystemExit as end:
            return [f"exit {end.code}", *capsys.readouterr().err.splitlines()]
        return capsys.readouterr().out.splitlines()

    return command


def test_the_way_from_a_phantom_to_its_liver_fat(run, tmp_path):
    images, registry = tmp_path / "phantom", ("--registry", tmp_path / "registry")
    assert run("phantom", images, "--people", 1, "--visits", 1)[0].endswith("truth.csv")
    assert run("phantom", images)[-1].endswith("is not empty; give another folder")
    assert run("list", *registry)[0].endswith("no data set yet")
    assert run("check", images / "images", "--use", "liver_pdff")[-1] == "nothing would be refused"
    assert "the command card" in run("add", "fat", images / "images", *registry)[-1]
    card = tmp_path / "registry" / "fat" / "card.toml"
    assert run("card", "fat", *registry) == [f"{card}: an empty card; fill it in"]
    assert run("add", "fat", images / "images", *registry)[-1].endswith("1 people, 1 studies, 2 series, 13 images")
    assert "the card lacks title" in run("release", "fat", *registry)[1]
    text = card.read_text().replace('= ""', '= "x y"').replace("purposes = []", 'purposes = ["research"]')
    card.write_text(text)
    assert run("card", "fat", *registry) == [f"{card}: complete"]
    assert run("release", "fat", *registry)[0].endswith("1.0.0: released")
    assert run("verify", "fat", *registry)[0].endswith("every file is as it was")
    lines = run("pdff", "fat", "--out", tmp_path / "out" / "readings.csv", *registry)
    truth = sorted(float(line.rsplit(",", 1)[1]) for line in (images / "truth.csv").read_text().splitlines()[1:])
    assert sorted(float(line.split()[2]) for line in lines[:1]) == pytest.approx(truth, abs=0.5)
    assert len((tmp_path / "out" / "readings.csv").read_text().splitlines()) == 2
    alone = run("pdff", images / "images" / "0001", "--mask", images / "mask_0001.npy", *registry)
    assert "% (half of" in alone[-1]
    run("add", "fat", images / "images", *registry)
    assert run("diff", "fat", "1.0.0", "draft", *registry) == ["fat 1.0.0 to draft: nothing changed"]
    assert run("list", *registry) == ["fat: 1.0.0, draft: x y"]
    assert (tmp_path / "settings" / "tvilling" / "pseudonym.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "nowhere"), "nowhere: no such folder of images"),
        (("check", ".", "--use", "liver"), "--use liver is not known; there are any, liver_pdff"),
        (("check", ".", "--allow", "text"), "--allow 'text' is not known; there are burned-in text"),
        (("verify", "nothing"), "no data set nothing; there are none yet"),
        (("pdff", ".", "--mask", "nowhere.npy"), "has 0 fat-fraction series; give a folder with one"),
    ],
)
def test_faults_are_one_sentence(run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    lines = run(*words, "--registry", "registry")
    assert (lines[0], len(lines)) == ("exit 2", 2)
    assert said in lines[1]


def test_without_pydicom_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "pipeline.imaging")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(RunError, match=r'pip install "tvilling\[clinical\]"'):
        importlib.import_module("pipeline.imaging")
