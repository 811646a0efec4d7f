"""Maps of what moved a score, for many images: saved, drawn, and held against ROIs."""

import collections
import dataclasses
import hashlib
import pathlib

import cv2
import numpy as np

from end2end import images, metrics, prediction, saliency
from end2end.explanation import overlays, patch_maps
from end2end.utils import files

TITLES = {
    "guided": "guided back-propagation", "gradcam": "Grad-CAM",
    "integrated": "integrated gradients", "heatmap": "patch heatmap, malignant",
}
# Distance from the outline that still counts as pointing at it, as share of the height
# (Zhang et al. 2016: 15 of some 500 pixels).
TOLERANCE = 0.03


@dataclasses.dataclass(frozen=True)
class ExplainOptions:
    """What is drawn.

    Attributes:
        methods: some of `TITLES`.
        cutoff: of guided back-propagation.
        patch: `checkpoints.Classifier` of patches, for the heatmap.
        class_index: output that is explained.
        flips: the mean over the four flips, as of the scores. The heatmap stays as it
            is.
    """

    methods: tuple = ("guided",)
    cutoff: float = saliency.CUTOFF
    patch: object = None
    class_index: int = 1
    flips: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Explained:
    """One image with its maps.

    Attributes:
        path: of the image.
        grey: uint8 `(rows, columns)`, at the size of the network's input.
        score: of the class, with flips where its maps are means over them.
        maps: float32 `(rows, columns)` from 0 to 1, by method.
        label: class number, or None.
        peak: gradient of the probability where the guided map is 1; 0 without one.
        cells: `patch_maps.PatchMap` behind the map `heatmap`, or None.
    """

    path: str
    grey: np.ndarray
    score: float
    maps: dict
    label: int | None = None
    peak: float = 0.0
    cells: object = None


def look(path, options):
    """A mammogram at the size of the network's input: uint8 `(rows, columns)`."""
    return overlays.grey8(images.resized(images.read_image(path), options))


def explain(classifier, path, options, *, label=None, picture=None):
    """Scores one image and draws its maps.

    Args:
        classifier: `checkpoints.Classifier` of whole images.
        path: image file.
        options: `ExplainOptions`.
        label: of the image, if known.
        picture: its pixels, if read already.

    Returns:
        `Explained`.

    Raises:
        files.InputError: the image cannot be read, or gives no finite score.
    """
    picture = images.read_image(path) if picture is None else picture
    ready = images.to_input(picture, classifier.images)
    prediction.check_inputs(ready[None], [path])
    score = prediction.predict_inputs(
        classifier.model, ready[None], flips=views(options))[0].mean(axis=0)
    prediction.check_scores([score], [path])
    maps, peak, cells = {}, 0.0, None
    for name in options.methods:
        if name == "heatmap":
            cells = patch_maps.patch_map(options.patch, picture, classifier.images)
            maps[name] = cells.malignant(ready.shape[:2])
        elif name == "guided":
            maps[name], peak = _guided(classifier.model, ready, options)
        else:
            maps[name] = _map(name, classifier, ready, options)
    grey = overlays.grey8(images.resized(picture, classifier.images))
    return Explained(
        str(path), grey, float(score[options.class_index]), maps, label, peak, cells)


def views(options):
    """The rows of `prediction.FLIPS` that maps and scores are means over."""
    return prediction.FLIPS if options.flips else prediction.FLIPS[:1]


def _over_views(draw, ready, options):
    """Mean over the flips of what a function draws of a network input."""
    return np.mean([np.flip(draw(np.flip(ready, turned(axes))), turned(axes))
                    for axes in views(options)], axis=0)


def turned(axes):
    """Axes of a batch as axes of one image."""
    return tuple(axis - 1 for axis in axes)


def _guided(model, ready, options):
    slopes = []

    def draw(image):
        gradient, slope = saliency.class_gradient(
            model, image, options.class_index, guided=True)
        slopes.append(slope)
        return np.abs(gradient).max(axis=-1)

    strength = _over_views(draw, ready, options)
    return (saliency.rescaled(strength, options.cutoff),
            float(strength.max() * np.mean(slopes)))


def _map(name, classifier, ready, options):
    keywords = dict(class_index=options.class_index)
    if name == "integrated":
        mean = classifier.images.pixel_mean if classifier.images.center else 0
        keywords["baseline"] = np.full_like(ready, -mean)
    return saliency.rescaled(_over_views(
        lambda image: saliency.METHODS[name](classifier.model, image, **keywords),
        ready, options))


def on_common_scale(explained, scale, cutoff):
    """The guided map with a gradient of `scale` as 1, weaker ones cut off.

    Images without a response become empty, as in Figure 4c of Shen et al. 2019.

    Returns:
        `Explained`.
    """
    factor = np.float32(explained.peak / scale if scale > 0 else 0)
    weaker = np.minimum(explained.maps["guided"] * factor, 1)
    weaker[weaker < cutoff] = 0
    return dataclasses.replace(explained, maps={**explained.maps, "guided": weaker})


