"""Subsets of patients: nested, by patient, with both classes."""

import pathlib

import numpy as np
import pytest

from end2end.data import image_lists
from end2end.utils import files
from inbreast.dataset import subsets


def images(patients=20, positive=5):
    """Two images of each patient, the first of positive patients being positive."""
    names = [f"p{number:02d}" for number in range(patients) for _ in range(2)]
    labels = [int(number < positive and image == 0)
              for number in range(patients) for image in range(2)]
    return image_lists.ImageList(
        tuple(pathlib.Path(f"{i}.png") for i in range(len(names))), np.array(labels),
        ("neg", "pos"), patients=tuple(names))


def test_each_subset_holds_the_smaller_ones_and_all_is_all():
    drawn = subsets.nested(images(), [8, 12, None], seed=1)
    patients = {count: set(found.patients) for count, found in drawn.items()}
    assert patients[8] < patients[12] < patients[None]
    assert [len(patients[count]) for count in (8, 12, None)] == [8, 12, 20]


def test_subsets_keep_the_share_of_positive_patients():
    drawn = subsets.nested(images(), [4, 8, 16, None], seed=1)
    assert [int(drawn[count].labels.sum()) for count in drawn] == [2, 2, 4, 5]


def test_a_subset_larger_than_the_set_is_the_set():
    assert len(subsets.nested(images(), [100], seed=1)[100]) == 40


def test_validation_patients_are_others_and_have_both_classes():
    rest, apart = subsets.set_apart(images(4, 2), 0.2, seed=3)
    assert not set(rest.patients) & set(apart.patients)
    assert len(set(apart.patients)) == 2
    for part in (rest, apart):
        assert set(part.labels.tolist()) == {0, 1}


@pytest.mark.parametrize(("share", "negative", "positive"), [
    (0.4, 5, 3), (0.05, 1, 1), (0.99, 11, 7)])
def test_the_share_is_that_of_each_class(share, negative, positive):
    rest, apart = subsets.set_apart(images(20, 8), share, seed=3)
    assert len(set(apart.patients)) == negative + positive
    assert int(apart.labels.sum()) == positive
    assert set(rest.patients) == set(images(20, 8).patients) - set(apart.patients)


def test_folds_take_all_of_a_subset_that_has_two_women_of_each_class():
    part = subsets.nested(images(), [8], seed=1)[8]
    assert subsets.folds(images(), part, 0.2, seed=1) == (part, None)
    with pytest.raises(files.InputError, match="3 patients without and 1 with"):
        subsets.folds(images(), images(4, 1), 0.2, seed=1)


def test_the_same_seed_draws_the_same_patients():
    first, second, other = (
        subsets.nested(images(), [6], seed=seed)[6].patients for seed in (1, 1, 2))
    assert first == second != other


def test_a_single_positive_patient_is_not_enough():
    with pytest.raises(files.InputError, match="19 patients without and 1 with"):
        subsets.set_apart(images(20, 1), 0.2, seed=1)


def test_images_of_unknown_patients_are_refused():
    found = image_lists.ImageList(
        (pathlib.Path("a.png"),), np.array([1]), ("neg", "pos"))
    with pytest.raises(files.InputError, match="columns path, label and patient"):
        subsets.patients_of(found)


@pytest.mark.parametrize(("count", "validation", "positive"), [
    (10, 2, 1), (16, 3, 1), (18, 2, 1)])
def test_validation_women_are_added_where_the_set_has_more(count, validation, positive):
    part = subsets.nested(images(), [count], seed=1)[count]
    train, val = subsets.added(images(), part, validation / count, seed=1)
    assert train is part and not set(part.patients) & set(val.patients)
    assert (len(set(val.patients)), int(val.labels.sum())) == (validation, positive)


def test_women_that_are_added_have_cancer_as_often_as_those_of_the_subset():
    everybody = images(40, positive=20)
    part = subsets.nested(everybody, [20], seed=1)[20]
    _, val = subsets.added(everybody, part, 0.3, seed=1)
    assert (len(set(val.patients)), int(val.labels.sum())) == (6, 3)


@pytest.mark.parametrize(("patients", "positive", "inside", "share", "expected"), [
    # Two at least, and of both classes.
    (20, 5, [*range(2), *range(5, 13)], 0.01, (2, 1)),
    (20, 17, [*range(8), *range(17, 19)], 0.2, (2, 1)),
    # As far as the rest allows: one woman without, or one with a positive image.
    (20, 10, [*range(2), *range(10, 19)], 0.4, (4, 3)),
    (20, 10, [*range(9), *range(10, 12)], 0.4, (4, 1))])
def test_women_that_are_added_are_of_both_classes_as_far_as_the_rest_allows(
        patients, positive, inside, share, expected):
    everybody = images(patients, positive)
    part = subsets.of_patients(everybody, [f"p{number:02d}" for number in inside])
    _, val = subsets.added(everybody, part, share, seed=1)
    assert (len(set(val.patients)), int(val.labels.sum())) == expected
    assert not set(part.patients) & set(val.patients)


def test_all_women_or_all_but_those_of_one_class_leave_nobody_to_add():
    everybody = images()
    assert subsets.added(everybody, everybody, 0.2, seed=1) == (everybody, None)
    part = subsets.of_patients(everybody, everybody.patients[10:])      # no positive
    few = subsets.of_patients(everybody, everybody.patients[:30])
    assert subsets.added(everybody, part, 0.2, seed=1)[1] is None
    assert subsets.added(everybody, few, 0.5, seed=1)[1] is None


def test_nobody_chooses_a_fixed_number_of_epochs():
    part = subsets.nested(images(), [10], seed=1)[10]
    assert subsets.fixed(images(), part, 0.2, seed=1) == (part, None)


def test_sixty_and_twelve_women_are_the_72_of_the_paper():
    for positives in range(20, 32):
        everybody = images(72, positives)
        part = subsets.nested(everybody, [60], seed=2)[60]
        _, val = subsets.added(everybody, part, 0.2, seed=2)
        assert len(set(val.patients)) == 12 and set(val.labels.tolist()) == {0, 1}
