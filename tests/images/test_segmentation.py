"""The breast is the largest bright object; all else becomes black."""

import numpy as np
import pytest

from end2end import images


def breast_and_label(rows=60, columns=40):
    image = np.zeros((rows, columns), np.uint16)
    image[20:50, 3:25] = 9000
    image[30:35, 10:15] = 0          # a hole, which belongs to the breast
    image[5:10, 30:38] = 60000       # a label
    return image


def test_the_breast_is_cut_out_and_the_label_left_behind():
    breast, box = images.segment_breast(breast_and_label(), low_int_threshold=0.1)
    assert box == (3, 20, 22, 30) and breast.shape == (30, 22)
    assert breast.dtype == np.uint16 and breast.max() == 9000


def test_without_cropping_only_what_lies_outside_becomes_black():
    image = breast_and_label()
    breast, _ = images.segment_breast(image, low_int_threshold=0.1, crop=False)
    assert breast.shape == image.shape
    np.testing.assert_array_equal(breast[20:50, 3:25], image[20:50, 3:25])
    assert not breast[:15].any()


def test_a_black_image_has_no_breast():
    with pytest.raises(ValueError, match="black"):
        images.segment_breast(np.zeros((9, 5), np.uint8))
    with pytest.raises(ValueError, match=(
            "^nothing in the image is brighter than 255 of 255; lower "
            "low_int_threshold.$")):
        images.segment_breast(np.eye(9, 5, dtype=np.uint8), low_int_threshold=255)


@pytest.mark.parametrize(("threshold", "rows"), [
    (0.99, 4), (1, 22), (99, 22), (100, 4)])
def test_a_threshold_below_one_is_a_share_and_from_there_on_a_level(threshold, rows):
    image = np.zeros((30, 20), np.uint8)
    image[3:25, 5:15], image[9:13, 7:12] = 100, 255
    _, (_, _, _, height) = images.segment_breast(image, low_int_threshold=threshold)
    assert height == rows
