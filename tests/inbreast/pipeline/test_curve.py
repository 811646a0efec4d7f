"""The work of the learning curve: which images, and under which names."""

import argparse

import noted_steps
import pytest

from end2end.utils import files
from inbreast.pipeline import curve


def test_the_test_images_of_a_manifest_are_left_out(tmp_path):
    images = curve.training_images(noted_steps.write_manifest(tmp_path), ("neg", "pos"))
    assert len(images) == 18
    assert not {"p9", "p10", "p11"} & set(images.patients)
    path = tmp_path / "images.csv"
    path.write_text(path.read_text().replace(",split\n", ",group\n"))
    assert len(curve.training_images(path, ("neg", "pos"))) == 24


def test_a_manifest_of_one_class_is_refused(tmp_path):
    path = noted_steps.write_manifest(tmp_path, patients=1)
    with pytest.raises(files.InputError, match="no labels of two classes"):
        curve.training_images(path, ("neg", "pos"))


def test_a_manifest_is_named_by_its_content(tmp_path):
    images = curve.training_images(
        noted_steps.write_manifest(tmp_path), ("neg", "pos"))
    path = curve.write_manifest(images, tmp_path / "subsets", "9-train")
    assert curve.write_manifest(images, tmp_path / "subsets", "9-train") == path
    assert path.name.startswith("9-train-")
    lines = path.read_text().splitlines()
    assert lines[:2] == ["path,label,patient",
                         f"{(tmp_path / 'p0_CC.png').resolve()},pos,p0"]


def test_a_model_is_named_by_its_file_or_its_folder(tmp_path):
    assert curve.model_name("models/vgg.h5") == "vgg"
    assert curve.model_name(tmp_path / "resnet" / "best.h5") == "resnet"


@pytest.mark.parametrize(("validation", "train", "words"), [
    ("added", 6, "2 more"), ("within", 4, "2 of these")])
def test_the_subset_trains_whole_or_without_those_who_choose(
        tmp_path, validation, train, words):
    images = curve.training_images(noted_steps.write_manifest(tmp_path), ("neg", "pos"))
    part = curve.parts(images, [6], validation, share=0.3, seed=1)[6]
    assert (part.patients, part.validation) == (6, words)
    assert len(set(part.train.patients)) == train


def test_without_validation_the_last_epoch_is_kept(tmp_path):
    images = curve.training_images(noted_steps.write_manifest(tmp_path), ("neg", "pos"))
    part = curve.parts(images, [None], "added", share=0.2, seed=1)[None]
    tune, _ = curve.tuning_steps(
        "vgg", tmp_path / "vgg.h5", part, tmp_path / "test", out=tmp_path / "out",
        arguments=argparse.Namespace(
            recipe="paper", class_list=("neg", "pos"), seed=1, flags=["--workers", 1],
            flips=True))
    assert tune.command[1] == tune.command[2]
    assert tune.command[-4:] == ("--keep-epoch", "last", "--workers", 1)
    assert part.validation == "nobody: fixed epochs"
