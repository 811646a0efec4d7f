"""What a detector and its software make of the attenuation in a breast."""

import numpy as np
import pytest

from end2end.images import kinds
from end2end.phantoms import digital, drawing

SIZE = (1152, 896)


@pytest.fixture(scope="module")
def pictures():
    women = [drawing.draw_woman(number, seed=1, difficulty=0.3)
             for number in range(1, 5)]
    return [drawing.render(woman, next(iter(woman.lesions)), "CC", SIZE,
                           style="digital")[0] for woman in women]


def test_digital_phantoms_are_told_as_digital_and_never_as_film(pictures):
    told = [kinds.kind(picture) for picture in pictures]
    assert kinds.FILM not in told and told.count(kinds.DIGITAL) >= 3


def test_the_air_is_black_along_a_smooth_line_and_white_is_that_of_12_bits(pictures):
    for picture in pictures:
        measured = kinds.evidence(picture)
        assert measured.stray == 0 and measured.ragged < 1.2
        assert 3000 < picture.max() <= 4095


def test_counts_are_noisier_where_fewer_photons_arrive():
    even = np.zeros((200, 200), np.float32)
    noise = []
    for path in (even, even + 3):
        logarithm, _ = digital.exposed(np.random.default_rng(1), path, blur=0.5)
        noise.append(np.diff(logarithm, axis=0)[20:-20].std())
    assert noise[1] > 2.5 * noise[0]
