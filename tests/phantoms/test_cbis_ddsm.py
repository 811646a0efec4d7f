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
