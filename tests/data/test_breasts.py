"""Images to breasts: both views of each, what is missing and what is left out."""

import cv2
import numpy as np
import pytest

from end2end import config
from end2end.data import breasts, image_batches, image_lists
from end2end.utils import files


def write(folder, *names):
    """Class folders of images whose grey value is their number, from 1."""
    for number, name in enumerate(names, start=1):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 6), number, np.uint8))
    return image_lists.list_classes(folder, ("neg", "pos"))


def names(images):
    return [path.stem for path in images.paths]


def test_the_views_of_a_breast_stand_side_by_side(tmp_path):
    said = []
    pairs = breasts.paired(write(
        tmp_path, "neg/P_00001_LEFT_MLO", "neg/P_00001_LEFT_CC",
        "neg/P_00001_RIGHT_CC", "pos/P_00002_LEFT_MLO"), say=said.append)
    assert names(pairs) == ["P_00001_LEFT_CC", "P_00001_RIGHT_CC", "P_00002_LEFT_MLO"]
    assert names(pairs.partner) == [
        "P_00001_LEFT_MLO", "P_00001_RIGHT_CC", "P_00002_LEFT_MLO"]
    assert pairs.labels.tolist() == [0, 0, 1]
    assert said == ["3 breasts: 1 with both views, 1 with CC only, 1 with MLO only (a "
                    "view without the other stands twice)"]


def test_a_breast_has_cancer_where_one_of_its_images_has(tmp_path):
    pairs = breasts.paired(write(
        tmp_path, "neg/P_00001_LEFT_CC", "pos/P_00001_LEFT_MLO"))
    assert pairs.labels.tolist() == [1]


def test_what_no_breast_is_known_of_is_counted_or_refused(tmp_path):
    said = []
    breasts.paired(write(tmp_path / "a", "neg/P_00001_LEFT_CC", "neg/some"),
                   say=said.append)
    assert said[1:] == [
        "1 of 2 images are left out: no known side, another view than CC and MLO, or "
        "another image of the view counts"]
    with pytest.raises(files.InputError, match=(
            "^no breast is known: a network of two views needs side .L, R. and view")):
        breasts.paired(write(tmp_path / "b", "neg/some", "pos/other"))


def test_a_manifest_tells_the_breast_where_names_do_not(tmp_path):
    write(tmp_path, "neg/a", "neg/b")
    table = tmp_path / "images.csv"
    table.write_text("path,patient,laterality,view,label\n"
                     "neg/a.png,7,R,MLO,1\nneg/b.png,7,R,CC,1\n")
    pairs = breasts.paired(image_lists.find_images(table))
    assert names(pairs) == ["b"] and names(pairs.partner) == ["a"]


def test_breasts_without_labels_are_paired_and_said_in_the_log(tmp_path, caplog):
    images = write(tmp_path, "neg/P_00001_LEFT_CC", "neg/P_00001_LEFT_MLO")
    with caplog.at_level("INFO"):
        pairs = breasts.paired(image_lists.find_images(tmp_path / "neg"))
    assert pairs.labels is None and pairs.partner.labels is None
    assert names(pairs) == ["P_00001_LEFT_CC"] != names(images)
    assert caplog.messages[-1].startswith("1 breast: 1 with both views, 0 with CC")


def test_batches_of_breasts_have_both_views_of_the_same_breasts(tmp_path):
    pairs = breasts.paired(write(
        tmp_path, *(f"neg/P_0000{i}_LEFT_{view}" for i in range(1, 6)
                    for view in ("CC", "MLO"))))
    options = config.ImageOptions(size=(8, 6), center=False, channels=1)
    batches = image_batches.ImageBatches(
        pairs, options, batch_size=2, seed=3, shuffle=True)
    seen = []
    for (cc, mlo), labels, _ in batches.batches(0, 3):
        np.testing.assert_array_equal(mlo, cc + 1)
        assert len(cc) == len(labels)
        seen += cc[:, 0, 0, 0].tolist()
    assert sorted(seen) == [1, 3, 5, 7, 9]


def test_each_view_is_warped_by_itself(tmp_path):
    pairs = breasts.paired(write(tmp_path, "neg/P_00001_LEFT_CC"))

    class Counted:
        number = 0

        def draw(self, rng, channels):
            self.number += 1
            return self.number

        def apply_grey(self, plane, warp, *, pixel_mean, out):
            out[:] = warp

    (cc, mlo), _, _ = image_batches.ImageBatches(
        pairs, config.ImageOptions(size=(8, 6)), batch_size=1,
        generator=Counted()).batch(0)
    assert (cc == 1).all() and (mlo == 2).all()
