"""The eight real films: the breast has its true width over height in every output."""

import base64
import io
import json
import re

import browser
import cv2
import local_page
import numpy as np
import pydicom
import pytest
import real_films
import saved_models
from PIL import Image

from end2end import images, predict
from end2end.explanation import maps, methods
from end2end.reports import dicom_results

LARGEST_ERROR = 0.01
SIDE = 1200
# Of pictures laid on each other.
ROWS = 600


def smaller(grey):
    """The picture at `ROWS` rows."""
    share = ROWS / grey.shape[0]
    return cv2.resize(grey.astype(np.float32), None, fx=share, fy=share,
                      interpolation=cv2.INTER_AREA)


def widening(picture, film):
    """By what factor a breast is wider over its height in a picture than in its film.

    By the affine map that lays the one on the other: an outline would move with the
    grey values, for some breasts end softly.
    """
    picture, film = smaller(picture), smaller(film)
    scale = min(np.divide(picture.shape, film.shape))
    down, across = np.subtract(picture.shape, np.multiply(film.shape, scale))
    # The film lies along the left, in the middle or along the right.
    likeness, laid = max((
        _laid(film, picture, np.float32([[scale, 0, start], [0, scale, down / 2]]))
        for start in (0, across / 2, across)), key=lambda pair: pair[0])
    assert likeness > 0.95
    return np.linalg.norm(laid[:, 0]) / np.linalg.norm(laid[:, 1])


def _laid(film, picture, start):
    try:
        return cv2.findTransformECC(
            film, picture, start, cv2.MOTION_AFFINE, (3, 100, 1e-6), None, 5)
    except cv2.error:
        # From that start they do not come together.
        return -1, start


def box(grey):
    """Column, row, width and height of the breast: the largest bright object."""
    # Text and frames at the edge of a film are no part of it.
    return images.segment_breast(
        cv2.GaussianBlur(grey.astype(np.float32), (0, 0), grey.shape[0] / 400),
        low_int_threshold=0.2)[1]


@pytest.fixture(scope="module")
def films():
    return {path.stem: images.read_image(path) for path in real_films.paths()}


def near(value):
    return pytest.approx(value, rel=LARGEST_ERROR)


@pytest.mark.slow
def test_a_picture_that_is_two_hundredths_too_wide_is_noticed(films):
    for name, film in films.items():
        wide = cv2.resize(film, None, fx=0.3 * 1.02, fy=0.3,
                          interpolation=cv2.INTER_AREA)
        assert widening(wide, film) == pytest.approx(1.02, abs=0.002), name


def dark_model(folder):
    """All of its scores are near 0, so that no colour changes what is bright."""
    return saved_models.whole_image_model(
        folder / "best.h5", scale=0.003891, bias=-1e5)


@pytest.fixture(scope="module")
def folder(films, tmp_path_factory):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    folder = tmp_path_factory.mktemp("films")
    assert predict.main([
        str(dark_model(folder)), *map(str, real_films.paths()),
        "--out", str(folder / "scores.csv"), "--overlay", str(folder / "overlay"),
        "--report", str(folder / "report.html"), "--dicom", str(folder / "dicom"),
        "--picture-side", str(SIDE), "--rescale-factor", "auto"]) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["saliency", "heatmap"])
def test_the_breast_of_overlays_is_as_wide_as_in_the_file(films, folder, kind):
    for name, film in films.items():
        picture = cv2.imread(str(folder / "overlay" / f"{name}.{kind}.png"))
        assert max(picture.shape) == SIDE
        assert widening(picture[..., 0], film) == near(1)


@pytest.mark.slow
def test_the_breast_of_secondary_captures_is_as_wide_as_in_the_file(films, folder):
    for name, pixels in films.items():
        capture = pydicom.dcmread(folder / "dicom" / f"{name}.overlay.dcm")
        rows, columns = images.geometry.fitted(pixels.shape, SIDE)
        # The band of words stands below the picture.
        picture = capture.pixel_array[:rows, :columns, 0]
        assert capture.Rows > rows and widening(picture, pixels) == near(1)


