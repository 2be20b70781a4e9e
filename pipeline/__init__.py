"""tvilling: personalised digital twins and machine learning for patient stratification.

Twins and fitting run in 64-bit; this is the one place that says so. It has to be said before JAX traces
anything, so every module of the package comes after it.
"""

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")

__version__ = "0.1.0"
