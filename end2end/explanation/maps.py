"""Maps of what moved a score, for many images: saved, drawn, and held against ROIs."""

import collections
import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import tqdm
from numpy.typing import NDArray

from end2end import checkpoints, images, metrics, prediction, saliency
from end2end.data import rois
from end2end.explanation import drawing, methods, overlays, patch_maps, scales
from end2end.utils import files

# Distance from the outline that still counts as pointing at it, as share of the height
# (Zhang et al. 2016: 15 of some 500 pixels).
TOLERANCE = 0.03
# Half the width of strips that are the edge of a film, as share of the height.
FILM_EDGE = 0.01
# Of the longer side of pictures, unless the mammogram itself is smaller.
PICTURE_SIDE = 2048


@dataclasses.dataclass(frozen=True)
class ExplainOptions:
    """What is drawn.

    Attributes:
        methods: names of some of `methods.ROWS`.
        cutoff: of guided back-propagation.
        patch: `checkpoints.Classifier` of patches, for the heatmap.
        class_index: output that is explained.
        flips: the mean over the four flips, as of the scores. The heatmap stays as it
            is.
        map_scale: one of `scales.CHOICES`.
        picture_side: most pixels of the longer side of the picture; None for the
            mammogram's own size.
        gradients: of `drawing.gradients_of`.
    """

    methods: tuple[str, ...] = (methods.PUBLISHED.name,)
    cutoff: float = saliency.CUTOFF
    patch: object = None
    class_index: int = 1
    flips: bool = False
    map_scale: str = scales.IMAGE
    picture_side: int | None = PICTURE_SIDE
    gradients: Callable = saliency.class_gradient


