"""Synthetic mammograms as files: the layouts and tables of CBIS-DDSM.

The quirks are those of the real downloads: newlines inside cells, two spellings of the
density column, CRLF, masks and crops in either order, crops in a series of their own,
one mammogram stored twice.
"""

import os
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np
import pydicom
import pydicom.uid
from numpy.typing import NDArray

from end2end.phantoms import drawing
from end2end.utils import files

UID_ROOT = "1.3.6.1.4.1.9590.100.1.2."
SHORT = {"mass": "Mass", "calcification": "Calc"}
COLLECTION = "CBIS-DDSM"
SERIES = {
    "full": "full mammogram images",
    "mask": "ROI mask images",
    "crop": "cropped images",
}
TABLE_COLUMNS = {
    "mass": (
        "patient_id", "breast_density", "left or right breast", "image view",
        "abnormality id", "abnormality type", "mass shape", "mass margins",
        "assessment", "pathology", "subtlety", "image file path",
        "cropped image file path", "ROI mask file path"),
    "calcification": (
        "patient_id", "breast density", "left or right breast", "image view",
        "abnormality id", "abnormality type", "calc type", "calc distribution",
        "assessment", "pathology", "subtlety", "image file path",
        "cropped image file path", "ROI mask file path"),
}
# Two describing columns by kind and truth, spelt as in the real tables.
DESCRIPTIONS = {
    ("mass", True): [("IRREGULAR", "SPICULATED"),
                     ("IRREGULAR-ARCHITECTURAL_DISTORTION", "SPICULATED"),
                     ("LOBULATED", "ILL_DEFINED")],
    ("mass", False): [("ROUND", "CIRCUMSCRIBED"), ("OVAL", "CIRCUMSCRIBED"),
                      ("LYMPH_NODE", "N/A")],
    ("calcification", True): [("PLEOMORPHIC", "CLUSTERED"),
                              ("FINE_LINEAR_BRANCHING", "LINEAR"),
                              ("AMORPHOUS-PLEOMORPHIC", "SEGMENTAL")],
    ("calcification", False): [("PUNCTATE", "CLUSTERED"),
                               ("ROUND_AND_REGULAR", "N/A"),
                               ("LUCENT_CENTER", "N/A")],
}
METADATA_COLUMNS = (
    "Series UID", "Collection", "3rd Party Analysis", "Data Description URI",
    "Subject ID", "Study UID", "Study Description", "Study Date", "Series Description",
    "Manufacturer", "Modality", "SOP Class Name", "SOP Class UID", "Number of Images",
    "File Size", "File Location", "Download Timestamp")


def density_class(woman: drawing.Woman) -> int:
    """Density of the breast, 1 (fat) to 4 (dense)."""
    return 1 + int(3.99 * woman.density)


def official_list(woman: drawing.Woman, kind: str) -> str:
    """`Training` or `Test`: of either kind women are in one list, but a woman with
    both kinds may be in both, as 31 are in CBIS-DDSM."""
    rng = np.random.default_rng([woman.seed, 7])
    draws = rng.random(1 + len(drawing.KINDS))
    draw = draws[1 + drawing.KINDS.index(kind)]
    return "Test" if (draws[0] < 0.2) != (draw < 0.15) else "Training"


def write_cbis_woman(
        folder: files.Path, woman: drawing.Woman, size: tuple[int, int], layout: str
) -> tuple[list[dict], list[dict]]:
    """Writes all files of one woman in a layout of CBIS-DDSM.

    Args:
        folder: of the download.
        woman: a `drawing.Woman`.
        size: (height, width) in pixels.
        layout: `classic`, `descriptive` or `kaggle`.

    Returns:
        table rows as dicts (with `list` and the real file names of the series), and
        rows of the list of series (metadata.csv, dicom_info.csv).
    """
    rng = np.random.default_rng([woman.seed, 11])
    rows, series = [], []
    for side in woman.lesions:
        for view in drawing.VIEWS:
            picture, masks = drawing.render(woman, side, view, size)
            for kind in drawing.KINDS:
                findings = [
                    pair for pair in zip(woman.lesions[side], masks, strict=True)
                    if pair[0].kind == kind]
                if findings:
                    store = _Store(folder, layout, rng, side, view, series)
                    rows += _write_film(store, woman, kind, picture, findings)
    return rows, series


