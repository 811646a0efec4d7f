"""The work of the heatmaps: parts of earlier calls, pictures that cannot be used."""

import argparse
import re
import types

import numpy as np
import pytest

from ddsm_train import heatmap_score
from ddsm_train.pipeline import heatmap_scoring
from end2end import models
from end2end.utils import files


def scored(value=0.5, picture=None):
    if picture is None:
        picture = np.arange(12, dtype=np.float32).reshape(4, 3)
    return heatmap_scoring.Scored(
        np.full((2, 3, 5), value, np.float32), picture, (1.0, 1.0), (2.0, 1.0))


def test_a_part_is_made_anew_when_the_picture_or_a_setting_changes(tmp_path):
    path = tmp_path / "A_LEFT_CC.png"
    path.write_bytes(b"first")
    calls = []

    def part(settings):
        return heatmap_scoring.part(
            path, tmp_path / "parts", settings, lambda path: calls.append(path)
            or scored(), classes=("a",) * 5, overlays=None)

    assert part(dict(stride=8)).shape == (2, 3, 5)
    (stored,) = (tmp_path / "parts").iterdir()
    assert re.fullmatch(r"A_LEFT_CC\.[0-9a-f]{16}\.npy", stored.name)
    assert isinstance(part(dict(stride=8)), np.memmap), "read where it is used"
    assert len(calls) == 1
    part(dict(stride=4))
    path.write_bytes(b"second")
    part(dict(stride=4))
    assert len(calls) == 3


def test_a_heatmap_depends_on_the_model_and_on_how_it_is_swept(tmp_path):
    (tmp_path / "patch.h5").write_bytes(b"weights")
    settings = [heatmap_scoring.settings_for(heatmap_score.parser().parse_args(
        ["in", str(tmp_path / "patch.h5"), "--pat-csv", "t.csv", "--stride", "8", *mode]
    )) for mode in ((), ("--fprop-mode",))]
    assert [row["mode"] for row in settings] == ["sliding", "convolutional"]
    assert settings[0]["stride"] == 8 and settings[0]["model"] == (
        files.sha256(tmp_path / "patch.h5"))


def test_a_picture_of_one_value_or_a_heatmap_that_is_not_finite_is_refused(tmp_path):
    path = tmp_path / "A.png"
    heatmap_scoring.check(scored(), path)
    with pytest.raises(files.InputError, match="A.png has one value everywhere"):
        heatmap_scoring.check(scored(picture=np.ones((4, 3))), path)
    with pytest.raises(files.InputError, match="A.png"):
        heatmap_scoring.check(scored(np.nan), path)


def test_the_suffix_of_the_original_becomes_that_of_numpy():
    arguments = argparse.Namespace(out="runs/maps.pkl")
    assert heatmap_scoring.out_path(arguments).name == "maps.npz"


def test_a_view_is_found_by_patient_side_and_view(tmp_path):
    assert heatmap_scoring.view_path(tmp_path, ("P_1", "LEFT", 1), "mlo") == (
        tmp_path / "P_1_LEFT_MLO.png")


def test_each_foreground_class_has_its_picture(tmp_path):
    heatmap_scoring.draw(scored(), ("none", "mass", "calc"), tmp_path, "A")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "A_calc.png", "A_mass.png"]


def test_windows_are_prepared_as_the_backbone_of_the_flags_was_trained(monkeypatch):
    monkeypatch.setattr(
        heatmap_scoring, "_sliding", lambda model, options, prepare, arguments: (
            prepare))
    model = types.SimpleNamespace(inputs=[np.zeros((1, 8, 8, 3))])
    for name, preprocess in (("resnet50", models.backbones.caffe_preprocess),
                             ("of somebody else", None)):
        arguments = heatmap_score.parser().parse_args(["in", "m.h5"])
        arguments.backbone = name
        prepare = heatmap_scoring.scorer(model, arguments)
        assert (prepare.preprocess, prepare.options.channels) == (preprocess, 3)
