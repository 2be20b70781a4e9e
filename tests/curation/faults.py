"""Faults put into sound deliveries: of single readings (rows), and of the whole."""

import numpy as np
import pandas as pd

from tests.curation.material import changed, finding, rows_of

IMPLAUSIBLE = "implausible: outside 2 to 350 kg, set missing"


def place(readings, rows):
    return f"loinc 1-8 ({readings['variable'].iloc[rows[0]]})"


def told(delivery, readings, rows, kind, severity="refused"):
    """The delivery with the readings and one finding a variable, as a reader makes them."""
    names = delivery.readings["variable"].iloc[rows].value_counts()
    found = [finding(kind, severity, f"loinc 1-8 ({name})", int(n)) for name, n in names.items()]
    return changed(delivery, readings, findings=[*delivery.findings, *found])


def set_missing(delivery, rows):
    readings = delivery.readings.copy()
    readings.loc[rows, ["value", "text"]] = [np.nan, None]
    readings.loc[rows, "flag"] = IMPLAUSIBLE
    return told(delivery, readings, rows, "value implausible")


def emptied(delivery, rows):
    readings = delivery.readings.copy()
    readings.loc[rows, ["value", "text"]] = [np.nan, None]
    return changed(delivery, readings)


def dropped(kind, severity="refused"):
    return lambda delivery, rows: told(delivery, delivery.readings.drop(index=rows), rows, kind, severity)


def flagged(kind, flag, severity="suspect"):
    def put(delivery, rows):
        readings = delivery.readings.copy()
        readings.loc[rows, "flag"] = flag
        return told(delivery, readings, rows, kind, severity)

    return put


def undated(delivery, rows):
    readings = delivery.readings.copy()
    readings.loc[rows, "at"] = pd.NaT
    readings.loc[rows, "flag"] = "date not known"
    return told(delivery, readings, rows, "date absent", "suspect")


def dated(day):
    def put(delivery, rows):
        readings = delivery.readings.copy()
        times = readings.loc[rows, "at"] - readings.loc[rows, "at"].dt.normalize()
        readings.loc[rows, "at"] = (pd.Timestamp(day) + times).astype("datetime64[s]")
        return changed(delivery, readings)

    return put


def again(delivery, rows):
    readings = delivery.readings
    more = readings.iloc[rows]
    return changed(delivery, pd.concat([readings, more.assign(source=more["source"] + " again")], ignore_index=True))


def of_nobody(delivery, rows):
    readings = delivery.readings.copy()
    readings.loc[rows, "person_id"] = [f"gone-{row % 50}" for row in rows]
    readings.loc[rows, "flag"] = "patient not in the delivery"
    new = set(readings.loc[rows, "person_id"]) - set(delivery.people["person_id"])
    strangers = pd.DataFrame({"person_id": sorted(new)})
    people = pd.concat([delivery.people, strangers], ignore_index=True).astype(delivery.people.dtypes.to_dict())
    source = changed(delivery, people=people)
    return told(source, readings, rows, "patient unknown", "suspect")


# Faults of single readings: what they do to rows of a delivery, and the kind of finding.
READINGS = {
    "value implausible": set_missing,
    "value missing": emptied,
    "unit does not fit": dropped("unit does not fit"),
    "unit absent": dropped("unit absent"),
    "value absent": dropped("value absent", "note"),
    "code system unknown": dropped("code system unknown", "note"),
    "date before birth": dropped("date before birth"),
    "unit assumed": flagged("unit assumed", "unit assumed kg"),
    "value is a limit": flagged("value is a limit", "below"),
    "date partial": flagged("date partial", "date known to the month"),
    "date after death": flagged("date after death", "after death"),
    "date absent": undated,
    "date in the future": dated("2031-05-06"),
    "date is a placeholder": dated("1900-01-01"),
    "duplicate reading": again,
    "patient unknown": of_nobody,
}


def scaled(variable, factor, digits):
    def put(delivery, share):
        readings, rows = delivery.readings.copy(), rows_of(delivery, variable, share)
        readings.loc[rows, "value"] = (readings.loc[rows, "value"] * factor).round(digits)
        return changed(delivery, readings)

    return put


def without(variable):
    """The delivery without a variable, so that no other one gives a fault away."""
    return lambda delivery: changed(delivery, delivery.readings[delivery.readings["variable"] != variable])


def rounded(delivery, share):
    readings, rows = delivery.readings.copy(), rows_of(delivery, "sbp_mmhg", share)
    readings.loc[rows, "value"] = readings.loc[rows, "value"].round(-1)
    return changed(delivery, readings)


def one_value(delivery, share):
    readings = delivery.readings.copy()
    readings.loc[rows_of(delivery, "creatinine_umol_l", share), "value"] = 88.0
    return changed(delivery, readings)


def carried(delivery, share):
    readings, rows = delivery.readings.copy(), rows_of(delivery, "cholesterol_mmol_l", 1.0)
    those = readings.loc[rows].sort_values(["person_id", "at"])
    first = those.groupby("person_id")["value"].transform("first")
    late = np.arange(len(those)) % 10 < 10 * share
    readings.loc[those.index[late], "value"] = first[late]
    return changed(delivery, readings)


