"""Pages as PDF, where WeasyPrint is installed, and a sentence where it is not."""

import sys

import pytest

from pipeline.reports import languages, render_patient
from stages.pdf import main
from tests.reports.patients import patient_of, with_everything


def test_without_weasyprint_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    (tmp_path / "page.html").write_text("<p>Page</p>")
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    monkeypatch.setattr(sys, "argv", ["pdf", str(tmp_path / "page.html")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "pip install 'weasyprint>=66'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_what_is_no_page_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pdf", str(tmp_path / "page.txt")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "page.txt: no HTML file to print" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")      # of WeasyPrint's own packages
@pytest.mark.parametrize("language", languages())
def test_the_report_of_a_person_prints_on_two_sheets(tmp_path, monkeypatch, capsys, language):
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as fault:
        pytest.skip(f"WeasyPrint (extra pdf) cannot be loaded: {fault}")
    page = tmp_path / "page.html"
    page.write_text(render_patient(with_everything(patient_of(tmp_path / "study")), language), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["pdf", str(page)])
    main()
    assert capsys.readouterr().out.endswith("page.pdf: 2 pages\n")
    assert page.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
