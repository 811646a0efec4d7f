"""What is said about images before they are used."""

import dataclasses

import cv2
import numpy as np
import pytest

from end2end import config, images
from end2end.data import image_lists
from end2end.images import input_checks
from end2end.utils import files

OPTIONS = config.ImageOptions(size=(64, 48), intensity_scale="auto", center=False)


def breast(top=65535, seed=0, rows=80, columns=60, dtype=np.uint16):
    """A half-disc of noise up to `top` on black."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    inside = (y - rows / 2) ** 2 + x ** 2 < (0.45 * rows) ** 2
    image = np.where(inside, rng.uniform(0.3, 0.9, (rows, columns)), 0) * top
    image[rows // 2, 2] = top
    return image.astype(dtype)


def write(folder, arrays):
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in arrays.items():
        cv2.imwrite(str(folder / f"{name}.png"), image)
    return image_lists.find_images(folder, ("neg", "pos"))


def check(tmp_path, arrays, **changes):
    found = write(tmp_path / "set", arrays)
    return input_checks.check_images(
        dict(set=found), dataclasses.replace(OPTIONS, **changes), workers=2)


def kinds(checked):
    return {finding.kind: finding for finding in checked.findings}


def test_ordinary_images_pass_and_give_scale_and_mean(tmp_path):
    arrays = {name: breast(seed=seed) for seed, name in enumerate("abc")}
    checked = check(tmp_path, arrays)
    assert checked.findings == [] and checked.intensity_scale == 0.003891
    paths = image_lists.find_images(tmp_path / "set").paths
    settled = dataclasses.replace(OPTIONS, intensity_scale=0.003891)
    assert checked.pixel_mean == pytest.approx(
        images.grey_mean(paths, settled), rel=1e-6)


@pytest.mark.parametrize("top, scale", [
    (4095, 0.06227), (2970, 0.06227), (16383, 0.01556), (1000, 0.2493),
    (61000, 0.003891)])
def test_the_factor_follows_from_the_bits_in_use(tmp_path, top, scale):
    assert check(tmp_path, dict(a=breast(top))).intensity_scale == scale


def test_eight_bits_need_no_factor(tmp_path):
    checked = check(tmp_path, dict(a=breast(255, dtype=np.uint8)))
    assert checked.intensity_scale is None and checked.findings == []


def test_a_12_bit_set_scaled_as_16_bit_is_caught_with_the_right_factor(tmp_path):
    checked = check(tmp_path, dict(a=breast(4095), b=breast(3900, 1)),
                    intensity_scale=0.003891)
    message = kinds(checked)["too dark"].message
    assert "reach only 16 of 255" in message and "12 bits" in message
    assert "use --rescale-factor 0.06227" in message
    assert checked.intensity_scale == 0.06227


def test_8_bit_images_scaled_as_16_bit_are_told_to_leave_the_factor_out(tmp_path):
    checked = check(tmp_path, dict(a=breast(255, dtype=np.uint8)),
                    intensity_scale=0.003891)
    assert "leave out --rescale-factor" in kinds(checked)["too dark"].message


def test_unscaled_16_bit_images_are_too_bright(tmp_path):
    checked = check(tmp_path, dict(a=breast()), intensity_scale=None)
    assert "--rescale-factor 0.003891" in kinds(checked)["too bright"].message


def test_stretched_images_need_no_factor(tmp_path):
    checked = check(tmp_path, dict(a=breast(4095), b=breast(60000, 1)),
                    stretch_max_to=255.0)
    assert checked.findings == [] and checked.intensity_scale is None


def test_mixed_bit_depths_are_found(tmp_path):
    checked = check(tmp_path, dict(a=breast(), b=breast(4095, 1)))
    finding = kinds(checked)["mixed ranges"]
    assert [path.name for path in finding.paths] == ["b.png"]


def bright_ground(image):
    return image.max() - image


def saturated(image):
    return np.minimum(image, 15000)


@pytest.mark.parametrize("kind, image", [
    ("constant", np.full((80, 60), 3000, np.uint16)),
    ("saturated", saturated(breast())),
    ("bright background", bright_ground(breast())),
    ("almost empty", np.pad(breast(rows=10, columns=8), ((0, 80), (0, 60)))),
    ("no background", breast(rows=600, columns=520) // 2 + 20000),
    ("small", breast(rows=40, columns=30)),
    ("lying", np.rot90(breast(rows=90, columns=70)).copy())])
def test_odd_pictures_are_found_and_named(tmp_path, kind, image):
    checked = check(tmp_path, dict(good=breast(), odd=image))
    finding = kinds(checked)[kind]
    assert [path.name for path in finding.paths] == ["odd.png"]
    assert "odd.png" in finding.message and finding.message.endswith(".")


def test_files_that_cannot_be_read_are_named_and_stop_nothing(tmp_path):
    write(tmp_path / "set", dict(a=breast()))
    (tmp_path / "set" / "b.png").write_text("no image")
    checked = check(tmp_path, {})
    assert "b.png cannot be read" in kinds(checked)["unreadable"].message
    (tmp_path / "set" / "a.png").unlink()
    with pytest.raises(files.InputError, match="none of the images"):
        check(tmp_path, {})


def sets_of(tmp_path, **arrays):
    for name, image in arrays.items():
        split, label = name.split("_")[:2]
        write(tmp_path / split / label, {name: image})
    return {split: image_lists.list_classes(tmp_path / split, ("neg", "pos"))
            for split in ("train", "test")}


def test_the_same_picture_in_two_splits_is_found_by_its_pixels(tmp_path):
    sets = sets_of(tmp_path, train_neg=breast(seed=1), train_pos=breast(seed=2),
                   test_neg=breast(seed=1), test_pos=breast(seed=3))
    checked = input_checks.check_images(sets, OPTIONS)
    assert list(kinds(checked)) == ["in two splits"]
    message = kinds(checked)["in two splits"].message
    assert "in train and test" in message and "remove it from train" in message


def test_the_same_picture_twice_with_two_labels_is_found(tmp_path):
    sets = sets_of(tmp_path, train_neg=breast(seed=1), train_pos=breast(seed=1),
                   test_neg=breast(seed=2), test_pos=breast(seed=3))
    assert list(kinds(input_checks.check_images(sets, OPTIONS))) == [
        "twice", "two labels"]


def test_empty_and_uneven_classes_are_found(tmp_path):
    sets = sets_of(tmp_path, train_neg=breast(seed=1), test_pos=breast(seed=2),
                   test_neg=breast(seed=3))
    message = kinds(input_checks.check_images(sets, OPTIONS))["empty class"].message
    assert "train has no images of the class pos" in message
    many = dataclasses.replace(
        sets["test"], paths=sets["test"].paths * 15 + sets["test"].paths[:1],
        labels=np.repeat([0, 1], [30, 1]))
    found = kinds(input_checks.check_images(dict(many=many), OPTIONS))
    assert "neg 30, pos 1" in found["unbalanced"].message


def test_a_patient_in_two_splits_is_found(tmp_path):
    sets = sets_of(tmp_path, train_neg=breast(seed=1), train_pos=breast(seed=2),
                   test_neg=breast(seed=3), test_pos=breast(seed=4))
    sets["train"] = dataclasses.replace(sets["train"], patients=("P1", "P2"))
    sets["test"] = dataclasses.replace(sets["test"], patients=("P3", "P2"))
    message = kinds(input_checks.check_images(sets, OPTIONS))[
        "patient in two splits"].message
    assert message.startswith("1 patient is in more than one split (first: ")


def test_an_open_factor_is_settled_from_the_images(tmp_path):
    found = write(tmp_path / "set", dict(a=breast(4000)))
    settled = input_checks.with_scale(OPTIONS, found.paths)
    assert settled.intensity_scale == 0.06227
    assert input_checks.with_scale(settled, ("none.png",)) is settled
    with pytest.raises(files.InputError, match="rescale factor"):
        input_checks.with_scale(OPTIONS, ("none.png",))


def test_equalised_images_have_the_mean_after_equalisation(tmp_path):
    checked = check(tmp_path, dict(a=breast()), equalize_histogram=True)
    settled = dataclasses.replace(
        OPTIONS, intensity_scale=0.003891, equalize_histogram=True)
    paths = image_lists.find_images(tmp_path / "set").paths
    assert checked.pixel_mean == pytest.approx(images.grey_mean(paths, settled))
