"""Warnings meant for a hospital or a researcher: each where it belongs, in full, and
none where all is well. Those of flags, DICOM tags, tables, imports and networks are
held, sentence by sentence, in the records of their own tests."""

import argparse
import pathlib

import cv2
import dicom_writer
import numpy as np
import pytest

from end2end import augment, config, dicom
from end2end.config import flags
from end2end.data import breasts, image_lists, splits
from end2end.images import input_checks, reading
from end2end.metrics import recalibration
from end2end.prediction import scoring
from end2end.tables import vocabulary
from end2end.training import schedule
from end2end.utils import files


def said(caplog, act):
    """The warnings of an act, as texts."""
    caplog.clear()
    with caplog.at_level("WARNING"):
        act()
    return [record.getMessage() for record in caplog.records]


GREY = np.add.outer(9 * np.arange(12), np.arange(8)).astype(np.uint8)


def written(path, image, *parameters):
    assert cv2.imwrite(str(path), image, list(parameters))
    return path


def test_a_coloured_picture_is_named_and_a_grey_one_in_three_channels_is_not(
        tmp_path, caplog):
    grey = np.repeat(GREY[..., None], 3, axis=2)
    colour = grey.copy()
    colour[3, 2] = 200, 10, 30
    path = written(tmp_path / "colour.png", colour)
    assert said(caplog, lambda: reading.read_image(path)) == [
        f"{path} is in colour; its luminance is used. Check that it is a mammogram and "
        "not a picture of one."]
    path = written(tmp_path / "grey.png", grey)
    assert said(caplog, lambda: reading.read_image(path)) == []
    # Blue, green, red of 200, 10 and 30 have the luminance 0.114, 0.587, 0.299.
    assert reading.read_image(tmp_path / "colour.png")[3, 2] == round(
        0.114 * 200 + 0.587 * 10 + 0.299 * 30)


def test_a_picture_that_is_turned_by_its_tag_is_named(tmp_path, caplog):
    path = written(tmp_path / "a.jpg", GREY, cv2.IMWRITE_JPEG_QUALITY, 100)
    data = path.read_bytes()
    for turn in (1, 3, 6):
        tag = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0%c\0\0\0" % turn
        length = (len(tag) + 6).to_bytes(2, "big")
        path.write_bytes(data[:2] + b"\xff\xe1" + length + tag + b"\0\0\0\0" + data[2:])
        shape = (8, 12) if turn == 6 else (12, 8)
        expected = [] if turn == 1 else [
            f"{path} is turned upright (EXIF orientation {turn})."]
        assert said(caplog, lambda: reading.read_image(path)) == expected
        assert reading.read_image(path).shape == shape


def test_a_few_patients_are_split_without_keeping_the_share_of_cancers(caplog):
    names = [f"P{k}" for k in range(8)]
    for cancers, expected in ((1, ["8 patients, 1 of the rarer label: too few to keep "
                                   "the proportion of cancers; the split is drawn "
                                   "without."]), (2, [])):
        labels = [int(k < cancers) for k in range(8)]
        assert said(caplog, lambda labels=labels: splits.stratified_split(
            names, labels, 0.25)) == expected


def test_weights_of_classes_that_have_no_effect_are_named(caplog):
    sentence = ("class weights have no effect with batch balancing or more than 2 "
                "classes (--pos-cls-weight, --neg-cls-weight).")
    for balanced, weight, count, expected in (
            (True, 2.0, 2, [sentence]), (True, 1.0, 2, []), (False, 2.0, 2, []),
            (False, 2.0, 3, [sentence])):
        training = config.TrainingOptions(
            balance_batches=balanced, positive_weight=weight)
        assert said(caplog, lambda training=training, count=count:
                    schedule.class_weights(training, count, most=2)) == expected


def test_flags_that_never_had_an_effect_are_named(caplog):
    parser = argparse.ArgumentParser()
    flags.add_dead_flags(parser)
    for flag in flags.DEAD_FLAGS:
        assert said(caplog, lambda flag=flag: parser.parse_args([flag, "3"])) == [
            f"{flag} has no effect (nor had it in the original); remove it."]
    assert said(caplog, lambda: parser.parse_args([])) == []


def test_an_image_of_one_value_is_named_as_it_enters_the_network(caplog):
    flat, plain = np.full((1, 4, 3, 1), 7.0), np.arange(12.0).reshape(1, 4, 3, 1)
    inputs = np.concatenate([plain, flat])
    assert said(caplog, lambda: scoring.check_inputs(inputs, ("a.png", "b.png"))) == [
        "image b.png has one value everywhere; its score says nothing."]
    assert said(caplog, lambda: scoring.check_inputs(plain, ("a.png",))) == []


def test_a_class_without_a_folder_is_named(tmp_path, caplog):
    for name in ("neg", "pos"):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "a.png", GREY)
    assert said(caplog, lambda: image_lists.list_classes(
        tmp_path, ("neg", "mid", "pos"))) == [
        f"{tmp_path} has no class folder 'mid'; that class has no images."]
    assert said(caplog, lambda: image_lists.list_classes(
        tmp_path, ("neg", "pos"))) == []


