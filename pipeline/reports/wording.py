"""Numbers as a clinician reads them: frequencies of 100 people, intervals in words, small counts withheld."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pipeline.schema import Variable

# A gain of less than one more of 100 pairs put in the right order is called none: it would not change care.
MATTERS = 0.01

TWINS = {
    "body_composition": "body weight and fat",
    "liver_fat": "liver fat",
    "blood_pressure": "blood pressure",
}
MODELS = {
    "logistic": "Logistic regression",
    "boosting": "Boosted trees",
    "forest": "Random forest",
    "cox": "Cox regression",
    "hazard": "Hazard by period",
    "network": "Neural network",
    "hybrid": "Twins inside a network",
    "score2": "Adjusted SCORE2",
    "stroke_ensemble": "Adjusted stroke ensemble",
}
FEATURE_SETS = {
    "routine": "routine data only",
    "mechanistic": "twins only",
    "both": "routine data and twins",
}
OUTPUTS = {
    "weight_kg": ("body weight", "kg"),
    "pdff_percent": ("liver fat", "%"),
    "sbp_mmhg": ("systolic blood pressure", "mmHg"),
    "dbp_mmhg": ("diastolic blood pressure", "mmHg"),
    "fat_mass_kg": ("fat mass", "kg"),
    "bmi_kg_m2": ("body mass index", "kg/m²"),
}
DESCRIBED = {"height_cm": "height", "weight_kg": "weight"}
Answer = Literal["yes", "no", "cannot tell"]


class Verdict(NamedTuple):
    """Whether something adds to the prediction, and the sentence that says so with its interval."""

    answer: Answer
    sentence: str


def twin(name: str) -> str:
    """What a twin is about; its plain name if it has no words yet."""
    return TWINS.get(name, name.replace("_", " "))


def model(name: str) -> str:
    """What a model is called; its plain name if it has no words yet."""
    plain = name.removesuffix("_recalibrated")
    return MODELS.get(plain, plain.replace("_", " ").capitalize()) + (", recalibrated" if plain != name else "")


def is_known(*values: float) -> bool:
    """Whether every value is a finite number."""
    return all(math.isfinite(v) for v in values)


def number(value: float, digits: int = 0) -> str:
    """A number with a true minus sign and thin spaces between thousands; "not known" when missing."""
    if not math.isfinite(value):
        return "not known"
    text = f"{value:,.{digits}f}".replace(",", "\u202f")
    return (text.lstrip("-") if float(f"{value:.{digits}f}") == 0 else text).replace("-", "−")


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign always shown, so that colour is never needed to read it."""
    text = number(value, digits)
    return "+" + text if is_known(value) and float(f"{value:.{digits}f}") > 0 else text


def interval(low: float, high: float, digits: int = 0, sign: bool = False) -> str:
    """Both ends joined by "to": "21 to 27"."""
    if not is_known(low, high):
        return "interval not known"
    word = signed if sign else number
    return f"{word(low, digits)} to {word(high, digits)}"


def within(low: float, high: float, digits: int = 0) -> str:
    """The interval in brackets after a number; nothing where both ends round to the same."""
    same = is_known(low, high) and number(low, digits) == number(high, digits)
    return "" if same else f" ({interval(low, high, digits)})"


def count(value: int, minimum: int) -> str:
    """A number of people, or "fewer than 10" when so small that somebody might be recognised."""
    return f"fewer than {minimum}" if value < minimum else number(value)


def hundredths(probability: float) -> str:
    """A probability as people of 100: "12", "fewer than 1", "more than 99"."""
    if not math.isfinite(probability):
        return "not known"
    if 0 < probability < 0.005:
        return "fewer than 1"
    if 0.995 < probability < 1:
        return "more than 99"
    return f"{100 * probability:.0f}"


def of_100(probability: float) -> str:
    """A probability as a natural frequency: "12 of 100"."""
    text = hundredths(probability)
    return text if text == "not known" else f"{text} of 100"


def of_100_between(low: float, high: float) -> str:
    """The interval of a natural frequency: "9 to 15 of 100"."""
    return f"{hundredths(low)} to {hundredths(high)} of 100" if is_known(low, high) else "interval not known"


def band(risk_from: float, risk_to: float) -> str:
    """The rule of a risk band: "under 15 of 100", "15 to 25 of 100", "50 of 100 or more"."""
    if risk_from <= 0:
        return "any risk" if risk_to >= 1 else f"under {of_100(risk_to)}"
    return f"{of_100(risk_from)} or more" if risk_to >= 1 else f"{hundredths(risk_from)} to {of_100(risk_to)}"


