"""The work of `ddsm_train.heatmap_score`: breasts in, one file of heatmaps out."""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import shutil
from collections.abc import Callable, Sequence

import numpy as np
import tqdm
from numpy.typing import NDArray

from end2end import checkpoints, config, heatmaps, images, models, prediction
from end2end.data.patches import geometry
from end2end.explanation import overlays
from end2end.heatmaps import heatmap_files
from end2end.utils import files

# Image settings that travel with a patch classifier; its image size does not.
INTENSITY_FIELDS = ("stretch_max_to", "intensity_scale", "equalize_histogram", "center",
                    "pixel_mean")
# Height of the overlays in pixels; a window slides over much larger pictures.
OVERLAY_HEIGHT = 1152


@dataclasses.dataclass(frozen=True)
class Job:
    """What is scored, and with what."""

    folder: pathlib.Path
    breasts: list            # (patient_id, side, cancer), sorted
    classifier: object       # checkpoints.Classifier


@dataclasses.dataclass(frozen=True)
class Scored:
    """A heatmap and how it lies on its picture."""

    heatmap: np.ndarray      # float32 (rows, columns, classes)
    picture: np.ndarray      # (rows, columns)
    first: tuple             # row, column in the middle of the first cell, pixels
    step: tuple              # pixels from cell to cell
    pixel: tuple = (1, 1)    # height and width of a pixel in those of the mammogram


def plan(arguments: argparse.Namespace) -> Job:
    """Checks everything and loads the model.

    Raises:
        files.InputError: something is missing or wrong.
    """
    folder = files.existing_folder(arguments.img_folder, "image folder")
    for name, least in (("patch_size", 2), ("stride", 1)):
        if getattr(arguments, name) < least:
            raise files.InputError(
                f"--{name.replace('_', '-')} {getattr(arguments, name)}: expected at "
                f"least {least}.")
    if not arguments.fprop_mode and arguments.height is None:
        raise files.InputError(
            "the sliding window needs the height of the picture; give --img-height, or "
            "--fprop-mode for one pass of the network.")
    breasts = heatmap_files.read_breasts(arguments.pat_csv, arguments.pat_list)
    if not any(view_path(folder, breast, view).is_file()
               for breast in breasts for view in heatmap_files.VIEWS):
        raise files.InputError(
            f"image folder {folder} has no picture of {len(breasts)} breasts, such as "
            f"{view_path(folder, breasts[0], 'cc').name}; check folder and table.")
    files.existing_file(arguments.model_path, "model")
    files.writable_folder(out_path(arguments).parent)
    # TensorFlow takes seconds to import; mistakes are told before.
    classifier = checkpoints.load_classifier(
        arguments.model_path, config.fill(config.ImageOptions, arguments))
    if len(classifier.model.output_shape) != 2:
        raise files.InputError(
            f"model {arguments.model_path} gives no class scores of a patch; expected "
            "a patch classifier.")
    return Job(folder, breasts, classifier)


def settings_of(classifier: checkpoints.Classifier) -> dict:
    """The defaults of the flags that follow from how the model was trained."""
    trained = classifier.card.get("images") or {}
    defaults = {name: trained[name] for name in INTENSITY_FIELDS
                if name in trained}
    backbone = (classifier.card.get("model") or {}).get("backbone")
    if backbone:
        defaults["backbone"] = backbone
    if trained.get("size"):
        size = tuple(trained["size"])
        import keras

        channels = models.input_channels(classifier.model)
        trunk = keras.Model(
            classifier.model.inputs, models.patch_features(classifier.model))
        defaults["patch_size"] = size[0]
        defaults["heatmap_pool"] = trunk.compute_output_shape(
            (1, *size, channels))[1:3]
    return defaults


def out_path(arguments: argparse.Namespace) -> pathlib.Path:
    """The file to write; the original's suffix `.pkl` becomes `.npz`."""
    return pathlib.Path(arguments.out).with_suffix(".npz")


def view_path(folder: pathlib.Path, breast: Sequence, view: str) -> pathlib.Path:
    """File of one view of a breast."""
    return folder / f"{breast[0]}_{breast[1]}_{view.upper()}.png"


def score(job: Job, arguments: argparse.Namespace) -> tuple[pathlib.Path, list[str]]:
    """Makes all heatmaps, one file each, then joins them.

    A picture that cannot be used is named and left out, as a missing view.

    Returns:
        path of the `.npz`, and the messages of what was left out.

    Raises:
        files.InputError: no picture could be used.
    """
    out, settings = out_path(arguments), settings_for(arguments)
    parts = out.with_suffix(".parts")
    work = scorer(job.classifier.model, arguments)
    cases, problems, pictures = [], [], 0
    for breast in tqdm.tqdm(job.breasts, unit="breast", disable=None):
        views = {}
        for view in heatmap_files.VIEWS:
            path = view_path(job.folder, breast, view)
            if path.is_file():
                try:
                    views[view] = part(path, parts, settings, work,
                                       classes=job.classifier.classes,
                                       overlays=arguments.overlays)
                except ValueError as error:
                    problems.append(f"{path.name}: {error}")
        pictures += len(views)
        cases.append(heatmap_files.Case(
            *breast, *(views.get(view) for view in heatmap_files.VIEWS)))
    if not pictures:
        raise files.InputError(f"no picture could be used; the first: {problems[0]}")
    heatmap_files.write_cases(
        out, cases, classes=job.classifier.classes, settings=settings)
    shutil.rmtree(parts)
    return out, problems


