import types

import cv2
import numpy as np
import pydicom
import pytest

from end2end.phantoms import cbis_ddsm, drawing
from end2end.utils import files

PIXELS = np.arange(15, dtype=np.uint16).reshape(3, 5) * 4000


@pytest.fixture(scope="module")
def woman():
    lesion = drawing.Lesion(
        kind="mass", malignant=True, appearance=1.0, radius=0.08, contrast=1.0,
        depth=0.5, offsets={"CC": 0.1, "MLO": -0.2}, seed=3)
    return drawing.Woman(number=7, density=0.5, lesions={"RIGHT": (lesion,)}, seed=5)


def test_a_dicom_holds_the_pixels_and_tags_that_it_was_written_with(tmp_path):
    path = tmp_path / "film.dcm"
    cbis_ddsm.write_dicom(path, PIXELS, dict(
        SOPInstanceUID=cbis_ddsm.UID_ROOT + "17", PatientID="Mass-Test_P_00007"))
    image = pydicom.dcmread(path)
    np.testing.assert_array_equal(image.pixel_array, PIXELS)
    assert (image.PatientID, image.Modality) == ("Mass-Test_P_00007", "MG")


def test_pixels_of_an_odd_number_of_bytes_are_padded(tmp_path):
    path = tmp_path / "mask.dcm"
    cbis_ddsm.write_dicom(path, PIXELS.astype(np.uint8), dict(
        SOPInstanceUID=cbis_ddsm.UID_ROOT + "18"))
    image = pydicom.dcmread(path)
    assert len(image.PixelData) == 16
    np.testing.assert_array_equal(image.pixel_array, PIXELS.astype(np.uint8))


@pytest.mark.parametrize(("defect", "shape", "length"), [
    ("mask of another size", (21, 17), 358), ("mask of another aspect", (22, 17), 374)])
def test_masks_of_another_size_hold_what_they_declare(tmp_path, defect, shape, length):
    path, mask = tmp_path / "mask.dcm", np.zeros((24, 20), np.uint8)
    mask[6:12, 5:10] = 255
    cbis_ddsm.write_dicom(path, mask, dict(SOPInstanceUID="1.2"))
    _, spoil = cbis_ddsm.DEFECTS[defect]
    spoil(path)
    spoilt = pydicom.dcmread(path)
    assert len(spoilt.PixelData) == length and spoilt.pixel_array.shape == shape
    assert set(spoilt.pixel_array.ravel()) == {0, 255}


def test_files_that_are_cut_off_keep_six_tenths(tmp_path):
    for size, kept in ((101, 60), (110, 66)):
        (tmp_path / "a").write_bytes(bytes(size))
        cbis_ddsm._cut_off(tmp_path / "a")
        assert (tmp_path / "a").stat().st_size == kept


def test_a_jpeg_has_the_upper_eight_bits(tmp_path):
    cbis_ddsm.write_jpeg(tmp_path / "film.jpg", np.full((9, 17), 200 << 8, np.uint16))
    image = cv2.imread(str(tmp_path / "film.jpg"), cv2.IMREAD_UNCHANGED)
    assert image.shape == (9, 17) and set(image.ravel()) == {200}


def test_a_woman_has_a_row_per_view_with_her_number_and_the_truth(woman, tmp_path):
    rows, series = cbis_ddsm.write_cbis_woman(tmp_path, woman, (96, 64), "classic")
    assert [(row["patient_id"], row["left or right breast"], row["image view"],
             row["pathology"]) for row in rows] == [
        ("P_00007", "RIGHT", "CC", "MALIGNANT"),
        ("P_00007", "RIGHT", "MLO", "MALIGNANT")]
    assert all((tmp_path / entry["path"]).is_file() for entry in series)


def test_the_files_of_a_row_are_in_the_collection(woman, tmp_path):
    rows, _ = cbis_ddsm.write_cbis_woman(tmp_path, woman, (96, 64), "classic")
    path = tmp_path / cbis_ddsm.COLLECTION / rows[0]["image file path"]
    assert pydicom.dcmread(path).pixel_array.shape == (96, 64)


def test_a_woman_is_always_in_the_same_official_list(woman):
    kinds = {cbis_ddsm.official_list(woman, "mass") for _ in range(3)}
    assert len(kinds) == 1 and kinds <= {"Training", "Test"}


