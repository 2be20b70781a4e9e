"""Words of the page in the reader's language, from one file a language; names of variables are those of the report."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import as_file, files

from pipeline.config import read_toml
from pipeline.reports import read_language
from pipeline.sections import Strict

# Where a variable stands in the form; what is named nowhere comes last.
GROUPS: dict[str, tuple[str, ...]] = {
    "body": ("age_years", "sex", "height_cm", "weight_kg", "bmi_kg_m2", "waist_cm", "body_fat_percent"),
    "pressure": ("sbp_mmhg", "dbp_mmhg", "heart_rate_per_min", "pressure_treatment", "hypertension"),
    "blood": (
        "glucose_mmol_l", "hba1c_mmol_mol", "cholesterol_mmol_l", "hdl_mmol_l", "ldl_mmol_l", "pdff_percent",
        "peth_umol_l",
    ),
    "habits": (
        "smoking_status", "current_smoker", "cigarettes_per_day", "alcohol_intake_g_d", "alcohol_intake_g_wk",
        "vigorous_recreation", "moderate_recreation", "sedentary_min_d", "daily_steps",
    ),
    "diet": (
        "energy_intake_kcal_d", "carbohydrate_intake_g_d", "sugar_intake_g_d", "fat_intake_g_d", "fibre_intake_g_d",
    ),
    "history": (
        "diabetes", "dyslipidaemia", "fatty_liver", "fib4_high", "coronary_disease", "angina", "heart_attack",
        "heart_failure", "atrial_fibrillation", "cardiac_arrest", "stroke",
    ),
}  # fmt: skip
OTHER = "other"


class Words(Strict):
    """What one file of `words` holds; every language has the same keys and the same {placeholders}."""

    code: str
    decimal: str
    words: dict[str, str]
    groups: dict[str, str]
    sliders: dict[str, str]
    levels: dict[str, str]
    names: dict[str, str]         # variables that the report has no name for
    units: dict[str, str]
    texts: dict[str, str] = {}    # what study files say, by the English text


@cache
def read_words(code: str) -> Words:
    """The words of one language, those of the patient report added."""
    with as_file(files("pipeline.app").joinpath("words", f"{code}.toml")) as path:
        own = read_toml(path, Words)
    told = read_language(code)
    more = {"names": told.names | own.names, "units": told.units | own.units, "texts": told.texts | own.texts}
    return own.model_copy(update={"decimal": told.decimal, **more})


def group(names: Iterable[str]) -> dict[str, list[str]]:
    """The variables of a form by group, in the order of `GROUPS`."""
    known = list(names)
    found = {key: [name for name in members if name in known] for key, members in GROUPS.items()}
    named = {name for members in found.values() for name in members}
    found[OTHER] = [name for name in known if name not in named]
    return {key: members for key, members in found.items() if members}
