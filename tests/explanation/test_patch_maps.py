"""Where a patch classifier sees what on a mammogram."""

import argparse
import dataclasses
import types

import cv2
import numpy as np
import pytest
import saved_models

from end2end import checkpoints, config
from end2end.config import patch_flags
from end2end.explanation import patch_maps
from end2end.utils import files

WHOLE = config.ImageOptions(size=(64, 48), intensity_scale=1.0, pixel_mean=0.0)


@pytest.fixture(scope="module")
def patch(tmp_path_factory):
    path = saved_models.patch_model(tmp_path_factory.mktemp("patch") / "patch.h5")
    return checkpoints.load_classifier(path)


def square(top=40, left=8, side=12):
    picture = np.full((64, 48), 20, np.uint8)
    picture[top:top + side, left:left + side] = 250
    return picture


def test_coarse_cells_give_way_to_windows_that_find_the_lesion(patch):
    found = patch_maps.patch_map(patch, square(), WHOLE)
    assert found.step == (4, 4), "a quarter of a patch"
    # Of windows of 16 pixels, from half a window before the edge on.
    assert found.first == (2, 2) and found.logits.shape == (16, 12, 5)
    strength = found.malignant((64, 48))
    row, column = np.unravel_index(strength.argmax(), strength.shape)
    assert 40 <= row < 52 and 8 <= column < 20
    assert strength[10, 40] < strength.max() / 4


def test_fine_cells_come_from_one_pass(patch, monkeypatch):
    # Two cells to a patch are just as fine as that.
    monkeypatch.setattr(patch_maps, "COARSEST", 0.5)
    found = patch_maps.patch_map(patch, square(), WHOLE)
    assert found.logits.shape == (7, 5, 5) and found.step == (8, 8)
    assert found.first == (8, 8)
    strength = found.malignant((64, 48))
    row, column = np.unravel_index(strength.argmax(), strength.shape)
    assert 40 <= row < 52 and 8 <= column < 20


def test_places_of_cells_are_no_whole_pixels(patch, monkeypatch):
    monkeypatch.setattr(patch_maps, "COARSEST", 0.6)
    found = patch_maps.patch_map(
        patch, np.zeros((68, 52), np.uint8), config.ImageOptions(size=(68, 52)))
    # Of 68 pixels eight cells of the trunk, two of them to a patch.
    assert found.step == found.first == (8.5, pytest.approx(52 / 6))
    monkeypatch.setattr(patch_maps.heatmaps, "sliding_heatmap", lambda *_, **how: how)
    odd = dataclasses.replace(patch, images=config.ImageOptions(size=(15, 15)))
    found = patch_maps._sliding(None, odd, np.zeros((65, 48)))
    assert (found.logits["stride"], found.logits["margin"]) == (3, 7)
    assert found.logits["batch_size"] == 32, "the memory of so many patches"
    tiny = dataclasses.replace(patch, images=config.ImageOptions(size=(3, 3)))
    small = patch_maps._sliding(None, tiny, np.zeros((5, 4)))
    assert (small.logits["stride"], small.logits["margin"]) == (1, 1)
    # 22 windows leave one of 79 rows over, 16 leave a column of 62 on each
    # side; they begin seven pixels before the picture and reach 7.5 to either side.
    assert found.first == (0.5, 1.5)


def test_probabilities_sum_to_one_and_activations_are_not_negative(patch):
    found = patch_maps.patch_map(patch, square(), WHOLE)
    np.testing.assert_allclose(found.probabilities.sum(-1), 1, rtol=1e-5)
    assert found.activations.min() >= 0
    np.testing.assert_array_equal(found.activations, np.maximum(found.logits, 0))


def test_the_extent_reaches_from_edge_to_edge_of_the_cells():
    cells = patch_maps.PatchMap(np.zeros((3, 2, 2)), (10, 8), (21, 15), ("a", "b"))
    assert cells.extent == (0.5, 30.5, 62.5, -0.5)


def test_a_model_without_a_malignant_class_is_refused(patch):
    assert patch_maps.malignant_classes(patch.classes) == [2, 4]
    with pytest.raises(files.InputError, match="some with 'mal' in the name"):
        patch_maps.malignant_classes(("background", "lesion"))
    with pytest.raises(files.InputError, match="has the classes a, b; expected some"):
        patch_maps.patch_map(types.SimpleNamespace(classes=("a", "b")), None, None)


def test_the_picture_is_read_at_the_size_of_the_whole_image_model(patch):
    large = cv2.resize(square(), (96, 128), interpolation=cv2.INTER_NEAREST)
    small = patch_maps.patch_map(patch, square(), WHOLE).logits
    np.testing.assert_allclose(
        patch_maps.patch_map(patch, large, WHOLE).logits.shape, small.shape)


def test_a_height_alone_keeps_the_aspect_of_the_picture(patch):
    wide = np.concatenate([square(), square()], axis=1)
    options = config.ImageOptions(size=(64, 48), height=32)
    found = patch_maps.patch_map(patch, wide, options)
    same = patch_maps.patch_map(patch, wide, config.ImageOptions(size=(32, 48)))
    assert found.logits.shape == same.logits.shape == (8, 12, 5)


def arguments(*words):
    parser = argparse.ArgumentParser()
    patch_flags.add(parser, "for a test")
    return parser.parse_args(list(map(str, words)))


def test_a_patch_classifier_without_settings_takes_them_from_its_own_flags(
        patch, tmp_path):
    path = tmp_path / "bare.h5"
    patch.model.save(path)
    with pytest.raises(files.InputError, match="how its images were prepared"):
        patch_maps.load(arguments("--patch-model", path))
    settings = ("--patch-img-size", 16, 16, "--patch-rescale-factor", 1.0,
                "--patch-featurewise-mean", 0, "--patch-class-list")
    bare = patch_maps.load(arguments(
        "--patch-model", path, *settings, *saved_models.CLASSES))
    assert bare.classes == saved_models.CLASSES
    np.testing.assert_allclose(
        patch_maps.patch_map(bare, square(), WHOLE).logits,
        patch_maps.patch_map(patch, square(), WHOLE).logits, atol=1e-6)
    with pytest.raises(files.InputError, match="'mal' in the name"):
        patch_maps.load(arguments("--patch-model", path, *settings, *"abcde"))


def test_without_a_patch_model_there_is_none():
    assert patch_maps.load(arguments()) is None
    with pytest.raises(files.InputError, match="--patch-"):
        patch_maps.load(arguments("--patch-img-size", 16, 16))
