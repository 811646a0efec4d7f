"""The result of a mammogram as DICOM, for viewers and archives that know nothing else.

A Secondary Capture with the saliency overlay and a Structured Report (TID 1500) with
the score; both stand in the study of the mammogram, refer to it and carry its patient's
tags. Needs the extra `results` (highdicom).
"""

import logging
import pathlib
import re
import warnings

import pydicom
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

import end2end
from end2end.dicom import parsing
from end2end.utils import distribution, files

MANUFACTURER = "end2end"
NOTICE = "Research use only: no medical device, not for diagnosis."
# A score is no probability of cancer, so the standard's code for that is not used.
SCHEME = "99END2END"
NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
# Attributes of the copied modules that may be empty, but must be there (type 2).
USUAL = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID",
         "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName")
SERIES = {"overlay": 901, "report": 902}


def check() -> None:
    """Raises files.InputError unless the package that does the work is installed."""
    distribution.require("highdicom", purpose="--dicom", extra="results",
                         otherwise="or leave it out")


def paths(folder: pathlib.Path, name: str) -> tuple[pathlib.Path, pathlib.Path]:
    """Where the overlay and the report of an image lie."""
    return folder / f"{name}.overlay.dcm", folder / f"{name}.report.dcm"


def write(
        targets: tuple[pathlib.Path, pathlib.Path], row: dict,
        picture: NDArray) -> None:
    """Writes both results of one image.

    Args:
        targets: of `paths`.
        row: dict, row of a score file; its `path` is a DICOM file.
        picture: uint8 `(rows, columns, 3)`.

    Raises:
        files.InputError: the file lacks the identifiers by which one refers to it.
    """
    path = pathlib.Path(row["path"])
    with parsing.refusing(path):
        source, _ = parsing.read_header(path)
    missing = [name for name in NEEDED if not source.get(name)]
    if missing:
        raise files.InputError(
            f"{row['path']} has no {', '.join(missing)}, so that no DICOM result can "
            "refer to it; leave out --dicom for it.")
    for name in USUAL:
        if name not in source:
            setattr(source, name, "")
    # Both warn of unusual names by quoting them, and tell what they copy.
    logging.getLogger("highdicom").setLevel(logging.ERROR)
    with parsing.refusing(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        datasets = overlay(source, row, picture), structured_report(source, row)
    for path, dataset in zip(targets, datasets, strict=True):
        with files.replacing(path) as part:
            dataset.save_as(part, enforce_file_format=True)


def overlay(source: pydicom.Dataset, row: dict, picture: NDArray) -> pydicom.Dataset:
    """The Secondary Capture: `pydicom.Dataset`."""
    import highdicom
    capture = highdicom.sc.SCImage.from_ref_dataset(
        source, picture, photometric_interpretation="RGB", bits_allocated=8,
        coordinate_system="PATIENT", laterality=row["laterality"] or None,
        patient_orientation=("A", "F"), manufacturer=MANUFACTURER,
        transfer_syntax_uid=pydicom.uid.ExplicitVRLittleEndian,
        **_identifiers("overlay"))
    # That of the mammogram, which may be unknown; highdicom wants some.
    stated = source.get("PatientOrientation") or ""
    valid = len(stated) == 2 and not isinstance(stated, str) and all(
        re.fullmatch("[LRAPHF]{1,3}", str(letter)) for letter in stated)
    capture.PatientOrientation = stated if valid else ""
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.Modality = "OT"
    capture.SeriesDescription = "Saliency of a whole-image classifier"
    capture.DerivationDescription = (
        f"Red: what moved the score {float(row['score']):.3f} of class pos. {NOTICE}")
    capture.BurnedInAnnotation = "NO"
    reference = pydicom.Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    capture.SourceImageSequence = [reference]
    return capture


def structured_report(source: pydicom.Dataset, row: dict) -> pydicom.Dataset:
    """The Structured Report: `pydicom.Dataset`."""
    import highdicom
    names = [("score", "Score of class pos, no probability")]
    if row.get("calibrated"):
        names.append(("calibrated", "Calibrated score of class pos"))
    group = highdicom.sr.MeasurementsAndQualitativeEvaluations(
        highdicom.sr.TrackingIdentifier(highdicom.UID(), "whole image"),
        finding_sites=_sites(row),
        algorithm_id=highdicom.sr.AlgorithmIdentification(
            MANUFACTURER, end2end.__version__),
        measurements=[highdicom.sr.Measurement(
            highdicom.sr.CodedConcept(name, SCHEME, meaning), float(row[name]),
            codes.UCUM.NoUnits)
            for name, meaning in names],
        source_images=[highdicom.sr.SourceImageForMeasurementGroup(
            source.SOPClassUID, source.SOPInstanceUID)])
    inside = group[0].ContentSequence
    texts = [row[name] for name in ("operating_points", "flags") if row.get(name)]
    for text in (*texts, NOTICE):
        inside.append(highdicom.sr.TextContentItem(
            codes.DCM.Comment, text,
            relationship_type=highdicom.sr.RelationshipTypeValues.CONTAINS))
    device = highdicom.sr.ObserverContext(
        codes.DCM.Device, highdicom.sr.DeviceObserverIdentifyingAttributes(
            uid=highdicom.UID(), name=MANUFACTURER))
    content = highdicom.sr.MeasurementReport(
        observation_context=highdicom.sr.ObservationContext(
            observer_device_context=device),
        procedure_reported=codes.SCT.Mammography, imaging_measurements=[group],
        title=codes.DCM.ImagingMeasurementReport)
    document = highdicom.sr.ComprehensiveSR(
        evidence=[source], content=content[0], manufacturer=MANUFACTURER,
        is_complete=True, **_identifiers("report"))
    document.SeriesDescription = "Score of a whole-image classifier"
    return document


def _sites(row):
    import highdicom
    sides = {"L": codes.SCT.Left, "R": codes.SCT.Right}
    return [highdicom.sr.FindingSite(
        codes.SCT.Breast, laterality=sides.get(row.get("laterality")))]


def _identifiers(kind):
    import highdicom

    return dict(series_instance_uid=highdicom.UID(), sop_instance_uid=highdicom.UID(),
                series_number=SERIES[kind], instance_number=1)
