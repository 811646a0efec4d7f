"""Tests of end2end.heatmap_agreement."""

import json

import pytest
import saved_models

from end2end import heatmap_agreement
from end2end.utils import files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agreement")
    saved_models.patch_model(folder / "patch.h5")
    saved_models.write_images(folder / "test", women=2)
    return folder


def test_one_patch_agrees_to_1e_4_and_whole_images_are_measured(folder, capsys):
    heatmap_agreement.main([
        str(folder / "patch.h5"), str(folder / "test" / "pos"), "--img-size", "64",
        "48", "--out", str(folder / "found.json")])
    results = json.loads((folder / "found.json").read_text())
    assert results["one_patch_largest_difference"] < 1e-4
    assert results["images"] == 2 and results["rows"][0]["cells"] == [7, 5]
    # The network looks one pixel beyond its patch, hence nearly the same.
    assert 0.9 < results["correlation"] <= 1
    assert 0 < results["largest_difference"] < 0.3
    assert "images of one patch: largest difference" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [
    ["--limit", "0"], ["--img-size", "0", "9"], ["--img-size", "9", "-1"]])
def test_numbers_below_one_are_refused(flags):
    with pytest.raises(files.InputError) as caught:
        heatmap_agreement.main(["no.h5", "no", *flags])
    assert str(caught.value) == (
        "--limit and --img-size must be at least 1; correct them.")


def test_images_smaller_than_a_patch_are_refused(folder):
    with pytest.raises(files.InputError, match="smaller than a patch of 16x16"):
        heatmap_agreement.main([
            str(folder / "patch.h5"), str(folder / "test" / "pos"), "--img-size", "1",
            "1", "--limit", "1"])


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
