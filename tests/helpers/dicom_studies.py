"""Twelve made mammograms as hospitals send them, differing in what their tags say."""

import dicom_writer
import numpy as np
import pydicom

from end2end.utils import files

COMMON = dict(
    StudyInstanceUID="1.2.826.0.1.3680043.8.498.1", PatientName="Doe^Jane",
    PatientBirthDate="19600101", PatientSex="F", StudyDate="20240102",
    StudyTime="101112", AccessionNumber="A1", StudyID="1",
    ReferringPhysicianName="", SeriesNumber=1, InstanceNumber=1,
    PresentationIntentType="FOR PRESENTATION")
KINDS = (
    dict(ImageLaterality="L", ViewPosition="CC", ImagerPixelSpacing=[0.07, 0.07],
         PatientOrientation=["A", "R"]),
    dict(ImageLaterality="R", ViewPosition="MLO", ImagerPixelSpacing=[0.1, 0.1],
         PatientOrientation=["P", "FL"]),
    dict(ImageLaterality="R", ViewPosition="CC", PixelSpacing=[0.05, 0.05]),
    dict(ImageLaterality="L", ViewPosition="MLO", PatientName="Müller^Änne",
         SpecificCharacterSet="ISO_IR 100"),
    dict(PatientName="山田^花子", SpecificCharacterSet="ISO_IR 192",
         ImageLaterality="L", ViewPosition="ML"),
    dict(ImageLaterality=None, ViewPosition=None, PatientOrientation=""),
    dict(ImageLaterality="L", StudyDate="", StudyTime="", PatientBirthDate=""),
    dict(ImageLaterality="L", PatientSex=None, AccessionNumber=None, StudyID=None,
         ReferringPhysicianName=None),
    dict(ImageLaterality="R", PhotometricInterpretation="MONOCHROME1"),
    dict(ImageLaterality="R", FrameOfReferenceUID="1.2.826.0.1.3680043.8.498.9",
         ImagerPixelSpacing=[0.07, 0.09]),
    dict(ImageLaterality="L", FrameOfReferenceUID="1.2.826.0.1.3680043.8.498.8",
         PatientAge="063Y", PatientID="", EthnicGroup="x",
         ClinicalTrialSubjectID="7"),
    dict(ImageLaterality="L", SOPClassUID=pydicom.uid.SecondaryCaptureImageStorage,
         ViewPosition="CC"),
)


def pixels(number, shape=(120, 80)):
    """A breast along the left side with a bright spot."""
    rows, columns = np.mgrid[:shape[0], :shape[1]] / shape[0]
    breast = np.exp(-((rows - 0.5) ** 2 + columns ** 2) * 8)
    spot = np.exp(-((rows - 0.3 - number / 40) ** 2 + (columns - 0.2) ** 2) * 900)
    grain = np.random.default_rng(number).random(shape)
    return ((breast * 0.6 + spot * 0.35 + grain * 0.02) * 4095).astype(np.uint16)


def write(folder):
    """Writes them into a folder, all of one study; returns the paths."""
    paths = []
    for number, tags in enumerate(KINDS):
        picture = pixels(number)
        if tags.get("PhotometricInterpretation") == "MONOCHROME1":
            picture = 4095 - picture
        paths.append(dicom_writer.write(
            folder / f"made{number:02d}.dcm", picture, **dict(
                COMMON, SOPInstanceUID=f"1.2.826.0.1.3680043.8.498.2.{number + 1}",
                SeriesInstanceUID=f"1.2.826.0.1.3680043.8.498.3.{number + 1}",
                BodyPartExamined="BREAST") | tags))
        assert files.is_dicom(paths[-1])
    return paths
