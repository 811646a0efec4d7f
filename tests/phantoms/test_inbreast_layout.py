import plistlib
import types

import numpy as np
import pydicom
import pytest

from end2end.phantoms import drawing, inbreast_layout

LESION = drawing.Lesion(
    kind="calcification", malignant=True, appearance=1.0, radius=0.08, contrast=1.0,
    depth=0.5, offsets={"CC": 0.1, "MLO": -0.2}, seed=3)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Folder of the release, and the rows of one woman with a lesion on the left."""
    folder = tmp_path_factory.mktemp("inbreast")
    woman = drawing.Woman(
        number=4, density=0.5, lesions={"LEFT": (LESION,), "RIGHT": ()}, seed=5)
    rows = inbreast_layout.write_woman(folder, woman, (96, 64))
    return folder / "INbreast Release 1.0", rows


def test_a_woman_has_a_row_per_side_and_view(release):
    _, rows = release
    assert [(row["Laterality"], row["View"]) for row in rows] == [
        ("L", "CC"), ("L", "MLO"), ("R", "CC"), ("R", "MLO")]
    assert all(set(row) == set(inbreast_layout.COLUMNS) for row in rows)


def test_only_the_breast_with_the_cancer_has_a_high_assessment(release):
    _, rows = release
    assert [row["Bi-Rads"][0] >= "4" for row in rows] == [True, True, False, False]


def test_each_row_has_a_dicom_that_begins_with_its_number(release):
    folder, rows = release
    for row in rows:
        path, = (folder / "AllDICOMs").glob(f"{row['File Name']}_*_ANON.dcm")
        assert pydicom.dcmread(path).pixel_array.shape == (96, 64)


def test_outlines_are_written_for_images_with_a_lesion_only(release):
    folder, rows = release
    assert {path.stem for path in (folder / "AllXML").iterdir()} == {
        row["File Name"] for row in rows[:2]}


def test_a_cluster_has_an_outline_and_a_dot(release):
    folder, rows = release
    with open(folder / "AllXML" / f"{rows[0]['File Name']}.xml", "rb") as stream:
        image, = plistlib.load(stream)["Images"]
    outline, dot = image["ROIs"]
    assert image["NumberOfROIs"] == 2
    assert outline["NumberOfPoints"] > 2 and dot["NumberOfPoints"] == 1
    assert outline["Name"] in inbreast_layout.ROI_NAMES["calcification", True]


def test_of_an_outline_in_parts_the_largest_is_written(tmp_path):
    mask = np.zeros((40, 30), bool)
    mask[2:5, 3:6], mask[10:20, 5:25], mask[33:36, 20:24] = True, True, True
    inbreast_layout._write_outlines(
        tmp_path / "a.xml", (LESION,), [mask], np.random.default_rng(1))
    image, = plistlib.loads((tmp_path / "a.xml").read_bytes())["Images"]
    outline, dot = image["ROIs"]
    assert sorted(outline["Point_px"]) == [
        "(24.000000, 10.000000)", "(24.000000, 19.000000)", "(5.000000, 10.000000)",
        "(5.000000, 19.000000)"]
    assert dot["Point_px"] == ["(14.500000, 14.500000)"]
    assert (outline["Type"], dot["Type"]) == (15, 19)


def test_assessments_are_4_to_6_of_cancers_and_1_to_3_of_others():
    def drawn(lesions, number, draw=0.0):
        ends = []
        rng = types.SimpleNamespace(
            integers=lambda end: ends.append(end) or number, random=lambda: draw)
        return inbreast_layout._birads(lesions, rng), ends
    benign = types.SimpleNamespace(malignant=False)
    assert [drawn((benign, LESION), number) for number in range(6)] == [
        (text, [6]) for text in ("4a", "4b", "4c", "5", "5", "6")]
    assert [drawn((), number) for number in range(2)] == [("1", [2]), ("2", [2])]
    assert [drawn((benign,), 0, draw) for draw in (0.29, 0.3)] == [("3", []), ("2", [])]
