"""Panels of the figures of the paper: names, choice of images, grey values."""

import argparse
import dataclasses

import cv2
import numpy as np
import pytest

from end2end.evaluation import paper_panels
from end2end.explanation import maps, patch_maps
from end2end.tables import scores
from end2end.utils import files


def image(score, label, cells=None):
    return maps.Explained(
        f"{score}.png", np.zeros((6, 4), np.uint8), score, {}, label, 0.0, cells)


def test_inputs_are_named_by_their_folder_unless_names_are_typed():
    paths = ["runs/a/scores.csv", "runs/b/scores.csv"]
    assert paper_panels.named(paths, ["One", "Two"]) == ["One", "Two"]
    assert paper_panels.named(
        [paper_panels.pathlib.Path(path) for path in paths], None) == ["a", "b"]
    with pytest.raises(files.InputError, match="1 names for 2 inputs"):
        paper_panels.named(paths, ["One"])


def test_a_folder_stands_for_its_score_file(tmp_path):
    assert paper_panels.score_file(tmp_path) == tmp_path / "scores.csv"
    assert paper_panels.score_file("a.csv").name == "a.csv"


def test_the_image_is_the_surest_of_its_class_and_says_whether_it_is_wrong():
    saved = [image(0.4, 1), image(0.9, 1), image(0.2, 0), image(0.3, 0)]
    assert paper_panels.chosen(saved, 1, True, 0.5) == (saved[1], True)
    assert paper_panels.chosen(saved, 0, True, 0.5) == (saved[3], False)
    assert paper_panels.chosen(saved, 1, False, 0.5) == (saved[0], True)
    assert paper_panels.chosen(saved, 1, True, 0.9) == (saved[1], True)
    assert paper_panels.chosen(saved, 1, False, 0.4) == (saved[0], False)
    with pytest.raises(files.InputError, match="label neg"):
        paper_panels.chosen(saved[:2], 0, True, 0.5)
    with pytest.raises(files.InputError, match="label pos"):
        paper_panels.chosen(saved[2:], 1, True, 0.5)


def test_heatmaps_are_of_the_foreground_classes():
    cells = patch_maps.PatchMap(
        np.array([[[0.0, -1.0, 2.0]]], np.float32), (3.0, 2.0), (6.0, 4.0),
        ("background", "calc_mal", "mass_ben"))
    panels = paper_panels.class_heatmaps(image(0.5, 1, cells), (), "relu")
    assert [panel["title"] for panel in panels] == ["d  calc mal", "mass ben"]
    assert [panel["cells"].item() for panel in panels] == [0.0, 2.0]
    softmax = paper_panels.class_heatmaps(image(0.5, 1, cells), (), "softmax")
    assert sum(panel["cells"].item() for panel in softmax) < 1


def test_grey_values_are_a_share_of_the_full_range():
    pixels = np.zeros((60, 40), np.uint16)
    pixels[10:50, :30] = 65535 // 4
    values = paper_panels.breast_values(pixels)
    np.testing.assert_allclose(values, 0.25, atol=1e-4)
    assert len(values) == 1200
    assert len(paper_panels.breast_values(np.full((250, 200), 9, np.uint8))) == 25_000
    dark = paper_panels.breast_values(np.full((5, 5), 1300, np.uint16))
    assert dark.tolist() == [0]
    real = paper_panels.breast_values(np.array([[0, 2.0], [8.0, 4.0]], np.float32))
    assert sorted(real) == [0.25, 0.5, 1]


@pytest.mark.parametrize(("scale", "method", "scales"), [
    ("set", "guided", [0.75] * 3), ("image", "guided", []), ("set", "gradcam", [])])
def test_maps_of_the_paper_are_on_the_scale_of_the_set_on_request(
        tmp_path, monkeypatch, scale, method, scales):
    (tmp_path / "maps").mkdir()
    saved, shown = {}, []
    for k, (score, label, peak) in enumerate(((0.75, 1, 0.5), (0.25, 0, 0.75))):
        (tmp_path / "maps" / f"{k}.npz").touch()
        saved[f"{k}.npz"] = dataclasses.replace(
            image(score, label), peak=peak, flips=not k,
            maps={method: np.full((6, 4), k / 2, np.float32)})
    monkeypatch.setattr(paper_panels.maps, "load", lambda path: saved[path.name])
    monkeypatch.setattr(paper_panels.maps, "on_common_scale", lambda image, *scale: (
        shown.append(scale) or image))
    monkeypatch.setattr(paper_panels.case_pictures, "drawn", lambda one, *words, **how:
                        (one.score, words, how))
    monkeypatch.setattr(paper_panels.figures, "saliency", lambda *words, **how: (
        words, how))
    drawn, lines = paper_panels.saliency(argparse.Namespace(
        saliency=str(tmp_path), rois=None, method=method, scale=scale, threshold=0.5,
        cutoff=0.06, heatmap="relu"))
    assert shown == [(scale, 0.06) for scale in scales]
    panel = (method, ()), dict(contour=False)
    assert drawn == (([
        ("a  true positive, mean score of four flips 0.75", (0.75, *panel)),
        ("b  no false positive; nearest, score 0.25", (0.25, *panel)),
        ("c  no false negative; nearest, mean score of four flips 0.75",
         (0.75, *panel))], ()), dict(
             legend=paper_panels.methods.METHODS[method].legend,
             scale="activation after ReLU"))
    assert lines == [
        "a true positive: 0.75.png, mean score of four flips 0.750; nothing passes the "
        "cutoff", "b no false positive; nearest: 0.25.png, score 0.250",
        "c no false negative; nearest: 0.75.png, mean score of four flips 0.750; "
        "nothing passes the cutoff",
        "no heatmaps: draw_saliency was called without --method heatmap"]


