"""Swedish emergency charts: from prose to values and mentions, each with the span that says it.

`read_chart` gives the fields of a file, `extract` what they say, `deliver` a folder as people and readings,
`to_html` the page on which a reader checks it, `agree` how far it meets labels made by hand.
"""

from pipeline.charts.agreement import Score, agree, read_labels
from pipeline.charts.delivery import deliver
from pipeline.charts.extract import extract
from pipeline.charts.feature import Concept, Feature, concepts
from pipeline.charts.folder import Read, list_charts, read_folder
from pipeline.charts.outputs import to_frame, to_json
from pipeline.charts.review import to_html
from pipeline.charts.sections import Chart, Field, parse_chart, read_chart

__all__ = [
    "Chart", "Concept", "Feature", "Field", "Read", "Score", "agree", "concepts", "deliver", "extract", "list_charts",
    "parse_chart", "read_chart", "read_folder", "read_labels", "to_frame", "to_html", "to_json",
]  # fmt: skip
