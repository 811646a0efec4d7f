"""Synthetic mammograms in the layout of INbreast: DICOM, `;` table, plist outlines."""

import pathlib
import plistlib

import cv2
import numpy as np

from end2end.phantoms import cbis_ddsm, drawing
from end2end.utils import files

COLUMNS = ("Patient ID", "Patient age", "Laterality", "View", "Acquisition date",
           "File Name", "ACR", "Bi-Rads")
ROI_NAMES = {("mass", True): ("Mass", "Spiculated Region", "Espiculated Region"),
             ("mass", False): ("Mass", "mass", "Unnamed"),
             ("calcification", True): ("Cluster", "Calcifications", "Calcification"),
             ("calcification", False): ("Calcification", "Calcifications", "")}


def write_woman(
        folder: files.Path, woman: drawing.Woman, size: tuple[int, int]) -> list[dict]:
    """Writes the DICOM and plist files of one woman in the layout of INbreast.

    Returns:
        rows of INbreast.csv.
    """
    rng = np.random.default_rng([woman.seed, 13])
    release = pathlib.Path(folder) / "INbreast Release 1.0"
    patient = "".join("0123456789abcdef"[k] for k in rng.integers(0, 16, 16))
    rows = []
    for side in woman.lesions:
        birads = _birads(woman.lesions[side], rng)
        for view in drawing.VIEWS:
            identity = str(20_000_000 + 1000 * woman.number + 40 * len(rows) + 3)
            picture, masks = drawing.render(
                woman, side, view, size, style="digital")
            name = f"{identity}_{patient}_MG_{side[0]}_{view[:2]}"
            path = release / "AllDICOMs" / f"{name}_ANON.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            cbis_ddsm.write_dicom(path, picture, dict(
                SOPInstanceUID=f"{cbis_ddsm.UID_ROOT}{identity}",
                SecondaryCaptureDeviceManufacturer="MATLAB"), modality="OT")
            if masks:
                _write_outlines(release / "AllXML" / f"{identity}.xml",
                                woman.lesions[side], masks, rng)
            rows.append({
                "Patient ID": "removed", "Patient age": "removed",
                "Laterality": side[0],
                "View": "FB" if woman.number == 3 and not rows else view,
                "Acquisition date": 200801, "File Name": identity,
                "ACR": " " * 190 if woman.number == 2 and not rows
                else cbis_ddsm.density_class(woman),
                "Bi-Rads": birads})
    return rows


def _birads(lesions, rng):
    """Assessment of a breast: cancers 4 to 6, the others 1 to 3."""
    if any(lesion.malignant for lesion in lesions):
        return ("4a", "4b", "4c", "5", "5", "6")[rng.integers(6)]
    if lesions:
        return "3" if rng.random() < 0.3 else "2"
    return ("1", "2")[rng.integers(2)]


def _write_outlines(path, lesions, masks, rng):
    """Writes the outlines as an OsiriX export: plist with `"(x, y)"` strings."""
    regions = []
    for lesion, mask in zip(lesions, masks, strict=True):
        contours, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        points = max(contours, key=cv2.contourArea)[:, 0]
        names = ROI_NAMES[lesion.kind, lesion.malignant]
        regions.append(_region(names[rng.integers(len(names))], points))
        if lesion.kind == "calcification":           # single grains are dots
            regions.append(_region("Calcification", points.mean(0, keepdims=True)))
    image = dict(ImageIndex=0, NumberOfROIs=len(regions), ROIs=regions)
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as part:
        part.write_bytes(plistlib.dumps({"Images": [image]}))


def _region(name, points):
    written = [f"({x:.6f}, {y:.6f})" for x, y in points]
    return dict(Area=0.0, Center=written[0], Dev=0.0, IndexInImage=0, Max=0.0, Mean=0.0,
                Min=0.0, Name=name, NumberOfPoints=len(points), Point_mm=[],
                Point_px=written, Total=0.0, Type=15 if len(points) > 2 else 19)