class _Store:
    """Where the files of one film go, and what was written."""

    def __init__(self, folder, layout, rng, side, view, series):
        self.folder, self.layout, self.rng = pathlib.Path(folder), layout, rng
        self.side, self.view, self.series = side, view, series

    def uid(self):
        """A new identifier of the collection's root."""
        digits = "".join(map(str, self.rng.integers(0, 10, 37)))
        return UID_ROOT + "1" + digits

    def save(self, subject, contents):
        """Writes one series of `(what, pixels)`; returns its path in the tables."""
        study, series = self.uid(), self.uid()
        target = WRITERS[self.layout]
        for number, (what, pixels) in enumerate(contents, 1):
            tags = dict(
                PatientID=subject, StudyInstanceUID=study, SeriesInstanceUID=series,
                SOPInstanceUID=self.uid(), SeriesDescription=SERIES[what],
                Laterality=self.side[0], PatientOrientation=self.view,
                InstanceNumber=number)
            path = target(self.folder, tags, contents[0][0], number)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".jpg":
                write_jpeg(path, pixels)
            else:
                write_dicom(path, pixels, tags)
            self.series.append(dict(
                tags, path=path.relative_to(self.folder).as_posix(),
                count=len(contents), bytes=path.stat().st_size, rows=pixels.shape[0],
                columns=pixels.shape[1], bits=8 * pixels.itemsize,
                folder_description=SERIES[contents[0][0]]))
        return f"{subject}/{study}/{series}"


def _classic(folder, tags, first, number):
    return (folder / COLLECTION / tags["PatientID"] / tags["StudyInstanceUID"]
            / tags["SeriesInstanceUID"] / f"{number - 1:06d}.dcm")


def _descriptive(folder, tags, first, number):
    study = f"07-20-2016-DDSM-{tags['StudyInstanceUID'][-5:]}"
    series = f"1.000000-{SERIES[first]}-{tags['SeriesInstanceUID'][-5:]}"
    return (folder / COLLECTION / tags["PatientID"] / study / series
            / f"1-{number}.dcm")


def _kaggle(folder, tags, first, number):
    name = f"{number}-{tags['SOPInstanceUID'][-3:]}.jpg"
    return folder / "jpeg" / tags["SeriesInstanceUID"] / name


WRITERS = {"classic": _classic, "descriptive": _descriptive, "kaggle": _kaggle}


def _write_film(store, woman, kind, picture, findings):
    """Writes a film with its masks and crops; returns the rows of its findings."""
    rng, which = store.rng, official_list(woman, kind)
    subject = (f"{SHORT[kind]}-{which}_{woman.patient_id}_{store.side}_{store.view}")
    image_path = store.save(subject, [("full", picture)]) + "/000000.dcm"
    rows = []
    for number, (lesion, mask) in enumerate(findings, 1):
        crop_path, mask_path = _write_finding(
            store, f"{subject}_{number}", kind, picture, mask)
        first, second = DESCRIPTIONS[kind, lesion.malignant][rng.integers(3)]
        values = (
            woman.patient_id, density_class(woman), store.side, store.view,
            number, kind, first, second, 4 + int(lesion.malignant),
            _pathology(lesion), _subtlety(lesion), image_path, crop_path,
            mask_path)
        rows.append(dict(zip(TABLE_COLUMNS[kind], values, strict=True), list=which))
    return rows


def _pathology(lesion):
    if lesion.malignant:
        return "MALIGNANT"
    return ("BENIGN", "BENIGN_WITHOUT_CALLBACK")[lesion.seed % 2]


def _subtlety(lesion):
    """1, subtle, to 5, plain to see."""
    return int(np.clip(np.ceil(5 * lesion.contrast / drawing.CONTRAST[1]), 1, 5))


