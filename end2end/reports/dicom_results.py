"""The result of a mammogram as DICOM, as archives and viewers take it (IHE AI Results).

Of each image a Comprehensive 3D SR by TID 1500 with the score, the flags and the
regions of the heatmap as coordinates in pixels of the mammogram; a Segmentation of
these regions; and a Secondary Capture of the saliency map. They stand in the study of
the mammogram, one series for each kind, refer to it and carry its patient's tags. Needs
the extra `results` (highdicom).
"""

import dataclasses
import logging
import pathlib
import re
import warnings
from collections.abc import Sequence

import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

import end2end
from end2end import images
from end2end.dicom import parsing
from end2end.explanation import lines, maps, methods
from end2end.prediction.identity_cells import SEPARATOR
from end2end.reports import capture_pictures, case_pictures
from end2end.utils import commands, distribution, files

MANUFACTURER = "end2end"
PRODUCT = "whole-image classifier of mammograms"
NOTICE = capture_pictures.NOTICE
# Meanings have at most 64 letters.
# A score is not the probability of cancer and a region not a lesion, so the standard's
# codes for those are not used.
SCHEME = "99END2END"
SCHEME_NAME = "Codes of end2end: scores and regions of classifiers of mammograms"
CODES = dict(
    score="Score of class pos, no probability",
    calibrated="Calibrated score of class pos",
    strength="Largest value of the map within the region",
    region="Region that moved a score, no outline of a lesion")
NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
# Attributes of the copied modules that may be empty, but must be there (type 2).
USUAL = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID",
         "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName")
# Of a clinical trial: what must be told where anything is, and what may be empty.
TRIAL = ("ClinicalTrialSponsorName", "ClinicalTrialProtocolID")
TRIAL_EMPTY = ("ClinicalTrialProtocolName", "ClinicalTrialSiteID",
               "ClinicalTrialSiteName")
# Kinds of results: series number, and description of the series.
SERIES = {
    "overlay": (901, "Saliency of a whole-image classifier (research)"),
    "report": (902, "Score of a whole-image classifier (research)"),
    "regions": (903, "Regions that moved a score (research)"),
}
# Millimetres; a thickness of 0 is no number of the standard.
NO_SLICE = 1
AT_DETECTOR = ("Pixel Spacing is the Imager Pixel Spacing of the mammogram, at the "
               "detector; within the breast distances are shorter.")
