"""The rescale factor follows the bits of an image and not its brightest pixel."""

import numpy as np
import pytest

from end2end.images import depths


@pytest.mark.parametrize("maximum, bits", [
    (200, 8), (255, 8), (270, 10), (1030, 10), (2970, 12), (4090, 12), (4100, 12),
    (4300, 14), (16383, 14), (61000, 16), (1e6, 16)])
def test_the_greatest_value_tells_the_usual_depth(maximum, bits):
    assert depths.of_maximum(maximum) == bits


def test_what_is_declared_wins_over_the_values_but_not_over_8_bit_pixels():
    image = np.full((3, 2), 900, np.uint16)
    assert depths.depth(image) == 10 and depths.depth(image, 14) == 14
    assert depths.depth(image.astype(np.uint8), 14) == 8


@pytest.mark.parametrize("bits, scale", [
    (8, None), (9, 0.499), (10, 0.2493), (12, 0.06227), (14, 0.01556), (15, 0.007782),
    (16, 0.003891)])
def test_the_factor_brings_the_full_range_to_255(bits, scale):
    assert depths.scale(bits) == scale
    if scale:
        assert scale * ((1 << bits) - 1) == pytest.approx(255, rel=1e-3)
