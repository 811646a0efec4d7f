"""The picture that the page shows of a file."""

import numpy as np
import pytest

from end2end.serve import scoring
from end2end.utils import files


def test_a_picture_is_kept_at_its_size_with_its_brightest_pixel_as_white():
    kept = scoring.kept_picture(np.arange(12, dtype=np.uint16).reshape(4, 3) * 10)
    np.testing.assert_array_equal(
        kept, np.rint(np.arange(12).reshape(4, 3) / 11 * 65535))
    assert kept.dtype == np.uint16


def test_a_picture_larger_than_any_screen_shows_is_kept_smaller(monkeypatch):
    monkeypatch.setattr(scoring, "LARGEST_SIDE", 1400)
    assert scoring.kept_picture(np.ones((2800, 700), np.uint8)).shape == (1400, 350)


def test_an_empty_picture_is_black():
    assert scoring.kept_picture(np.zeros((4, 3), np.uint16)).max() == 0


@pytest.mark.parametrize("frame", ["one", "-1", "1.5", "9" * 5000, "\u0663"])
def test_a_frame_that_is_no_number_is_refused_before_anything_is_read(frame):
    with pytest.raises(files.InputError, match="is no number"):
        scoring.Scorer([]).score("a.png", b"", frame, None)
