"""Synthetic mammograms: the pictures, and the files in the layouts of the real sets."""

import contextlib
import csv
import functools
import types

import bars
import cv2
import numpy as np
import pydicom
import pytest
import recorded

from end2end import phantoms
from end2end.phantoms import cbis_ddsm, drawing, writing
from end2end.utils import files

SIZE = (256, 192)


def lesion(kind, *, appearance, malignant=True, contrast=1.0):
    return drawing.Lesion(
        kind=kind, malignant=malignant, appearance=appearance, radius=0.06,
        contrast=contrast, depth=0.5, offsets=dict(CC=0.0, MLO=0.0), seed=4)


def woman_with(*lesions):
    return drawing.Woman(1, density=0.5, lesions=dict(LEFT=lesions), seed=2)


def test_the_same_seed_draws_the_same_woman_and_picture():
    one, two = (drawing.draw_woman(3, seed=8, difficulty=0.3) for _ in range(2))
    assert one == two
    side = next(iter(one.lesions))
    first, second = (drawing.render(woman, side, "CC", SIZE)
                     for woman in (one, two))
    np.testing.assert_array_equal(first[0], second[0])
    assert one != drawing.draw_woman(3, seed=9, difficulty=0.3)


def test_a_lesion_brightens_the_tissue_under_its_outline_and_nothing_else():
    plain, _ = drawing.render(woman_with(), "LEFT", "CC", SIZE)
    shown, (outline,) = drawing.render(
        woman_with(lesion("mass", appearance=0.0)), "LEFT", "CC", SIZE)
    added = shown.astype(int) - plain
    assert added[outline].mean() > 5000
    far = cv2.dilate(outline.astype(np.uint8), np.ones((41, 41))) == 0
    assert np.abs(added[far]).max() == 0


@pytest.mark.parametrize("view", drawing.VIEWS)
def test_both_views_show_the_same_lesions(view):
    woman = woman_with(lesion("mass", appearance=0.2),
                       lesion("calcification", appearance=0.9))
    _, masks = drawing.render(woman, "LEFT", view, SIZE)
    assert len(masks) == 2 and all(mask.sum() > 300 for mask in masks)


