"""Write the report of a study with its figures, the model card and the protocol; all open without a network."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Study
from pipeline.runs import Stage
from stages import main


def body(study: Study, folder: Path, stage: Stage) -> None:
    """Read what the earlier stages left, render, write."""
    from pipeline.reports import model_card, protocol, read_results, render

    results = read_results(study, folder, stage.read)
    report = render(results)
    stage.path("report.html").write_text(report.html, encoding="utf-8")
    stage.path("figures").mkdir()
    for name, svg in report.figures.items():
        stage.path(f"figures/{name}.svg").write_text(svg, encoding="utf-8")
    for name, document in {"model_card": model_card(results), "protocol": protocol(study)}.items():
        stage.path(f"{name}.html").write_text(document.html(), encoding="utf-8")
        stage.path(f"{name}.json").write_text(document.json(), encoding="utf-8")
    stage.note(figures=len(report.figures), bytes=len(report.html.encode()))
    print(f"report: {folder / 'report' / 'report.html'}")


if __name__ == "__main__":
    main("report", __doc__, body)
