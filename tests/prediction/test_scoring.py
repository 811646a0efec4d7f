"""One image with everything known about it: scores, calibration, flags."""

import dataclasses

import cv2
import numpy as np
import pytest

from end2end import checkpoints, config, prediction
from end2end.images import unfit
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
    for name in ("", "in/a.tif"):
        with pytest.raises(files.InputError) as caught:
            prediction.score_image(prediction.Mammogram(name, image), classifier())
        assert str(caught.value) == (
            f"{name or 'the image'} holds values that are not finite; export it again.")


def test_a_score_that_is_no_number_is_refused(breast):
    for name in ("", "in/a.png"):
        with pytest.raises(files.InputError) as caught:
            prediction.score_image(prediction.Mammogram(name, breast), [
                classifier(0.5), classifier(np.nan)])
        assert str(caught.value) == (
            f"{name or 'the image'} gave a score that is not finite; check the model "
            "and the rescale factor.")


def test_a_model_of_patches_is_refused(breast):
    model = classifier()
    object.__setattr__(model, "classes", ("a", "b"))
    with pytest.raises(files.InputError) as caught:
        prediction.score_image(breast, [classifier(), model])
    assert str(caught.value) == (
        "model m tells apart a, b; expected neg and pos. Give a model of whole images.")


def digital_mammogram():
    woman = drawing.draw_woman(3, seed=5, difficulty=0.3)
    return detector.render(woman, "LEFT", "CC", (400, 310), maker="masked 12 bits")


def test_a_picture_that_is_no_basis_for_a_score_is_flagged_or_refused():
    image = digital_mammogram()
    inverted = image.max() - image
    (flag,) = prediction.prepare(inverted, [classifier()]).flags
    assert flag.startswith("do not use the score: ") and "inverted" in flag
    with pytest.raises(files.InputError) as caught:
        prediction.prepare(inverted, [classifier()], refuse_unfit=True)
    assert str(caught.value) == (
        "the image gets no score (--refuse-unfit): "
        f"{flag.removeprefix('do not use the score: ')}.")
    assert not any("do not use" in flag for flag in prediction.prepare(
        image, [classifier()], refuse_unfit=True).flags)


def test_the_first_reason_that_takes_the_score_away_is_said():
    image = prediction.Mammogram("in/a.png", None)
    told, first, second = (
        unfit.Reason("kind", f"{unfit.ADVICE}{name}", refuses)
        for name, refuses in (("a", False), ("b", True), ("c", True)))
    prediction.check_fit(image, (told,))
    with pytest.raises(files.InputError) as caught:
        prediction.check_fit(image, (told, first, second))
    assert str(caught.value) == "in/a.png gets no score (--refuse-unfit): b."


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


class Weighing:
    """A network whose score is the weighted sum of the grey values at two corners.

    Attributes:
        calls: number of images of each call.
    """

    def __init__(self):
        self.calls = []

    def make_predict_function(self):
        pass

    def predict_on_batch(self, inputs):
        views = inputs if isinstance(inputs, list) else [inputs]
        self.calls.append(len(views[0]))
        value = sum(view[:, 0, 0, 0] * 3 + view[:, -1, 0, 0] for view in views) / 1000
        return np.stack([1 - value, value], axis=1).astype(np.float64)


def weighing(**settings):
    options = config.ImageOptions(**dict(
        size=(4, 3), channels=1, intensity_scale=1.0, pixel_mean=0.0) | settings)
    return checkpoints.Classifier(Weighing(), options, ("neg", "pos"), "m", {})


@pytest.fixture
def seven(tmp_path):
    """Images of 4 x 3 pixels; of the sixth all pixels are the same."""
    paths = []
    for number in range(7):
        pixels = np.arange(12, dtype=np.uint8).reshape(4, 3) * (number + 1)
        paths.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(paths[-1]), pixels if number != 5 else pixels * 0 + 9)
    return paths


@pytest.mark.parametrize(("batch_size", "height", "calls"), [
    (3, None, [3, 3, 1]), (7, None, [7]), (None, None, [4, 3]), (5, 4, [1] * 7)])
