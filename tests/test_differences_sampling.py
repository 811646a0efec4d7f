"""Rows of docs/differences.md about the sampling of patches, by number."""

import re
import types

import cv2
import numpy as np

from ddsm_train import sample_patches_combined
from end2end import config
from end2end.data import splits
from end2end.data.patches import geometry, hard_examples, roi_table, sampling

HEADER = "patient_id,side,view,abn_num,pathology,type\n"


def sampled(folder, *flags, lesions=((20, 30, 8, 8),), names=("A", "B")):
    """Patches of two images of noise on the left half; boxes of lesions: x, y, w, h."""
    table = HEADER
    for name in names:
        grey = np.zeros((64, 64), np.uint16)
        grey[:, :40] = np.random.default_rng(ord(name)).integers(
            20000, 40000, (64, 40))
        write(folder / "full" / f"{name}_LEFT_CC.png", grey)
        for number, (x, y, width, height) in enumerate(lesions, start=1):
            table += f"{name},LEFT,CC,{number},MALIGNANT,mass\n"
            mask = np.zeros((64, 64), np.uint8)
            mask[y:y + height, x:x + width] = 255
            write(folder / "mask" / f"Mass-Training_{name}_LEFT_CC_{number}.png", mask)
    (folder / "rois.csv").write_text(table)
    (folder / "patients.txt").write_text("\n".join(names))
    return sample(folder, *flags)


def sample(folder, *flags):
    """Runs the sampler; returns patches by class folder and file name."""
    words = [folder / "rois.csv", folder / "mask", folder / "patients.txt",
             folder / "full", folder / "out", folder / "none", "--target-height", 64,
             "--no-segment-breast", "--patch-size", 16, "--nb-hns", 0, "--val-size", 0,
             *flags]
    sample_patches_combined.main([str(word) for word in words])
    return {f"{path.parent.name}/{path.name}": cv2.imread(str(path), -1)
            for path in sorted((folder / "out").rglob("*.png"))}


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def background_places(text):
    return re.findall(r"bkg patch at \(x,y\) center= (\(\d+, \d+\))", text)


def test_14_s1_backgrounds_lie_at_one_place_unless_drawn_by_image(tmp_path, capsys):
    sampled(tmp_path / "a", "--nb-abn", 1, "--nb-bkg", 1)
    first, second = background_places(capsys.readouterr().out)
    assert first == second
    sampled(tmp_path / "b", "--nb-abn", 1, "--nb-bkg", 1, "--seeding", "image")
    first, second = background_places(capsys.readouterr().out)
    assert first != second


def test_15_backgrounds_avoid_other_lesions_and_black_when_drawn_by_image(tmp_path):
    # The second lesion fills the upper half of the tissue; the right is black.
    lesions = ((4, 52, 8, 8), (0, 0, 40, 32))
    flags = ("--nb-abn", 0, "--nb-bkg", 20, "--neg-cutoff", 0, "--pos-cutoff", 0.5)
    shares = {}
    for seeding in ("original", "image"):
        written = sampled(tmp_path / seeding, *flags, "--seeding", seeding,
                       lesions=lesions, names=("A",))
        shares[seeding] = [(patch > 0).mean() for patch in written.values()]
    assert min(shares["original"]) < 0.5 <= min(shares["image"])


def test_16_without_a_background_place_the_work_goes_on(tmp_path, capsys):
    written = sampled(tmp_path, "--nb-abn", 1, "--nb-bkg", 1, "--neg-cutoff", 0,
                   lesions=((0, 0, 64, 64),))
    assert sorted(written) == [f"mass_mal/{name}_LEFT_CC_1_0000.png" for name in "AB"]
    assert "no background patch" in capsys.readouterr().out


def test_17_a_constant_patch_keeps_its_value(tmp_path):
    sampled(tmp_path, "--nb-abn", 1, "--nb-bkg", 0)
    write(tmp_path / "full" / "A_LEFT_CC.png", np.full((64, 64), 700, np.uint16))
    written = sample(tmp_path, "--nb-abn", 1, "--nb-bkg", 0)
    assert (written["mass_mal/A_LEFT_CC_1_0000.png"] == 700).all()


def test_18_a_missing_mask_is_named_and_the_next_image_is_sampled(tmp_path, capsys):
    sampled(tmp_path, "--nb-abn", 1, "--nb-bkg", 1)
    mask = tmp_path / "mask" / "Mass-Training_A_LEFT_CC_1.png"
    mask.unlink()
    for path in (tmp_path / "out").rglob("*.png"):
        path.unlink()
    capsys.readouterr()
    written = sample(tmp_path, "--nb-abn", 1, "--nb-bkg", 1, "--no-verbose")
    assert f"Read image error: {mask}" in capsys.readouterr().out
    assert len(written) == 2
    assert all("B_LEFT_CC" in name for name in written)


def test_19_class_folders_are_made(tmp_path):
    sampled(tmp_path)
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {
        "background", "calc_mal", "calc_ben", "mass_mal", "mass_ben"}


def test_46_a_lesion_that_no_patch_overlaps_is_left_out(tmp_path, capsys, monkeypatch):
    def refuse(*arguments, **keywords):
        raise geometry.NoPlace("no patch of 16 pixels overlaps the lesion")
        yield

    monkeypatch.setattr(geometry, "lesion_centers", refuse)
    written = sampled(tmp_path, "--nb-abn", 2, "--nb-bkg", 1)
    assert sorted(written) == [f"background/{name}_LEFT_CC_1_0000.png" for name in "AB"]
    assert capsys.readouterr().out.count("overlaps the lesion") >= 2


def test_51_a_class_of_one_patient_is_split_without_the_proportion(caplog):
    rest, part = splits.stratified_split("ABCD", [0, 0, 0, 1], 0.25)
    assert len(rest) == 3 and len(part) == 1
    assert "1 of the rarer label" in caplog.text


def test_52_a_classifier_tells_what_is_hard_where_blobs_were_guessed(tmp_path):
    blobs = sampled(tmp_path, "--nb-abn", 1, "--nb-bkg", 4, "--nb-hns", 2)
    options = config.SamplingOptions(
        target_height=64, segment=False, patch_size=16, lesion_count=1,
        background_count=4, hard_negative_count=0, validation_share=0.0)
    job = roi_table.plan(roi_table.Sources(*(tmp_path / name for name in (
        "rois.csv", "mask", "patients.txt", "full"))), tmp_path / "mined", "",
        options)[0]
    classes = roi_table.class_folders(options)
    probabilities = np.eye(len(classes))[[[0, 0, 0], [0, 0, 3]]]
    patch_map = types.SimpleNamespace(
        probabilities=probabilities, first=(8, 20), step=(40, 4))
    outcome = sampling.sample_image(
        job, options, replacement=hard_examples.HardExamples(
            lambda picture: patch_map, classes, 0.25, "model"))
    # The one error is in row 1, column 2 of the map: (28, 48).
    patch = cv2.imread(str(outcome.paths[-1]), -1)
    np.testing.assert_array_equal(
        patch, cv2.imread(str(job.image), -1)[40:56, 20:36])
    assert all((patch != other).any() for other in blobs.values())
