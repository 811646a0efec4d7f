"""One image with everything known about it: scores, calibration, flags."""

import dataclasses

import numpy as np
import pytest

from end2end import checkpoints, config, prediction
from end2end.phantoms import detector, drawing
from end2end.tables import identity
from end2end.utils import files


class Constant:
    """A network that says the same of every image."""

    def __init__(self, value):
        self.value = value

    def predict_on_batch(self, inputs):
        return np.tile(np.float32([1 - self.value, self.value]), (len(inputs), 1))


def classifier(value=0.8, **card):
    options = config.ImageOptions(size=(64, 48), intensity_scale=1.0, pixel_mean=0.0)
    return checkpoints.Classifier(Constant(value), options, ("neg", "pos"), "m", card)


@pytest.fixture
def breast():
    columns = np.linspace(0, 255, 48)
    image = np.tile(np.where(columns < 100, 0, columns), (64, 1))
    image += np.arange(64)[:, None] * (image > 0) / 4
    return np.clip(image, 0, 255).astype(np.uint8)


def test_the_score_is_the_mean_of_the_models(breast):
    found = prediction.score_image(breast, [classifier(0.8), classifier(0.4)])
    assert found.models == pytest.approx((0.8, 0.4))
    assert found.score == pytest.approx(0.6)
    assert found.calibrated is None


def test_a_calibration_and_operating_points_in_the_card_are_used(breast):
    card = dict(
        calibration=dict(temperature=dict(plain=2.0)),
        operating_points=[
            dict(at="sensitivity", sensitivity=0.869, threshold=0.7, scheme="plain"),
            dict(at="sensitivity", sensitivity=0.5, threshold=0.9, scheme="plain")])
    found = prediction.score_image(breast, classifier(0.8, **card))
    # odds of 4 at temperature 2 are odds of 2
    assert found.calibrated == pytest.approx(2 / 3, abs=1e-6)
    assert found.points == (
        "above the threshold for 86.9 % sensitivity on its validation set",)


def test_a_constant_image_is_flagged():
    found = prediction.score_image(np.full((64, 48), 7, np.uint8), classifier())
    assert found.flags


def test_values_that_are_no_numbers_are_refused(breast):
    image = breast.astype(np.float32)
    image[3, 3] = np.nan
    with pytest.raises(files.InputError, match="not finite"):
        prediction.score_image(image, classifier())


def test_a_score_that_is_no_number_is_refused(breast):
    with pytest.raises(files.InputError, match="score that is not finite"):
        prediction.score_image(breast, classifier(np.nan))


def test_a_model_of_patches_is_refused(breast):
    model = classifier()
    object.__setattr__(model, "classes", ("a", "b"))
    with pytest.raises(files.InputError, match="expected neg and pos"):
        prediction.score_image(breast, model)


def digital_mammogram():
    woman = drawing.draw_woman(3, seed=5, difficulty=0.3)
    return detector.render(woman, "LEFT", "CC", (400, 310), maker="masked 12 bits")


def test_a_picture_that_is_no_basis_for_a_score_is_flagged_or_refused():
    image = digital_mammogram()
    inverted = image.max() - image
    (flag,) = prediction.prepare(inverted, [classifier()]).flags
    assert flag.startswith("do not use the score: ") and "inverted" in flag
    with pytest.raises(files.InputError, match=r"--refuse-unfit.*inverted"):
        prediction.prepare(inverted, [classifier()], refuse_unfit=True)
    assert not any("do not use" in flag for flag in prediction.prepare(
        image, [classifier()], refuse_unfit=True).flags)


def test_what_tags_tell_is_flagged_and_a_mirrored_picture_is_not_refused():
    spot = prediction.Mammogram("a", digital_mammogram(), tagged=("spot",))
    assert "spot compression" in prediction.prepare(spot, [classifier()]).flags[0]
    with pytest.raises(files.InputError, match="spot compression"):
        prediction.prepare(spot, [classifier()], refuse_unfit=True)
    mirrored = prediction.Mammogram(
        "a", digital_mammogram(), identity.Identity(laterality="R"))
    flags = prediction.prepare(mirrored, [classifier()], refuse_unfit=True).flags
    assert "mirrored" in flags[0]


@pytest.mark.parametrize("kind, read_from, said", [
    ("spot", "name plain", "the name says that it is a spot compression view"),
    ("needle", "manifest kind", "the manifest says that it shows a biopsy"),
    ("slice", "tags and codes", "the tags say that it is a slice"),
    ("synthetic", "name plain", ""), ("standard", "", "")])
def test_the_kind_that_any_source_tells_is_flagged(kind, read_from, said):
    image = prediction.Mammogram("a", digital_mammogram(), identity.Identity(
        path="a", kind=kind, read_from=dict(kind=read_from)))
    told, other = (image, dataclasses.replace(image, identity=identity.Identity("a")))
    flags = prediction.prepare(other, [classifier()],
                               identities=dict(a=told.identity)).flags
    assert flags == prediction.prepare(told, [classifier()]).flags
    advised = [flag for flag in flags if flag.startswith("do not use the score")]
    assert len(advised) == bool(said) and said in "".join(advised)
    assert not any("name says" in flag for flag in
                   prediction.prepare(other, [classifier()]).flags)


@pytest.mark.parametrize("trained, tagged, said", [
    ("film", "digital", True), ("digital", "digital", False),
    ("film", "not known", False)])
def test_the_kind_is_said_of_models_without_statistics_too(trained, tagged, said):
    # A picture of which nothing is seen: too small to judge.
    pixels = np.full((100, 70), 90, np.uint8)
    pixels[60, 20] = 91
    image = prediction.Mammogram("a", pixels, acquisition=tagged)
    flags = prediction.prepare(image, [classifier(acquisition=trained)]).flags
    assert any("looks like a digital mammogram" in flag for flag in flags) == said


def test_a_recalibration_for_a_site_is_used_and_said(breast):
    card = dict(calibration=dict(
        temperature=dict(plain=2.0), logistic=dict(plain=dict(
            intercept=0.0, slope=0.5, source="Hospital A"))))
    scored = prediction.score_image(breast, classifier(0.8, **card))
    assert scored.calibrated == pytest.approx(2 / 3, abs=1e-6)
    assert "calibrated score recalibrated on Hospital A" in scored.notes
    plain = prediction.score_image(breast, classifier(0.8))
    assert not any("recalibrated" in note for note in plain.notes)
