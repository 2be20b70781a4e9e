"""What the numbers say to the person they are of, in English and Swedish, from templates without jargon.

Every language is a column of the tables below; a sentence is chosen by what holds for the person, never put together of
word ends. Risks are people of 100, with the interval after them.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

Language = Literal["en", "sv"]


class Thing(NamedTuple):
    """A group of columns as a noun: by itself, and as the person's own in Swedish ("your" goes before in English)."""

    en: str
    sv: str
    yours_sv: str
    many: bool = False       # plural in English


class Phrase(NamedTuple):
    """The same words in both languages."""

    en: str
    sv: str


THINGS = {
    "age_years": Thing("age", "ålder", "din ålder"),
    "sex": Thing("sex", "kön", "ditt kön"),
    "ethnicity": Thing("ethnic background", "etnisk bakgrund", "din etniska bakgrund"),
    "heart_rate_per_min": Thing("resting pulse", "vilopuls", "din vilopuls"),
    "body_size": Thing("body size", "kroppsstorlek", "din kroppsstorlek"),
    "pressure": Thing("measured blood pressure", "uppmätt blodtryck", "ditt uppmätta blodtryck"),
    "blood_fats": Thing("blood fats", "blodfetter", "dina blodfetter", many=True),
    "blood_sugar": Thing("blood sugar", "blodsocker", "ditt blodsocker"),
    "smoking": Thing("smoking habits", "rökvanor", "dina rökvanor", many=True),
    "alcohol": Thing("drinking habits", "alkoholvanor", "dina alkoholvanor", many=True),
    "diet": Thing("diet", "kost", "din kost"),
    "activity": Thing("physical activity", "fysisk aktivitet", "din fysiska aktivitet"),
    "liver": Thing("liver", "lever", "din lever"),
    "heart_disease": Thing("heart health", "hjärthälsa", "din hjärthälsa"),
    "stroke": Thing("history of stroke", "eventuell tidigare stroke", "om du tidigare har haft stroke"),
    "circumstances": Thing("education and income", "utbildning och inkomst", "din utbildning och inkomst", many=True),
    "twin_body_composition": Thing(
        "estimated body composition", "beräknad kroppssammansättning", "din beräknade kroppssammansättning"
    ),
    "twin_liver_fat": Thing("estimated liver fat", "beräknat leverfett", "ditt beräknade leverfett"),
    "twin_blood_pressure": Thing(
        "estimated course of blood pressure", "beräknad blodtrycksutveckling", "din beräknade blodtrycksutveckling"
    ),
    "weight_kg": Thing("weight", "vikt", "din vikt"),
    "pdff_percent": Thing("liver fat", "leverfett", "ditt leverfett"),
    "sbp_mmhg": Thing("upper blood pressure", "övre blodtryck", "ditt övre blodtryck"),
}
UNITS = {"weight_kg": "kg", "pdff_percent": "%", "sbp_mmhg": "mmHg"}
# What to do, after "If you" and "Om du".
ACTIONS = {
    "less_500_kcal": Phrase("eat 500 kcal a day less than now", "äter 500 kcal mindre om dagen än nu"),
    "low_carbohydrate": Phrase(
        "eat far less bread, pasta and sugar and more fat, with as much energy as now",
        "äter mycket mindre bröd, pasta och socker och mer fett, med lika mycket energi som nu",
    ),
    "one_pressure_drug": Phrase(
        "take one blood pressure medicine every day", "tar en blodtrycksmedicin varje dag"
    ),
    "two_pressure_drugs": Phrase(
        "take two blood pressure medicines at half dose every day", "tar två blodtrycksmediciner i halv dos varje dag"
    ),
    "three_pressure_drugs": Phrase(
        "take three blood pressure medicines at half dose every day",
        "tar tre blodtrycksmediciner i halv dos varje dag",
    ),
    "weight_loss_5_percent_held": Phrase(
        "lose 5 of every 100 kg that you weigh within half a year and keep it off",
        "går ner 5 procent i vikt på ett halvår och sedan håller vikten",
    ),
    "weight_loss_10_percent_held": Phrase(
        "lose 10 of every 100 kg that you weigh within half a year and keep it off",
        "går ner 10 procent i vikt på ett halvår och sedan håller vikten",
    ),
    "very_low_calorie_diet": Phrase(
        "eat 800 kcal a day for 12 weeks, supervised by your doctor, and then hold the lower weight",
        "äter 800 kcal om dagen i 12 veckor, under läkares uppsikt, och sedan håller den lägre vikten",
    ),
    "more_activity": Phrase(
        "walk briskly for about an hour more a day", "promenerar raskt ungefär en timme mer om dagen"
    ),
    "half_alcohol": Phrase("drink half as much alcohol as now", "dricker hälften så mycket alkohol som nu"),
    "no_alcohol": Phrase("drink no alcohol", "inte dricker någon alkohol"),
    "stop_smoking": Phrase("stop smoking", "slutar röka"),
    "dnl_inhibitor": Phrase(
        "take a medicine under trial that lowers the making of fat in the liver",
        "tar ett läkemedel under prövning som minskar leverns egen fettbildning",
    ),
    "diet_drugs_no_alcohol": Phrase(
        "eat 500 kcal a day less, take two blood pressure medicines at half dose and drink no alcohol",
        "äter 500 kcal mindre om dagen, tar två blodtrycksmediciner i halv dos och inte dricker någon alkohol",
    ),
}
# By what holds, and whether the contribution raises the risk; {thing}, and {s} for the English verb.
REASONS = {
    ("first", True): Phrase(
        "What counts most for your risk is your {thing}, which raise{s} it.",
        "Det som betyder mest för din risk är {thing}, som höjer den.",
    ),
    ("first", False): Phrase(
        "What counts most for your risk is your {thing}, which lower{s} it.",
        "Det som betyder mest för din risk är {thing}, som sänker den.",
    ),
    ("sure", True): Phrase("Your {thing} raise{s} your risk.", "{thing} höjer din risk."),
    ("sure", False): Phrase("Your {thing} lower{s} your risk.", "{thing} sänker din risk."),
    ("unsure", True): Phrase(
        "Your {thing} may raise your risk, but that is not certain.",
        "{thing} kan höja din risk, men det är inte säkert.",
    ),
    ("unsure", False): Phrase(
        "Your {thing} may lower your risk, but that is not certain.",
        "{thing} kan sänka din risk, men det är inte säkert.",
    ),
}
LINK = Phrase(
    "If you {action}, your {thing} is expected to go from {before} to {after} {unit} (a change of {low} to {high}).",
    "Om du {action} väntas {thing} gå från {before} till {after} {unit} (en ändring med {low} till {high}).",
)
# By what the change of risk rests on, and whether its interval lies below, around or above nothing.
EFFECTS = {
    ("trials", "lower"): Phrase(
        "Studies in which chance decided who was treated suggest that by this alone about {size} fewer of 100 people "
        "like you would fall ill ({low} to {high}).",
        "Studier där lotten avgjorde vem som behandlades tyder på att bara detta skulle göra att ungefär {size} färre "
        "av 100 personer som du insjuknar ({low} till {high}).",
    ),
    ("trials", "unsure"): Phrase(
        "Studies in which chance decided who was treated cannot tell whether this would lower your risk.",
        "Studier där lotten avgjorde vem som behandlades kan inte avgöra om detta skulle sänka din risk.",
    ),
    ("trials", "higher"): Phrase(
        "Studies in which chance decided who was treated suggest that this would raise your risk.",
        "Studier där lotten avgjorde vem som behandlades tyder på att detta skulle höja din risk.",
    ),
    ("model", "lower"): Phrase(
        "Of 100 people like you but with such values, about {size} fewer have the condition ({low} to {high}). That "
        "does not prove that the change helps.",
        "Av 100 personer som du men med sådana värden har ungefär {size} färre tillståndet ({low} till {high}). Det "
        "bevisar inte att ändringen hjälper.",
    ),
    ("model", "unsure"): Phrase(
        "Whether people like you but with such values have a lower risk cannot be told.",
        "Det går inte att säga om personer som du men med sådana värden har lägre risk.",
    ),
    ("model", "higher"): Phrase(
        "People like you but with such values have a higher risk. That does not prove that the change does harm.",
        "Personer som du men med sådana värden har högre risk. Det bevisar inte att ändringen gör skada.",
    ),
}
DISAGREES = Phrase(
    "Among the people of this study a lower value goes with a higher risk. That is against what is known of the body: "
    "it is no reason to let the value rise.",
    "Bland personerna i studien hör ett lägre värde ihop med högre risk. Det strider mot vad man vet om kroppen och är "
    "inget skäl att låta värdet stiga.",
)
ENOUGH = {
    "trials": Phrase(
        "If you {action}, your risk is expected to become about {after} of 100 ({low} to {high}). The chance that it "
        "comes below {target} of 100 is {chance} of 100.",
        "Om du {action} väntas din risk bli ungefär {after} av 100 ({low} till {high}). Chansen att den kommer under "
        "{target} av 100 är {chance} av 100.",
    ),
    "model": Phrase(
        "If you {action}, you come to be like people whose risk is about {after} of 100 ({low} to {high}); the chance "
        "that it is below {target} of 100 is {chance} of 100. That does not prove that your own risk would fall as "
        "much.",
        "Om du {action} blir du lik personer vars risk är ungefär {after} av 100 ({low} till {high}); chansen att den "
        "är under {target} av 100 är {chance} av 100. Det bevisar inte att din egen risk skulle sjunka lika mycket.",
    ),
}
NOT_ENOUGH = Phrase(
    "None of the changes that were tried is by itself expected to bring your risk below {target} of 100.",
    "Ingen av de ändringar som prövades väntas ensam föra din risk under {target} av 100.",
)
NOTHING_BELOW = Phrase("Your risk is already in the lowest group.", "Din risk är redan i den lägsta gruppen.")
NOT_KNOWN = Phrase(
    "Too little is known of you to say what would be enough.",
    "För lite är känt om dig för att säga vad som skulle räcka.",
)


