"""The example charts, and mini-charts of one field, for the tests of this package."""

from pathlib import Path

from pipeline.charts import extract, parse_chart

FOLDER = Path(__file__).parents[2] / "data" / "openchart"
CHARTS = FOLDER / "charts"
VALUED = {"quantity", "diagnosis", "habit"}


def features(text, field="aktuellt", **options):
    """What a chart with one field says."""
    return extract(parse_chart(f"{field}: {text}", "mini.txt"), **options)


def mentions(text, field="aktuellt"):
    """Mentions as "concept:assertion", followed by whose they are where not the patient's."""
    return {
        f"{f.concept}:{f.assertion}" + ("" if f.experiencer == "patient" else f":{f.experiencer}")
        for f in features(text, field)
        if f.value is None
    }


def values(text, field="aktuellt"):
    """Values as "concept=value", with the comparator where one is written."""
    return {
        f"{f.concept}={f.comparator}{f.value:g}" if isinstance(f.value, float) else f"{f.concept}={f.value}"
        for f in features(text, field)
        if f.value is not None
    }