def test_three_of_ten_are_for_testing_and_a_quarter_of_the_women_are_in_both_lists():
    lists = np.array([[cbis_ddsm.official_list(drawing.Woman(1, 0.5, {}, seed), kind)
                       for kind in drawing.KINDS] for seed in range(300)])
    # 0.2 * 0.85 + 0.8 * 0.15, and 2 * 0.15 * 0.85.
    assert abs((lists == "Test").mean(axis=0) - 0.29).max() < 0.05
    assert abs((lists[:, 0] != lists[:, 1]).mean() - 0.255) < 0.05


@pytest.mark.parametrize(("share", "subtlety"), [
    (0.001, 1), (0.199, 1), (0.201, 2), (0.79, 4), (0.81, 5), (1.3, 5)])
def test_subtle_is_1_and_plain_is_5(share, subtlety):
    lesion = types.SimpleNamespace(contrast=share * drawing.CONTRAST[1])
    assert cbis_ddsm._subtlety(lesion) == subtlety


def test_every_other_benign_lesion_needed_no_callback():
    assert [cbis_ddsm._pathology(types.SimpleNamespace(malignant=False, seed=seed))
            for seed in range(4)] == ["BENIGN", "BENIGN_WITHOUT_CALLBACK"] * 2


def test_one_description_of_twenty_is_empty(tmp_path):
    names = ("PatientID", "PatientOrientation", "Laterality", "InstanceNumber",
             "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "bits",
             "columns", "rows", "SeriesDescription")
    entry = dict.fromkeys(names, "x") | dict(path="jpeg/1/a.jpg")
    cbis_ddsm.write_dicom_info(tmp_path, [entry] * 42)
    rows = files.read_csv(tmp_path / "dicom_info.csv")
    assert [number for number, row in enumerate(rows)
            if not row["SeriesDescription"]] == [0, 20, 40]
    assert (rows[0]["file_path"], rows[0]["image_path"]) == (
        "CBIS-DDSM/dicom/1/a.dcm", "CBIS-DDSM/jpeg/1/a.jpg")


@pytest.mark.parametrize(("kind", "draws", "saved", "paths"), [
    ("calcification", (0.06,), ["mask crop"], ("1/000001", "1/000000")),
    ("mass", (0.06, 0.5), ["mask crop"], ("1/000000", "1/000001")),
    ("mass", (0.06, 0.49), ["crop mask"], ("1/000000", "1/000001")),
    ("mass", (0.059,), ["mask", "crop"], ("2/000000", "1/000000"))])
def test_masks_and_crops_are_one_series_in_either_order_or_two(
        kind, draws, saved, paths):
    kept = []

    def save(subject, contents):
        kept.append(" ".join(what for what, _ in contents))
        return str(len(kept))
    store = types.SimpleNamespace(
        save=save, rng=types.SimpleNamespace(random=iter(draws).__next__))
    picture = np.arange(400, dtype=np.uint16).reshape(20, 20)
    assert cbis_ddsm._write_finding(store, "s", kind, picture, picture > 380) == tuple(
        f"{path}.dcm" for path in paths)
    assert kept == saved


def test_case_tables_end_some_cells_with_a_newline_as_the_real_ones(woman, tmp_path):
    rows, _ = cbis_ddsm.write_cbis_woman(tmp_path, woman, (96, 64), "classic")
    cbis_ddsm.write_case_tables(tmp_path, rows)
    name = {"Training": "train", "Test": "test"}[rows[0]["list"]]
    table = files.read_csv(tmp_path / f"mass_case_description_{name}_set.csv")
    assert [row["ROI mask file path"][-1] for row in table] == ["\n", "\n"]
    assert len(list(tmp_path.glob("*_case_description_*_set.csv"))) == 4


@pytest.mark.parametrize(("height", "place", "first", "last"), [
    (200, 50, 46, 62), (199, 50, 47, 61), (149, 50, 48, 60), (100, 50, 48, 60),
    (200, 3, 0, 15), (200, 4, 0, 16), (200, 5, 1, 17)])
def test_a_crop_has_a_fiftieth_of_the_height_around_the_lesion(
        height, place, first, last):
    saved = []
    store = types.SimpleNamespace(
        rng=np.random.default_rng(1), save=lambda subject, contents: (
            saved.extend(contents) or "x"))
    picture = (1000 * np.arange(height)[:, None] + np.arange(height)).astype(np.uint16)
    mask = np.zeros(picture.shape, bool)
    mask[place:place + 10, place:place + 10] = True
    assert cbis_ddsm._write_finding(store, "s", "calcification", picture, mask) == (
        "x/000001.dcm", "x/000000.dcm")
    (_, whole), (_, crop) = saved
    np.testing.assert_array_equal(whole, 255 * mask)
    np.testing.assert_array_equal(crop, picture[first:last + 1, first:last + 1])
