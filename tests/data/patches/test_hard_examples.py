"""Hard examples: which places take those of drawn patches, with known errors."""

import dataclasses
import types

import cv2
import numpy as np
import pytest

from end2end import config
from end2end.data.patches import hard_examples, patch_files, roi_table, sampling
from end2end.utils import files

CLASSES = ("background", "calc_mal", "calc_ben", "mass_mal", "mass_ben")
SIDE = 8
OPTIONS = config.SamplingOptions(
    target_height=64, target_width=48, segment=False, patch_size=SIDE,
    background_count=4, lesion_count=4, hard_negative_count=0, lesion_overlap=0.4,
    background_overlap=0.0, verbose=False)


@pytest.fixture
def job(tmp_path):
    """A picture that tells where a patch is from, with a malignant mass (columns 12 to
    19, rows 20 to 27) and a benign calcification (24 to 31, rows 40 to 47)."""
    rows, columns = np.mgrid[:64, :48]
    image, masks = tmp_path / "A_LEFT_CC.png", []
    cv2.imwrite(str(image), (1000 + 256 * rows + columns).astype(np.uint16))
    for number, (left, top) in enumerate(((12, 20), (24, 40)), 1):
        mask = np.zeros((64, 48), np.uint8)
        mask[top:top + 8, left:left + 8] = 255
        masks.append(tmp_path / f"mask{number}.png")
        cv2.imwrite(str(masks[-1]), mask)
    lesions = tuple(
        dict(zip(roi_table.COLUMNS, ("A", "LEFT", "CC", *words), strict=True))
        for words in (("1", "MALIGNANT", "mass"), ("2", "BENIGN", "calc")))
    out = roi_table.make_folders(tmp_path / "out", OPTIONS)
    return roi_table.Job(("A", "LEFT", "CC"), lesions, image, tuple(masks), out,
                         roi_table.COMBINED)


def patch_map(named, *, sure="background", first=(8, 8), step=(8, 8), shape=(7, 5)):
    """A classifier that is sure of one class but where it is told otherwise.

    Args:
        named: probability of another class by cell and class.
    """
    probabilities = np.zeros((*shape, len(CLASSES)), np.float32)
    probabilities[..., CLASSES.index(sure)] = 1
    for (row, column, name), value in named.items():
        probabilities[row, column, CLASSES.index(sure)] -= value
        probabilities[row, column, CLASSES.index(name)] += value
    return types.SimpleNamespace(probabilities=probabilities, first=first, step=step)


def hard(classified, share=0.5, key="model"):
    return hard_examples.HardExamples(lambda picture: classified, CLASSES, share, key)


def cut(job, replacement=None, existing=None):
    return sampling.sample_image(
        job, OPTIONS, replacement=replacement, existing=existing)


def center(path):
    """x, y of a patch on the picture."""
    corner = int(cv2.imread(str(path), -1)[0, 0]) - 1000
    return corner % 256 + SIDE // 2, corner // 256 + SIDE // 2


def centers(job, folder, lesion="1"):
    return [center(job.out / folder / f"A_LEFT_CC_{lesion}_{number:04d}.png")
            for number in range(4)]


def test_the_worst_false_positives_are_the_last_background_patches(job):
    cut(job)
    drawn = centers(job, "background")
    cut(job, hard(patch_map({(0, 3, "mass_mal"): 0.7, (6, 1, "calc_ben"): 0.9,
                             (5, 0, "mass_ben"): 0.6, (4, 4, "mass_mal"): 0.4})))
    # Cells are 8 pixels wide, from (8, 8) on; the weakest is still called background.
    assert centers(job, "background") == [*drawn[:2], (16, 56), (32, 8)]


def test_an_error_on_any_outline_is_no_false_positive(job):
    outcome = cut(job, hard(patch_map({
        (2, 1, "calc_mal"): 1.0, (4, 2, "mass_ben"): 1.0, (5, 3, "mass_mal"): 1.0})))
    # (16, 24) is the mass; (24, 40) and (32, 48) overlap the calcification's corners.
    kinds = {path: patch_files.read_kind(path) for path in outcome.paths}
    assert hard_examples.FALSE_POSITIVE not in kinds.values()


def test_false_negatives_are_of_the_lesion_that_is_called_otherwise(job):
    cut(job)
    drawn, mass = centers(job, "calc_ben", "2"), centers(job, "mass_mal")
    cut(job, hard(patch_map({(2, 1, "mass_mal"): 0.9}, first=(8, 8), step=(8, 10))))
    # Row 2, column 1 is (18, 24), on the mass, which it calls right; column 2 of rows 4
    # and 5 is on the calcification, which it calls background.
    assert centers(job, "mass_mal") == mass
    assert centers(job, "calc_ben", "2") == [*drawn[:2], (28, 40), (28, 48)]


