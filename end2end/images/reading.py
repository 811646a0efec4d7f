"""Reads one mammogram file of any kind as grey levels."""

import logging

import cv2
import numpy as np

from end2end import dicom
from end2end.utils import files, image_headers

log = logging.getLogger(__name__)


def read_image(path):
    """Reads one mammogram as it is on disk.

    Args:
        path: PNG, JPEG, BMP, PGM, TIFF or DICOM file, of any case of suffix.

    Returns:
        Array `(rows, columns)`: uint8 or uint16 as stored, float32 for a TIFF or DICOM
        of real numbers. A colour file becomes grey, with a warning if its channels
        differ.

    Raises:
        files.InputError: the file cannot be read, or is no single finite image.
    """
    path = files.existing_file(path, "image")
    if files.is_dicom(path):
        return dicom.read_dicom(path).pixels
    return _grey(decoded(path), path)


def decoded(path, *, grey=False):
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
    how = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_UNCHANGED
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
