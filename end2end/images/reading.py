"""Reads one mammogram file of any kind as grey levels."""

import logging
import os
import pathlib

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end import dicom
from end2end.tables import identity, manifests
from end2end.utils import files, image_headers, image_tags

log = logging.getLogger(__name__)


Mammogram = dicom.Mammogram


def read(path: str | os.PathLike, *, frame: int | None = None,
         manifest: dict | None = None, known_as: str = "") -> dicom.Mammogram:
    """Reads one mammogram of any kind, with who and what it shows.

    Args:
        path: PNG, JPEG, BMP, PGM, TIFF or DICOM file; known by its content.
        frame: index from 0 of the frame to take from a tomosynthesis stack.
        manifest: row of a manifest on it (`tables.manifests`), or None.
        known_as: its name elsewhere, where the file is a copy.

    Returns:
        `Mammogram`; its pixels `(rows, columns)` are uint8 or uint16 as stored, float32
        for a TIFF or DICOM of real numbers. A colour file becomes grey, with a warning
        if its channels differ.

    Raises:
        files.InputError: the file cannot be read, or is no single finite image.
    """
    path = files.existing_file(path, "image")
    if files.is_dicom(path):
        return dicom.read_dicom(
            path, frame=frame, manifest=manifest, known_as=known_as)
    name = known_as or path
    return Mammogram(
        str(path), _grey(decoded(path), path),
        identity.merged(name, manifests.around(name, manifest)),
        acquisition=dicom.acquisition.kind_of_name(path.name))


def read_image(path: str | os.PathLike) -> np.ndarray:
    """The pixels of `read`, `(rows, columns)`."""
    return read(path).pixels


def identify(path: str | os.PathLike, *, manifest: dict | None = None
             ) -> identity.Identity:
    """Who and what an image shows, from manifest, tags and name; no pixels are read.

    A file that cannot be read is known by its manifest and name alone; reading it says
    what is wrong.
    """
    path = pathlib.Path(path)
    try:
        if files.is_dicom(path):
            return dicom.read_identity(path, manifest=manifest)
    except (files.InputError, OSError):
        pass
    return identity.merged(path, manifests.around(path, manifest))


def decoded(path: files.Path, *, grey: bool = False) -> NDArray:
    """Decodes an image file that is not DICOM, after a look at its header.

    Args:
        path: PNG, JPEG, BMP, PGM or TIFF file.
        grey: as 8-bit grey, whatever the file holds.

    Returns:
        Array of any depth and channel count; uint8 `(rows, columns)` if `grey`.

    Raises:
        files.InputError: the file cannot be read or declares too large an image.
    """
    # A file that cannot be read is named in our own words.
    # Moved in OpenCV 4.13; level 0 is silence.
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    set_level(0)
    files.check_size(path, files.MAX_IMAGE_BYTES, "image")
    data = path.read_bytes()
    image_headers.check(data, path)
    several = image_tags.pictures(data)
    if several:
        raise files.InputError(
            f"image {path} holds several pictures ({several}); expected one mammogram. "
            "Save one of them alone.")
    # Unchanged images are not turned by OpenCV, grey ones would be.
    how = (cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION if grey
           else cv2.IMREAD_UNCHANGED)
    try:
        if not grey and data[:2] in (b"II", b"MM") and cv2.imcount(str(path)) > 1:
            raise files.InputError(
                f"image {path} has several pages; expected one mammogram. Split it.")
        image = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error:
        image = None
    if image is None:
        raise files.InputError(
            f"image {path} cannot be read; expected a whole PNG, JPEG, BMP, PGM, TIFF "
            "or DICOM file. Restore it or leave it out.")
    return _as_declared(image, data, path)


def _as_declared(image, data, path):
    """Turned upright as EXIF says, and with 0 for black as TIFF says."""
    turn = image_tags.orientation(data)
    if turn != 1:
        log.warning("%s is turned upright (EXIF orientation %d).", path, turn)
        image = image_tags.upright(image, turn)
    # Of 8 bits OpenCV inverts it itself.
    if image.dtype == np.uint16 and image_tags.is_white_zero(data):
        log.warning("%s is inverted, since it declares that 0 is white.", path)
        white = (1 << dicom.grey_levels.depth_of(float(image.max()))) - 1
        image = white - image
    return image


def _grey(image, path):
    """A two-dimensional array of uint8, uint16 or finite float32."""
    if image.ndim == 3:
        image = _without_colour(image, path)
    if image.dtype in (np.uint8, np.uint16):
        return image
    if not np.isfinite(image).all() or image.min() < 0:
        raise files.InputError(
            f"image {path} holds negative or undefined values; expected intensities "
            "from 0. Convert it to 16-bit PNG.")
    return image.astype(np.float32)


def _without_colour(image, path):
    colours = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
    if (colours == colours[..., :1]).all():
        return np.ascontiguousarray(colours[..., 0])
    log.warning("%s is in colour; its luminance is used. Check that it is a "
                "mammogram and not a picture of one.", path)
    return cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_BGR2GRAY)
