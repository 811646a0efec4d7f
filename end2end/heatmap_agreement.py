"""How well a patch classifier swept by convolution agrees with window after window.

    end2end heatmap-agreement patch.h5 images/test --img-size 1152 896

On an image of exactly one patch both are the same computation. On a whole image a
window sees zeros beyond its edge where the convolution sees the neighbouring pixels, so
they differ; this prints by how much.
"""

import argparse
import contextlib
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
import tqdm

from end2end import checkpoints, data, heatmaps, images
from end2end.config import patch_flags
from end2end.utils import commands, files, locks


def parser() -> commands.Parser:
    """The command line."""
    parser = commands.Parser(program="end2end.heatmap_agreement", description=__doc__)
    parser.add_argument("model", metavar="PATCH_MODEL",
                        help="patch classifier (.h5) with its settings")
    parser.add_argument("images", metavar="IMAGES",
                        help="folder, class folders, CSV manifest or one image")
    parser.add_argument("--img-size", type=int, nargs=2, default=(1152, 896),
                        metavar=("HEIGHT", "WIDTH"),
                        help="of the whole images in pixels (default: 1152 896)")
    parser.add_argument("--limit", type=int, default=8, metavar="N",
                        help="only the first N images (default: 8)")
    parser.add_argument("--out", metavar="FILE.json", help="the figures, as JSON")
    patch_flags.add_settings(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and prints the agreement."""
    arguments = parser().parse_args(argv)
    if arguments.limit < 1 or min(arguments.img_size) < 1:
        raise files.InputError(
            "--limit and --img-size must be at least 1; correct them.")
    files.existing_file(arguments.model, "patch model")

    with contextlib.ExitStack() as stack:
        if arguments.out:
            stack.enter_context(locks.output_file(arguments.out))
        results = measured(arguments)
        commands.say(*lines(results))
        if arguments.out:
            files.write_json(arguments.out, results)
            commands.say(f"figures of each image in {arguments.out}")


def measured(arguments: argparse.Namespace) -> dict:
    """The agreement over all images, and image by image under `rows`."""
    paths = data.image_lists.find_images(arguments.images).paths[:arguments.limit]
    patch = checkpoints.load_classifier(
        arguments.model, typed=patch_flags.typed(arguments),
        output_options=patch_flags.outputs(arguments))
    whole, pool = heatmaps.network(patch.model, patch.images.size)
    rows, single = [], []
    for path in tqdm.tqdm(paths, disable=None, unit=" images"):
        first, second, alone = both_ways(
            path, patch, whole, pool=pool, size=tuple(arguments.img_size))
        correlation, largest = heatmaps.agreement(first, second)
        single.append(alone)
        rows.append(dict(path=str(path), cells=list(first.shape[:2]),
                         correlation=correlation, largest_difference=largest,
                         mean_difference=float(np.abs(first - second).mean()),
                         same_class=float(np.mean(
                             first.argmax(-1) == second.argmax(-1)))))
    return dict(images=len(rows), one_patch_largest_difference=max(single), **{
        name: float(np.nanmean([row[name] for row in rows]))
        for name in ("correlation", "mean_difference", "same_class")},
        largest_difference=max(row["largest_difference"] for row in rows), rows=rows)


def both_ways(path: str | pathlib.Path, patch: "checkpoints.Classifier",
              whole: object, *, pool: tuple[int, int],
              size: tuple[int, int]) -> tuple:
    """Heatmaps of one image, by convolution and window by window.

    Args:
        path: image file.
        patch: `checkpoints.Classifier` of patches.
        whole, pool: of `heatmaps.network`.
        size: (height, width) of the image for the network.

    Returns:
        two float32 arrays `(rows, columns, classes)`, and the largest difference on the
        patch in the middle of the image, taken as an image of its own.
    """
    ready = images.to_input(images.read_image(path), dataclasses.replace(
        patch.images, size=size, height=None))
    height, width = patch.images.size
    if ready.shape[0] < height or ready.shape[1] < width:
        raise files.InputError(
            f"images of {ready.shape[0]}x{ready.shape[1]} pixels are smaller than a "
            f"patch of {height}x{width}; give a larger --img-size.")
    first = heatmaps.convolutional_heatmap(whole, ready)
    windows = heatmaps.windows_of_cells(
        ready, first.shape, pool=pool, patch_size=patch.images.size)
    second = np.concatenate([heatmaps.predict(patch.model, windows[i:i + 32])
                             for i in range(0, len(windows), 32)])
    top, left = (ready.shape[0] - height) // 2, (ready.shape[1] - width) // 2
    alone = ready[top:top + height, left:left + width]
    difference = np.abs(heatmaps.convolutional_heatmap(whole, alone)[0, 0]
                        - heatmaps.predict(patch.model, alone[None])[0]).max()
    return first, second.reshape(first.shape), float(difference)


def lines(results: dict) -> list[str]:
    """What was found, for the terminal."""
    rows, columns = results["rows"][0]["cells"]
    return [
        f"images of one patch: largest difference "
        f"{results['one_patch_largest_difference']:.1e} ({results['images']} patches)",
        f"whole images, {rows}x{columns} cells ({results['images']} images):",
        f"  correlation         {results['correlation']:.4f} (mean over the images)",
        f"  largest difference  {results['largest_difference']:.4f}",
        f"  mean difference     {results['mean_difference']:.4f}",
        f"  same class first    {results['same_class']:.1%} of the cells"]


if __name__ == "__main__":
    commands.run(main)
