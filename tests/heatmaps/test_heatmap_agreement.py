"""Tests of end2end.heatmap_agreement."""

import dataclasses
import json

import bars
import numpy as np
import pytest
import recorded
import saved_models

from end2end import checkpoints, heatmap_agreement
from end2end.utils import files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agreement")
    saved_models.patch_model(folder / "patch.h5")
    saved_models.write_images(folder / "test", women=2)
    return folder


def test_one_patch_agrees_to_1e_4_and_whole_images_are_measured(
        folder, capsys, monkeypatch):
    made = bars.noted(monkeypatch)
    heatmap_agreement.main([
        str(folder / "patch.h5"), str(folder / "test" / "pos"), "--img-size", "64",
        "48", "--out", str(folder / "found.json")])
    assert made == [(None, " images", None)]
    results = json.loads((folder / "found.json").read_text())
    assert results["one_patch_largest_difference"] < 1e-4
    assert results["images"] == 2 and results["rows"][0]["cells"] == [7, 5]
    # The network looks one pixel beyond its patch, hence nearly the same.
    assert 0.9 < results["correlation"] <= 1
    assert 0 < results["largest_difference"] < 0.3
    with pytest.raises(files.InputError, match="class"):
        heatmap_agreement.main([
            str(folder / "patch.h5"), str(folder / "test" / "pos"),
            "--patch-class-list", "a", "b"])
    assert capsys.readouterr().out.splitlines() == [
        *heatmap_agreement.lines(results),
        f"figures of each image in {folder / 'found.json'}"]
    # That of one patch is rounding alone.
    recorded.check("heatmap-agreement", results | dict(
        one_patch_largest_difference=0), dict(FOLDER=folder))


def test_windows_are_scored_some_at_a_time_and_the_middle_alone(folder, monkeypatch):
    """On a picture whose cells are more than one lot, and of another size."""
    asked = []
    predict = heatmap_agreement.heatmaps.predict
    monkeypatch.setattr(heatmap_agreement.heatmaps, "predict", lambda model, images: (
        asked.append(images.copy()), predict(model, images))[1])
    patch = checkpoints.load_classifier(folder / "patch.h5")
    # A height of its own would keep the aspect of the picture.
    patch = dataclasses.replace(
        patch, images=dataclasses.replace(patch.images, height=40))
    whole, pool = heatmap_agreement.heatmaps.network(patch.model, patch.images.size)
    path = sorted((folder / "test" / "pos").iterdir())[0]
    first, second, _ = heatmap_agreement.both_ways(
        path, patch, whole, pool=pool, size=(64, 48))
    assert [len(images) for images in asked] == [32, 3, 1]
    assert first.shape == second.shape == (7, 5, 5)
    ready = heatmap_agreement.images.to_input(
        heatmap_agreement.images.read_image(path), dataclasses.replace(
            patch.images, size=(64, 48), height=None))
    np.testing.assert_array_equal(asked[2][0], ready[24:40, 16:32])
    np.testing.assert_allclose(second.reshape(-1, 5)[34], predict(
        patch.model, asked[1])[2].ravel(), atol=1e-6)
    first, second, _ = heatmap_agreement.both_ways(
        path, patch, whole, pool=pool, size=patch.images.size)
    assert first.shape == second.shape == (1, 1, 5), "as large as a patch"


def test_the_figures_are_of_one_call_and_the_model_is_looked_for_first(
        tmp_path, monkeypatch):
    (tmp_path / "a.h5").touch()
    monkeypatch.setattr(heatmap_agreement, "measured", lambda arguments: dict(
        locks=len(list(tmp_path.glob(".*o.json*")))))
    monkeypatch.setattr(heatmap_agreement, "lines", lambda results: ["a line"])
    words = ["none", "--out", str(tmp_path / "o.json")]
    heatmap_agreement.main([str(tmp_path / "a.h5"), *words])
    assert json.loads((tmp_path / "o.json").read_text()) == dict(locks=1)
    with pytest.raises(files.InputError, match=r"patch model .*b\.h5 does not exist"):
        heatmap_agreement.main([str(tmp_path / "b.h5"), *words])


@pytest.mark.parametrize("flags", [
    ["--limit", "0"], ["--img-size", "0", "9"], ["--img-size", "9", "-1"]])
def test_numbers_below_one_are_refused(flags):
    with pytest.raises(files.InputError) as caught:
        heatmap_agreement.main(["no.h5", "no", *flags])
    assert str(caught.value) == (
        "--limit and --img-size must be at least 1; correct them.")


@pytest.mark.parametrize("size", [("1", "20"), ("20", "1"), ("15", "16"), ("16", "15")])
def test_images_smaller_than_a_patch_are_refused(folder, size):
    with pytest.raises(files.InputError) as caught:
        heatmap_agreement.main([
            str(folder / "patch.h5"), str(folder / "test" / "pos"), "--img-size", *size,
            "--limit", "1"])
    assert str(caught.value) == (
        f"images of {'x'.join(size)} pixels are smaller than a patch of 16x16; give a "
        "larger --img-size.")


def test_the_first_images_are_measured_and_an_empty_one_has_no_correlation(
        folder, monkeypatch):
    asked = []
    rng = np.random.default_rng(0)
    maps = [rng.random((3, 2, 5)).astype(np.float32) for _ in range(2)]
    monkeypatch.setattr(heatmap_agreement, "both_ways", lambda path, *_, **how: (
        asked.append((path.name, how["size"])) or (
            maps[0], maps[1] if len(asked) > 1 else maps[0] * 0, len(asked) / 8)))
    words = [str(folder / "patch.h5"), str(folder / "test"), "--limit", "3",
             "--img-size", "64", "48"]
    results = heatmap_agreement.measured(
        heatmap_agreement.parser().parse_args(words))
    assert results["images"] == len(asked) == 3
    assert {size for _, size in asked} == {(64, 48)}
    assert results["one_patch_largest_difference"] == 3 / 8
    first, *others = results["rows"]
    assert np.isnan(first["correlation"])
    assert results["correlation"] == others[0]["correlation"] == pytest.approx(
        np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1])
    assert first["largest_difference"] == maps[0].max()
    assert results["largest_difference"] == max(
        row["largest_difference"] for row in results["rows"])
    assert others[0]["same_class"] == np.mean(
        maps[0].argmax(-1) == maps[1].argmax(-1))


def test_the_figures_are_told_in_five_lines():
    assert heatmap_agreement.lines(dict(
        rows=[dict(cells=[7, 5]), dict(cells=[9, 9])], images=3,
        one_patch_largest_difference=2.5e-5, correlation=0.98765,
        largest_difference=0.12344, mean_difference=0.01237, same_class=0.9876)) == [
            "images of one patch: largest difference 2.5e-05 (3 patches)",
            "whole images, 7x5 cells (3 images):",
            "  correlation         0.9877 (mean over the images)",
            "  largest difference  0.1234", "  mean difference     0.0124",
            "  same class first    98.8% of the cells"]
