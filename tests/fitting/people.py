"""Made-up people and readings for the tests of fitting."""

import numpy as np
import pandas as pd


def someone(number=1, male=True, age_years=50.0):
    """A table of people: men of 50 unless said."""
    ids = [f"p{i:03d}" for i in range(number)]
    return pd.DataFrame(
        {"person_id": ids, "group_id": ids, "age_years": age_years, "sex": "male" if male else "female"}
    )


def readings(*rows):
    """Observations from (person, variable, value or answer) or (person, variable, value or answer, day)."""
    full = [(*row, 0.0)[:4] for row in rows]
    return pd.DataFrame(
        {
            "person_id": pd.array([r[0] for r in full], dtype="str"),
            "time_d": np.array([r[3] for r in full], dtype=float),
            "variable": pd.array([r[1] for r in full], dtype="str"),
            "value": np.array([np.nan if isinstance(r[2], str) else r[2] for r in full], dtype=float),
            "text": pd.array([r[2] if isinstance(r[2], str) else None for r in full], dtype="str"),
        }
    )
