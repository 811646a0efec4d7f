"""Scores combined: models of an ensemble, views of a breast, breasts of a woman."""

import dataclasses

import numpy as np
import pytest
import recorded

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
    with pytest.raises(files.InputError, match=(
            "n has other images than the first; differing: b2.png \\(1 in all\\)")):
        ensembles.align(SCORES, SCORES.subset(np.arange(5)), "n")
    wrong = dataclasses.replace(SCORES, labels=np.array([1, 1, 1, 0, 1, 1]))
    with pytest.raises(files.InputError, match="another label for b1.png"):
        ensembles.align(SCORES, wrong)


def test_images_of_equal_names_are_not_told_apart():
    twice = dataclasses.replace(SCORES, paths=("a1.png", "a1.png", *SCORES.paths[2:]))
    with pytest.raises(files.InputError, match=(
            "the other file has other images than the first; differing: some of them "
            "twice \\(1 in all\\)")):
        ensembles.align(twice, twice)


@pytest.mark.parametrize(("first", "other"), [(None, [1] * 6), ([1] * 6, None)])
def test_labels_that_one_file_lacks_are_no_other_labels(first, other):
    one, two = (dataclasses.replace(
        SCORES, labels=None if labels is None else np.array(labels))
        for labels in (first, other))
    aligned = ensembles.align(one, two)
    assert (aligned.labels is None) == (other is None)


def test_breasts_and_women_of_uneven_exams_are_as_recorded():
    """Two exams of a woman, an exam of nobody known, an image of neither, a view of
    its own, and images that vote for nothing but their exam or not at all."""
    rows = [("a", "W", "1", "L", "CC", "yes", 0.5, 0), ("b", "W", "1", "L", "MLO", "",
            0.25, 0), ("c", "W", "2", "L", "CC", "", 0.875, 1),
            ("d", "W", "2", "L", "MLO", "", 0.125, 0),
            ("e", "W", "2", "L", "LM", "", 0.0, 0),
            ("f", "W", "2", "R", "CC", "no", 1.0, 1),
            ("g", "", "9", "R", "CC", "", 0.75, 0), ("h", "", "9", "R", "MLO", "", 0.5,
            1), ("x/i", "", "", "R", "CC", "", 0.625, 0),
            ("j", "V", "", "R", "CC", "alone", 0.9375, 1),
            ("k", "V", "", "", "", "", 0.375, 0), ("l", "V", "", "", "MLO", "", 0.25,
            0), ("m", "V", "", "", "", "yes", 1.0, 1)]
    paths, patients, exams, sides, views, votes, values, labels = zip(
        *rows, strict=True)
    scores = Scores(paths, np.array(values), np.array(labels), patients=patients,
                    exams=exams, lateralities=sides, views=views, votes=votes,
                    models=dict(m=1 - np.array(values)))
    unknown = dataclasses.replace(scores, labels=None)
    recorded.check("ensembles", [vars(table) for table in (
        ensembles.breasts(scores), ensembles.breasts(scores, both_views=False),
        ensembles.women(scores), ensembles.women(unknown))] + [
            ensembles.counted_exams(scores)])
    with pytest.raises(files.InputError, match="no image counts for a patient"):
        ensembles.women(scores.subset(np.array([5, 12])))
