"""Print a page that this project wrote as PDF (needs the extra `pdf`: WeasyPrint and the libraries of its system)."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.runs import RunError
from stages import faults_in_words

MISSING = (
    "WeasyPrint is not there or lacks a library of the system ({}): .venv/bin/pip install 'weasyprint>=66', on Debian "
    "also apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0; or open the page in a browser and print it"
)


def main() -> None:
    """Command line of the printer."""
    parser = argparse.ArgumentParser(prog="python -m stages.pdf", description=__doc__)
    parser.add_argument("page", type=Path, help="HTML file, such as data/runs/STUDY/report/report.html")
    parser.add_argument("--out", type=Path, help="file to write (default: beside the page)")
    arguments = parser.parse_args()
    with faults_in_words():
        page, path = arguments.page, arguments.out or arguments.page.with_suffix(".pdf")
        if page.suffix != ".html" or not page.is_file():
            raise RunError(f"{page}: no HTML file to print")
        try:
            from weasyprint import HTML
        except (ImportError, OSError) as fault:
            raise RunError(MISSING.format(fault)) from None
        document = HTML(page).render()
        draft = path.with_name(f".{path.name}.draft")
        document.write_pdf(draft)
        draft.replace(path)
        print(f"{path}: {len(document.pages)} pages")


if __name__ == "__main__":
    main()