@pytest.mark.parametrize(("at", "message"), [
    (0, "^--at 0 is not a share; expected a number above 0, up to 1.$"),
    (1.01, "--at 1.01 is not a share"), (1, "^--panel A names no score file"),
    (0.001, "--panel A names no score file")])
def test_a_sensitivity_is_a_share_above_0(at, message):
    with pytest.raises(files.InputError, match=message):
        paper_panels.roc(argparse.Namespace(at=at, panel=[("A",)]))


def test_the_mean_is_drawn_of_several_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(paper_panels.figures, "roc_panels", lambda panels: panels)
    labels, paths = np.arange(8) % 2, []
    for name, values in (("a", np.arange(8) / 8), ("b", (np.arange(8) % 4) / 8)):
        paths.append(tmp_path / f"{name}.csv")
        scores.write_scores(paths[-1], scores.Scores(
            tuple(map(str, range(8))), values, labels))
    for mean, panel, names, point in (
            (True, paths, ["a", "b", "mean of these"], (0.75, 0.75)),
            (False, paths, ["a", "b"], (1, 0.5)),
            (True, paths[:1], ["a"], (0.75, 0.5))):
        (drawn,), lines = paper_panels.roc(argparse.Namespace(
            at=0.75, panel=[("T", *map(str, panel))], names=None, mean=mean))
        assert [curve["name"] for curve in drawn["curves"]] == names
        assert [bool(curve.get("mean")) for curve in drawn["curves"]] == [
            name.startswith("mean") for name in names]
        assert drawn["title"] == "a  T" and len(lines) == len(names) + 1
        (shown,) = drawn["points"]
        assert (shown["sensitivity"], shown["specificity"]) == point, names
        assert lines[-1] == (f"T, {names[-1]}: sensitivity {point[0]:.1%}, specificity "
                             f"{point[1]:.1%}")
        assert all("(few: 4 with cancer)" in line for line in lines[:-1])


def test_few_cases_of_either_class_are_said():
    table = scores.Scores(tuple("abcd"), np.arange(4.0), np.array([1, 1, 0, 1]))
    assert paper_panels._curve("m", table)["few"] == " (few: 1 without cancer)"


def test_heatmaps_lie_over_the_picture_where_the_network_saw_them():
    cells = patch_maps.PatchMap(
        np.zeros((1, 2, 2), np.float32), (3.0, 3.0), (6.0, 4.0), ("none", "mass_mal"))
    seen = dataclasses.replace(
        image(0.5, 1, cells), maps=dict(guided=np.zeros((12, 2))))
    panel, = paper_panels.class_heatmaps(seen, (), "relu")
    # A picture of 6 rows and 4 columns, seen at 12 and 2: half as high, twice as wide.
    assert panel["extent"] == (2, 18, 3, 0) and panel["outlines"].shape == (6, 4, 4)


def test_of_a_set_the_image_of_median_brightness_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(paper_panels.figures, "examples", lambda panels: panels)
    for number, grey in enumerate((200, 100, 250)):
        pixels = np.zeros((60, 40), np.uint8)
        pixels[10:50, :30] = grey
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    (panel,), (line,) = paper_panels.examples(argparse.Namespace(
        images=[str(tmp_path)], names=["Film"]))
    assert panel["title"] == "a  Film" and panel["label"] == "grey value / full range"
    assert panel["grey"].shape == (60, 40) and panel["shares"].sum() == 1
    assert (len(panel["shares"]), *panel["edges"][[0, -1]]) == (64, 0, 1)
    assert panel["shares"][[25, 50, 62]].tolist() == pytest.approx([1 / 3] * 3)
    assert line == "a Film: 3 images, median grey value 0.784 of the full range"
    asked = []
    monkeypatch.setattr(paper_panels.overlays, "grey8", lambda pixels, **how: (
        asked.append((pixels.max(), how))))
    paper_panels.examples(argparse.Namespace(images=[str(tmp_path)], names=["Film"]))
    assert asked == [(200, dict(height=1200))]


def test_of_images_of_one_brightness_the_first_is_shown(monkeypatch):
    shown, greys = [], [np.full((3, 4), (100, 200)[k % 2], np.uint8) for k in range(40)]
    monkeypatch.setattr(paper_panels.image_lists, "find_images", lambda path: (
        argparse.Namespace(paths=greys)))
    monkeypatch.setattr(paper_panels.images, "read_image", lambda grey: grey)
    monkeypatch.setattr(paper_panels, "breast_values", lambda grey: grey.ravel() / 255)
    monkeypatch.setattr(paper_panels.overlays, "grey8", lambda grey, height: (
        shown.append(grey)))
    monkeypatch.setattr(paper_panels.figures, "examples", lambda panels: panels)
    paper_panels.examples(argparse.Namespace(images=["a"], names=["A"]))
    assert shown[0] is greys[1]   # the first of the brighter half
