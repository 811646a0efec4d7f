"""The picture that the page shows of a file."""

import base64

import numpy as np
import pytest

from end2end.serve import scoring
from end2end.utils import files


def pixels_of(shown):
    return np.frombuffer(base64.b64decode(shown["pixels"]), "<u2").reshape(
        shown["height"], shown["width"])


def test_a_picture_is_sent_with_its_own_aspect_and_its_brightest_pixel_as_white():
    shown = scoring._picture(np.arange(12, dtype=np.uint16).reshape(4, 3) * 10)
    assert (shown["height"], shown["width"]) == (4, 3)
    np.testing.assert_array_equal(
        pixels_of(shown), np.rint(np.arange(12).reshape(4, 3) / 11 * 65535))


def test_a_large_picture_has_as_many_rows_as_are_shown():
    shown = scoring._picture(np.ones((2800, 700), np.uint8))
    assert (shown["height"], shown["width"]) == (scoring.SHOWN_HEIGHT, 350)


def test_an_empty_picture_is_black():
    shown = scoring._picture(np.zeros((4, 3), np.uint16))
    assert pixels_of(shown).max() == 0 and shown["white"] == scoring.FULL_RANGE


@pytest.mark.parametrize("frame", ["one", "-1", "1.5", "9" * 5000, "\u0663"])
def test_a_frame_that_is_no_number_is_refused_before_anything_is_read(frame):
    with pytest.raises(files.InputError, match="is no number"):
        scoring.Scorer([]).score("a.png", b"", frame)