def test_settings_of_generators_that_imply_others_are_named(caplog):
    Generator = augment.MammogramDataGenerator
    for words, expected in (
            (dict(zca_whitening=True, featurewise_std_normalization=True),
             ["zca_whitening turns featurewise_std_normalization off.",
              "zca_whitening turns featurewise_center on."]),
            (dict(featurewise_std_normalization=True),
             ["featurewise_std_normalization turns featurewise_center on."]),
            (dict(samplewise_std_normalization=True),
             ["samplewise_std_normalization turns samplewise_center on."]),
            (dict(samplewise_std_normalization=True, samplewise_center=True), [])):
        assert said(caplog, lambda words=words: Generator(
            **words, convention="keras")) == expected
        assert said(caplog, lambda words=words: Generator(**words)) == []
    generator = Generator(featurewise_center=True)
    assert said(caplog, lambda: generator.standardize(
        np.ones((3, 2, 1), np.float32))) == [
        "featurewise_center is set, but the generator has no mean; call fit(x), or set "
        "it by hand."]
    generator.fit(np.ones((2, 3, 2, 1), np.float32))
    assert said(caplog, lambda: generator.standardize(
        np.ones((3, 2, 1), np.float32))) == []


def test_breasts_and_the_images_that_are_left_out_of_them_are_counted():
    def paired(*names):
        images = image_lists.ImageList(
            tuple(map(pathlib.Path, names)), np.zeros(len(names), int), ("neg", "pos"))
        lines = []
        breasts.paired(images, say=lines.append)
        return lines

    assert paired("P_1_LEFT_CC.png", "P_1_LEFT_MLO.png", "P_2_RIGHT_MLO.png",
                  "P_3_LEFT_CC.png", "P_4_LEFT_CC.png") == [
        "4 breasts: 1 with both views, 2 with CC only, 1 with MLO only (a view without "
        "the other stands twice)"]
    *_, line = paired("P_1_LEFT_CC.png", "unknown.png", "P_1_LEFT_CC_2.png")
    assert line == ("2 of 3 images are left out: no known side, another view than CC "
                    "and MLO, or another image of the view counts")
    with pytest.raises(files.InputError, match="^no breast is known: a network of two"):
        paired("a.png")


def test_pictures_that_would_be_squeezed_and_means_beyond_reason_are_told():
    looked = input_checks.ImageStatistics("a.png", size=(100, 120))
    options = config.ImageOptions(size=(90, 60))
    (finding,) = input_checks._size_findings([looked], options)
    assert finding.message == ("1 image (a.png) wider than high, which would be "
                               "squeezed upright: turn or crop.")
    (finding,) = input_checks._mean_findings(7.5)
    assert finding.message == (
        "The mean grey value after scaling is 7.5, where mammograms have some 20 to "
        "110; check the rescale factor and that the background is dark.")


def notes(tmp_path, pixels=dicom_writer.RAMP, **tags):
    path = dicom_writer.write(tmp_path / "a.dcm", pixels, **tags)
    return dicom.read_dicom(path).notes


def test_what_is_done_to_the_values_of_a_dicom_file_is_noted(tmp_path):
    table = dicom_writer.look_up_table([64, 0, 16], [3 * k for k in range(64)])
    pixels = (dicom_writer.RAMP // 64).astype(np.uint16)
    assert "modality look-up table applied" in notes(
        tmp_path, pixels, ModalityLUTSequence=[table])
    assert notes(tmp_path, pixels) == ()
    damaged = dicom_writer.look_up_table([2, 0, 99], [1, 2])
    assert any(note.startswith("modality look-up table left out: ") for note in notes(
        tmp_path, pixels, ModalityLUTSequence=[damaged]))
    high = dicom_writer.RAMP | 0x8000
    assert notes(tmp_path, high) == ("values exceed the 12 bits declared; kept",)


def test_a_side_or_view_that_two_tags_tell_otherwise_is_noted(tmp_path):
    def image(**tags):
        return dicom.read_identity(dicom_writer.write(tmp_path / "a.dcm", **tags))

    assert image(ImageLaterality="L", ViewPosition="RCC").notes == (
        "side L by ImageLaterality, R in ViewPosition; ImageLaterality is taken",)
    assert image(ImageLaterality="L", ViewPosition="LCC").notes == ()
    code = [dicom_writer.item(CodeValue="R-10242", CodeMeaning="cranio-caudal")]
    told = image(ViewPosition="MLO", ViewCodeSequence=code)
    assert (told.view, told.notes) == ("MLO", (
        "view MLO by ViewPosition, CC by ViewCodeSequence; ViewPosition is taken",))
    assert image(ViewPosition="CC", ViewCodeSequence=code).notes == ()


def test_a_site_is_told_when_its_scores_do_not_rise_with_suspicion():
    labels = np.array([0, 0, 1, 1, 0, 1])
    with pytest.raises(files.InputError, match="^the scores tell cancers from other"):
        recalibration.summary(labels, np.where(labels, 0.9, 0.1))


def test_columns_of_a_manifest_that_are_not_understood_are_named(caplog):
    (line,) = said(caplog, lambda: vocabulary.say_unknown(
        ("path", "label", "weather"), "m.csv", understood=("path", "label")))
    assert line.startswith("m.csv: column is not understood and left aside: weather. "
                           "Understood are ")
    (line,) = said(caplog, lambda: vocabulary.say_unknown(
        ("path", "a", "b"), "m.csv", understood=("path",)))
    assert line.startswith("m.csv: columns are not understood and left aside: a, b. ")
    assert said(caplog, lambda: vocabulary.say_unknown(
        ("path", "label"), "m.csv", understood=("path", "label"))) == []
