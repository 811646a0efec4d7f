"""One mammogram file to a float array: read, resize, scale, segment the breast.

`python -m end2end.images DIR|CSV [DIR ...]` checks images before training: what is
odd about them, and the `--rescale-factor` and `--featurewise-mean` to use.
"""

import logging
import pathlib

import numpy as np

from end2end import commands, config, files, image_headers

# OpenCV is imported where it is used, so that `--help` comes at once.
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
        # Imported late: most sets are PNG, and pydicom is slow to import.
        from end2end import dicom

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
    import cv2

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
    import cv2

    colours = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
    if (colours == colours[..., :1]).all():
        return np.ascontiguousarray(colours[..., 0])
    log.warning("%s is in colour; its luminance is used. Check that it is a "
                "mammogram and not a picture of one.", path)
    return cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_BGR2GRAY)


def resized(image, options):
    """Resizes an image by bicubic interpolation in its own integer type.

    Integers saturate, so nothing overshoots the range of the file (documented
    behaviour of the original).

    Args:
        image: uint8, uint16 or float32 array `(rows, columns)`.
        options: `ImageOptions`; `height`, where given, wins over `size`, the width then
            being `int(height / rows * columns)`.

    Returns:
        Array `(height, width)` of the same type.

    Raises:
        files.InputError: the result would have more than `files.MAX_PIXELS`.
    """
    import cv2

    rows, columns = image.shape
    if options.height is not None:
        height = options.height
        width = max(1, int(height / rows * columns))
    else:
        height, width = options.size
    if (height, width) == (rows, columns):
        return image
    if height * width > files.MAX_PIXELS:
        raise files.InputError(
            f"an image of {columns} x {rows} pixels would become one of {width} x "
            f"{height}, more than any mammogram has; give a smaller size, or leave "
            "the image out.")
    smaller = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    if image.dtype == np.float32:
        np.clip(smaller, image.min(), image.max(), out=smaller)
    return smaller


def scaled(image, options):
    """Resizes and scales one mammogram: what augmentation takes.

    The steps in the order of the original: resize, stretch the maximum, multiply,
    equalise. Where `breast_only` is set, what is not the breast becomes black after
    resizing.

    Args:
        image: uint8, uint16 or float32 array `(rows, columns)`, from `read_image`.
        options: `ImageOptions`; `pixel_mean` is left aside.

    Returns:
        float32 array `(height, width, channels)`, meant to lie in 0-255; the channels
        are equal.

    Raises:
        files.InputError: equalisation is asked for on unscaled 16-bit values, or the
            scale is still `auto`.
    """
    return scaled_channels(resized(image, options), options)


def scaled_channels(image, options):
    """`scaled` for an image already resized."""
    grey = intensities(image, options)
    return np.repeat(grey[..., None], options.channels, axis=-1)


def intensities(image, options):
    """Scales and equalises an image already resized; `scaled` without channels.

    Returns:
        float32 array `(height, width)`.
    """
    if options.intensity_scale == "auto":
        raise files.InputError(
            "the rescale factor is still 'auto'; find it from the images first "
            "(input_checks.with_scale).")
    if options.breast_only and image.max() > 0:
        image, _ = segment_breast(image, crop=False)
    grey = image.astype(np.float32)
    if options.stretch_max_to is not None:
        maximum = float(grey.max())
        if maximum > 0:
            grey *= options.stretch_max_to / maximum
    if options.intensity_scale is not None:
        grey *= options.intensity_scale
    if options.equalize_histogram:
        grey = _equalized(grey)
    return grey


def _equalized(grey):
    """Equalises the histogram of 256 grey levels; fractions are cut off.

    Values above 255 are clipped, where the original let them wrap around to black.
    """
    import cv2

    if grey.max() > 1023:
        raise files.InputError(
            f"histogram equalisation needs intensities of 0-255, but the image reaches "
            f"{grey.max():.0f}; scale it (--img-scale 255 or --rescale-factor "
            "0.003891), or turn it off (--no-equalize-hist).")
    levels = np.clip(grey, 0, 255).astype(np.uint8)
    return cv2.equalizeHist(levels).astype(np.float32)


def to_input(image, options):
    """Turns one mammogram into a network input.

    Args:
        image: uint8, uint16 or float32 array `(rows, columns)`, from `read_image`.
        options: `ImageOptions`; `size` is (height, width) in pixels.

    Returns:
        float32 array `(height, width, channels)`; 0-255 less `pixel_mean` where
        `center` is set, so about -52 to 203.
    """
    ready = scaled(image, options)
    if options.center:
        ready -= np.float32(options.pixel_mean)
    return ready


