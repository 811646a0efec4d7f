"""Draws mammograms beside samples of their augmentation.

    end2end augment --show IMAGE_OR_FOLDER --out samples.png
"""

import pathlib
from collections.abc import Sequence

import numpy as np

from end2end import augment, config, data, images
from end2end.utils import commands, files, locks

PICTURE_SUFFIXES = (".png", ".pdf", ".svg", ".jpg")


def parser() -> commands.Parser:
    """The command line."""
    parser = commands.Parser(program="end2end.augment", description=__doc__)
    parser.add_argument("--show", required=True, metavar="IMAGE_OR_FOLDER",
                      help="mammogram, folder or manifest to augment")
    parser.add_argument("--out", required=True, metavar="PNG",
                      help="where the picture is written")
    parser.add_argument("--samples", type=int, default=5,
                      help="augmented samples of each image (default: 5)")
    parser.add_argument("--images", type=int, default=4,
                      help="images of a folder to show (default: 4)")
    parser.add_argument("--seed", type=int, default=12345,
                      help="of the first sample (default: 12345)")
    config.add_options(parser, config.ImageOptions, only=(
        "size", "height", "stretch_max_to", "intensity_scale", "equalize_histogram",
        "breast_only", "remove_pectoral", "crop_breast", "augmentation_recipe"))
    parser.set_defaults(stretch_max_to=255.0)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Plots each image beside its augmented samples."""
    arguments = parser().parse_args(argv)
    for name in ("samples", "images"):
        if getattr(arguments, name) < 1:
            raise files.InputError(f"--{name} must be at least 1.")
    if pathlib.Path(arguments.out).suffix.lower() not in PICTURE_SUFFIXES:
        raise files.InputError(
            f"--out {arguments.out} is not a picture; expected a name that ends in "
            f"{', '.join(PICTURE_SUFFIXES)}.")
    listed = data.image_lists.find_images(arguments.show)
    places = np.linspace(0, len(listed) - 1, min(arguments.images, len(listed)))
    paths = [listed.paths[int(place)] for place in places]
    options = images.input_checks.with_scale(
        config.fill(config.ImageOptions, arguments), paths)
    commands.say(
        f"Augmenting {len(paths)} of {len(listed)} images, {arguments.samples} "
        f"samples each, seeds from {arguments.seed}.")
    with locks.output_file(arguments.out):
        augment.samples.save_samples(
            paths, arguments.out, options, samples=arguments.samples,
            seed=arguments.seed)
    commands.say(f"Written: {arguments.out}")


if __name__ == "__main__":
    commands.run(main)
