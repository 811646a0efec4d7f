"""Cases of a report: many on one page that can still be sent."""

import dataclasses

import cv2
import numpy as np
import pytest

from end2end.data import rois
from end2end.explanation import maps
from end2end.reports import case_pictures, report

MOST = 25_000_000


def explained(seed, size=(1152, 896)):
    """A mammogram with film grain and all four maps, as fine as they ever are."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size[0], :size[1]] / size[0]
    breast = (columns**2 + (rows - 0.5) ** 2 < 0.16)
    coarse = cv2.resize(rng.random((36, 28), dtype=np.float32), size[::-1],
                        interpolation=cv2.INTER_CUBIC)
    grey = np.clip(breast * (60 + 120 * coarse + rng.normal(0, 12, size)), 0, 255)
    dots = (rng.random(size, dtype=np.float32) ** 4) * breast
    dots[dots < 0.06] = 0
    return maps.Explained(str(seed), grey.astype(np.uint8), rng.random(), dict(
        guided=dots, integrated=dots[::-1].copy(), gradcam=coarse, heatmap=coarse ** 2),
        seed % 2)


def region(size=(1152, 896)):
    mask = np.zeros(size, bool)
    mask[400:500, 200:300] = True
    return rois.Region(mask, True)


def size_of(case):
    return len(case.image) + sum(len(layer.image) for layer in case.layers)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_one_of_400_cases_keeps_its_share_of_the_page(seed):
    limit = case_pictures.bytes_per_case(400)
    made = case_pictures.case(
        explained(seed), name="x", regions=[region()], limit=limit)
    assert [layer.name for layer in made.layers] == [
        "guided", "integrated", "gradcam", "heatmap"]
    assert {line["kind"] for line in made.lines} == {"map", "malignant"}
    assert size_of(made) <= limit


@pytest.mark.slow
def test_400_cases_with_four_maps_each_are_a_page_below_25_megabytes(tmp_path):
    limit = case_pictures.bytes_per_case(400)
    # A case takes seconds to draw, so each of sixteen stands on the page 25 times.
    made = [case_pictures.case(explained(i), name="", regions=[region()], limit=limit)
            for i in range(16)]
    cases = [dataclasses.replace(made[i % 16], name=f"P_{i:05d}") for i in range(400)]
    path = report.write_report(tmp_path / "report.html", [report.Cases(cases)],
                               title="400 cases", trained_on="nothing")
    assert path.stat().st_size < MOST


def test_a_few_cases_are_as_fine_as_a_screen_can_show():
    one = explained(0)
    made = case_pictures.case(one, name="x", limit=case_pictures.bytes_per_case(10))
    shown = cv2.imdecode(np.frombuffer(made.image, np.uint8), 0)
    assert shown.shape[0] >= 600


@pytest.mark.parametrize(("limit", "shape", "quality", "tried"), [
    (10**9, (400, 200), 85, 1), (60_000, (400, 200), 65, 2),
    (36_000, (400, 200), 45, 3), (35_000, (300, 150), 65, 5), (3000, (80, 40), 85, 7),
    (10, (28, 14), 45, 6)])
def test_a_picture_is_as_large_and_then_as_fine_as_its_bytes_allow(
        limit, shape, quality, tried):
    calls = []

    def encode(picture, quality):
        calls.append((picture.shape, quality))
        return bytes(picture.size * quality // 100)
    picture = np.zeros((400, 200), np.uint8)
    data = case_pictures.fitted(picture, encode, limit)
    assert calls[-1] == (shape, quality)
    assert len(data) <= max(limit, 28 * 14 * 45 // 100)
    # Sizes that are far too large are not tried.
    assert len(calls) == tried


def test_a_smaller_picture_is_of_the_means_of_its_pixels():
    kept = []
    stripes = np.tile(np.uint8([[0], [90], [250]]), (100, 200))
    case_pictures.fitted(stripes, lambda picture, quality: (
        kept.append(picture) or bytes(picture.size)), 100)
    for picture in kept[::3]:
        np.testing.assert_array_equal(picture, cv2.resize(
            stripes, picture.shape[::-1], interpolation=cv2.INTER_AREA))
    assert kept[-1].shape == (21, 14)


def test_a_case_has_its_share_of_a_page_of_so_many():
    assert [case_pictures.bytes_per_case(count) for count in (0, 1, 18, 19, 400)] == [
        1_000_000, 1_000_000, 1_000_000, 947_368, 45_000]


@pytest.mark.parametrize(("names", "picture", "each"), [
    ((), 1000, None), (("heatmap",), 700, 300), (("guided", "gradcam"), 700, 150)])
def test_the_mammogram_has_seven_tenths_of_the_bytes_and_maps_the_rest(
        monkeypatch, names, picture, each):
    monkeypatch.setattr(case_pictures, "fitted", lambda picture, encode, limit: (
        picture, encode.__name__, limit))
    grey, strength = np.full((60, 40), 90, np.uint8), np.zeros((30, 20), np.float32)
    strength[10:20, 5:15], strength[14:16, 9:11] = 0.504, 1
    one = maps.Explained("a.png", grey, 0.25, dict.fromkeys(names, strength), 1,
                         legends=dict(gradcam="Of this model."))
    mask = np.zeros((60, 40), bool)
    mask[40:50, 30:36] = True
    made = case_pictures.case(one, name="a", regions=[rois.Region(mask, False)],
                              limit=1000, flags=("f",))
    assert made.image[0] is grey and made.image[1:] == ("webp", picture)
    assert [layer.image[1:] for layer in made.layers] == [("webp", each)] * len(names)
    for layer in made.layers:
        row = case_pictures.methods.METHODS[layer.name]
        assert layer.image[0].dtype == np.uint8
        assert np.unique(layer.image[0]).tolist() == [0, 129, 255]
        assert (layer.title, layer.colours) == (row.title, row.colours)
        assert layer.legend == one.legends.get(layer.name, row.legend)
    assert [line["kind"] for line in made.lines] == [
        *(["map"] if names else []), "benign"]
    assert (made.score, made.label, made.flags) == (0.25, 1, ("f",))
    assert made.hanging == report.Hanging(shape=(60, 40))
