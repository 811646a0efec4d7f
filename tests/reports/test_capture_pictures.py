"""The words, colours and scale bar below the picture of a Secondary Capture."""

import numpy as np
import pytest
import recorded

from end2end.reports import capture_pictures


def longest_run(band):
    """Pixels of the longest horizontal white line."""
    longest = 0
    for row in band.min(axis=2) > 250:
        dark = np.concatenate([[-1], np.flatnonzero(~row), [len(row)]])
        longest = max(longest, int(np.diff(dark).max()) - 1)
    return longest


@pytest.mark.parametrize("shape", [(1000, 620), (200, 100), (60, 900)])
def test_the_picture_stands_untouched_above_the_band(shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    whole = capture_pictures.with_band(picture, ["Research use only."] * 3)
    assert (whole[:shape[0], :shape[1]] == picture).all()
    assert not whole[:shape[0], shape[1]:].any()
    assert whole[shape[0]:].max() == 255


def test_more_words_take_more_lines():
    picture = np.zeros((300, 600, 3), np.uint8)
    short, long = (capture_pictures.with_band(picture, ["a few words "] * count)
                   for count in (1, 40))
    assert len(long) > len(short)


def test_the_bar_is_as_long_as_its_millimetres():
    whole = capture_pictures.with_band(
        np.zeros((300, 800, 3), np.uint8), ["x"], spacing=0.2)
    # Half of 800 pixels of 0.2 mm are 80 mm, so that the bar is the longest, 50 mm.
    assert longest_run(whole[300:]) == pytest.approx(50 / 0.2, abs=8)


def test_without_a_pixel_size_there_is_no_bar():
    whole = capture_pictures.with_band(np.zeros((300, 800, 3), np.uint8), ["x"])
    assert longest_run(whole[300:]) < 100


def test_bands_of_several_widths_are_as_recorded():
    rows, columns = np.indices((30, 320))
    picture = np.dstack([rows * 2, columns % 256, rows + columns // 2]).astype(np.uint8)
    sentence = "A sentence of several words, which fills more than a line of the band."
    recorded.check("capture-bands", "\n".join(recorded.picture(
        capture_pictures.with_band(np.repeat(picture, times, axis=1), lines,
                                   spacing=spacing))
        for times, lines, spacing in (
            (1, [sentence], None), (2, [sentence, "x"] * 8, 0.0625), (4, ["x"], 0.07),
            (1, ["x"], 0.5), (1, ["x"], 0.001))))