# Of an image, the strongest first; more say nothing.
MOST_REGIONS = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What is written of one mammogram.

    Attributes:
        row: dict, row of a score file; its `path` is a DICOM file.
        explained: the image with its maps.
        shown: rows of `methods.ROWS` by `saliency` and `heatmap`; regions are those of
            the heatmap.
        models: names of the models, each with what it was trained on.
        signature: of all that determines the results; others are other series.
        number: of the instances within their series, from 1.
        frame: of a stack, from 0; None for a single image.
    """

    row: dict
    explained: maps.Explained
    shown: dict[str, methods.Method]
    models: tuple[str, ...] = ()
    signature: str = ""
    number: int = 1
    frame: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Area:
    """One region of the heatmap.

    Attributes:
        points: float64 `(n, 2)`, column and row in pixels of the mammogram.
        strength: largest value of the map in it.
        uid: tracking identifier, the same in all results.
    """

    points: NDArray[np.float64]
    strength: float
    uid: str


def check() -> None:
    """Raises files.InputError unless the package that does the work is installed."""
    distribution.require("highdicom", purpose="--dicom", extra="results",
                         otherwise="or leave it out")


def paths(folder: pathlib.Path, name: str) -> dict[str, pathlib.Path]:
    """Where the results of an image lie, by their kind; the first two always do."""
    return {kind: folder / f"{name}.{kind}.dcm" for kind in SERIES}


def write(targets: dict[str, pathlib.Path], result: Result) -> None:
    """Writes the results of one image.

    An image without a region has no Segmentation, nor has a frame of a stack.

    Args:
        targets: of `paths`.
        result: what is written.

    Raises:
        files.InputError: the file lacks the identifiers by which one refers to it.
    """
    path = pathlib.Path(result.row["path"])
    source = _source(path)
    # Both warn of unusual names by quoting them, and tell what they copy.
    logging.getLogger("highdicom").setLevel(logging.ERROR)
    with parsing.refusing(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numbered = numbered_areas(result)
        regions = areas(result, numbered)
        datasets = dict(overlay=overlay(source, result),
                        report=structured_report(source, result, regions))
        if regions and result.frame is None:
            datasets["regions"] = segmentation(source, result, numbered, regions)
    for kind, target in targets.items():
        if kind not in datasets:
            target.unlink(missing_ok=True)
            continue
        with files.replacing(target) as part:
            datasets[kind].save_as(part, enforce_file_format=True)


def _source(path):
    with parsing.refusing(path):
        source, _ = parsing.read_header(path)
    missing = [name for name in NEEDED if not source.get(name)]
    if missing:
        raise files.InputError(
            f"{path} has no {', '.join(missing)}, so that no DICOM result can "
            "refer to it; leave out --dicom for it.")
    for name in USUAL:
        if name not in source:
            setattr(source, name, "")
    _complete_trial(source)
    return source


def _complete_trial(source):
    """Removes the tags of a clinical trial, which highdicom copies, unless they are all
    there that must be."""
    stated = [element.keyword for element in source
              if element.keyword.startswith("ClinicalTrial")]
    if all(source.get(name) for name in TRIAL):
        for name in TRIAL_EMPTY:
            if name not in source:
                setattr(source, name, "")
        return
    for name in stated:
        del source[name]


# Regions --------------------------------------------------------------------------


def numbered_areas(result: Result) -> NDArray[np.uint8]:
    """The regions of the heatmap on the mammogram: uint8 `(rows, columns)`, numbered
    from 1, 0 elsewhere."""
    strength = result.explained.maps[result.shown["heatmap"].name]
    numbers = lines.prominent(strength, result.explained.source)
    numbers[numbers > MOST_REGIONS] = 0
    return numbers


def areas(result: Result, numbered: NDArray[np.uint8]) -> list[Area]:
    """The numbered regions as lines, in order."""
    import highdicom

    strength = result.explained.maps[result.shown["heatmap"].name]
    grid = cv2.resize(numbered, strength.shape[::-1], interpolation=cv2.INTER_NEAREST)
    regions = []
    for number in range(1, int(numbered.max()) + 1):
        outline = max(lines.around(numbered == number, numbered.shape), key=len)
        inside = strength[grid == number]
        regions.append(Area(outline, float(inside.max()) if inside.size else 0.0,
                          highdicom.UID()))
    return regions


# The three kinds ------------------------------------------------------------------


def overlay(source: pydicom.Dataset, result: Result) -> pydicom.Dataset:
    """The Secondary Capture: `pydicom.Dataset`."""
    import highdicom
    method = result.shown["saliency"]
    picture = case_pictures.drawn(result.explained, method.name)
    spacing = images.geometry.pixel_spacing(source)
    if spacing:
        spacing *= result.explained.source[0] / picture.shape[0]
    picture = capture_pictures.with_band(picture, [
        NOTICE, *_score_lines(result.row),
        f"{method.title}: {result.explained.legends.get(method.name, method.legend)}",
    ], spacing=spacing)
    side = result.row["laterality"]
    capture = highdicom.sc.SCImage.from_ref_dataset(
        source, picture, photometric_interpretation="RGB", bits_allocated=8,
        coordinate_system="PATIENT", laterality=side or None,
        patient_orientation=("A", "F"), manufacturer=MANUFACTURER,
        transfer_syntax_uid=pydicom.uid.ExplicitVRLittleEndian,
        **_identifiers("overlay", source, result))
    capture.PatientOrientation = _orientation(source)
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.Modality = "OT"
    capture.BodyPartExamined = "BREAST"
    capture.Laterality = side
    capture.DerivationDescription = (
        f"What moved the score {float(result.row['score']):.3f} of class pos. {NOTICE}")
    # Of no patient: the words of the band name the score, the method and the use.
    capture.BurnedInAnnotation = "NO"
    reference = pydicom.Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    if result.frame is not None:
        reference.ReferencedFrameNumber = result.frame + 1
    capture.SourceImageSequence = [reference]
    return _described(capture, "overlay")


def segmentation(
        source: pydicom.Dataset, result: Result, numbered: NDArray[np.uint8],
        regions: Sequence[Area]) -> pydicom.Dataset:
    """The Segmentation, at the geometry of the mammogram: `pydicom.Dataset`.

    Args:
        source: header of the mammogram.
        result: what is written.
        numbered: of `numbered_areas`.
        regions: of `areas`.
    """
    import highdicom
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=PRODUCT, family=codes.DCM.ArtificialIntelligence,
        version=end2end.__version__)
    segments = [highdicom.seg.SegmentDescription(
        number, f"Region {number}", codes.SCT.SpatialAndRelationalConcept,
        _code("region"), highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC, algorithm,
        tracking_uid=area.uid, tracking_id=_tracking(number),
        anatomic_regions=[codes.SCT.Breast])
        for number, area in enumerate(regions, 1)]
    segmented = highdicom.seg.Segmentation(
        [source], numbered, highdicom.seg.SegmentationTypeValues.BINARY, segments,
        manufacturer=MANUFACTURER, manufacturer_model_name=PRODUCT,
        software_versions=end2end.__version__, device_serial_number="none",
        content_label="REGIONS", content_description=NOTICE,
        **_identifiers("regions", source, result))
    segmented.PatientOrientation = _orientation(source)
    segmented.ImageLaterality = result.row["laterality"]
    # Of a program; the attribute must be there, empty or not (type 2).
    segmented.ContentCreatorName = ""
    _measure(segmented, source)
    return _described(segmented, "regions")


def _measure(segmented, source):
    """Gives a segmentation the size of its pixels, where known, and with it a
    thickness: a mammogram has no slices, yet viewers look for that of one."""
    (shared,) = segmented.SharedFunctionalGroupsSequence
    spacing = source.get("PixelSpacing") or source.get("ImagerPixelSpacing")
    if spacing:
        measures = pydicom.Dataset()
        measures.SliceThickness, measures.PixelSpacing = NO_SLICE, spacing
        shared.PixelMeasuresSequence = [measures]
        if not source.get("PixelSpacing"):
            segmented.ImageComments = AT_DETECTOR
    elif "PixelMeasuresSequence" in shared:
        del shared.PixelMeasuresSequence


def _orientation(source):
    """That of the mammogram, which may be unknown; highdicom takes or leaves it."""
    stated = source.get("PatientOrientation") or ""
    valid = len(stated) == 2 and not isinstance(stated, str) and all(
        re.fullmatch("[LRAPHF]{1,3}", str(letter)) for letter in stated)
    return stated if valid else ""


def structured_report(
        source: pydicom.Dataset, result: Result,
        regions: Sequence[Area] = ()) -> pydicom.Dataset:
    """The Structured Report: `pydicom.Dataset`.

    Args:
        source: header of the mammogram.
        result: what is written.
        regions: of `areas`.
    """
    import highdicom
    device = highdicom.sr.ObserverContext(
        codes.DCM.Device, highdicom.sr.DeviceObserverIdentifyingAttributes(
            uid=highdicom.UID(), name=MANUFACTURER, manufacturer_name=MANUFACTURER,
            model_name=PRODUCT))
    content = highdicom.sr.MeasurementReport(
        observation_context=highdicom.sr.ObservationContext(
            observer_device_context=device),
        # Of context group 100, in which mammography is not.
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=[_whole_image(source, result),
                              *(_region(source, result, number, area)
                                for number, area in enumerate(regions, 1))],
        title=codes.DCM.ImagingMeasurementReport)
    (root,) = content
    document = highdicom.sr.Comprehensive3DSR(
        evidence=[source], content=root, manufacturer=MANUFACTURER,
        is_complete=True, **_identifiers("report", source, result))
    scheme = pydicom.Dataset()
    scheme.CodingSchemeDesignator = SCHEME
    scheme.CodingSchemeName = SCHEME_NAME
    scheme.CodingSchemeVersion = end2end.__version__
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    described = [item for item in document.get("CodingSchemeIdentificationSequence", ())
                 if item.CodingSchemeDesignator != SCHEME]
    document.CodingSchemeIdentificationSequence = [*described, scheme]
    return _described(document, "report")


def _whole_image(source, result):
    """The group with the score and the sentences on the image."""
    import highdicom
    row = result.row
    names = ["score"] + ["calibrated"] * bool(row.get("calibrated"))
    rows, columns = result.explained.source
    # A region like the others: viewers drop a report that has a group without any.
    group = _region_group(
        source, result, highdicom.sr.TrackingIdentifier(highdicom.UID(), "whole image"),
        [(0, 0), (columns, 0), (columns, rows), (0, rows)],
        measurements=[highdicom.sr.Measurement(
            _code(name), float(row[name]), codes.UCUM.NoUnits) for name in names])
    texts = [text for name in ("operating_points", "flags", "notes")
             for text in (row.get(name) or "").split(SEPARATOR) if text]
    legend = result.explained.legends.get(result.shown["heatmap"].name, "")
    (container,) = group
    for text in (*texts, *filter(None, [legend]), NOTICE):
        container.ContentSequence.append(highdicom.sr.TextContentItem(
            codes.DCM.Comment, text[:1024],
            relationship_type=highdicom.sr.RelationshipTypeValues.CONTAINS))
    return group


def _region(source, result, number, area):
    """The group of one region, with its outline."""
    import highdicom
    # In a report the corner of the first pixel is 0, not its centre.
    points = np.clip(area.points + 0.5, 0, np.array(result.explained.source[::-1]))
    return _region_group(
        source, result, highdicom.sr.TrackingIdentifier(area.uid, _tracking(number)),
        points, finding_type=_code("region"), measurements=[highdicom.sr.Measurement(
            _code("strength"), area.strength, codes.UCUM.NoUnits)])


def _region_group(source, result, tracking, points, **facts):
    """A group of measurements (TID 1410) of what points surround, or of a point."""
    import highdicom
    if len(points) == 1:
        graphic, data = highdicom.sr.GraphicTypeValues.POINT, np.array(points)
    else:
        graphic = highdicom.sr.GraphicTypeValues.POLYLINE
        data = np.array([*points, points[0]], float)
    return highdicom.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking, referenced_region=highdicom.sr.ImageRegion(
            graphic, data, highdicom.sr.SourceImageForRegion(
                source.SOPClassUID, source.SOPInstanceUID, _frames(result))),
        finding_sites=_sites(result.row), algorithm_id=_algorithm(result), **facts)


def _score_lines(row):
    """The score in words, for the band of a capture."""
    place = " ".join(filter(None, (row["laterality"], row.get("view"))))
    scored = [f"Score {float(row['score']):.3f} of class pos, no probability"
              + (f"; {place}" if place else "")]
    flags = len([flag for flag in (row.get("flags") or "").split(SEPARATOR) if flag])
    return scored + [f"{commands.counted(flags, 'flag')}: see the report of the score"
                     ] * bool(flags)


def _tracking(number):
    return f"region {number}"


def _frames(result):
    return None if result.frame is None else [result.frame + 1]


def _code(name):
    import highdicom
    return highdicom.sr.CodedConcept(name, SCHEME, CODES[name])


def _algorithm(result):
    import highdicom
    return highdicom.sr.AlgorithmIdentification(
        PRODUCT, end2end.__version__, family=codes.DCM.ArtificialIntelligence,
        manufacturer=MANUFACTURER,
        parameters=[text[:1024] for text in result.models] or None)


def _sites(row):
    import highdicom
    sides = {"L": codes.SCT.Left, "R": codes.SCT.Right}
    return [highdicom.sr.FindingSite(
        codes.SCT.Breast, laterality=sides.get(row.get("laterality")))]


def _described(dataset, kind):
    dataset.SeriesDescription = SERIES[kind][1]
    return dataset


def _identifiers(kind, source, result):
    """One series for each kind, study and set of models and settings."""
    import highdicom

    entropy = [MANUFACTURER, end2end.__version__, kind, str(source.StudyInstanceUID),
               *result.models, result.signature]
    return dict(series_instance_uid=pydicom.uid.generate_uid(entropy_srcs=entropy),
                sop_instance_uid=highdicom.UID(), series_number=SERIES[kind][0],
                instance_number=result.number)
