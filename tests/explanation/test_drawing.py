"""Drawing the map of one method over one mammogram."""

import numpy as np
import pytest
import saved_models

from end2end import checkpoints
from end2end.explanation import drawing, maps, methods

SIZE = (40, 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drawing")


@pytest.fixture(scope="module")
def classifier(folder):
    return checkpoints.load_classifier(
        saved_models.whole_image_model(folder / "best.h5"))


@pytest.fixture(scope="module")
def patch(folder):
    return checkpoints.load_classifier(saved_models.patch_model(folder / "patch.h5"))


@pytest.fixture(scope="module")
def pixels():
    pixels = np.random.default_rng(0).integers(0, 200, SIZE).astype(np.uint8)
    pixels[5:8, 5:8] = 255
    return pixels


@pytest.mark.parametrize("name", methods.names())
def test_every_method_draws_a_map_of_the_input_from_0_to_1(
        classifier, patch, pixels, name):
    explained = maps.explain(
        classifier, "a.png", maps.ExplainOptions((name,), patch=patch), picture=pixels)
    strength = explained.maps[name]
    assert strength.shape == explained.grey.shape == SIZE
    assert strength.dtype == np.float32
    assert strength.min() >= 0 and strength.max() <= 1
    assert (explained.cells is not None) == (name == "heatmap")
    assert (explained.peak > 0) == (name == methods.PUBLISHED.name)


def test_maps_over_the_flips_turn_with_the_image(classifier, pixels):

    options = maps.ExplainOptions(("guided", "integrated"), 0.0, flips=True)
    plain, turned = (
        maps.explain(classifier, "a.png", options, picture=picture)
        for picture in (pixels, pixels[:, ::-1].copy()))
    assert plain.score == pytest.approx(turned.score, abs=1e-6)
    for name, strength in plain.maps.items():
        assert strength.max() == 1
        np.testing.assert_allclose(turned.maps[name][:, ::-1], strength, atol=1e-5)


def test_without_flips_there_is_one_view_and_with_them_there_are_four():
    assert drawing.flips_of(False) == ((),)
    assert len(drawing.flips_of(True)) == 4