def grey_mean(paths, options):
    """Mean grey value of images after scaling: the `pixel_mean` of a training set.

    Shen et al. 2019 subtract the mean of the whole-image training set, from patches
    too.

    Args:
        paths: image files.
        options: `ImageOptions`; every image has the same weight.

    Raises:
        files.InputError: there is no image, or one cannot be read.
    """
    means = [float(intensities(resized(read_image(path), options), options)
                   .mean(dtype=np.float64)) for path in map(pathlib.Path, paths)]
    if not means:
        raise files.InputError("no images to take the mean of; check the folder.")
    return float(np.mean(means))


def segment_breast(image, *, low_int_threshold=0.05, crop=True):
    """Keeps the largest bright object, holes filled, and crops to it.

    The largest outer contour of what exceeds the threshold after scaling to 8 bits; of
    equals, the first (documented behaviour of the original).

    Args:
        image: array `(rows, columns)` of any number type, from 0.
        low_int_threshold: below 1 a share of the maximum, else a level of 0-255.
        crop: cut out the bounding box; otherwise only blacken what lies outside.

    Returns:
        The image in its own type, and the bounding box `(x, y, width, height)`.

    Raises:
        ValueError: the image is black, or nothing exceeds the threshold.
    """
    import cv2

    maximum = image.max()
    if maximum <= 0:
        raise ValueError(
            "the image is black, so no breast can be found; check the file.")
    levels = (image.astype(np.float32) / maximum * 255).astype(np.uint8)
    if low_int_threshold < 1:
        low_int_threshold = int(levels.max() * low_int_threshold)
    _, bright = cv2.threshold(levels, low_int_threshold, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(bright, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        raise ValueError(
            f"nothing in the image is brighter than {low_int_threshold} of 255; lower "
            "low_int_threshold.")
    largest = int(np.argmax([cv2.contourArea(contour) for contour in contours]))
    mask = np.zeros(levels.shape, np.uint8)
    cv2.drawContours(mask, contours, largest, 1, thickness=cv2.FILLED)
    x, y, width, height = cv2.boundingRect(contours[largest])
    breast = np.where(mask > 0, image, np.zeros((), image.dtype))
    if crop:
        breast = breast[y:y + height, x:x + width]
    return breast, (x, y, width, height)


def parser():
    made = commands.Parser(prog="python -m end2end.images", description=__doc__)
    made.add_argument(
        "sets", nargs="+", metavar="DIR|CSV",
        help="the training set, then others; a folder of train, val and test is three")
    made.add_argument(
        "--class-list", nargs="+", default=("neg", "pos"),
        help="class folders, in the order of the outputs (default: neg pos)")
    made.add_argument("--workers", type=int,
                      default=commands.environment_int("NUM_CPU_CORES", 4),
                      help="threads that read (NUM_CPU_CORES)")
    config.add_options(made, config.ImageOptions, only=(
        "size", "height", "stretch_max_to", "intensity_scale", "equalize_histogram",
        "breast_only"))
    made.set_defaults(intensity_scale="auto")
    return made


def main(argv=None):
    """Prints the check of the images, and the scale and mean to use."""
    arguments = parser().parse_args(argv)
    # Imported late: they build on this module.
    import tqdm

    from end2end import datasets, input_checks

    sets = datasets.find_splits(arguments.sets, tuple(arguments.class_list))
    total = sum(map(len, sets.values()))
    print(f"Reading {total} images in {', '.join(sets)}.")
    with tqdm.tqdm(total=total, disable=None, unit="image") as bar:
        check = input_checks.check_images(
            sets, config.fill(config.ImageOptions, arguments),
            workers=max(1, arguments.workers), progress=lambda looked: _counted(
                looked, bar))
    for name, found in sets.items():
        print(input_checks.summary(name, found, check.statistics[name]))
    for finding in check.findings:
        print(f"- {finding.kind}: {finding.message}")
    if not check.findings:
        print("Nothing odd was found.")
    scale = "" if check.scale is None else f"--rescale-factor {check.scale:g} "
    print(f"To use: {scale}--featurewise-mean {check.mean:.2f}")


def _counted(looked, bar):
    for one in looked:
        bar.update()
        yield one


if __name__ == "__main__":
    commands.run(main)
