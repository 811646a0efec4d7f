"""Detection of lesions by size, contrast and density: the numbers, by hand."""

import cv2
import numpy as np
import pytest

from end2end.evaluation import detection
from end2end.tables import scores
from end2end.utils import files

HEIGHT, WIDTH = 200, 150


def lesion(number, *, size=5.0, density=2.0):
    return detection.Lesion((f"P_{number:05d}", "L", "CC"),
                            f"P_{number:05d}_LEFT_CC_1", size, 10.0, density)


def test_size_and_contrast_are_those_of_the_outline(tmp_path):
    image = np.full((HEIGHT, WIDTH), 20000, np.uint16)
    image[0], image[-1] = 0, 60000
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (60, 90), 20, 255, -1)
    image[mask > 0] = 32000
    for folder, picture in (("full", image), ("mask", mask)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "P_00007_LEFT_CC.png"), picture)
    row = dict(zip(detection.COLUMNS, (
        "P_00007", "LEFT", "CC", "2", "MALIGNANT", "full/P_00007_LEFT_CC.png",
        "mask/P_00007_LEFT_CC.png", "3"), strict=True))
    benign = row | dict(pathology="BENIGN", abn_num="3")
    files.write_csv(tmp_path / "rois.csv", detection.COLUMNS, [row, benign])
    (measured,) = detection.read_lesions(tmp_path / "rois.csv")
    assert measured.name == "P_00007_LEFT_CC_2" and measured.density == 3
    assert measured.size == pytest.approx(20, abs=0.6)       # 40 of 200 rows
    white = np.percentile(image, 99.5)
    assert measured.contrast == pytest.approx(100 * 12000 / white, rel=0.01)
    # A mask of half the size is laid on the image without a rim.
    cv2.imwrite(str(tmp_path / "mask" / "P_00007_LEFT_CC.png"), mask[::2, ::2])
    (halved,) = detection.read_lesions(tmp_path / "rois.csv")
    area = 4 * (mask[::2, ::2] > 0).sum()
    assert halved.size == pytest.approx(100 * 2 * np.sqrt(area / np.pi) / HEIGHT)


def test_the_air_is_no_surrounding_tissue():
    image = np.zeros((HEIGHT, WIDTH))
    image[:, :60] = 100
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[90:110, 40:60] = True
    assert detection.contrast(image, mask) == 0
    assert np.isnan(detection.contrast(image, np.zeros_like(mask)))
    everywhere = np.ones_like(mask)
    assert np.isnan(detection.contrast(image + 5, everywhere))  # no ring is left


def test_the_ring_has_a_third_of_the_diameter_and_two_pixels_at_least():
    image, mask = np.full((41, 41), 50.0), np.zeros((41, 41), bool)
    image[0, 0] = 40
    mask[20, 20] = True
    image[20, 22] = 62    # as far as the ring of one pixel reaches
    image[20, 23] = 90
    ring = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)).sum() - 1
    assert detection.contrast(image, mask) == pytest.approx(-100 * 12 / ring / 10)
    mask[15:26, 15:26] = True    # an area of 121, a diameter of 12.4 and a ring of 4
    image[20, 29], image[20, 30] = 70, 200
    inside = image[mask].mean()
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    around = (cv2.dilate(mask.astype(np.uint8), disc) > 0) & ~mask
    assert image[around].max() == 70
    white = np.percentile(image, 99.5) - 40
    assert detection.contrast(image, mask) == pytest.approx(
        100 * (inside - image[around].mean()) / white)