def test_a_classifier_without_errors_changes_no_pixel(job):
    cut(job)
    drawn = {path: path.read_bytes() for path in job.out.rglob("*.png")}
    # (16, 24) is on the mass; no cell is on the calcification.
    cut(job, hard(patch_map({(2, 1, "mass_mal"): 1.0}), share=1.0))
    for path, content in drawn.items():
        np.testing.assert_array_equal(
            cv2.imread(str(path), -1), cv2.imdecode(np.frombuffer(content, "u1"), -1))
        assert patch_files.read_kind(path) == ""


def test_the_number_of_patches_and_their_names_stay(job):
    drawn = cut(job).paths
    replaced = cut(job, hard(patch_map({}, sure="mass_ben"), share=1.0)).paths
    assert replaced == drawn and len(drawn) == 12
    kinds = [patch_files.read_kind(path) for path in replaced]
    assert kinds.count(hard_examples.FALSE_POSITIVE) == 4
    assert hard_examples.counts(replaced) == (
        f"12 patches: 4 false positives, {kinds.count('false-negative')} false "
        f"negatives, {kinds.count('')} as drawn.")
    assert kinds.count("") + kinds.count("false-negative") == 8


def test_errors_nearer_than_a_quarter_of_a_patch_are_one(job):
    # Of equal errors the first in rows counts, whatever lies between them.
    weaker = {(row, column, "background"): 0.25 for row in range(10)
              for column in range(1, 30, 2)}
    for named in ({}, weaker):
        errors = patch_map(named, sure="mass_ben", first=(4.0, 4.0), step=(1, 1),
                           shape=(10, 30))
        cut(job, hard(errors, share=1.0))
        assert centers(job, "background") == [(4, 4), (6, 4), (8, 4), (10, 4)]


def test_of_a_missing_mask_nothing_is_mined_and_it_is_said_once(job):
    job.masks[1].unlink()
    outcome = cut(job, hard(patch_map({}, sure="mass_ben")))
    assert len(outcome.paths) == 8 and len(outcome.problems) == 1
    assert {patch_files.read_kind(path) for path in outcome.paths} == {""}


def test_another_classifier_cuts_anew_and_the_same_leaves_what_is_there(job):
    folders = roi_table.class_folders(OPTIONS)
    replacement = hard(patch_map({}, sure="mass_ben"))
    cut(job, replacement)

    def second(replacement):
        index = patch_files.Index([job.out], folders)
        return cut(job, replacement, existing=index).unchanged

    assert second(replacement)
    assert not second(hard(patch_map({}), key="another model"))
    assert not second(None), "without hard examples other patches are asked for"


@pytest.mark.parametrize(("share", "classes", "size", "words"), [
    (0.0, CLASSES, (SIDE, SIDE), "^--share 0 of 4 patches is no patch to replace; exp"),
    (1.5, CLASSES, (SIDE, SIDE), "--share 1.5"),
    (0.2, CLASSES, (SIDE, SIDE), "expected 0.25 to 1"),
    (float("nan"), CLASSES, (SIDE, SIDE), "--share nan"),
    (0.5, CLASSES[:-1], (SIDE, SIDE), "^the patch classifier has the classes "
     f"{', '.join(CLASSES[:-1])}, and mass_ben is not among them; expected one trained "
     r"on such patches\.$"),
    (0.5, CLASSES[:2], (SIDE, SIDE), f", and {CLASSES[2]} is not among them"),
    (0.5, CLASSES, (SIDE, 6), "patches of 8x6 pixels, and --patch-size is 8")])
def test_what_cannot_give_hard_examples_is_refused(share, classes, size, words):
    with pytest.raises(files.InputError, match=words):
        hard_examples.check(OPTIONS, share, classes, size)
    for least_or_most in (0.25, 1):
        hard_examples.check(OPTIONS, least_or_most, CLASSES, (SIDE, SIDE))
    for most in (0, 1):
        few = dataclasses.replace(OPTIONS, lesion_count=0, background_count=most)
        with pytest.raises(files.InputError, match=f"of {most} patches .* 1 to 1.$"):
            hard_examples.check(few, 0.5, CLASSES, (SIDE, SIDE))


def test_a_mask_that_cannot_be_read_is_left_to_the_draws(job):
    job.masks[1].unlink()
    task = sampling.start(job, OPTIONS, sampling.Outcome())
    replacement = hard(None)
    assert list(replacement.draws(task, iter(["a", "b"]))) == ["a", "b"]
