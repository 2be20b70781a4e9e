"""Write the report of a study: one HTML file that opens without a network, and its figures."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import main


def body(study: Study, folder: Path, stage: Stage) -> None:
    """Read what the earlier stages left, render, write."""
    from pipeline.reports import read_results, render

    report = render(read_results(study, folder, stage.read))
    stage.path("report.html").write_text(report.html, encoding="utf-8")
    stage.path("figures").mkdir()
    for name, svg in report.figures.items():
        stage.path(f"figures/{name}.svg").write_text(svg, encoding="utf-8")
    stage.note(figures=len(report.figures), bytes=len(report.html.encode()))
    print(f"report: {folder / 'report' / 'report.html'}")


if __name__ == "__main__":
    main("report", __doc__, body)
