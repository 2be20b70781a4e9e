import statistics
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite

from pipeline.imaging import Pdff, draw, measure, write_visit
from pipeline.imaging.files import quiet
from pipeline.imaging.pdff import eroded, even_median, has_two_groups, measure_volume
from pipeline.imaging.phantom import STEP
from pipeline.imaging.planes import Plane
from pipeline.imaging.volume import Volume, read_mask, read_volume
from pipeline.runs import RunError
from tests.imaging.conftest import SMALL, VISITS

WITHIN = 0.5      # points, wanted of the phantom


def volume(percent, *, unit="%", step=0.1, is_scaled=True):
    heights = 10.0 * np.arange(len(percent))
    planes = tuple(
        Plane((0.0, 0.0, height), (1.0, 0, 0, 0, 1.0, 0), (8.0, 8.0), 10.0, step, 0.0, unit) for height in heights
    )
    return Volume(percent.astype(np.float32), planes, heights, unit, step, is_scaled, "", (Path("series"),))


def kinds(result):
    return {fault.kind for fault in (result.faults if isinstance(result, Pdff) else result)}


def test_the_fat_of_a_phantom_is_told_from_2_to_30_percent():
    worst = 0.0
    for number, truth in enumerate(np.linspace(2, 30, 29)):
        for noise in (1.0, 3.0):
            drawn = draw(truth, noise_points=noise, seed=number)
            rounded = np.round(drawn.percent / STEP) * STEP
            result = measure_volume(volume(rounded), drawn.liver)
            assert result.faults == ()
            worst = max(worst, abs(result.percent - truth))
    assert worst < WITHIN


@pytest.mark.parametrize("step", [0.1, 1.0])
def test_whole_per_cents_are_as_good_as_tenths(step):
    for truth in (2.5, 3.3, 8.8, 14.5, 27.1):
        drawn = draw(truth, noise_points=2.0, seed=4)
        result = measure_volume(volume(np.round(drawn.percent / step) * step, step=step), drawn.liver)
        assert abs(result.percent - truth) < WITHIN
        assert result.low_percent < result.percent < result.high_percent


def test_a_series_on_disk_is_measured_in_its_segmentation(visit):
    _, paths = visit
    result = measure(paths[:-1], paths[-1:])
    assert isinstance(result, Pdff)
    assert result.faults == ()
    assert abs(result.percent - 12.0) < WITHIN
    drawn = draw(12.0, shape=SMALL)
    assert result.voxels == eroded(drawn.liver, (8.0, 8.0), 5.0).sum() == measured_by_hand(drawn, 5.0).size
    assert result.millilitres == pytest.approx(drawn.liver.sum() * 8 * 8 * 10 / 1000)
    # Quartiles of what was drawn, rounded as it was stored.
    inside = np.round(measured_by_hand(drawn, 5.0) / STEP) * STEP
    assert (result.low_percent, result.high_percent) == pytest.approx(np.quantile(inside, (0.25, 0.75)), abs=1e-4)


def measured_by_hand(drawn, by_mm):
    """Voxels whose neighbours in the slice within `by_mm` are all inside: at 8 mm voxels and 5 mm, themselves."""
    return drawn.percent[drawn.liver & (by_mm < 8.0)]


def test_erosion_is_in_millimetres():
    mask = np.zeros((1, 41, 41), dtype=bool)
    rows, columns = np.mgrid[:41, :41]
    mask[0] = (rows - 20) ** 2 * 2**2 + (columns - 20) ** 2 <= 18**2      # a circle of 18 mm
    inside = eroded(mask, (2.0, 1.0), 6.0)
    distance = np.sqrt((rows - 20.0) ** 2 * 4 + (columns - 20.0) ** 2)
    assert inside[0][distance < 18 - 6 - 2].all()
    assert not inside[0][distance > 18 - 6 + 2].any()


def test_a_mask_at_the_edge_of_the_picture_is_eroded_there_too():
    mask = np.ones((1, 10, 10), dtype=bool)
    assert eroded(mask, (1.0, 1.0), 2.0)[0].sum() == 6 * 6


def test_the_even_median_is_that_of_statistics():
    rng = np.random.default_rng(0)
    for step in (0.5, 1.0, 2.0):
        values = np.round(rng.normal(10, 3, 501) / step) * step
        assert even_median(values, step) == pytest.approx(statistics.median_grouped(values.tolist(), step))


