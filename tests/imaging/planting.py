"""Identifiers of people who do not exist, planted at random in random elements; and a search that shares no code."""

import re
import string
import unicodedata

from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import generate_uid

TEXT = {"LO": 64, "SH": 16, "LT": 500, "ST": 500, "UT": 500, "UC": 500, "PN": 64, "AE": 16, "CS": 16, "UR": 200}
BYTES = ("OB", "OW")
NUMBERS = ("IS", "DS", "UL", "SV", "UV", "FD")
# Without these there is no image, or it is read from another element.
SPARED = {
    0x7FE00010, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x00100020, 0x00080005, 0x00280010, 0x00280011,
    0x00280100, 0x00280002, 0x00280004, 0x00280101, 0x00280102, 0x00280103, 0x00280008, 0x00080060,
}  # fmt: skip
BY_VR: dict[str, list[int]] = {}
for tag, entry in DicomDictionary.items():
    if tag >> 16 >= 8 and tag not in SPARED:
        BY_VR.setdefault(entry[0], []).append(tag)


def bare(text):
    """Letters and digits alone, without case and marks."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in letters if letter.isascii() and letter.isalnum())


def plain(text):
    return bare(text).upper()


class Secrets:
    """What must not be found: names, numbers, dates and instance numbers of one made-up person."""

    def __init__(self, rng):
        self.rng = rng
        letters = "abcdefghijklmnoprstuvåäö"
        names = ["".join(rng.choices(letters, k=rng.randint(6, 9))).title() for _ in range(4)]
        self.family, self.given, self.doctor, self.foreign = names      # of the last no other element tells
        self.birth = f"{rng.randint(1930, 2010)}{rng.randint(1, 12):02d}{rng.randint(10, 28)}"
        self.study = f"2023{rng.randint(1, 12):02d}{rng.randint(13, 28)}"
        self.number = f"{self.birth}-{rng.randint(1000, 9999)}"
        self.accession = "".join(rng.choices(string.ascii_uppercase, k=2)) + str(rng.randint(1_000_000, 9_999_999))
        self.phone = f"07{rng.randint(0, 9)}-{rng.randint(100, 999)} {rng.randint(10, 99)} {rng.randint(10, 99)}"
        self.device = str(rng.randint(100_000, 999_999))
        self.uid = generate_uid(entropy_srcs=[str(rng.random())])

    def known(self, dataset):
        """Write each where it belongs, so that the data set says whose it is."""
        dataset.PatientName, dataset.PatientID = f"{self.family}^{self.given}", self.number
        dataset.PatientBirthDate, dataset.StudyDate = self.birth, self.study
        dataset.AccessionNumber, dataset.PatientTelephoneNumbers = self.accession, self.phone
        dataset.ReferringPhysicianName, dataset.DeviceSerialNumber = self.doctor, self.device
        dataset.StudyInstanceUID = self.uid

    def texts(self):
        year, month, day = self.study[:4], self.study[4:6], self.study[6:]
        names = [self.family, self.given, self.doctor, self.foreign]
        return [
            *names, *map(str.upper, names), f"{self.given} {self.family}", f"{self.family}, {self.given}",
            plain(self.family), f"MR lever {self.given}", self.number, self.number.replace("-", ""),
            self.number[2:], self.accession, self.accession.lower(), self.phone, self.phone.replace("-", ""),
            self.device, self.birth, self.study, f"{year}-{month}-{day}", f"{day}/{month}/{year}", self.uid,
        ]  # fmt: skip

    def digits(self):
        return [self.device, self.birth, self.study, re.sub(r"\D", "", self.number), re.sub(r"\D", "", self.phone)]

    def found_in(self, data):
        """Which of them bytes hold in any usual encoding, written in any way."""
        read = {data.decode(coding, errors="ignore") for coding in ("latin-1", "utf-8")}
        read |= {data[shift:].decode(f"utf-16-{end}", errors="ignore") for shift in (0, 1) for end in ("le", "be")}
        found = set()
        for text in read:
            squeezed = bare(text)
            runs = set(re.findall(r"\d+", re.sub(r"(?<=\d)[-/ ](?=\d)", "", text)))
            for name in (self.family, self.given, self.doctor, self.foreign, self.accession):
                if bare(name) in squeezed:
                    found.add(name)
            digits = re.sub(r"\D", "", self.number)
            for number in (digits, digits[2:], self.device, self.birth, self.study, re.sub(r"\D", "", self.phone)):
                if number in runs:
                    found.add(number)
            if self.uid in text:
                found.add(self.uid)
        return found


def plant(dataset, secrets, rng, how_many):
    """Write so many of the secrets into elements drawn at random: any kind, any depth, private ones too."""
    for _ in range(how_many):
        place = dataset
        for _ in range(rng.choice((0, 0, 0, 1, 2, 3))):
            place = _nested(place, rng)
        if rng.random() < 0.15:
            group, creator = rng.choice(range(9, 0x7F, 2)), f"{secrets.foreign} {rng.randint(1, 9)}"
            block = place.private_block(group, creator, create=True)
            vr, value = _value(secrets, rng)
            block.add_new(rng.randint(1, 250), vr, value)
            continue
        vr, value = _value(secrets, rng)
        # Now and then an element whose dictionary says another kind of value.
        tags = BY_VR[vr] if rng.random() < 0.9 else BY_VR[rng.choice(sorted(set(BY_VR) & set(TEXT)))]
        tag = rng.choice(tags)
        place[tag] = DataElement(Tag(tag), vr, value)


def _value(secrets, rng):
    kind = rng.random()
    if kind < 0.15:
        vr, number = rng.choice(NUMBERS), rng.choice(secrets.digits())
        if vr in {"IS", "DS"}:
            return vr, number[: {"IS": 12, "DS": 16}[vr]]
        return ("UL", int(number)) if vr == "UL" and int(number) < 2**32 else ("FD", float(number))
    text = rng.choice(secrets.texts())
    if kind < 0.3:
        data = text.encode(rng.choice(("utf-8", "latin-1", "utf-16-le")), errors="replace")
        return rng.choice(BYTES), data + b"\0" * (len(data) % 2)
    if kind < 0.35:
        return "DA", rng.choice((secrets.birth, secrets.study))
    if kind < 0.4:
        return "UI", secrets.uid
    vr = rng.choice(sorted(TEXT))
    if vr in {"CS", "AE"}:
        text = plain(text)
    return vr, text[: TEXT[vr]]


def _nested(dataset, rng):
    tag = rng.choice(BY_VR["SQ"])
    if tag not in dataset or not dataset[tag].value:
        dataset[tag] = DataElement(Tag(tag), "SQ", Sequence([Dataset()]))
    return rng.choice(dataset[tag].value)