# Saved results --------------------------------------------------------------------


def save(path, explained):
    """Writes one image with its maps as compressed `.npz`, atomically; maps are kept in
    255 steps."""
    maps = {f"map_{name}": np.rint(255 * one).astype(np.uint8)
            for name, one in explained.maps.items()}
    label = -1 if explained.label is None else explained.label
    if explained.cells is not None:
        maps |= {f"cells_{name}": np.asarray(value) for name, value
                 in vars(explained.cells).items()}
    with files.replacing(path) as part:
        np.savez_compressed(part, path=np.array(explained.path), grey=explained.grey,
                            score=explained.score, label=label,
                            peak=explained.peak, **maps)


def load(path):
    """Reads what `save` wrote.

    Raises:
        files.InputError: the file is missing or damaged.
    """
    path = files.existing_file(path, "saved maps")
    try:
        with np.load(path, allow_pickle=False) as stored:
            label = int(stored["label"])
            return Explained(
                str(stored["path"]), stored["grey"], float(stored["score"]),
                {name.removeprefix("map_"): stored[name].astype(np.float32) / 255
                 for name in stored.files if name.startswith("map_")},
                None if label < 0 else label, float(stored["peak"]), _cells(stored))
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise files.InputError(
            f"saved maps {path} cannot be read ({error}); draw them again.") from error


def _cells(stored):
    if "cells_logits" not in stored.files:
        return None
    return patch_maps.PatchMap(
        stored["cells_logits"], *(tuple(stored[f"cells_{name}"].tolist())
                                  for name in ("first", "step", "classes")))


def unique_names(paths):
    """A file name for each image: its stem, with folders where stems are equal, and
    with a hash of the path where that does not do either."""
    names = [pathlib.Path(path).stem for path in paths]
    for longer in (_with_folders, _with_hash):
        count = collections.Counter(names)
        names = [name if count[name] == 1 else longer(path)
                 for path, name in zip(paths, names, strict=True)]
    return names


def _with_folders(path):
    path = pathlib.Path(path)
    return "_".join((*path.parts[-3:-1], path.stem)).strip("/")


def _with_hash(path):
    mark = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return f"{_with_folders(path)}_{mark}"


# The pointing game ----------------------------------------------------------------


def pointing_rows(explained, regions, *, tolerance=TOLERANCE):
    """Whether each map's maximum falls into a malignant region of the image.

    Networks that were trained on whole films may look at the markers beside the breast,
    too; so the maximum is also sought in the breast alone.

    Args:
        explained: `Explained`.
        regions: list of `rois.Region` of the image.
        tolerance: see `saliency.points_at`.

    Returns:
        list of dicts, one per method; none where the image has no malignant region.
    """
    malignant = [region.mask for region in regions if region.malignant]
    if not malignant:
        return []
    mask = np.any(malignant, axis=0)
    breast = breast_of(explained.grey)
    rows = []
    for name, strength in explained.maps.items():
        hit, share = saliency.points_at(strength, mask, tolerance=tolerance)
        within, _ = saliency.points_at(
            np.where(breast, strength, 0), mask, tolerance=tolerance)
        rows.append(dict(
            path=explained.path, method=name, score=explained.score, hit=int(hit),
            hit_in_breast=int(within), area_share=share,
            breast_share=min(1.0, share / max(breast.mean(), 1e-9))))
    return rows


def breast_of(grey):
    """The largest connected bright part of a mammogram.

    Args:
        grey: uint8 `(rows, columns)`.

    Returns:
        boolean `(rows, columns)`; nowhere true where all is dark.
    """
    bright = (grey > 0.05 * 255).astype(np.uint8)
    count, parts, sizes, _ = cv2.connectedComponentsWithStats(bright)
    if count < 2:
        return bright > 0
    return parts == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax()


def pointing_summary(rows, draw):
    """Hits over all images, by method, with 95 % interval, and what chance would hit.

    Args:
        rows: of `pointing_rows`.
        draw: dict of `runs` and `seed` of the bootstrap.

    Returns:
        dict by method: `images`, `hits` (share), `interval`, `chance` (share of the
        image's area); and the same looking in the breast only: `hits_in_breast`,
        `interval_in_breast`, `chance_in_breast`.
    """
    found = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        hits, within = (np.array([row[name] for row in own])
                        for name in ("hit", "hit_in_breast"))
        found[method] = dict(
            images=len(own), hits=float(hits.mean()),
            interval=metrics.share_interval(hits, **draw),
            hits_in_breast=float(within.mean()),
            interval_in_breast=metrics.share_interval(within, **draw),
            chance=float(np.mean([row["area_share"] for row in own])),
            chance_in_breast=float(np.mean([row["breast_share"] for row in own])))
    return found
