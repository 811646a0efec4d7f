"""Panels of the figures of the paper: names, choice of images, grey values."""

import argparse
import dataclasses

import numpy as np
import pytest

from end2end.evaluation import paper_panels
from end2end.explanation import maps, patch_maps
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
    with pytest.raises(files.InputError, match="label neg"):
        paper_panels.chosen(saved[:2], 0, True, 0.5)


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