def _write_finding(store, subject, kind, picture, mask):
    """Writes mask and crop; returns their paths in the table, crop first."""
    height = picture.shape[0]
    rows, columns = np.nonzero(mask)
    margin = max(2, height // 50)
    crop = picture[max(0, rows.min() - margin):rows.max() + margin,
                   max(0, columns.min() - margin):columns.max() + margin]
    contents = [("mask", (mask * 255).astype(np.uint8)), ("crop", crop)]
    if store.rng.random() < 0.06:                    # 104 of 3568 in the real set
        mask_path, crop_path = (store.save(subject, [content]) for content in contents)
        return f"{crop_path}/000000.dcm", f"{mask_path}/000000.dcm"
    # The tables always name the same order; the files of masses follow it by half.
    numbers = [0, 1] if kind == "calcification" else [1, 0]
    if kind == "mass" and store.rng.random() < 0.5:
        contents.reverse()
    path = store.save(subject, contents)
    return f"{path}/{numbers[1]:06d}.dcm", f"{path}/{numbers[0]:06d}.dcm"


def write_dicom(
        path: pathlib.Path, pixels: NDArray, tags: dict[str, object], *,
        modality: str = "MG") -> None:
    """Writes a grey Secondary Capture, explicit little endian, uncompressed.

    Args:
        path: where.
        pixels: uint8 or uint16 array `(rows, columns)`.
        tags: DICOM keywords and values.
        modality: `MG`, or `OT` for INbreast.
    """
    header = pydicom.dataset.FileMetaDataset()
    header.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    header.MediaStorageSOPInstanceUID = tags["SOPInstanceUID"]
    header.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    content = pydicom.dataset.Dataset()
    content.file_meta = header
    content.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    content.Modality, content.ConversionType = modality, "WSD"
    for keyword, value in tags.items():
        setattr(content, keyword, value)
    content.Rows, content.Columns = pixels.shape
    content.SamplesPerPixel, content.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * pixels.itemsize
    content.BitsAllocated = content.BitsStored = bits
    content.HighBit, content.PixelRepresentation = bits - 1, 0
    content.PixelData = np.ascontiguousarray(pixels).tobytes()
    content.PixelData += b"\0" * (len(content.PixelData) % 2)
    content["PixelData"].VR = "OW"
    with files.replacing(path) as part:
        content.save_as(part, enforce_file_format=True)


def write_jpeg(path: pathlib.Path, pixels: NDArray) -> None:
    """Writes an 8-bit JPEG, as in the Kaggle mirror."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", pixels)
    with files.replacing(path) as part:
        part.write_bytes(encoded.tobytes())


def write_case_tables(folder: pathlib.Path, rows: Sequence[dict]) -> None:
    """Writes the four case-description tables with the quirks of the real ones."""
    for kind, columns in TABLE_COLUMNS.items():
        newline_in = {"mass": "ROI mask file path",
                      "calcification": "cropped image file path"}[kind]
        for which, name in (("Training", "train"), ("Test", "test")):
            chosen = [dict(row, **{newline_in: row[newline_in] + "\n"}) for row in rows
                      if row["abnormality type"] == kind and row["list"] == which]
            files.write_csv(
                folder / f"{SHORT[kind].lower()}_case_description_{name}_set.csv",
                columns, chosen, line_end="\r\n", as_is=True)


def write_metadata(folder: pathlib.Path, series: Sequence[dict]) -> None:
    """Writes metadata.csv, one row per series, as the NBIA Data Retriever does."""
    rows = {}
    for entry in series:
        rows[entry["SeriesInstanceUID"]] = {
            "Series UID": entry["SeriesInstanceUID"], "Collection": COLLECTION,
            "Subject ID": entry["PatientID"], "Study UID": entry["StudyInstanceUID"],
            "Study Date": "07-20-2016", "Modality": "MG",
            "Series Description": entry["folder_description"],
            "SOP Class Name": "Secondary Capture Image Storage",
            "SOP Class UID": str(pydicom.uid.SecondaryCaptureImageStorage),
            "Number of Images": entry["count"], "File Size": f"{entry['bytes']} B",
            "File Location": "./" + entry["path"].rpartition("/")[0]}
    files.write_csv(folder / "metadata.csv", METADATA_COLUMNS, rows.values())


def write_dicom_info(folder: pathlib.Path, series: Sequence[dict]) -> None:
    """Writes dicom_info.csv, one row per JPEG, as in the Kaggle mirror."""
    rows = []
    for number, entry in enumerate(series):
        jpeg = "CBIS-DDSM/" + entry["path"]
        rows.append({
            "file_path": jpeg.replace("jpeg/", "dicom/").replace(".jpg", ".dcm"),
            "image_path": jpeg, "BitsAllocated": entry["bits"],
            "Columns": entry["columns"], "Rows": entry["rows"], "Modality": "MG",
            # A few hundred are empty in the real table.
            "SeriesDescription": entry["SeriesDescription"] if number % 20 else "",
            **{name: entry[name] for name in (
                "PatientID", "PatientOrientation", "Laterality", "InstanceNumber",
                "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")}})
    files.write_csv(folder / "dicom_info.csv", list(rows[0]), rows)


def add_defects(folder: files.Path) -> list[tuple[str, str]]:
    """Spoils some files of a classic download as the real ones are, or were on the way:
    masks of another size, missing and cut-off files.

    Returns:
        list of (defect, path in the tables), each in another woman.
    """
    folder, women = pathlib.Path(folder), {}
    for table in sorted(folder.glob("*_case_description_*.csv")):
        women |= {row["patient_id"]: row for row in files.read_csv(table)}
    defects = []
    for (defect, (column, spoil)), row in zip(
            DEFECTS.items(), women.values(), strict=False):
        name = row[column].strip()
        for path in sorted((folder / COLLECTION / name).parent.iterdir()):
            # Which file of a series is the mask is not told by the tables.
            if column == IMAGE or pydicom.dcmread(path).BitsAllocated == 8:
                spoil(path)
        defects.append((defect, name))
    return defects


def _rescale_mask(path, height=0.87, width=0.87):
    mask = pydicom.dcmread(path)
    size = round(mask.Columns * width), round(mask.Rows * height)
    pixels = cv2.resize(mask.pixel_array, size, interpolation=cv2.INTER_NEAREST)
    mask.Rows, mask.Columns = pixels.shape
    mask.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    mask.save_as(path)


def _cut_off(path):
    os.truncate(path, path.stat().st_size * 6 // 10)


IMAGE, MASK = "image file path", "ROI mask file path"
# Name of a defect: which file of a finding, and what is done to it.
DEFECTS = {
    "mask of another size": (MASK, _rescale_mask),
    "mask of another aspect": (MASK, lambda path: _rescale_mask(path, height=0.93)),
    "missing mask": (MASK, pathlib.Path.unlink),
    "cut-off mask": (MASK, _cut_off),
    "missing mammogram": (IMAGE, pathlib.Path.unlink),
    "cut-off mammogram": (IMAGE, _cut_off),
}
