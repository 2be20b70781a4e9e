"""A study's packaged model as a page in the browser: one person, two plans, answers while a slider moves."""

from pipeline.app.desk import Desk, InputError
from pipeline.app.plans import SLIDERS, Plans
from pipeline.app.server import make_app
from pipeline.app.words import GROUPS, Words, read_words

__all__ = ["GROUPS", "SLIDERS", "Desk", "InputError", "Plans", "Words", "make_app", "read_words"]