def test_the_right_breast_lies_at_the_right_edge():
    woman = drawing.Woman(1, 0.5, dict(LEFT=(), RIGHT=()), 2)
    for side, column in (("LEFT", 3), ("RIGHT", SIZE[1] - 4)):
        picture, _ = drawing.render(woman, side, "CC", SIZE)
        middle = picture[SIZE[0] // 2]
        assert middle[column] > 4 * middle[SIZE[1] - 1 - column]


def test_only_the_oblique_view_has_a_bright_muscle_in_the_upper_corner():
    corners = [drawing.render(woman_with(), "LEFT", view, SIZE)[0][8:24, 2:10]
               for view in ("CC", "MLO")]
    assert corners[1].mean() > 25000 > corners[0].mean()


def test_noise_falls_with_the_third_power_of_the_frequency():
    noise = drawing.power_law_noise(np.random.default_rng(0), (256, 256))
    power = np.abs(np.fft.fft2(noise))[0, :128] ** 2
    power = power + np.abs(np.fft.fft2(noise))[:128, 0] ** 2
    frequencies = np.arange(4, 100)
    slope = np.polyfit(np.log(frequencies), np.log(power[frequencies]), 1)[0]
    assert abs(slope + 3) < 0.35


def rim_variation(picture):
    """How much a lesion varies along a circle of 1.2 of its radius."""
    angle, middle = np.linspace(0, 2 * np.pi, 200), len(picture) / 2
    return picture[(middle * (1 + 0.5 * np.sin(angle))).astype(int),
                   (middle * (1 + 0.5 * np.cos(angle))).astype(int)].std()


def test_malignant_masses_have_rays_and_benign_ones_are_smooth():
    y, x = np.ogrid[-2.4:2.4:161j, -2.4:2.4:161j]
    drawn = [drawing.DRAWINGS["mass"](
        np.random.default_rng(1), lesion("mass", appearance=bad), y, x)[0]
        for bad in (0.0, 1.0)]
    assert rim_variation(drawn[1]) > 3 * rim_variation(drawn[0])


def test_malignant_calcifications_are_many_and_small():
    y, x = np.ogrid[-2.4:2.4:481j, -2.4:2.4:481j]
    counts, areas = [], []
    for bad in (0.0, 1.0):
        drawn = drawing.DRAWINGS["calcification"](
            np.random.default_rng(1), lesion("calcification", appearance=bad), y, x)[0]
        grains, _, stats, _ = cv2.connectedComponentsWithStats(
            (drawn > 0.1).astype(np.uint8))
        counts.append(grains - 1)
        areas.append(np.median(stats[1:, cv2.CC_STAT_AREA]))
    assert counts[0] <= 8 and counts[1] > 1.5 * counts[0] and areas[1] < areas[0]


def test_difficulty_makes_lesions_fainter_and_the_classes_alike():
    def gap(difficulty):
        lesions = [one for k in range(60) for own in drawing.draw_woman(
            k, seed=1, difficulty=difficulty).lesions.values() for one in own]
        bad, good = ([one.appearance for one in lesions if one.malignant == truth]
                     for truth in (True, False))
        return np.mean(bad) - np.mean(good), np.mean([one.contrast for one in lesions])
    easy, hard = gap(0.0), gap(1.0)
    assert easy[0] > 0.8 > 0.35 > hard[0] and easy[1] > 2 * hard[1]


@pytest.mark.slow
def test_the_files_do_not_depend_on_the_number_of_processes(tmp_path):
    for workers in (1, 2):
        phantoms.write_cbis_ddsm(tmp_path / str(workers), patients=3, seed=4,
                                 size=(96, 72), workers=workers)
    one, two = ({path.relative_to(tmp_path / name): files.sha256(path)
                 for path in (tmp_path / name).rglob("*") if path.is_file()}
                for name in ("1", "2"))
    assert one == two and len(one) > 20


def test_files_are_16_bit_secondary_captures_named_by_the_subject(tiny_download):
    path = next(tiny_download.rglob("*_CC/*/*/000000.dcm"))
    content = pydicom.dcmread(path)
    assert content.PatientID == path.parent.parent.parent.name
    assert (content.Modality, content.BitsAllocated) == ("MG", 16)
    assert content.SOPClassUID.name == "Secondary Capture Image Storage"
    assert content.PatientOrientation == "CC" and content.Laterality in "LR"
    assert content.pixel_array.max() > 30000


def test_masks_are_0_and_255_and_of_the_size_of_the_mammogram(tiny_download):
    found = [pydicom.dcmread(path) for path in tiny_download.rglob("*_1/*/*/*.dcm")]
    masks = [one for one in found if one.SeriesDescription == "ROI mask images"]
    crops = [one for one in found if one.SeriesDescription == "cropped images"]
    assert len(masks) == len(crops) > 10
    assert all(np.unique(one.pixel_array).tolist() == [0, 255]
               and one.pixel_array.shape == SIZE for one in masks)
    assert all(one.BitsAllocated == 16 for one in crops)


@pytest.mark.parametrize(("kind", "density", "broken"), [
    ("mass", "breast_density", "ROI mask file path"),
    ("calc", "breast density", "cropped image file path"),
])
def test_tables_have_the_quirks_of_the_real_ones(tiny_download, kind, density, broken):
    name = f"{kind}_case_description_train_set.csv"
    content = (tiny_download / name).read_bytes()
    assert content.startswith(b"patient_id," + density.encode())
    assert b"\r\n" in content and b'\n"' in content
    with open(tiny_download / name, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows and all(row[broken].endswith("\n") for row in rows)
    assert content.count(b"\n") == 2 * len(rows) + 1


def test_a_film_with_a_mass_and_a_calcification_is_stored_twice(tmp_path):
    woman = woman_with(lesion("mass", appearance=0.2),
                       lesion("calcification", appearance=0.9))
    rows, _ = cbis_ddsm.write_cbis_woman(tmp_path, woman, (96, 72), "classic")
    paths = {row["image file path"] for row in rows if row["image view"] == "CC"}
    assert len(paths) == 2
    first, second = (pydicom.dcmread(tmp_path / "CBIS-DDSM" / path) for path in paths)
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
    assert first.PixelData == second.PixelData


def test_the_descriptive_layout_lists_its_series(tmp_path):
    phantoms.write_cbis_ddsm(
        tmp_path, patients=2, size=(96, 72), layout="descriptive")
    with open(tmp_path / "metadata.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all((tmp_path / row["File Location"]).is_dir() for row in rows)
    assert any(" " in row["File Location"] for row in rows)
    assert len(list(tmp_path.rglob("1-1.dcm"))) == len(rows)


def test_inbreast_files_use_12_of_16_bits_and_tell_nothing_in_their_tags(tmp_path):
    phantoms.write_inbreast(tmp_path, patients=2, size=(96, 72))
    release = tmp_path / "INbreast Release 1.0"
    paths = sorted((release / "AllDICOMs").iterdir())
    assert len(paths) == 8 and any("_ML_ANON" in path.name for path in paths)
    content = pydicom.dcmread(paths[0])
    assert content.Modality == "OT" and "ViewPosition" not in content
    assert content.BitsStored == 16 and 1000 < content.pixel_array.max() < 4096
    table = (release / "INbreast.csv").read_text()
    assert table.startswith("Patient ID;Patient age;Laterality;View;")


def test_a_second_call_writes_nothing(tmp_path):
    for _ in range(2):
        assert phantoms.write_cbis_ddsm(
            str(tmp_path), patients=1, size=(96, 72)) == tmp_path
        times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    phantoms.write_cbis_ddsm(tmp_path, patients=1, size=(96, 72))
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


@pytest.mark.parametrize("write", [
    phantoms.write_inbreast, functools.partial(phantoms.write_layout, layout="vindr")])
def test_a_set_that_is_complete_is_left_as_it_is(tmp_path, write):
    for folder in (tmp_path, tmp_path / "again"):
        assert write(folder, patients=2, size=(96, 72)) == folder
        for path in list(tmp_path.rglob("*.csv")):
            path.unlink()
    again = tmp_path / "again"
    assert write(str(again), patients=2, size=(96, 72)) == again
    assert not list(tmp_path.rglob("*.csv"))


def test_women_are_drawn_by_several_processes_where_asked_for(monkeypatch):
    asked = []

    @contextlib.contextmanager
    def pool(workers):
        asked.append(workers)
        yield types.SimpleNamespace(map=lambda function, items, chunksize: (
            asked.append(chunksize) or map(function, items)))

    made = bars.noted(monkeypatch)
    monkeypatch.setattr(writing.processes, "pool", pool)
    assert writing._in_parallel(abs, [-3, 2], 1) == [3, 2] and asked == []
    assert writing._in_parallel(abs, [-3, 2], 4) == [3, 2] and asked == [4, 2]
    assert made == [(2, "woman", None)] * 2


@pytest.mark.parametrize(("change", "complaint"), [
    (dict(patients=0), "at least 1"), (dict(difficulty=1.5), "0 to 1"),
    (dict(difficulty=-0.1), "0 to 1"),
    (dict(size=(10, 10)), "64 to 8192"), (dict(seed=-1), "negative"),
    (dict(one_view=1.5), "no share"), (dict(one_view=-0.1), "no share"),
    (dict(size=(63, 200)), "64 to 8192"), (dict(size=(64, 8193)), "64 to 8192"),
])
def test_values_out_of_range_are_refused(tmp_path, change, complaint):
    with pytest.raises(files.InputError, match=complaint):
        phantoms.write_cbis_ddsm(tmp_path, **(dict(patients=1) | change))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("change", [
    dict(difficulty=0), dict(difficulty=1), dict(seed=0), dict(one_view=1),
    dict(one_view=0), dict(size=[64, 8192])])
def test_values_at_the_ends_of_their_ranges_are_taken(tmp_path, change):
    settings = dict(patients=1, difficulty=0.5, size=[64, 64], seed=3) | change
    assert writing._prepare(tmp_path, settings) == (tmp_path, False)
    assert files.read_json(tmp_path / writing.SETTINGS_FILE) == settings
    assert writing._women(settings, normal=False) == [drawing.draw_woman(
        1, seed=settings["seed"], difficulty=settings["difficulty"],
        one_view=change.get("one_view", 0))]


def test_a_folder_with_other_contents_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(files.InputError, match="not empty"):
        phantoms.write_cbis_ddsm(tmp_path, patients=1)
    other = tmp_path / "other"
    other.mkdir()
    (other / ".hidden").touch()
    phantoms.write_cbis_ddsm(other, patients=1, size=(96, 72))
    with pytest.raises(files.InputError, match="other settings"):
        phantoms.write_cbis_ddsm(other, patients=2, size=(96, 72))


@pytest.mark.parametrize("layout", [*cbis_ddsm.WRITERS, "inbreast",
                                    *writing.OTHER_LAYOUTS])
def test_the_files_of_each_layout_are_as_recorded(layout, tmp_path):
    if layout == "rsna":
        pytest.importorskip("openjpeg")
    choices = dict(patients=4, seed=9, difficulty=0.4, size=(90, 70), one_view=0.5)
    if layout in cbis_ddsm.WRITERS:
        phantoms.write_cbis_ddsm(tmp_path, layout=layout, **choices)
    elif layout == "inbreast":
        phantoms.write_inbreast(tmp_path, **choices)
    else:
        phantoms.write_layout(tmp_path, layout=layout, **choices)
    if layout == "classic":
        writing.spoil(tmp_path)
    recorded.check(f"phantoms-{layout}", recorded.folder(tmp_path))