@pytest.mark.slow
def test_the_breast_of_the_report_is_as_wide_as_in_the_file(films, folder):
    data = json.loads(re.search(
        '<script type="application/json">(.*?)</script>',
        (folder / "report.html").read_text("utf-8"), re.DOTALL)[1])
    assert len(data["cases"]) == len(films)
    for case in data["cases"]:
        encoded = base64.b64decode(case["image"].split(",")[1])
        picture = np.asarray(Image.open(io.BytesIO(encoded)).convert("L"))
        assert widening(picture, films[case["name"]]) == near(1)
        # The page gives it the width and height of the mammogram.
        rows, columns = picture.shape
        assert columns / rows == near(case["width"] / case["height"])


@pytest.mark.slow
def test_the_viewer_of_the_report_draws_breasts_as_wide_as_in_the_file(
        films, folder, tmp_path):
    with browser.chromium(tmp_path) as page:
        page.set_window_size(1900, 1700)
        page.get((folder / "report.html").as_uri())
        local_page.find(page, ".cases .open")[0].click()
        local_page.find(page, "#viewer-exam")[0].click()
        for _ in films:
            local_page.until(lambda: not local_page.find(page, ".pane.loading"))
            name = local_page.find(page, "#viewer-name")[0].text
            pane, = local_page.find(page, ".pane")
            assert widening(
                local_page.shown(page, pane), films[name]) == near(1), name
            if local_page.find(page, "#viewer-next:enabled"):
                local_page.find(page, "#viewer-next")[0].click()


@pytest.mark.slow
def test_the_local_page_draws_breasts_as_wide_as_in_the_file(films, tmp_path):
    pytest.importorskip("fastapi", reason="pip install fastapi uvicorn to run this")
    with local_page.served(dark_model(tmp_path), tmp_path) as address, \
            browser.chromium(tmp_path) as page:
        page.set_window_size(1900, 2200)
        page.get(address)
        local_page.until(lambda: local_page.find(page, "body[data-ready]"))
        for path in real_films.paths():
            local_page.drop(page, path, seconds=300)
            pane = local_page.find(page, ".pane:not(.empty)")[-1]
            assert widening(local_page.shown(page, pane), films[path.stem]) == near(
                1), path.stem
            local_page.find(page, "[data-remove]")[0].click()
            local_page.until(lambda: not local_page.find(page, "[data-remove]"))


@pytest.mark.slow
def test_segmentations_and_outlines_of_a_breast_are_as_wide_as_the_breast(
        films, folder, tmp_path):
    for path in real_films.paths():
        pixels = films[path.stem]
        column, row, width, height = box(pixels)
        mask = np.zeros(pixels.shape, np.float32)
        mask[row:row + height, column:column + width] = 1
        # A network sees it at an aspect of its own.
        strength = cv2.resize(mask, (448, 576), interpolation=cv2.INTER_AREA)
        explained = maps.Explained(
            str(path), np.zeros((300, 200), np.uint8), 0.5,
            dict(guided=strength, gradcam=strength), source=pixels.shape)
        targets = dicom_results.paths(tmp_path, path.stem)
        dicom_results.write(targets, dicom_results.Result(
            dict(score="0.5", laterality="", path=str(path)), explained,
            methods.pictures(None)))
        segmented = pydicom.dcmread(targets["regions"]).pixel_array.squeeze()
        assert segmented.shape == pixels.shape
        across, down = (np.ptp(np.flatnonzero(segmented.any(axis=axis))) + 1
                        for axis in (0, 1))
        assert across / down == near(width / height)
        outline = _outline(pydicom.dcmread(targets["report"]))
        assert np.ptp(outline[:, 0]) / np.ptp(outline[:, 1]) == near(width / height)


def _outline(report):
    group = report.ContentSequence[-1].ContentSequence[1]
    data, = (item.GraphicData for item in group.ContentSequence
             if "GraphicData" in item)
    return np.reshape(data, (-1, 2))
