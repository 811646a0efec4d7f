"""A picture of what the augmentation does to mammograms."""

import os
import pathlib
from collections.abc import Sequence

from matplotlib import figure

from end2end import config, images
from end2end.augment import generator
from end2end.utils import files


def save_samples(
        paths: Sequence[pathlib.Path], out: str | os.PathLike,
        options: config.ImageOptions, *, samples: int, seed: int) -> None:
    """Writes a picture with one row per image: as read, then augmented samples.

    Args:
        paths: image files.
        out: PNG or other picture file.
        options: `ImageOptions`; intensities are shown from 0 to 255.
        samples: augmented samples per image.
        seed: of the first sample of each image; the next have the next numbers.
    """
    warped = generator.training_generator(options.augmentation_recipe)
    rows = []
    for path in paths:
        image = images.scaled(images.read_image(path), options)
        rows.append([image] + [warped.random_transform(image, seed=seed + k)
                               for k in range(samples)])
    sheet = figure.Figure(figsize=(1.8 * (samples + 1), 2.4 * len(rows)),
                          layout="constrained")
    axes = sheet.subplots(len(rows), samples + 1, squeeze=False)
    for line, path, row in zip(axes, paths, rows, strict=True):
        for axis, image, k in zip(line, row, range(-1, samples), strict=True):
            axis.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255)
            axis.set_title(path.name[:24] if k < 0 else f"seed {seed + k}", fontsize=7)
            axis.set_axis_off()
    with files.replacing(out) as part:
        sheet.savefig(part, dpi=100)
