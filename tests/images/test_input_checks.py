"""What is said about images before they are used."""

import dataclasses
import pathlib

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
    for patients, count in ((("P3", "P2"), "1 patient is"),
                            (("P1", "P2"), "2 patients are")):
        sets["test"] = dataclasses.replace(sets["test"], patients=patients)
        finding = kinds(input_checks.check_images(sets, OPTIONS))[
            "patient in two splits"]
        paths = [sets[name].paths[patients[0] == "P3"] for name in ("train", "test")]
        assert finding.message.startswith(
            f"{count} in more than one split (first: {paths[0]}, {paths[1]}); ")
        assert finding.paths == tuple(map(str, paths))


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


def blocks(rows=90, columns=60):
    """A tenth at 40000, a half at 10000, the rest black but for a column of 2000, a
    twentieth of the greatest, and 54 pixels of nine tenths."""
    image = np.zeros((rows, columns), np.uint16)
    image[:, :columns // 2] = 10000
    image[:rows // 5, :columns // 2] = 40000
    image[:, -1] = 2000
    image[80:89, 3:9] = 36000
    return image


def test_what_one_look_tells_is_known_beforehand():
    options = config.ImageOptions(size=(90, 60), intensity_scale=0.5, center=False,
                                  equalize_histogram=True)
    looked = input_checks.look(blocks(), "a.png", options)
    assert dataclasses.replace(looked, digest="") == input_checks.ImageStatistics(
        path="a.png", size=(90, 60), minimum=0, maximum=40000, background=0.5,
        bright=0.11, saturated=0.1, top=40000,
        mean=pytest.approx(4000 + 4000 + 2000 / 60 + 26000 / 100))
    byte = input_checks.look((blocks() // 200).astype(np.uint8), "a.png", options)
    assert byte.eight_bits and byte.maximum == 200
    others = [blocks().T, blocks().astype(np.uint32), blocks()[::-1]]
    digests = {input_checks.look(image, "", options).digest for image in others}
    assert len(digests | {looked.digest}) == 4
    assert input_checks.look(blocks(), "b.png", options).digest == looked.digest


ORDINARY = input_checks.ImageStatistics(
    path="a.png", size=(600, 520), minimum=3, maximum=40000, background=0.4,
    bright=0.02, saturated=0.01, mean=9000, top=40000)
# Of each rule: what a picture just has, and what it just has not.
EDGES = {
    "constant": (dict(minimum=40000), dict(minimum=39999)),
    "saturated": (dict(saturated=0.051), dict(saturated=0.05)),
    "bright background": (dict(bright=0.401), dict(bright=0.4)),
    "no background": (dict(background=0.019, size=(512, 800)), dict(background=0.02)),
    "almost empty": (dict(background=0.971), dict(background=0.97)),
}


def holding(**changes):
    looked = dataclasses.replace(ORDINARY, **changes)
    return [kind for kind, holds, _ in input_checks.PICTURE_RULES if holds(looked)]


def test_each_rule_on_one_picture_holds_beyond_its_edge_only():
    assert list(EDGES) == [kind for kind, *_ in input_checks.PICTURE_RULES]
    for kind, (within, beyond) in EDGES.items():
        assert holding(**within) == [kind] and holding(**beyond) == []


def test_a_single_grey_level_and_small_or_bright_pictures_are_told_once():
    assert holding(minimum=40000, saturated=1, bright=1, background=0) == ["constant"]
    assert holding(minimum=40000, background=0.98) == ["constant"]
    for size in ((511, 800), (800, 511)):
        assert holding(background=0.01, size=size) == []
    assert holding(background=0.01, bright=0.4) == ["no background"]
    assert holding(background=0.01, bright=0.41) == ["bright background"]


def ranges(top, scale, suitable=0.5, others=()):
    images_ = [dataclasses.replace(ORDINARY, top=value, maximum=value, path=str(value))
               for value in (*others, top)]
    return [(finding.kind, finding.message, finding.paths) for finding
            in input_checks._range_findings(images_, scale, suitable)]


def test_a_range_is_told_just_beyond_its_edges():
    assert ranges(1000, 0.1) == [] and ranges(1000, 0.26) == []
    ((kind, message, _),) = ranges(1000, 0.099)
    assert kind == "too dark" and message == (
        "After scaling the images reach only 99 of 255 (their values go up to 1000, so "
        "they use 10 bits); use --rescale-factor 0.5.")
    ((kind, message, _),) = ranges(1000, 0.261)
    assert kind == "too bright" and message == (
        "After scaling the images reach 261, beyond 255; use --rescale-factor 0.5, or "
        "stretch each image with --img-scale 255.")
    assert "; leave out --rescale-factor." in ranges(1000, 0.099, None)[0][1]
    assert "; check their export." in ranges(1000, 0.099, 0.099)[0][1]
    assert ranges(0, 0.5) == [] and ranges(255, None) == []
    assert ranges(1, 1)[0][0] == ranges(0.5, 1)[0][0] == "too dark"
    assert "use 16 bits" in ranges(70000, 0.001)[0][1]


@pytest.mark.parametrize("maximum, bits", [
    (200, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 14),
    (16383, 14), (16384, 16), (65535, 16)])
def test_the_bits_that_dark_images_use_are_told(maximum, bits):
    assert f"use {bits} bits" in ranges(maximum, 90 / maximum)[0][1]


def test_images_below_an_eighth_of_the_others_are_of_another_range():
    assert ranges(1000, 0.2, others=(125,)) == []
    ((kind, message, paths),) = ranges(1000, 0.2, others=(124, 300, 0))
    assert kind == "mixed ranges" and paths == ("124",)
    assert message.startswith("1 image (124) with less than an eighth of the range")
    assert ranges(1000, 0.2, others=(1, 0.5, 300))[0][2] == ("1", "0.5")
    assert ranges(1000, 0.2, others=(124, 100))[0][1].startswith(
        "2 images (first: 124) with less")


@pytest.mark.parametrize("mean, told", [
    (7.9, True), (8, False), (150, False), (150.1, True)])
def test_a_mean_is_told_just_beyond_its_edges(mean, told):
    findings = list(input_checks._mean_findings(mean))
    assert [finding.kind for finding in findings] == ["mean"] * told
    assert all(f"is {mean:.1f}, where" in finding.message for finding in findings)


def sizes(of_file, **changes):
    options = dataclasses.replace(OPTIONS, **changes)
    looked = [ORDINARY, dataclasses.replace(ORDINARY, size=of_file, path="odd.png")]
    return [(finding.kind, finding.paths) for finding
            in input_checks._size_findings(looked, options)]


def test_a_size_is_told_just_beyond_its_edges():
    small, lying = [("small", ("odd.png",))], [("lying", ("odd.png",))]
    assert sizes((90, 90), size=(100, 80)) == [] == sizes((100, 72), size=(100, 80))
    assert sizes((89, 90), size=(100, 80)) == small
    assert sizes((100, 71), size=(100, 80)) == small
    assert sizes((400, 420), size=(100, 80)) == []
    assert sizes((400, 421), size=(100, 80)) == lying
    # Square inputs squeeze nothing, and with a height alone nothing is squeezed.
    assert sizes((400, 421), size=(100, 100)) == []
    assert sizes((400, 421), size=(10, 10), height=100) == []
    assert sizes((89, 300), size=(10, 10), height=100) == small
    assert sizes((90, 1), size=(10, 10), height=100) == []


def listed(paths, labels, classes=("neg", "pos"), patients=None):
    return image_lists.ImageList(
        tuple(paths), np.array(labels), classes, patients=patients)


@pytest.mark.parametrize("negatives, told", [(20, []), (21, ["unbalanced"])])
def test_classes_are_uneven_beyond_twenty_to_one(negatives, told):
    names = [f"{k}.png" for k in range(negatives + 1)]
    images_ = listed(names, [0] * negatives + [1])
    unlabelled = dataclasses.replace(images_, labels=None)
    findings = list(input_checks._class_findings(dict(test=unlabelled, train=images_)))
    assert [finding.kind for finding in findings] == told
    assert [finding.message for finding in findings] == [
        "train is very uneven (neg 21, pos 1); keep --auto-batch-balance, and judge by "
        "AUC and not by accuracy."] * len(told)


def twins(**sets):
    lists = {name: listed(rows, [label for label, _ in rows.values()])
             for name, rows in sets.items()}
    looked = {name: [dataclasses.replace(ORDINARY, path=path, digest=digest)
                     for path, (_, digest) in rows.items()]
              for name, rows in sets.items()}
    return [(finding.kind, finding.message, finding.paths) for finding
            in input_checks._twin_findings(looked, lists)]


def test_doubles_are_told_with_their_places_and_labels():
    assert twins(train={"a": (0, "x"), "b": (1, "y")}, test={"c": (1, "z")}) == []
    assert twins(train={"a": (0, "x"), "b": (0, "x"), "c": (1, "y")}) == [(
        "twice", "The same picture is 2 times in train (a, b); keep one.", ("a", "b"))]
    (kind, message, _), = twins(train={name: (0, "x") for name in "abc"})
    assert (kind, message) == (
        "twice", "The same picture is 3 times in train (a, b, c); keep one.")
    between, labels = twins(train={"a": (0, "x"), "b": (1, "y")},
                            test={"c": (1, "x"), "d": (0, "x"), "e": (0, "x")})
    assert between == ("in two splits", (
        "The same picture is in train and test (a, c, d and 1 more); remove it from "
        "train, or results are too good."), ("a", "c", "d", "e"))
    assert labels[:2] == ("two labels", (
        "The same picture is labelled neg and pos (a, c, d and 1 more); decide for "
        "one."))


def test_a_set_is_summed_up_in_a_line():
    looked = [ORDINARY, dataclasses.replace(
        ORDINARY, size=(480, 520), eight_bits=True, maximum=200, background=0.5),
        dataclasses.replace(ORDINARY, background=0.9),
        input_checks.ImageStatistics("bad.png", error="cannot be read")]
    images_ = listed("abcd", [0, 0, 0, 0])
    assert input_checks.summary("train", images_, looked) == (
        "train: 4 images (neg 4, pos 0); height 480 to 600, width 520; 8 and 16 bits; "
        "maxima 200 to 40000; background 50 % (median)")
    unlabelled = dataclasses.replace(images_, labels=None)
    assert input_checks.summary("test", unlabelled, looked[:1]) == (
        "test: 1 image; height 600, width 520; 16 bits; maxima 40000; background "
        "40 % (median)")
    assert input_checks.summary("test", images_, looked[3:]) == (
        "test: 1 image, none readable")


def test_the_line_on_a_set_has_the_medians_and_ranges_of_its_images():
    def statistics(**facts):
        return input_checks.ImageStatistics(pathlib.Path("a"), **facts)
    listed = image_lists.ImageList(("a", "b", "c"), np.array([1, 0, 1]), ("neg", "pos"))
    looked = [statistics(size=(50, 30), background=0.2, maximum=10.0),
              statistics(size=(50, 40), background=0.496, maximum=99.5,
                         eight_bits=True),
              statistics(size=(50, 20), background=0.9, maximum=7.0),
              statistics(error="broken")]
    assert input_checks.summary("train", listed, looked) == (
        "train: 4 images (neg 1, pos 2); height 50, width 20 to 40; 8 and 16 bits; "
        "maxima 7 to 99.5; background 50 % (median)")
    assert input_checks.summary("val", listed, looked[3:]) == (
        "val: 1 image, none readable")
    assert input_checks.summary("x", dataclasses.replace(listed, labels=None),
                                looked[:1]) == (
        "x: 1 image; height 50, width 30; 16 bits; maxima 10; background 20 % (median)")
