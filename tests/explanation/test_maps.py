"""Maps of images: saved and read, named, and held against lesions."""

import dataclasses
import re

import numpy as np
import pytest
import recorded

from end2end.data import rois
from end2end.explanation import maps, patch_maps
from end2end.utils import files


def test_a_maximum_on_a_marker_counts_only_beside_the_breast():
    grey = np.zeros((60, 40), np.uint8)
    grey[20:50, 10:] = 120
    grey[2:6, 2:8] = 255                        # a marker
    strength = np.zeros((60, 40), np.float32)
    strength[4, 4], strength[30, 20] = 1, 0.5
    mask = np.zeros((60, 40), bool)
    mask[28:33, 18:23] = True
    explained = maps.Explained(path="a.png", label=1, score=0.9, grey=grey,
                            maps={"guided": strength}, peak=1.0)
    row, = maps.pointing_rows(explained, [rois.Region(mask=mask, malignant=True)])
    assert (row["hit"], row["hit_in_breast"]) == (0, 1)
    assert row["outside_breast"] == pytest.approx(1 / 1.5)
    assert maps.breast_of(grey).sum() == 30 * 30
    assert not maps.breast_of(np.zeros((4, 4), np.uint8)).any()


def explained(strength):
    return maps.Explained(
        "a.png", np.zeros(strength.shape, np.uint8), 0.75, dict(guided=strength), 1,
        2.0, patch_maps.PatchMap(np.ones((3, 2, 5), np.float32), (4.0, 5.0), (8.0, 9.0),
                                 tuple("abcde")))


def test_a_saved_map_is_read_as_it_was(tmp_path):
    strength = np.linspace(0, 1, 15, dtype=np.float32).reshape(5, 3)
    maps.save(tmp_path / "a.npz", explained(strength))
    stored = maps.load(tmp_path / "a.npz")
    np.testing.assert_allclose(stored.maps["guided"], strength, atol=1 / 500)
    assert (stored.path, stored.score, stored.label, stored.peak) == (
        "a.png", 0.75, 1, 2.0)
    assert stored.cells.first == (4.0, 5.0) and stored.cells.classes == tuple("abcde")


def test_a_damaged_map_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no archive")
    with pytest.raises(files.InputError, match="a.npz cannot be read"):
        maps.load(tmp_path / "a.npz")


def test_on_a_common_scale_a_weak_image_has_a_weak_map():
    strength = np.array([[1, 0.5], [0.2, 0]], np.float32)
    common = maps.on_common_scale(explained(strength), 4.0, 0.25)
    # Half the largest gradient of the set, so half as strong; 0.1 is below the cutoff.
    np.testing.assert_allclose(common.maps["guided"], [[0.5, 0.25], [0, 0]])
    # Of a smaller largest gradient nothing is stronger than full.
    common = maps.on_common_scale(explained(strength), 1.25, 0.2)
    np.testing.assert_allclose(common.maps["guided"], [[1, 0.8], [0.32, 0]])


def test_equal_stems_are_told_apart_by_folder_and_then_by_a_hash():
    assert maps.unique_names(["x/a.png", "x/b.png"]) == ["a", "b"]
    assert maps.unique_names(["x/a.png", "y/a.png"]) == ["x_a", "y_a"]
    assert maps.unique_names(["1/p/x/a.png", "2/q/x/a.png"]) == ["p_x_a", "q_x_a"]
    hashed = maps.unique_names(["1/p/x/a.png", "2/p/x/a.png"])
    assert len(set(hashed)) == 2
    assert all(re.fullmatch("p_x_a_[0-9a-f]{8}", name) for name in hashed)