def test_images_are_scored_in_batches_that_change_nothing(
        seven, caplog, batch_size, height, calls):
    classifier, done = weighing(height=height), []
    scores = prediction.predict(
        classifier, seven, progress=done.append,
        **({} if batch_size is None else dict(batch_size=batch_size)))
    last = [9 * (number + 1) for number in range(7)]
    last[5] = 36
    np.testing.assert_allclose(scores[:, 1], np.array(last) / 1000, rtol=1e-6)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert scores.dtype == np.float32
    assert classifier.model.calls == done == calls
    assert caplog.messages == [
        f"image {seven[5]} has one value everywhere; its score says nothing."]


def test_each_flip_is_scored_and_their_mean_is_the_score(seven, monkeypatch):
    monkeypatch.setattr(prediction.flip_calls, "engine", lambda: "eigen")
    classifier = weighing()
    each = prediction.predict_flips(classifier, seven[:2], batch_size=1)
    corners = np.array([[[0, 9], [2, 11], [9, 0], [11, 2]]]) * [[[1]], [[2]]]
    np.testing.assert_allclose(each[..., 1], (corners * [3, 1]).sum(axis=2) / 1000,
                               rtol=1e-6)
    np.testing.assert_allclose(
        prediction.predict(classifier, seven[:2], flips=True), each.mean(axis=1))
    whole = prediction.score_image(seven[1], classifier, flips=True)
    assert whole.score == pytest.approx(each[1, :, 1].mean())
    assert prediction.score_image(seven[1], classifier).score == pytest.approx(
        each[1, 0, 1])
    views = tuple(np.arange(24, dtype=np.float32).reshape(2, 4, 3, 1) + k
                  for k in (0, 100))
    both = prediction.predict_inputs(classifier.model, views, flips=((), (1,)))
    assert both.shape == (2, 2, 2)
    np.testing.assert_allclose(
        both[..., 1] * 1000, [[9 + 409, 27 + 427], [57 + 457, 75 + 475]], rtol=1e-5)


def test_no_images_have_no_scores():
    assert prediction.predict(weighing(), []).shape == (0, 2)
    assert prediction.predict_flips(weighing(), []).shape == (0, 4, 2)


def test_an_image_of_a_later_batch_that_is_no_number_is_named(seven):
    classifier = weighing()
    classifier.model.predict_on_batch = lambda inputs: np.where(
        inputs[:, -1, 0, :] == 45, np.nan, 0.5) * np.ones((1, 2))
    with pytest.raises(files.InputError, match=f"{seven[4]} gave a score that is not"):
        prediction.predict(classifier, seven, batch_size=2)
    with pytest.raises(files.InputError, match="image b holds values that are not fin"):
        prediction.scoring.check_inputs(np.float32(
            [np.arange(4).reshape(2, 2, 1), [[[1], [np.inf]], [[1], [1]]]]), "ab")


@pytest.mark.parametrize(("scheme", "score", "sentences"), [
    ("plain", 0.7, ("86.9 % sensitivity", "95.0 % specificity")),
    ("plain", 0.69, ("95.0 % specificity",)), ("plain", 0.1, ()),
    ("flips", 0.95, ("50.0 % sensitivity",))])
def test_operating_points_count_from_their_threshold_on(scheme, score, sentences):
    card = dict(operating_points=[
        dict(at="sensitivity", sensitivity=0.869, threshold=0.7),
        dict(at="specificity", specificity=0.95, sensitivity=0.1, threshold=0.6),
        dict(at="sensitivity", sensitivity=0.5, threshold=0.9, scheme="flips")])
    model = classifier(**card)
    assert prediction.scoring.points_passed(score, [model], scheme) == tuple(
        f"above the threshold for {share} on its validation set" for share in sentences)
    assert prediction.scoring.points_passed(score, [model, model], scheme) == ()
    assert prediction.scoring.points_passed(score, [classifier()], scheme) == ()