def test_two_groups_are_told_from_one():
    rng = np.random.default_rng(1)
    assert not any(has_two_groups(rng.normal(10, sd, 2000)) for sd in (0.5, 2, 5))
    assert not has_two_groups(np.clip(rng.normal(1, 3, 2000), 0, None))      # cut off at 0, as in lean livers
    assert not has_two_groups(rng.uniform(0, 30, 2000))
    assert not has_two_groups(np.concatenate([rng.normal(10, 2, 1900), rng.normal(2, 2, 100)]))      # vessels
    assert has_two_groups(np.concatenate([rng.normal(8, 2, 1000), rng.normal(88, 3, 400)]))          # exchanged in part
    assert has_two_groups(np.concatenate([rng.normal(5, 1, 1000), rng.normal(20, 1, 1000)]))


@pytest.mark.parametrize(
    ("scale", "unit", "wanted", "kind"),
    [
        (1.0, "%", "", None),
        (10.0, "[ppth]", "", None),
        (0.01, "1", "", None),
        (1.0, "", "percent", None),
        (1.0, "", "", "unit by size"),
        (10.0, "", "", "unit by size"),
        (0.01, "", "", "unit by size"),
    ],
)
def test_a_unit_is_read_or_told_by_size_and_then_said(scale, unit, wanted, kind):
    drawn = draw(11.0, shape=SMALL)
    result = measure_volume(volume(drawn.percent * scale, unit=unit, step=1e-3), drawn.liver, unit=wanted)
    assert abs(result.percent - 11.0) < WITHIN
    assert kinds(result) == ({kind} if kind else set())


@pytest.mark.parametrize(
    ("scale", "unit", "kind"),
    [
        (10.0, "%", "unit contradicted"),
        (0.01, "percent", "unit contradicted"),
        (0.15, "", "unit unknown"),
        (4.0, "", "unit unknown"),
        (100.0, "", "unit unknown"),
        (2.0, "Hz", "unit unknown"),
    ],
)
def test_a_unit_that_cannot_be_gives_no_reading(scale, unit, kind):
    drawn = draw(11.0, shape=SMALL)
    result = measure_volume(volume(drawn.percent * scale, unit=unit), drawn.liver)
    assert not isinstance(result, Pdff)
    assert kinds(result) == {kind}


def test_a_unit_of_ones_own_must_be_known():
    with pytest.raises(RunError, match="there are percent, permille, fraction"):
        measure([], [], unit="per mille")