def years(count: int) -> str:
    """ "1 year", "5 years"."""
    return f"{count} year" + ("" if count == 1 else "s")


def age_range(age_years: float) -> str:
    """Five years that hold an age, so that it identifies nobody: "45 to 49 years"."""
    if not math.isfinite(age_years):
        return "age not known"
    first = int(age_years // 5 * 5)
    return "80 years or more" if first >= 80 else f"{first} to {first + 4} years"


def listing(items: Sequence[str]) -> str:
    """Items as in a sentence: "a", "a and b", "a, b and c"."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def output(name: str) -> tuple[str, str]:
    """What an output of a twin is called, and its unit."""
    return OUTPUTS.get(name, (name.replace("_", " "), ""))


def reason(status: str, known: Mapping[str, Variable]) -> str:
    """Why a twin could not be fitted, in words: "missing weight_kg" -> "body weight not recorded"."""
    if status == "missing pdff_percent":
        return "too little known to estimate liver fat"
    head, _, rest = status.partition(" ")
    names = [part.strip() for part in rest.replace(" and ", ",").split(",")]
    if head == "missing" and all(name in known for name in names):
        return listing([DESCRIBED.get(n, known[n].description.lower()) for n in names]) + " not recorded"
    for name in sorted(known, key=len, reverse=True):
        status = status.replace(name, known[name].description.lower()) if "_" in name else status
    return status.replace("_", " ")


def ranking(auroc: float, low: float, high: float) -> str:
    """How well people with the outcome are told from people without, as pairs of 100."""
    if not is_known(auroc):
        return "How well people with and without it can be told apart could not be measured."
    return (
        "Of one person with the outcome and one without, the model gives the higher risk to the one with it in "
        f"{of_100(auroc)} such pairs (95 % interval {interval(100 * low, 100 * high)}; guessing gives 50)."
    )


def agreement(slope: tuple[float, float, float], level: tuple[float, float, float]) -> str:
    """Whether predicted risks match observed ones, from calibration slope and calibration in the large.

    Each is a value with its interval; the slope is ideal at 1, the level at 0 (above it risks are too low).
    """
    if not is_known(*slope, *level):
        return "How well predicted risks match what was observed could not be measured."
    faults = []
    if level[1] > 0 or level[2] < 0:
        faults.append("too low on average" if level[1] > 0 else "too high on average")
    little = "a little " if 0.8 <= slope[0] <= 1.25 else ""
    if slope[2] < 1:
        faults.append(f"{little}too extreme, high ones too high and low ones too low")
    if slope[1] > 1:
        faults.append(f"{little}too timid, high ones too low and low ones too high")
    shown = f"(slope {number(slope[0], 2)}, 95 % interval {interval(slope[1], slope[2], 2)}; 1 is ideal)"
    if faults:
        return f"Predicted risks are {listing(faults)} {shown}."
    if slope[2] - slope[1] > 0.5:
        return f"Too few people to say closely how well predicted risks match what was observed {shown}."
    return f"Taken together, predicted risks match what was observed, as far as this number of people can tell {shown}."


def mechanism(difference: float, low: float, high: float, added: str = "adding the twins") -> Verdict:
    """Whether the twins improve the ranking of people, from a difference of AUROC and its interval.

    "No" needs an interval that ends below a gain worth having; a wider one that holds zero is "cannot tell".
    """
    if not is_known(difference, low, high):
        return Verdict(
            "cannot tell", f"It cannot be told whether {added} helps: the difference could not be measured."
        )
    size = f"{_more(difference)} of 100 pairs in the right order"
    shown = f"{size} (95 % interval {_more(low)} to {_more(high)})"
    if high < 0:
        return Verdict("no", f"Nothing: {added} made it worse, with {shown}.")
    if low > 0:
        small = (
            ", a gain too small to matter in care"
            if high < MATTERS
            else ", perhaps too little to matter"
            if low < MATTERS
            else ""
        )
        return Verdict("yes", f"Yes: {added} puts {shown}{small}.")
    if high < MATTERS:
        ruled_out = "a gain worth having (1 of 100 pairs) is ruled out"
        return Verdict("no", f"Nothing useful: {added} puts {shown}; {ruled_out}.")
    return Verdict(
        "cannot tell", f"Cannot tell: {added} puts {shown}; the interval holds both nothing and a gain."
    )


def _more(difference: float) -> str:
    """A difference of shares as "0.4 more", "0.4 fewer" or "as many", of 100."""
    many = number(abs(100 * difference), 1)
    return "as many" if many == "0.0" else f"{many} {'more' if difference > 0 else 'fewer'}"
