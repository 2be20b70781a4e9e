"""tvilling: personalised digital twins and machine learning for patient stratification.

Twins and fitting run in 64-bit; this is the one place that says so.
"""

import os
import sys

os.environ.setdefault("JAX_ENABLE_X64", "1")
if "jax" in sys.modules:      # imported before us: it has read its environment already
    sys.modules["jax"].config.update("jax_enable_x64", True)

__version__ = "0.1.0"
