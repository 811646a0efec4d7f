"""The work of the learning curve: which images, and under which names."""

import noted_steps
import pytest

from end2end.utils import files
from inbreast.pipeline import curve


def test_the_test_images_of_a_manifest_are_left_out(tmp_path):
    images = curve.training_images(noted_steps.write_manifest(tmp_path), ("neg", "pos"))
    assert len(images) == 18
    assert not {"p9", "p10", "p11"} & set(images.patients)


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