def settings_for(arguments: argparse.Namespace) -> dict:
    """All that a heatmap depends on, besides its picture."""
    names = ("size", "height", *INTENSITY_FIELDS, "backbone", "heatmap_pool",
             "heatmap_strides", "patch_size", "stride")
    return {"mode": "convolutional" if arguments.fprop_mode else "sliding",
            "model": files.sha256(arguments.model_path),
            **{name: getattr(arguments, name) for name in names}}


def part(
        path: pathlib.Path, parts: pathlib.Path, settings: dict,
        work: Callable[[pathlib.Path], Scored], *, classes: Sequence[str],
        overlays: str | None) -> NDArray[np.float32]:
    """Heatmap of one picture, from an earlier call where nothing has changed.

    Returns:
        float32 memory map `(rows, columns, classes)`.
    """
    digest = hashlib.sha256(json.dumps(settings).encode())
    files.add_content(digest, path)
    stored = parts / f"{path.stem}.{digest.hexdigest()[:16]}.npy"
    if not stored.exists():
        scored = work(path)
        check(scored, path)
        if overlays:
            draw(scored, classes, pathlib.Path(overlays), path.stem)
        with files.replacing(stored) as unfinished:
            np.save(unfinished, scored.heatmap)
    return np.load(stored, mmap_mode="r")


def check(scored: Scored, path: pathlib.Path) -> None:
    """Refuses what would be a score of nothing.

    Raises:
        files.InputError: the picture has one value everywhere, or the heatmap holds
            what is not finite.
    """
    if scored.picture.min() == scored.picture.max():
        raise files.InputError(f"{path.name} has one value everywhere; leave it out.")
    prediction.check_scores([scored.heatmap], [path.name])


def scorer(
        model: object,
        arguments: argparse.Namespace) -> Callable[[pathlib.Path], Scored]:
    """The function from a file to `Scored` that the arguments ask for."""
    options = dataclasses.replace(
        config.fill(config.ImageOptions, arguments),
        channels=models.input_channels(model))
    backbone = models.backbones.BACKBONES.get(arguments.backbone)
    prepare = heatmaps.window_preparation(
        options, preprocess=backbone.preprocess if backbone else None)
    if arguments.fprop_mode:
        return _convolutional(model, options, prepare, arguments)
    return _sliding(model, options, prepare, arguments)


def _sliding(model, options, prepare, arguments):
    patch_size, stride = arguments.patch_size, arguments.stride

    def work(path):
        picture = images.resized(images.read_image(path), options)
        picture, _ = images.segment_breast(picture)
        heatmap = heatmaps.sliding_heatmap(
            model, picture, patch_size=patch_size, stride=stride, prepare=prepare,
            batch_size=arguments.batch_size)
        margin = patch_size // 2
        first = tuple(
            geometry.sliding_grid(length + 2 * margin, patch_size=patch_size,
                                 stride=stride)[0] + patch_size / 2 - margin
            for length in picture.shape)
        return Scored(heatmap, picture, first, (stride, stride))
    return work


def _convolutional(model, options, prepare, arguments):
    pool, strides = arguments.heatmap_pool, arguments.heatmap_strides
    whole = models.heatmap_model(model, pool=tuple(pool), strides=tuple(strides))

    def work(path):
        pixels = images.read_image(path)
        picture = images.resized(pixels, options)
        pixel = tuple(length / count for length, count in zip(
            pixels.shape, picture.shape, strict=True))
        heatmap = heatmaps.convolutional_heatmap(whole, prepare(picture[None])[0])
        # Of the map of the trunk, of which strides may leave out the last cells.
        cells = whole.get_layer("trunk").compute_output_shape(
            (1, *picture.shape, options.channels))[1:3]
        sides = [length / count
                 for length, count in zip(picture.shape, cells, strict=True)]
        first = tuple(size / 2 * side for size, side in zip(pool, sides, strict=True))
        step = tuple(
            stride * side for stride, side in zip(strides, sides, strict=True))
        return Scored(heatmap, picture, first, step, pixel)
    return work


def draw(
        scored: Scored, classes: Sequence[str], folder: pathlib.Path,
        name: str) -> None:
    """Writes a picture of each foreground class, at the aspect of the mammogram."""
    sides = scored.picture.shape
    shape = images.geometry.fitted(tuple(
        round(side * pixel) for side, pixel in zip(sides, scored.pixel, strict=True)),
        OVERLAY_HEIGHT)
    scales = [shown / side for shown, side in zip(shape, sides, strict=True)]
    grey = overlays.grey8(images.geometry.picture(scored.picture, shape))
    for index, kind in enumerate(classes[1:], 1):
        probabilities = heatmaps.spread(
            scored.heatmap[..., index], shape, **{
                name: [length * scale for length, scale in zip(
                    getattr(scored, name), scales, strict=True)]
                for name in ("first", "step")})
        drawn = overlays.blended(
            overlays.in_colour(grey),
            overlays.coloured(probabilities, overlays.OPACITIES["areas"]))
        with files.replacing(folder / f"{name}_{kind}.png") as unfinished:
            unfinished.write_bytes(overlays.png(drawn))