@dataclasses.dataclass(frozen=True, eq=False)
class Explained:
    """One image with its maps.

    Attributes:
        path: of the image.
        grey: uint8 `(rows, columns)`, at the aspect of the mammogram.
        score: of the class, with flips where its maps are means over them.
        maps: float32 `(height, width)` from 0 to 1, by method, on the grid of the
            network's input (`images.geometry`).
        label: class number, or None.
        peak: gradient of the probability where the map of guided back-propagation is 1;
            0 without one.
        cells: `patch_maps.PatchMap` behind the map `heatmap`, or None.
        source: (rows, columns) of the mammogram; () where only the picture is known.
        reaches: raw maximum by method (`drawing.Drawn`).
        legends: what the colours of each map mean, sentences by method.
        flips: whether score and maps are means over the four flips.
    """

    path: str
    grey: np.ndarray
    score: float
    maps: dict
    label: int | None = None
    peak: float = 0.0
    cells: object = None
    source: tuple = ()
    reaches: dict = dataclasses.field(default_factory=dict)
    legends: dict = dataclasses.field(default_factory=dict)
    flips: bool = False

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the maps; of the picture where there are none."""
        shapes = [strength.shape for strength in self.maps.values()]
        return shapes[0] if shapes else self.grey.shape

    def on_picture(self, method: str) -> NDArray:
        """The map of a method laid onto the picture, of the shape of `grey`."""
        return images.geometry.onto(self.maps[method], self.grey.shape)


def look(
        pixels: NDArray, side: int | None = PICTURE_SIDE) -> NDArray[np.uint8]:
    """A mammogram as a picture of its own aspect: uint8 `(rows, columns)`.

    Args:
        pixels: array `(rows, columns)` as read.
        side: most pixels of the longer side; None for the mammogram's own size.
    """
    return overlays.grey8(images.geometry.picture(
        pixels, images.geometry.fitted(pixels.shape, side)))


def explain(
        classifier: checkpoints.Classifier, path: str | pathlib.Path,
        options: ExplainOptions, *, label: int | None = None,
        picture: NDArray | None = None) -> Explained:
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
    pixels = images.read_image(path) if picture is None else picture
    inputs = images.to_input(pixels, classifier.images)
    prediction.check_inputs(inputs[None], [path])
    score = prediction.predict_inputs(
        classifier.model, inputs[None],
        flips=drawing.flips_of(options.flips))[0].mean(axis=0)
    prediction.check_scores([score], [path])
    subject = drawing.Subject(
        classifier, pixels, inputs, options.patch, options.class_index, options.flips,
        options.cutoff, options.gradients)
    drawn = {name: methods.METHODS[name].draw(subject) for name in options.methods}
    value = float(score[options.class_index])
    box = images.breast_box(pixels, classifier.images)
    return Explained(
        str(path), look(pixels, options.picture_side), value,
        {name: _on_all(name, _shown(
            classifier.card, name, layer, options.map_scale, value), box, pixels.shape)
         for name, layer in drawn.items()}, label,
        max((layer.peak for layer in drawn.values()), default=0.0),
        next((layer.cells for layer in drawn.values() if layer.cells), None),
        pixels.shape, {name: layer.reach for name, layer in drawn.items()},
        {name: legend(classifier.card, name, options.map_scale) for name in drawn},
        options.flips)


def _on_all(method, strength, box, shape):
    """A map over all of the mammogram, where the network saw a part of it."""
    if box is None or methods.METHODS[method].needs == methods.PATCH_MODEL:
        return strength
    return images.geometry.placed(strength, box, shape)


def _shown(card, method, drawn, choice, score):
    """A map on the chosen scale, 0 to 1."""
    factor = scales.factor(card, method, choice, reach=drawn.reach, score=score)
    return np.minimum(drawn.strength * np.float32(factor), 1)


def legend(card: Mapping, method: str, choice: str) -> str:
    """What the colours of a map mean, and what it does not show.

    Args:
        card: of the model.
        method: name of a row of `methods.ROWS`.
        choice: one of `scales.CHOICES`.
    """
    row = methods.METHODS[method]
    return " ".join((row.legend, scales.sentence(
        card, method, choice, probability=row.needs == methods.PATCH_MODEL),
        scales.IS_NOT))


def reaches(
        classifier: checkpoints.Classifier, paths: Sequence[str | pathlib.Path],
        options: ExplainOptions) -> dict[str, list[float]]:
    """The raw maxima of the maps of images, by method, for `scales.from_reaches`.

    Args:
        classifier: of whole images.
        paths: of a validation set; of more than `scales.MOST_IMAGES` as many are drawn,
            spread evenly.
        options: which methods.

    Raises:
        files.InputError: an image cannot be read.
    """
    count = min(len(paths), scales.MOST_IMAGES)
    chosen = [paths[i * len(paths) // count] for i in range(count)]
    drawn = [explain(classifier, path, dataclasses.replace(options, picture_side=64))
             for path in tqdm.tqdm(chosen, unit="map", disable=None)]
    return {method: [image.reaches[method] for image in drawn]
            for method in options.methods}


def on_common_scale(explained: Explained, scale: float, cutoff: float) -> Explained:
    """The published map with a gradient of `scale` as 1, weaker ones cut off.

    Images without a response become empty, as in Figure 4c of Shen et al. 2019.

    Returns:
        `Explained`.
    """
    factor = np.float32(explained.peak / scale if scale > 0 else 0)
    name = methods.PUBLISHED.name
    strength = np.minimum(explained.maps[name] * factor, 1)
    strength[strength < cutoff] = 0
    return dataclasses.replace(explained, maps={**explained.maps, name: strength})


# Saved results --------------------------------------------------------------------


def save(path: str | pathlib.Path, explained: Explained) -> None:
    """Writes one image with its maps as compressed `.npz`, atomically; maps are kept in
    255 steps."""
    maps = {f"map_{name}": np.rint(255 * strength).astype(np.uint8)
            for name, strength in explained.maps.items()}
    label = -1 if explained.label is None else explained.label
    if explained.cells is not None:
        maps |= {f"cells_{name}": np.asarray(value) for name, value
                 in vars(explained.cells).items()}
    with files.replacing(path) as part:
        np.savez_compressed(part, path=np.array(explained.path), grey=explained.grey,
                            score=explained.score, label=label,
                            peak=explained.peak, source=explained.source,
                            flips=explained.flips, **maps)


def load(path: str | pathlib.Path) -> Explained:
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
                None if label < 0 else label, float(stored["peak"]), _cells(stored),
                tuple(stored["source"].astype(int).tolist()),
                # Maps that were saved before do not tell.
                flips="flips" in stored.files and bool(stored["flips"]))
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise files.InputError(
            f"saved maps {path} cannot be read ({error}); draw them again.") from error


def _cells(stored):
    if "cells_logits" not in stored.files:
        return None
    return patch_maps.PatchMap(
        stored["cells_logits"], *(tuple(stored[f"cells_{name}"].tolist())
                                  for name in ("first", "step", "classes")))


def unique_names(paths: Sequence[str | pathlib.Path]) -> list[str]:
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


def pointing_rows(
        explained: Explained, regions: Sequence[rois.Region], *,
        tolerance: float = TOLERANCE) -> list[dict]:
    """Whether each map's maximum falls into a malignant region of the image.

    Networks that were trained on whole films may look at the markers beside the breast,
    too; so the maximum is also sought in the breast alone.

    Args:
        explained: `Explained`.
        regions: list of `rois.Region` of the image, on the grid of the maps.
        tolerance: see `saliency.points_at`.

    Returns:
        list of dicts, one per method; none where the image has no malignant region.
    """
    malignant = [region.mask for region in regions if region.malignant]
    if not malignant:
        return []
    mask = np.any(malignant, axis=0)
    breast = breast_of(images.geometry.picture(explained.grey, explained.grid))
    rows = []
    for name, strength in explained.maps.items():
        hit, share = saliency.points_at(strength, mask, tolerance=tolerance)
        within, _ = saliency.points_at(
            np.where(breast, strength, 0), mask, tolerance=tolerance)
        rows.append(dict(
            path=explained.path, method=name, score=explained.score, hit=int(hit),
            hit_in_breast=int(within), area_share=share,
            outside_breast=outside(strength, breast),
            breast_share=min(1.0, share / max(breast.mean(), 1e-9))))
    return rows


def outside(strength: NDArray, breast: NDArray[np.bool_]) -> float:
    """Share of a map's sum that lies outside the breast; 0 for an empty map.

    Labels, film edges, dust and leaks lie there.
    """
    strength = np.clip(strength, 0, None)
    return float(strength[~breast].sum() / max(float(strength.sum()), 1e-9))


def breast_of(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The largest connected bright part of a mammogram, without the edge of a film.

    Args:
        grey: uint8 `(rows, columns)`.

    Returns:
        boolean `(rows, columns)`; nowhere true where all is dark.
    """
    bright = (grey > 0.05 * 255).astype(np.uint8)
    # Thin strips along the sides are taken off, which may be joined to the breast.
    width = 2 * round(FILM_EDGE * grey.shape[0]) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_RECT, (width, width))
    frame = cv2.BORDER_CONSTANT | cv2.BORDER_ISOLATED
    bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, disc, borderType=frame,
                              borderValue=0)
    count, parts, sizes, _ = cv2.connectedComponentsWithStats(bright)
    if count == 1:
        return bright.astype(bool)
    return parts == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax()


def pointing_summary(
        rows: Sequence[Mapping], draw: Mapping[str, int]) -> dict[str, dict]:
    """Hits over all images, by method, with 95 % interval, and what chance would hit.

    Args:
        rows: of `pointing_rows`.
        draw: dict of `runs` and `seed` of the bootstrap.

    Returns:
        dict by method: `images`, `hits` (share), `interval`, `chance` (share of the
        image's area); and the same looking in the breast only: `hits_in_breast`,
        `interval_in_breast`, `chance_in_breast`. `outside_breast` is the mean share of
        a map that lies outside the breast.
    """
    summary = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        of_method = [row for row in rows if row["method"] == method]
        hits, within = (np.array([row[name] for row in of_method])
                        for name in ("hit", "hit_in_breast"))
        summary[method] = dict(
            images=len(of_method), hits=float(hits.mean()),
            interval=metrics.share_interval(hits, **draw),
            hits_in_breast=float(within.mean()),
            interval_in_breast=metrics.share_interval(within, **draw),
            outside_breast=float(np.mean([row["outside_breast"] for row in of_method])),
            chance=float(np.mean([row["area_share"] for row in of_method])),
            chance_in_breast=float(np.mean([row["breast_share"] for row in of_method])))
    return summary
