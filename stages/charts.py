"""Read Swedish charts: a page to check what was found, and the features as JSON lines and Parquet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.runs import RunError
from stages import faults_in_words

EXAMPLE = Path("data/openchart/charts")
OUT = Path("data/runs/charts")


def main() -> None:
    """Command line of the chart reader."""
    parser = argparse.ArgumentParser(prog="python -m stages.charts", description=__doc__)
    parser.add_argument(
        "folder", type=Path, nargs="?", default=EXAMPLE,
        help="folder with a text file a chart, 'key: value' lines in UTF-8 (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to (default: %(default)s)")
    parser.add_argument("--labels", type=Path, help="labels made by hand (JSON lines) to compare with: scores")
    arguments = parser.parse_args()
    with faults_in_words():
        from tqdm import tqdm

        from pipeline import charts

        paths = charts.list_charts(arguments.folder)
        labels = charts.read_labels(arguments.labels) if arguments.labels else {}
        read, refused = [], []
        for one in tqdm(charts.read_folder(paths), total=len(paths), desc="charts", unit="chart", disable=None):
            if one.chart is None:
                refused += [f"{finding.place}: {finding.what}" for finding in one.findings]
            else:
                read.append((one.chart, charts.extract(one.chart)))
        if not read:
            raise RunError("\n".join(refused[:20]))
        names = [chart.name.removesuffix(".txt") for chart, _ in read]
        found = dict(zip(names, (features for _, features in read), strict=True))
        arguments.out.mkdir(parents=True, exist_ok=True)
        drafts = {arguments.out / name: arguments.out / f".{name}.draft" for name in ("review.html", "features.jsonl")}
        page, lines = drafts.values()
        page.write_text(charts.to_html(str(arguments.folder), read, refused), encoding="utf-8")
        lines.write_text("".join(f"{charts.to_json(*pair)}\n" for pair in found.items()), encoding="utf-8")
        drafts[arguments.out / "features.parquet"] = table = arguments.out / ".features.parquet.draft"
        charts.to_frame(found).to_parquet(table, index=False)
        for path, draft in drafts.items():
            draft.replace(path)
        for sentence in refused:
            print(sentence, file=sys.stderr)
        if labels:
            print(f"{len(labels.keys() & found.keys())} of {len(labels)} labelled charts; precision, recall, F1:")
            for kind, score in charts.agree(found, {k: v for k, v in labels.items() if k in found}).items():
                print(f"  {kind:10} {score.precision:5.3f} {score.recall:5.3f} {score.f1:5.3f}")
        features = sum(map(len, found.values()))
        print(f"{len(read)} charts, {features} features: {arguments.out / 'review.html'}")


if __name__ == "__main__":
    main()