def test_what_makes_a_reading_doubtful_is_said():
    drawn = draw(9.0, seed=2)
    inside = eroded(drawn.liver, (8.0, 8.0), 5.0)
    spoilt = drawn.percent.copy()
    spoilt[inside & (np.random.default_rng(0).random(inside.shape) < 0.2)] = -60.0
    result = measure_volume(volume(spoilt), drawn.liver)
    assert kinds(result) == {"values out of range"}
    assert abs(result.percent - 9.0) < WITHIN
    exchanged = np.where(drawn.liver, 100.0 - drawn.percent, drawn.percent)
    assert kinds(measure_volume(volume(exchanged), drawn.liver)) == {"more fat than water"}
    half = drawn.percent.copy()
    half[len(half) // 2 :] = np.where(drawn.liver, 100.0 - drawn.percent, drawn.percent)[len(half) // 2 :]
    assert "two groups of values" in kinds(measure_volume(volume(half), drawn.liver))
    assert kinds(measure_volume(volume(drawn.percent, is_scaled=False), drawn.liver)) == {"absent rescale"}


def test_what_no_reading_can_be_made_of_gives_none():
    drawn = draw(9.0, seed=2)
    impossible = np.where(drawn.liver, -80.0, drawn.percent)
    assert kinds(measure_volume(volume(impossible), drawn.liver)) == {"mostly out of range"}
    for size, kind in ((4, "mask too small"), (13, "small mask")):
        mask = np.zeros_like(drawn.liver)
        mask[6, 30 : 30 + size, 20 : 20 + size] = True
        assert kinds(measure_volume(volume(drawn.percent), mask)) == {kind}


def test_a_missing_slice_is_said(visit):
    _, paths = visit
    result = measure([*paths[:2], *paths[3:-1]], paths[-1:])
    assert kinds(result) == {"mask elsewhere"}      # it marks liver where there is no slice
    result = measure([paths[0], paths[1], paths[4], paths[5]], [save_mask(paths, [0, 1, 4, 5])])
    assert kinds(result) == {"missing slice", "mask without places"}


def save_mask(paths, slices):
    path = paths[0].with_name("mask.npy")
    np.save(path, draw(12.0, shape=SMALL).liver[slices])
    return path


def test_a_mask_may_be_an_array_or_images(visit, tmp_path):
    _, paths = visit
    expected = measure(paths[:-1], paths[-1:])
    by_array = measure(paths[:-1], [save_mask(paths, list(range(6)))])
    assert by_array.percent == expected.percent
    assert kinds(by_array) == {"mask without places"}
    liver = draw(12.0, shape=SMALL).liver
    masks = []
    for index in np.random.default_rng(0).permutation(6):
        dataset = dcmread(paths[index])
        dataset.PixelData = liver[index].astype("<u2").tobytes()
        dataset.SOPInstanceUID = f"1.2.3.{index + 1}"
        masks.append(tmp_path / f"mask{index}")
        with quiet():
            dcmwrite(masks[-1], dataset)
    by_images = measure(paths[:-1], masks)
    assert (by_images.percent, by_images.faults) == (expected.percent, ())


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        ({"FrameOfReferenceUID": "1.2.3"}, "mask elsewhere"),
        ({"shared": ("PixelMeasuresSequence", "PixelSpacing", [4.0, 4.0])}, "mask elsewhere"),
        ({"shared": ("PlaneOrientationSequence", "ImageOrientationPatient", [0, 1, 0, 1, 0, 0])}, "mask elsewhere"),
        ({"frame": [0.0, 0.0, 0.0]}, "mask elsewhere"),
        ({"segments": ["Spleen", "Kidney"]}, "which segment"),
        ({"segments": ["Spleen", "liver"]}, "mask too small"),      # no frame is of the second segment
    ],
)
def test_a_mask_that_does_not_fit_gives_no_reading(visit, elements, kind):
    _, paths = visit
    dataset = dcmread(paths[-1])
    if "shared" in elements:
        group, keyword, value = elements["shared"]
        setattr(dataset.SharedFunctionalGroupsSequence[0][group].value[0], keyword, value)
    elif "frame" in elements:
        dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0].ImagePositionPatient = elements["frame"]
    elif "segments" in elements:
        first = dataset.SegmentSequence[0]
        second = dcmread(paths[-1]).SegmentSequence[0]
        second.SegmentNumber = 2
        first.SegmentLabel, second.SegmentLabel = elements["segments"]
        dataset.SegmentSequence = [first, second]
    else:
        dataset.FrameOfReferenceUID = elements["FrameOfReferenceUID"]
    with quiet():
        dcmwrite(paths[-1], dataset)
    assert kinds(measure(paths[:-1], paths[-1:])) == {kind}


def test_masks_that_are_none_are_refused(visit):
    _, paths = visit
    on = read_volume(paths[:-1])
    bad = paths[0].with_name("bad.npy")
    np.save(bad, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    for content, kind in ((None, "mask not readable"), (b"text", "mask not readable")):
        if content is not None:
            bad.write_bytes(content)
        assert [fault.kind for fault in read_mask([bad], on)[1]] == [kind]
    np.save(bad, np.zeros((2, 3)))
    mask, faults = read_mask([bad], on)
    assert mask is None
    assert faults[0].seen == "shape (2, 3) where (6, 40, 48) is wanted"


def test_slices_lie_in_the_order_of_the_body_whatever_their_files_are_called(visit):
    _, paths = visit
    shuffled = [paths[i] for i in (3, 0, 5, 1, 4, 2)]
    one, other = read_volume(shuffled), read_volume(paths[:-1])
    assert (one.values == other.values).all()
    assert (np.diff(one.heights_mm) > 0).all()
    np.testing.assert_allclose(one.values, np.round(draw(12.0, shape=SMALL).percent / STEP) * STEP, atol=1e-4)


def test_a_volume_is_bounded(visit, monkeypatch):
    _, paths = visit
    monkeypatch.setattr("pipeline.imaging.volume.MOST_VOXELS", 4000)
    assert read_volume(paths[:-1]).kind == "too large to measure"


def test_the_same_phantom_is_drawn_again(tmp_path):
    one = write_visit(tmp_path / "1", VISITS[0], draw(5.0, shape=SMALL, seed=3), shape=SMALL)
    two = write_visit(tmp_path / "2", VISITS[0], draw(5.0, shape=SMALL, seed=3), shape=SMALL)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
