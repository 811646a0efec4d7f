"""A patch classifier as a source of patches."""

import numpy as np
import pytest
import saved_models

from ddsm_train.pipeline import hard_patches
from end2end import checkpoints, config
from end2end.utils import files

OPTIONS = config.SamplingOptions(patch_size=saved_models.PATCH)


def replacement(path, **options):
    return hard_patches.replacement(
        checkpoints.load_classifier(path), str(path), OPTIONS, **options)


def test_a_picture_is_classified_at_its_size(tmp_path):
    path = saved_models.patch_model(tmp_path / "patch.h5")
    picture = np.full((64, 48), 20, np.uint8)
    picture[40:56, 8:24] = 250
    classified = replacement(path, share=0.5).classify(picture)
    names = classified.probabilities.argmax(axis=-1)

    def name_at(*place):
        return names[tuple(round((pixel - first) / step) for pixel, first, step in zip(
            place, classified.first, classified.step, strict=True))]

    assert name_at(48, 16) == 4 and name_at(48, 40) == 0 and name_at(16, 16) == 0


def test_model_and_share_are_what_the_places_depend_on(tmp_path):
    first = saved_models.patch_model(tmp_path / "first.h5")
    second = saved_models.patch_model(tmp_path / "second.h5")
    keys = {replacement(path, share=share).key
            for path in (first, second) for share in (0.5, 0.25)}
    assert len(keys) == 2 * len({first.read_bytes(), second.read_bytes()})
    assert replacement(first, share=0.5).key in keys


def test_what_cannot_be_mined_is_refused(tmp_path):
    path = saved_models.patch_model(tmp_path / "patch.h5")
    with pytest.raises(files.InputError, match="--share 2"):
        replacement(path, share=2.0)