def label(group: str, language: Language) -> str:
    """What a group is called by itself; a variable without words by its name, without the underscores."""
    return getattr(THINGS[group], language) if group in THINGS else group.replace("_", " ")


def action(scenario: str, language: Language) -> str:
    """What to do under a scenario, to follow "If you" or "Om du"; "" for one without words, to be left out."""
    return getattr(ACTIONS[scenario], language) if scenario in ACTIONS else ""


def reason(row: Any, language: Language) -> str:
    """One row of attributions as a sentence: whether it raises or lowers, how sure, and whether it counts most."""
    sure = row.low * row.high > 0
    kind = "first" if row.rank == 1 else "sure" if sure else "unsure"
    thing = THINGS.get(row.group, Thing(label(row.group, "en"), label(row.group, "sv"), label(row.group, "sv")))
    words = getattr(REASONS[kind, row.contribution > 0], language)
    name = thing.en if language == "en" else thing.yours_sv
    text = words.format(thing=name, s="" if thing.many else "s")
    return text[:1].upper() + text[1:]


def link(row: Any, language: Language) -> list[str]:
    """One row of chains as sentences: what changes, what that does to the risk, and whether the model disagrees."""
    thing = THINGS[row.mediator]
    values = {name: number(getattr(row, name), language, 1) for name in ("before", "after", "low", "high")}
    said = [
        getattr(LINK, language).format(
            action=action(row.scenario, language),
            thing=thing.en if language == "en" else thing.yours_sv,
            unit=UNITS[row.mediator],
            **values,
        )
    ]
    if math.isfinite(row.risk_change):
        kind = "lower" if row.risk_high < 0 else "higher" if row.risk_low > 0 else "unsure"
        sizes = {"size": -row.risk_change, "low": -row.risk_high, "high": -row.risk_low}
        told = {name: number(100 * value, language, 1) for name, value in sizes.items()}
        said.append(getattr(EFFECTS[row.basis, kind], language).format(**told))
    if row.disagrees:
        said.append(getattr(DISAGREES, language))
    return said


def enough(row: Any, language: Language) -> str:
    """One row of counterfactuals as a sentence."""
    if row.goal == "lowest":
        return getattr(NOTHING_BELOW, language)
    if not math.isfinite(row.chance):
        return getattr(NOT_KNOWN, language)
    target = number(100 * row.target, language)
    if not isinstance(row.scenario, str):
        return getattr(NOT_ENOUGH, language).format(target=target)
    risks = {"after": row.risk_after, "low": row.low, "high": row.high, "chance": row.chance}
    told = {name: number(100 * value, language) for name, value in risks.items()}
    return getattr(ENOUGH[row.basis], language).format(action=action(row.scenario, language), target=target, **told)


def number(value: float, language: Language, digits: int = 0) -> str:
    """A number with a true minus sign, and a comma for the decimals in Swedish."""
    text = f"{value:.{digits}f}"
    text = text.lstrip("-") if float(text) == 0 else text.replace("-", "−")
    return text.replace(".", ",") if language == "sv" else text
