"""The eight real films: the breast has its true width over height in every output."""

import cv2
import numpy as np
import pytest
import real_films
import saved_models

from end2end import images, predict

LARGEST_ERROR = 0.01


def aspect(grey):
    """Width over height of the breast: the largest bright object of a picture."""
    # Text and frames at the edge of a film are no part of it.
    _, (_, _, width, height) = images.segment_breast(
        cv2.GaussianBlur(grey.astype(np.float32), (0, 0), grey.shape[0] / 400),
        low_int_threshold=0.2)
    return width / height


@pytest.fixture(scope="module")
def films():
    return {path.stem: images.read_image(path) for path in real_films.paths()}


@pytest.fixture(scope="module")
def folder(films, tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    # All scores are near 0, so that no colour changes what is bright.
    model = saved_models.whole_image_model(
        folder / "best.h5", scale=0.003891, bias=-1e5)
    assert predict.main([
        str(model), *map(str, real_films.paths()), "--out", str(folder / "scores.csv"),
        "--overlay", str(folder / "overlay"), "--picture-side", "1200",
        "--rescale-factor", "auto"]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["saliency", "heatmap"])
def test_the_breast_of_overlays_is_as_wide_as_in_the_file(films, folder, kind):
    for name, pixels in films.items():
        picture = cv2.imread(str(folder / "overlay" / f"{name}.{kind}.png"))
        assert max(picture.shape) == 1200
        assert aspect(picture[..., 0]) == pytest.approx(
            aspect(pixels), rel=LARGEST_ERROR)
