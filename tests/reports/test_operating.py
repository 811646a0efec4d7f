"""The threshold of pages: whose it is, where it comes from, what it means."""

import types

import pytest

from end2end.reports import operating, report
from end2end.utils import files


def model(*points):
    return types.SimpleNamespace(card=dict(operating_points=list(points)))


SPECIFIC = dict(at="specificity", threshold=0.7, sensitivity=0.6, specificity=0.95)
SENSITIVE = dict(at="sensitivity", threshold=0.2, sensitivity=0.9, specificity=0.5,
                 source="val: 40 images, 10 with cancer")


def test_the_first_point_at_a_sensitivity_is_set_with_its_origin():
    point = operating.of_models([model(SPECIFIC, SENSITIVE)])
    assert point.threshold == 0.2
    assert point.origin == (
        "90.0 % sensitivity on the images of val: 40 images, 10 with cancer")
    assert operating.of_models([model(SPECIFIC)]) == report.Operating(
        0.7, "95.0 % specificity on the images of its validation set", 0.6, 0.95)
    half = {name: value for name, value in SENSITIVE.items() if name != "specificity"}
    assert operating.of_models([model(half)]) is None
    assert operating.of_models([model(half, SENSITIVE, dict(
        SENSITIVE, threshold=0.1))]).threshold == 0.2


def test_points_of_another_scheme_or_of_several_models_are_not_set():
    assert operating.of_models([model(SENSITIVE)], flips=True) is None
    flipped = model(dict(SENSITIVE, scheme="flips"))
    assert operating.of_models([flipped], flips=True).threshold == 0.2
    assert operating.of_models([model(SENSITIVE)] * 2) is None
    assert operating.of_models([model()]) is None


def test_the_predictive_value_follows_the_prevalence():
    point = report.Operating(0.2, "somewhere", 0.9, 0.5)
    # Of 1000, 6 with cancer: 5.4 of them and half of the 994 others.
    assert operating.predictive_value(point, 0.006) == pytest.approx(5.4 / 502.4)
    assert operating.predictive_value(point, 0.5) == pytest.approx(0.9 / 1.4)
    nothing = report.Operating(2, "nowhere", 0.0, 1.0)
    assert operating.predictive_value(nothing, 0.1) is None
    assert operating.sentence(point, 0.006) == (
        "Threshold 0.2: somewhere; sensitivity 0.900, specificity 0.500 there, of "
        "single images. Where 0.6 % show cancer, 1.1 % of those at or above it do "
        "(positive predictive value).")
    assert operating.sentence(nothing, 0.006) == (
        "Threshold 2: nowhere; sensitivity 0.000, specificity 1.000 there, of single "
        "images.")
    # Without a false alarm there are as many as are found.
    assert operating.predictive_value(
        report.Operating(2, "", 0.5, 1.0), 0.1) == 1


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 1.5, float("nan")])
def test_a_prevalence_that_is_no_share_is_refused(prevalence):
    with pytest.raises(files.InputError, match="--prevalence"):
        operating.check_prevalence(prevalence)
    operating.check_prevalence(0.006)
