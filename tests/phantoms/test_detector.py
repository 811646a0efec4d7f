"""Digital mammograms drawn from the physics of their acquisition."""

import numpy as np
import pytest
import recorded

from end2end.phantoms import detector, digital, drawing

SIZE = (300, 230)


def picture(maker, side="LEFT", seed=1):
    woman = drawing.draw_woman(3, seed=5, difficulty=0.3)
    return detector.render(woman, side, "MLO", SIZE, maker=maker, seed=seed)


@pytest.mark.parametrize("maker", digital.MAKERS)
def test_the_bits_are_those_of_the_maker_and_the_air_is_dark(maker):
    image = picture(maker)
    top = (1 << digital.MAKERS[maker].bits) - 1
    assert image.dtype == np.uint16 and image.shape == SIZE
    assert top // 2 < image.max() <= top
    assert np.median(image[-30:, -30:]) < 0.06 * top


def test_masked_air_is_exactly_black_and_grainy_air_is_not():
    masked, grainy = picture("masked 12 bits"), picture("grainy 14 bits")
    assert np.median(masked[:, -20:]) == 0 and np.median(grainy[:, -20:]) > 0
    assert np.unique(grainy[-40:, -40:]).size > 10


def test_the_same_seed_gives_the_same_picture_and_right_breasts_are_at_the_right():
    np.testing.assert_array_equal(picture("clipped 12 bits"),
                                  picture("clipped 12 bits"))
    assert (picture("clipped 12 bits", seed=2) != picture("clipped 12 bits")).any()
    right = picture("clipped 12 bits", side="RIGHT")[150]
    assert right[-5] > 4 * max(int(right[5]), 1)


def test_gland_and_muscle_weaken_the_beam_and_the_rim_less():
    path, inside = detector.attenuation(np.random.default_rng(2), 0.5, "CC", SIZE)
    assert path[~inside].max() == 0
    assert 1 < path[SIZE[0] // 2, 20] < 7
    assert 0 < path[inside].min() < 0.5 * path[inside].max()


def test_pictures_of_all_makers_are_as_recorded():
    woman = drawing.draw_woman(2, seed=7, difficulty=0.3)
    lines = [recorded.picture(detector.render(
        woman, side, view, (110, 86), maker=maker, seed=seed))
        for maker in digital.MAKERS for seed, side, view in (
            (1, "LEFT", "CC"), (2, "RIGHT", "MLO"))]
    # A breast that leaves no air.
    path = np.linspace(0.3, 0.9, 90 * 70, dtype=np.float32).reshape(90, 70)
    lines += [recorded.picture(digital.presented(
        np.random.default_rng(3), path, path > 0, maker, 2.5))
        for maker in digital.MAKERS.values()]
    recorded.check("phantoms-makers", "\n".join(lines))
