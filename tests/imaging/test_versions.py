import shutil

import pytest
from pydicom.uid import generate_uid

from pipeline.imaging import add, catalogue, compare, locate, release, verify
from pipeline.imaging.card import Card, read_card
from pipeline.runs import RunError
from pipeline.sections import Strict
from tests.imaging.conftest import CARD, KEY, edit


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flip(path, place):
    mode = path.stat().st_mode
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 0x10
    path.write_bytes(data)
    path.chmod(mode)


def test_one_flipped_byte_in_any_file_is_found_and_the_file_named(registry):
    folder = release(registry, "phantoms", CARD)
    assert verify(folder) == []
    for number, path in enumerate(files(folder)):
        name = path.relative_to(folder).as_posix()
        for place in (0, 37 * number + 11, -1):
            flip(path, place)
            problems = verify(folder)
            assert problems, name
            if name != "seal.sha256":
                assert any(problem.startswith(f"{name}: ") for problem in problems), (name, problems)
            flip(path, place)
    assert verify(folder) == []


def test_missing_and_extra_files_are_named(registry):
    draft = locate(registry, "phantoms", "draft")
    images = sorted(draft.rglob("*.dcm"))
    images[3].unlink()
    (images[4].parent / "more.dcm").write_bytes(b"x")
    (draft / "link").symlink_to(images[5])
    more = (images[4].parent / "more.dcm").relative_to(draft).as_posix()
    assert verify(draft) == [
        f"{images[3].relative_to(draft).as_posix()}: missing",
        f"{more}: extra, in no manifest",
        "link: extra, in no manifest",
    ]
    for name in ("manifest.json", "seal.sha256", "card.json"):
        broken = shutil.copytree(draft, draft.parent / f"copy {name}", symlinks=True)
        (broken / name).unlink()
        assert any(problem.startswith(name) for problem in verify(broken))


def test_a_release_is_numbered_read_only_and_listed(registry):
    folder = release(registry, "phantoms", CARD)
    assert folder.name == "1.0.0"
    assert {path.stat().st_mode & 0o222 for path in [*folder.rglob("*"), folder]} == {0}
    assert catalogue(registry) == [("phantoms", "Phantoms", ("1.0.0",), False)]
    assert locate(registry, "phantoms") == folder
    next(folder.rglob("*.dcm")).chmod(0o644)
    assert verify(folder) == ["1.0.0: a release that can be written to; chmod -R a-w it"]


@pytest.mark.parametrize(
    ("field", "value"), [("licence", ""), ("purposes", ()), ("ethics", {}), ("contact", " "), ("provenance", {})]
)
def test_no_release_without_licence_approval_and_purpose(registry, field, value):
    card = Card.model_validate(CARD.model_dump() | {field: value})
    with pytest.raises(RunError, match=f"phantoms: the card lacks .*{field}"):
        release(registry, "phantoms", card)
    assert locate(registry, "phantoms").name == "draft"
    assert verify(locate(registry, "phantoms")) == []


def test_no_release_of_what_is_not_as_it_was(registry):
    image = next(locate(registry, "phantoms").rglob("*.dcm"))
    flip(image, 2000)
    with pytest.raises(RunError, match=f"{image.name}: changed"):
        release(registry, "phantoms", CARD)
    assert locate(registry, "phantoms").name == "draft"


def test_a_release_that_was_interrupted_is_repeated(registry, monkeypatch):
    from pipeline.imaging import versions

    def stop(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(versions, "_seal", stop)
        with pytest.raises(KeyboardInterrupt):
            release(registry, "phantoms", CARD)
    assert verify(release(registry, "phantoms", CARD)) == []


def test_the_number_rises_by_what_changed(tmp_path, visit):
    (source, paths), registry = visit, tmp_path / "registry"
    add(registry, "phantoms", source, CARD, KEY)
    release(registry, "phantoms", CARD)

    def again(card=CARD, version=""):
        add(registry, "phantoms", source, card, KEY)
        return release(registry, "phantoms", card, version).name

    with pytest.raises(RunError, match=r"nothing changed since 1\.0\.0"):
        again()
    assert again(CARD.model_copy(update={"contact": "somebody"})) == "1.0.1"
    assert again(CARD.model_copy(update={"licence": "CC-BY-4.0"})) == "2.0.0"
    card = CARD.model_copy(update={"licence": "CC-BY-4.0"})
    new = shutil.copy(paths[0], source / "IM0099")
    edit(new, SOPInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid())
    with pytest.raises(RunError, match=r"2\.0\.9 is too small: .* \(minor\) ask for 2\.1\.0"):
        again(card, "2.0.9")
    assert again(card) == "2.1.0"
    new.unlink()
    assert again(card, "7.0.0") == "7.0.0"
    assert catalogue(registry)[0].releases == ("1.0.0", "1.0.1", "2.0.0", "2.1.0", "7.0.0")
    difference = compare(locate(registry, "phantoms", "2.0.0"), locate(registry, "phantoms", "2.1.0"))
    assert (len(difference.added), difference.removed, difference.changed, difference.card) == (1, (), (), ())
    assert compare(locate(registry, "phantoms", "1.0.0"), locate(registry, "phantoms", "2.0.0")).card == ("licence",)


@pytest.mark.parametrize("version", ["0.9.0", "1.0", "v1.0.0", "one"])
def test_a_first_number_must_be_one(registry, version):
    with pytest.raises(RunError, match=r"1\.0\.0"):
        release(registry, "phantoms", CARD, version)


def test_what_is_not_there_is_told_with_what_is(registry):
    with pytest.raises(RunError, match="no data set liver; there are phantoms"):
        locate(registry, "liver")
    with pytest.raises(RunError, match=r"no version 3\.0\.0; there are draft"):
        locate(registry, "phantoms", "3.0.0")
    assert catalogue(registry / "nowhere") == []


def test_a_card_tells_what_is_wrong_with_it(tmp_path):
    path = tmp_path / "card.toml"
    for text, said in (
        ("titel = 'x'", "does not know titel"),
        ("title = 'x'\nlicence = 'CC-BY-40'", "'CC-BY-40' is none of CC0-1.0"),
        ("title = 'x'\nintended_use = 'liver'", "allowed: any, liver_pdff"),
        ("title = 'x'\npurposes = ['marketing']", "allowed: 'research'"),
        ("title = 'x'\n[counts]\npeople = 3", "the software counts"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            read_card(path)
    path.write_text("title = 'x'\nlicence = 'by agreement with the owner only'")
    assert read_card(path).licence.startswith("by agreement")
    assert issubclass(Card, Strict)
