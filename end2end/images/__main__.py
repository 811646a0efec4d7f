"""Checks images before training: what is odd, the rescale factor and mean to use.

    end2end images DIR|CSV [DIR ...]

Prints what is odd about the images, how many there are of each class, and the
`--rescale-factor` and `--featurewise-mean` to use.
"""

from collections.abc import Sequence

import tqdm

from end2end import config, data, images
from end2end.utils import commands


def parser() -> commands.Parser:
    parser = commands.Parser(program="end2end.images", description=__doc__)
    parser.add_argument(
        "sets", nargs="+", metavar="DIR|CSV",
        help="the training set, then others; a folder of train, val and test is three")
    parser.add_argument(
        "--class-list", nargs="+", default=("neg", "pos"),
        help="class folders, in the order of the outputs (default: neg pos)")
    parser.add_argument("--workers", type=int,
                      default=commands.environment_int("NUM_CPU_CORES", 4),
                      help="threads that read (NUM_CPU_CORES)")
    config.add_options(parser, config.ImageOptions, only=(
        "size", "height", "stretch_max_to", "intensity_scale", "equalize_histogram",
        "breast_only", "remove_pectoral", "crop_breast"))
    parser.set_defaults(intensity_scale="auto")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the check of the images, the scale and mean to use, and what became of all
    images and files."""
    arguments = parser().parse_args(argv)
    sets = data.image_lists.find_splits(arguments.sets, tuple(arguments.class_list))
    total = sum(map(len, sets.values()))
    commands.say(f"Reading {total} images in {', '.join(sets)}.")
    with tqdm.tqdm(total=total, disable=None, unit="image") as bar:
        check = images.input_checks.check_images(
            sets, config.fill(config.ImageOptions, arguments),
            workers=max(1, arguments.workers), progress=lambda looked: _counted(
                looked, bar))
    for name, listed in sets.items():
        commands.say(images.input_checks.summary(name, listed, check.statistics[name]))
        if listed.labels is None:
            commands.say(
                f"- classes: {name} has none of the folders "
                f"{', '.join(arguments.class_list)}, so its classes are not known; "
                "--class-list names other folders.")
    for finding in check.findings:
        commands.say(f"- {finding.kind}: {finding.message}")
    if not check.findings:
        commands.say("Nothing odd was found.")
    factor = ([] if check.intensity_scale is None
              else ["--rescale-factor", f"{check.intensity_scale:g}"])
    commands.say(" ".join(
        ["To use:", *factor, f"--featurewise-mean {check.pixel_mean:.2f}"]))
    readable = {str(image.path) for looked in check.statistics.values()
                for image in looked if not image.error}
    commands.say("\n".join(images.accounting.lines_of_sets(sets, readable)))


def _counted(looked, bar):
    for image in looked:
        bar.update()
        yield image


if __name__ == "__main__":
    commands.run(main)
