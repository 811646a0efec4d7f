"""Writes folders of small mammograms, with the table that must come out beside them.

`votes` of an image: `yes`, in the mean of its breast; `alone`, only in the highest
score of its exam; `no`, a row and nothing more.
"""

import collections
import dataclasses
import hashlib
import pathlib

import cv2
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

MG = "1.2.840.10008.5.1.4.1.1.1.2"
MG_RAW = "1.2.840.10008.5.1.4.1.1.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
STACK = "1.2.840.10008.5.1.4.1.1.13.1.3"
PROJECTION = "1.2.840.10008.5.1.4.1.1.13.1.4"
SIZES = ((64, 48), (80, 60), (96, 72))


@dataclasses.dataclass(frozen=True)
class Expected:
    """One row of the table, as it must come out.

    Attributes:
        patient: a name for the woman; None where she must be unknown.
        exam: a name for the exam; None for the only one of a woman, or of an image.
        double_of: name of a group of doubles, of which exactly one votes.
    """

    patient: str | None
    exam: str | None
    laterality: str
    view: str
    votes: str = "yes"
    kind: str = "standard"
    double_of: str = ""


def uid(*words):
    """A UID of our root that depends on the words."""
    digits = int(hashlib.sha256("/".join(map(str, words)).encode()).hexdigest(), 16)
    return f"1.2.826.0.1.3680043.8.498.{digits % 10**38}"


def coded(value, scheme, meaning):
    """An item of a sequence of codes."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, scheme
    item.CodeMeaning = meaning
    return item


class Layout:
    """A folder `in`, and what is expected of it.

    Attributes:
        images: `Expected` by path below `in`.
        refused, left: paths that are refused, and not looked at.
        sentences: pairs of path and a word that its notes must have.
        days: days since her first exam, by the name of the exam.
    """

    def __init__(self, folder, name):
        self.folder, self.name, self.source = folder / "in", name, "in"
        self.images, self.refused, self.left = {}, [], []
        self.sentences, self.days, self.number = [], {}, 0

    def place(self, path):
        where = self.folder / path
        where.parent.mkdir(parents=True, exist_ok=True)
        return where

    def pixels(self):
        """A half ellipse on black; each of another mean."""
        self.number += 1
        height, width = SIZES[self.number % len(SIZES)]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        inside = 1 - ((y - height / 2) / (0.45 * height)) ** 2 - (
            x / (0.72 * width)) ** 2
        peak = 500 + (self.number * 89) % 3400
        return (peak * np.sqrt(np.clip(inside, 0, 1))).astype(np.uint16)

    def expect(self, path, *values, **more):
        """Notes the row of an image, an `Expected`; an exam of None is her only one."""
        image = Expected(*values, **more)
        exam = image.exam or image.patient or f"alone {path}"
        self.images[str(path)] = dataclasses.replace(image, exam=exam)

    def file(self, path, data=b"no image\n"):
        self.place(path).write_bytes(data)
        return str(path)

    def picture(self, path):
        """Writes an image file that is not DICOM."""
        pixels = self.pixels() * 16
        suffix = pathlib.PurePath(path).suffix.lower()
        if suffix in (".jpg", ".bmp"):
            pixels = (pixels / pixels.max() * 200).astype(np.uint8)
        self.file(path, cv2.imencode(suffix, pixels)[1].tobytes())

    def named(self, path, *values, **more):
        """An image file that its name and folder identify."""
        self.picture(path)
        self.expect(path, *values, **more)

    def dicom(self, path, *, pixels=None, sop=MG, modality="MG", preamble=True,
              implicit=False, frames=1, **tags):
        """Writes a DICOM file; tags by keyword, None to leave one out."""
        header = Dataset()
        plain = dict(
            SOPClassUID=sop, SOPInstanceUID=uid(self.name, path), Modality=modality,
            SeriesInstanceUID=uid(self.name, path, "series"), PatientID="",
            PresentationIntentType="FOR PRESENTATION", ImageLaterality="L",
            StudyInstanceUID=uid(self.name, path, "study"), ViewPosition="CC")
        for keyword, value in (plain | tags).items():
            if value is not None:
                setattr(header, keyword, value)
        if frames:
            _add_pixels(header, self.pixels() if pixels is None else pixels, frames)
        _write(self.place(path), header, preamble, implicit or not preamble)
        return str(path)

    def tagged(self, path, *values, tag=None, **more):
        """A DICOM file whose tags say what is expected; `tag` is its PatientID."""
        patient, exam, side, view = values
        fields = {name: more.pop(name) for name in ("votes", "kind", "double_of")
                  if name in more}
        self.dicom(path, **(dict(
            PatientID=patient if tag is None else tag, ImageLaterality=side,
            ViewPosition=view, StudyInstanceUID=uid(self.name, exam)) | more))
        self.expect(path, *values, **fields)

    def voters(self, rows):
        """Paths of the images that vote, by (patient, exam) and then by side.

        Args:
            rows: of the table, by path; tell which of several doubles votes.
        """
        exams = collections.defaultdict(lambda: collections.defaultdict(list))
        for path, image in self.images.items():
            sides = exams[image.patient, image.exam]
            if image.votes == "alone":
                sides[path].append(path)
            elif image.votes == "yes" and not (
                    image.double_of and rows[path]["votes"] != "yes"):
                sides[image.laterality].append(path)
        return exams


def _add_pixels(header, pixels, frames):
    header.Rows, header.Columns = pixels.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = 0
    if frames > 1:
        header.NumberOfFrames = frames
    header.PixelData = pixels.tobytes() * frames


def _write(path, header, preamble, implicit):
    if not preamble:
        with open(path, "wb") as stream:
            pydicom.dcmwrite(stream, header, implicit_vr=True, little_endian=True)
        return
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    header.file_meta.TransferSyntaxUID = (
        ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)
    header.preamble = b"\0" * 128
    pydicom.dcmwrite(path, header, enforce_file_format=True)
