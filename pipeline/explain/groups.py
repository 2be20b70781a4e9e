"""Who shares a prediction: each routine variable or small natural group of them, and each twin as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from pipeline.models import FeatureSet

# Variables that say nearly the same: how a model splits their effect among them would be an accident.
NATURAL: dict[str, tuple[str, ...]] = {
    "body_size": ("height_cm", "weight_kg", "bmi_kg_m2", "waist_cm", "body_fat_percent"),
    "pressure": ("sbp_mmhg", "dbp_mmhg", "hypertension", "pressure_treatment"),
    "blood_fats": ("cholesterol_mmol_l", "hdl_mmol_l", "ldl_mmol_l", "triglycerides_mmol_l", "dyslipidaemia"),
    "blood_sugar": (
        "glucose_mmol_l", "glucose_fasting_mmol_l", "hba1c_mmol_mol", "insulin_miu_l", "c_peptide_nmol_l", "diabetes",
    ),
    "smoking": ("smoking_status", "current_smoker", "cigarettes_per_day", "pack_years"),
    "alcohol": ("alcohol_intake_g_d", "alcohol_intake_g_wk", "audit_c", "peth_umol_l"),
    "diet": (
        "energy_intake_kcal_d", "carbohydrate_intake_g_d", "sugar_intake_g_d", "fat_intake_g_d", "protein_intake_g_d",
        "fibre_intake_g_d", "carbohydrate_fraction", "fat_fraction",
    ),
    "activity": ("vigorous_recreation", "moderate_recreation", "sedentary_min_d", "activity_level"),
    "liver": ("fatty_liver", "fib4_high", "pdff_percent", "cap_db_m", "alt_u_l", "ast_u_l", "ggt_u_l"),
    "heart_disease": (
        "coronary_disease", "angina", "heart_failure", "heart_attack", "cardiac_arrest", "atrial_fibrillation",
    ),
    "circumstances": ("education", "education_level", "income_poverty_ratio"),
}  # fmt: skip
OF = {variable: name for name, variables in NATURAL.items() for variable in variables}
TWIN = "twin_"      # begins the name of a group that is a twin


class Group(NamedTuple):
    """Columns whose contribution is told as one."""

    name: str
    kind: Literal["routine", "twin"]
    columns: tuple[str, ...]


def group_columns(columns: FeatureSet, twin_of: Mapping[str, str]) -> list[Group]:
    """The groups of a feature set, in the order of their first columns; `twin_of` names the twin of each feature.

    A group has the name of its variable, of its entry in `NATURAL`, or of its twin after `TWIN`.
    """
    found: dict[str, list[str]] = {}
    for column in columns.columns:
        twin = column in columns.mechanistic
        found.setdefault(TWIN + twin_of[column] if twin else OF.get(column, column), []).append(column)
    twins = set(columns.mechanistic)
    return [Group(n, "twin" if own[0] in twins else "routine", tuple(own)) for n, own in found.items()]