def test_an_image_is_detected_from_the_threshold_of_the_specificity_on():
    paths = [f"P_{number:05d}_LEFT_CC.png" for number in range(14)]
    values = np.array([*np.arange(10) / 10, 0.95, 0.8, 0.5, 0.1])
    table = scores.Scores(tuple(paths), values, np.repeat([0, 1], (10, 4)))
    lesions = [lesion(number) for number in (10, 11, 12, 13, 99)]
    shares, said = detection.detected(table, lesions, 0.8)
    assert shares == {"P_00010_LEFT_CC_1": 1, "P_00011_LEFT_CC_1": 1,
                      "P_00012_LEFT_CC_1": 0, "P_00013_LEFT_CC_1": 0}
    assert said == "score of its image from 0.800 on, a specificity of 0.80"
    (figure, lines) = detection.figure({"m": table}, [
        lesion(number, size=size, density=density) for number, size, density in (
            (10, 3, 1), (11, 9, float("nan")), (12, 5, 1), (13, 4, 4), (99, 1, 1))],
        specificity=0.8)
    assert lines[:3] == [
        "m: 4 of 5 malignant lesions have a score; score of its image from 0.800 on, a "
        "specificity of 0.80",
        "m, diameter, % of the height 3: 1.00 [0.21, 1.00] of 1 (few: 1 with cancer)",
        "m, diameter, % of the height 4: 0.00 [0.00, 0.79] of 1 (few: 1 with cancer)"]
    assert lines[-2:] == [
        "m, density of the breast 1: 0.50 [0.09, 0.91] of 2 (few: 2 with cancer)",
        "m, density of the breast 4: 0.00 [0.00, 0.79] of 1 (few: 1 with cancer)"]
    assert len(lines) == 11 and [axis.get_xlabel() for axis in figure.axes] == [
        title for _, title in detection.PANELS]


def test_patches_count_by_the_share_taken_for_malignant():
    classes = ("background", "calc_mal", "mass_mal")
    values = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.1, 0.7, 0.2],
                       [0.9, 0.1, 0.0]])   # the last is background and does not count
    table = scores.Scores(
        tuple(f"P_00003_LEFT_CC_1_{k % 3:04d}.png" for k in range(4)), values,
        np.array([1, 2, 2, 0]), classes)
    shares, _ = detection.detected(table, [lesion(3)], 0.8)
    assert shares == {"P_00003_LEFT_CC_1": pytest.approx(2 / 3)}


def test_bins_have_as_many_lesions_each_and_density_has_its_classes():
    lesions = [lesion(k, size=k, density=(2, 4)[k % 2]) for k in range(8)]
    shares = {one.name: float(one.size >= 4) for one in lesions}
    rows = detection.curve(lesions, shares, "size")
    assert [row["middle"] for row in rows] == [0.5, 2.5, 4.5, 6.5]
    assert [row["share"] for row in rows] == [0, 0, 1, 1]
    assert rows[0]["interval"][0] == 0 and rows[0]["interval"][1] > 0.5
    rows = detection.curve(lesions, shares, "density")
    assert [(row["middle"], row["share"], row["count"]) for row in rows] == [
        (2, 0.5, 4), (4, 0.5, 4)]


def test_lesions_of_one_size_keep_their_order():
    lesions = [lesion(k, size=k % 2) for k in range(40)]
    shares = {one.name: float(k < 20) for k, one in enumerate(lesions)}
    rows = detection.curve(lesions, shares, "size")
    assert [row["share"] for row in rows] == [1, 0, 1, 0]


def test_scores_of_other_images_and_shares_out_of_range_are_refused(tmp_path):
    table = scores.Scores(("a.png", "b.png"), np.array([0.1, 0.9]), np.array([0, 1]))
    with pytest.raises(files.InputError, match="no score of a malignant lesion"):
        detection.figure({"model": table}, [lesion(1)], specificity=0.8)
    with pytest.raises(files.InputError, match="is not a share"):
        detection.figure({"model": table}, [lesion(1)], specificity=1)
    with pytest.raises(files.InputError, match="--specificity 0 is not a share"):
        detection.figure({"model": table}, [lesion(1)], specificity=0)
    (tmp_path / "empty.csv").write_text("side\n")
    with pytest.raises(files.InputError, match="empty.csv has no rows; expected"):
        detection.read_lesions(tmp_path / "empty.csv")
    files.write_csv(tmp_path / "rois.csv", ("side",), [dict(side="L")])
    with pytest.raises(files.InputError, match="no column patient_id"):
        detection.read_lesions(tmp_path / "rois.csv")


def test_a_picture_of_hardly_any_white_is_measured_in_its_own_greys():
    image, mask = np.zeros((200, 150)), np.zeros((200, 150), bool)
    mask[50, 50:60] = True
    image[mask], image[51, 50:52] = 50, 30   # too few to be its white
    assert detection.contrast(image, mask) == 100 * (50 - 30)