def test_hits_are_counted_by_method():
    rows = [dict(method=method, hit=hit, hit_in_breast=1, area_share=0.1,
                 breast_share=0.2, outside_breast=0.5)
            for method, hit in (("guided", 1), ("guided", 0), ("gradcam", 0))]
    summary = maps.pointing_summary(rows, dict(runs=50, seed=1))
    assert (summary["guided"]["images"], summary["guided"]["hits"]) == (2, 0.5)
    assert summary["gradcam"]["hits"] == 0
    assert summary["gradcam"]["hits_in_breast"] == 1
    assert summary["guided"]["chance"] == pytest.approx(0.1)
    assert summary["guided"]["outside_breast"] == 0.5


def test_the_edge_of_a_film_is_no_breast_though_it_touches_it():
    grey = np.zeros((200, 150), np.uint8)
    grey[50:150, :60] = 120
    grey[:2], grey[:, :2] = 255, 255            # strips; one runs along the breast
    assert maps.breast_of(grey).sum() == 100 * 60
    assert not maps.breast_of(grey)[0].any()
    # A strip has four pixels of 200 rows at most, at the side of the picture as well.
    grey[:4], grey[:, :4] = 255, 255
    assert maps.breast_of(grey).sum() == 100 * 60
    grey[:], grey[50:150, 20:25] = 0, 120
    assert maps.breast_of(grey).sum() == 100 * 5


def test_saved_maps_tell_whether_they_are_means_over_the_flips(tmp_path):
    grey = np.zeros((6, 4), np.uint8)
    for flips in (False, True):
        explained = maps.Explained("a.png", grey, 0.5, {}, flips=flips)
        maps.save(tmp_path / "a.npz", explained)
        assert maps.load(tmp_path / "a.npz").flips == flips


def test_the_pointing_game_is_as_recorded():
    y, x = np.mgrid[:60, :44]
    grey = np.where(np.hypot(y - 30, x) < 24, 140, 8).astype(np.uint8)
    grey[3:8, 34:40] = 250
    mask = np.hypot(y - 22, x - 9) < 5
    games, rows = [], []
    for number, (row, column) in enumerate(((22, 9), (5, 37), (29, 15), (45, 3))):
        strength = np.exp(-((y - row) ** 2 + (x - column) ** 2) / 30).astype(np.float32)
        strength += 0.4 * np.exp(-((y - 22) ** 2 + (x - 10) ** 2) / 8)
        explained = maps.Explained(
            f"{number}.png", grey, 0.2 * number, dict(guided=strength,
                                                      gradcam=strength[::-1]), 1, 1.0)
        games += maps.pointing_rows(explained, [
            rois.Region(mask, True), rois.Region(mask[:, ::-1], False)])
        rows.append(recorded.picture(explained.on_picture("guided")))
    rows += [recorded.picture(maps.breast_of(grey)), *map(str, maps.unique_names([
        "a/b.png", "a/c.png", "d/b.png", "d/b.dcm", "b.png"]))]
    recorded.check("pointing", dict(
        games=games, summary=maps.pointing_summary(
            games, dict(runs=30, seed=2)), rows=rows))


@pytest.mark.parametrize("label", [None, 0, 2])
def test_a_label_is_saved_where_it_is_known(tmp_path, label):
    one = dataclasses.replace(explained(np.ones((2, 3), np.float32)), label=label)
    maps.save(tmp_path / "a.npz", one)
    assert maps.load(tmp_path / "a.npz").label == label


def test_of_a_dark_picture_all_is_outside_the_breast():
    mask, strength = np.zeros((20, 10), bool), np.zeros((20, 10), np.float32)
    mask[3:5, 3:5] = True
    strength[3, 4] = 0.25
    dark = maps.Explained("a.png", np.zeros((20, 10), np.uint8), 0.5, dict(
        guided=strength, gradcam=np.zeros_like(strength)))
    row, empty = maps.pointing_rows(dark, [rois.Region(mask, True)], tolerance=0)
    assert (row["outside_breast"], row["breast_share"], row["area_share"]) == (
        1, 1, 0.02)
    assert (row["hit"], row["hit_in_breast"]) == (1, 0)
    assert (empty["outside_breast"], empty["hit"]) == (0, 0)