def test_bits_and_identities_of_an_exam_take_the_place_of_what_a_file_tells():
    pixels = np.arange(12, dtype=np.uint16).reshape(4, 3) * 90
    image = prediction.Mammogram("a", pixels, bits=16)
    model = weighing(intensity_scale="auto")
    who = identity.Identity("a", patient="w")
    for bits, factor in ((dict(a=10), 255 / 1023), (dict(b=10), 255 / 65535)):
        prepared = prediction.prepare(image, [model], bits=bits, identities=dict(a=who))
        assert prepared.options[0].intensity_scale == pytest.approx(factor, rel=1e-3)
        assert prepared.image.identity == who
        assert prediction.prepare(
            image, [model], identities=dict(b=who)).image.identity != who


def test_models_of_other_settings_each_have_their_input_note_and_flags():
    pixels = np.arange(12, dtype=np.uint16).reshape(4, 3) * 90
    image = prediction.Mammogram("a", pixels, bits=10, notes=("read", "turned"))
    models = [weighing(intensity_scale="auto"), weighing(intensity_scale=0.5),
              weighing(intensity_scale="auto")]
    models[1:] = [dataclasses.replace(model, cautions=(f"caution {k}", "all"))
                  for k, model in enumerate(models[1:])]
    prepared = prediction.prepare(image, models)
    assert [options.intensity_scale for options in prepared.options] == pytest.approx(
        [255 / 1023, 0.5, 255 / 1023], rel=1e-3)
    assert prepared.inputs[0] is prepared.inputs[2] is not prepared.inputs[1]
    np.testing.assert_allclose(prepared.inputs[1][..., 0], pixels / 2)
    assert prepared.image.notes == (
        "read", "turned", "rescale factor 0.2493, for 10 bits")
    assert [flag for flag in prepared.flags if flag.startswith(("caution", "all"))] == [
        "caution 0", "all", "caution 1"]
    eight = prediction.prepare(pixels.astype(np.uint8), models[:1])
    assert eight.image.notes == ("rescale factor 1, for 8 bits",)
    assert (eight.image.path, prepared.image.path) == ("", "a")


def test_all_that_is_known_of_an_image_stands_beside_its_score():
    who = identity.Identity("a.png", patient="w", laterality="R", view="MLO")
    image = prediction.Mammogram("a.png", np.zeros((4, 3), np.uint8), who,
                                 notes=("one", "recalibrated on A"))
    prepared = prediction.Prepared(image, (), (), ("flag",))
    first, second = (classifier(calibration=dict(
        temperature=dict(plain=2.0, flips=4.0), logistic=dict(flips=dict(
            intercept=0.0, slope=0.25, source=source)))) for source in "AB")
    turned = dataclasses.replace(second, classes=("pos", "neg"))
    values = [np.float32([0.2, 0.8]), np.float32([0.5, 0.5])]
    found = prediction.scoring.scored(prepared, [first, turned], values)
    assert found == prediction.ScoredImage(
        "a.png", pytest.approx(0.65), (pytest.approx(0.8), 0.5), image.patient, "R",
        "MLO", pytest.approx((2 / 3 + 0.5) / 2), (), ("flag",), image.notes, who)
    both = prediction.scoring.scored(prepared, [first, turned], values, flips=True)
    assert both.calibrated == pytest.approx((2**0.5 / (1 + 2**0.5) + 0.5) / 2)
    assert both.notes == (
        "one", "recalibrated on A", "calibrated score recalibrated on A",
        "calibrated score recalibrated on B")
    # Of a model without a calibration there is none of the mean.
    assert prediction.scoring.scored(
        prepared, [first, classifier()], values).calibrated is None


def test_the_frame_asked_for_is_read(monkeypatch):
    asked = []
    monkeypatch.setattr(prediction.scoring.images, "read", lambda path, frame: (
        asked.append((path, frame)), prediction.Mammogram(
            path, np.arange(12, dtype=np.uint8).reshape(4, 3)))[1])
    prediction.score_image("a.dcm", weighing(), frame=3)
    prediction.prepare("b.dcm", [weighing()])
    assert asked == [("a.dcm", 3), ("b.dcm", None)]
