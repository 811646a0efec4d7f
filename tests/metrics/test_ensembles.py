"""Scores combined: models of an ensemble, views of a breast, breasts of a woman."""

import dataclasses

import numpy as np
import pytest

from end2end.metrics import ensembles
from end2end.tables.scores import Scores
from end2end.utils import files

# Woman A has cancer in the left breast (two CC images and one MLO), woman B none.
SCORES = Scores(
    ("a1.png", "a2.png", "a3.png", "a4.png", "b1.png", "b2.png"),
    np.array([0.9, 0.5, 0.3, 0.2, 0.4, 0.8]), np.array([1, 1, 1, 0, 0, 0]),
    patients=("A", "A", "A", "A", "B", "B"),
    lateralities=("L", "L", "L", "R", "R", "R"),
    views=("CC", "CC", "MLO", "CC", "MLO", "CC"))


def test_a_breast_has_the_mean_of_its_views_each_view_counted_once():
    breasts = ensembles.breasts(SCORES)
    assert breasts.paths == ("A_L", "B_R")
    np.testing.assert_allclose(breasts.values, [(0.7 + 0.3) / 2, (0.4 + 0.8) / 2])
    assert breasts.labels.tolist() == [1, 0]
    assert breasts.views == ("CC+MLO", "CC+MLO")


def test_single_views_are_breasts_where_both_are_not_asked_for():
    assert ensembles.breasts(SCORES, both_views=False).paths == ("A_L", "A_R", "B_R")


def test_a_woman_has_the_score_of_her_higher_breast():
    women = ensembles.women(SCORES)
    assert women.patients == ("A", "B")
    np.testing.assert_allclose(women.values, [0.5, 0.6])
    assert women.labels.tolist() == [1, 0]


def test_images_of_unknown_side_are_a_breast_of_their_exam():
    unsided = dataclasses.replace(SCORES, lateralities=("", "", "", "R", "R", "R"))
    women = ensembles.women(unsided)
    # The mean of both CC and the MLO, 0.5, beside the 0.2 of the right breast.
    np.testing.assert_allclose(women.values, [0.5, 0.6])
    assert ensembles.women(unsided.subset(np.arange(3))).values.tolist() == [0.5]


def test_no_breast_with_both_views_is_an_error():
    with pytest.raises(files.InputError, match="no breast has both views"):
        ensembles.breasts(SCORES.subset(np.array([0, 1, 3])))


def test_an_ensemble_is_the_mean_of_its_models_in_the_order_of_the_first():
    other = dataclasses.replace(SCORES, values=np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.6]))
    joined = ensembles.ensemble([SCORES, other.subset(np.arange(6)[::-1])], ["m", "n"])
    assert joined.paths == SCORES.paths
    np.testing.assert_allclose(joined.values, (SCORES.values + other.values) / 2)
    np.testing.assert_allclose(joined.models["n"], other.values)


def test_images_in_other_folders_are_matched_by_their_file_names():
    moved = dataclasses.replace(
        SCORES, paths=tuple(f"elsewhere/{path}" for path in SCORES.paths))
    np.testing.assert_array_equal(
        ensembles.align(SCORES, moved.subset(np.arange(6)[::-1])).values, SCORES.values)


def test_other_images_or_other_labels_are_refused_by_name():
    with pytest.raises(files.InputError, match="n has other images.*b2.png"):
        ensembles.align(SCORES, SCORES.subset(np.arange(5)), "n")
    wrong = dataclasses.replace(SCORES, labels=np.array([1, 1, 1, 0, 1, 0]))
    with pytest.raises(files.InputError, match="another label for b1.png"):
        ensembles.align(SCORES, wrong)