def exchanged(delivery, share):
    readings = delivery.readings.copy()
    keys = ["person_id", "at"]
    upper, lower = (readings[readings["variable"] == n].reset_index().set_index(keys) for n in ("sbp_mmhg", "dbp_mmhg"))
    both = upper.join(lower, lsuffix="_u", rsuffix="_l", how="inner")
    both = both.iloc[: round(share * len(both))]
    readings.loc[both["index_u"], "value"] = both["value_l"].to_numpy()
    readings.loc[both["index_l"], "value"] = both["value_u"].to_numpy()
    return changed(delivery, readings)


def at_midnight(delivery, share):
    readings = delivery.readings.copy()
    rows = np.arange(len(readings)) < share * len(readings)
    readings.loc[rows, "at"] = readings.loc[rows, "at"].dt.normalize()
    return changed(delivery, readings.drop_duplicates(["person_id", "variable", "at"]))


def one_day(delivery, share):
    readings = delivery.readings.copy()
    rows = np.arange(len(readings)) % 10 < 10 * share
    minutes = pd.to_timedelta(np.arange(rows.sum()), unit="s")
    readings.loc[rows, "at"] = (pd.Timestamp("2023-03-01T08:00") + minutes).astype("datetime64[s]")
    return changed(delivery, readings)


def with_gap(delivery, share):
    start = pd.Timestamp("2022-02-01")
    end = start + pd.DateOffset(months=round(20 * share))
    return changed(delivery, delivery.readings[~delivery.readings["at"].between(start, end)])


def jump(delivery, share):
    readings = delivery.readings.copy()
    late = (readings["variable"] == "creatinine_umol_l") & (readings["at"] >= "2022-09-01")
    readings.loc[late, "value"] = (readings.loc[late, "value"] * (1 + share / 2)).round()
    return changed(delivery, readings)


def beside_another(delivery, share):
    readings = delivery.readings
    more = readings.loc[rows_of(delivery, "cholesterol_mmol_l", share)]
    return changed(delivery, pd.concat([readings, more.assign(value=more["value"] + 0.1)]))


def twins(delivery, share):
    people, readings = delivery.people, delivery.readings
    chosen = people.iloc[: round(share * len(people))]
    more = readings[readings["person_id"].isin(chosen["person_id"])]
    return changed(
        delivery,
        pd.concat([readings, more.assign(person_id="other-" + more["person_id"])]),
        pd.concat([people, chosen.assign(person_id="other-" + chosen["person_id"])]),
    )


def lacking(column):
    def put(delivery, share):
        people = delivery.people.copy()
        people.loc[: round(share * len(people)) - 1, column] = pd.NaT if column == "birth_date" else None
        return changed(delivery, people=people)

    return put


def in_january(delivery, share):
    people = delivery.people.copy()
    those = people.index < share * len(people)
    years = people.loc[those, "birth_date"].to_numpy().astype("datetime64[Y]")
    people.loc[those, "birth_date"] = years.astype("datetime64[s]")
    return changed(delivery, people=people)


def silent_people(delivery, share):
    gone = delivery.people["person_id"].iloc[: round(share * len(delivery.people))]
    return changed(delivery, delivery.readings[~delivery.readings["person_id"].isin(gone)])


# Faults of the whole, with the share that they touch: kind of finding, and where it is told.
WHOLE = {
    "pounds": ("two groups of values", "weight_kg", scaled("weight_kg", 2.2046, 1), 0.4, "bmi_kg_m2"),
    "some inches": ("two groups of values", "height_cm", scaled("height_cm", 1 / 2.54, 0), 0.3, "bmi_kg_m2"),
    "all inches": ("looks like another unit", "height_cm", scaled("height_cm", 1 / 2.54, 0), 1.0, "bmi_kg_m2"),
    "index": ("weight and height against body mass index", "bmi_kg_m2", scaled("bmi_kg_m2", 1.3, 1), 0.8, ""),
    "digits": ("digits preferred", "sbp_mmhg", rounded, 0.9, ""),
    "one value": ("one value repeated", "creatinine_umol_l", one_value, 0.5, ""),
    "carried": ("values carried forward", "cholesterol_mmol_l", carried, 0.9, ""),
    "exchanged": ("pressures exchanged", "dbp_mmhg", exchanged, 0.6, ""),
    "midnight": ("only midnights", "times", at_midnight, 1.0, ""),
    "one day": ("many on one day", "dates", one_day, 0.5, ""),
    "gap": ("time without readings", "months", with_gap, 0.5, ""),
    "jump": ("level jumps", "creatinine_umol_l", jump, 0.8, ""),
    "beside": ("several values at one time", "cholesterol_mmol_l", beside_another, 0.8, ""),
    "twins": ("one person under two ids", "people", twins, 0.3, ""),
    "no sex": ("sex not known", "sex", lacking("sex"), 0.5, ""),
    "no birth": ("age not known", "birth date and age", lacking("birth_date"), 0.5, ""),
    "january": ("births on 1 January", "birth date", in_january, 0.4, ""),
    "silent": ("person without readings", "people", silent_people, 0.4, ""),
}
