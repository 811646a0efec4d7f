"""Which lesions are detected: by their size, their contrast and the breast's density.

The lesions are those of `roi_mask_path.csv`; the scores are those of whole images or of
patches, whose names tell the lesion. Nothing is trained or scored here.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from end2end import images, metrics
from end2end.metrics import calibration
from end2end.reports import figures, score_tables
from end2end.tables import scores, vocabulary
from end2end.utils import files

COLUMNS = ("patient_id", "side", "view", "abn_num", "pathology", "full_path",
           "mask_path", "density")
# The ring in which the surroundings of a lesion are measured, in its own diameters.
RING = 0.35
BINS = 4
WHITE_PERCENTILE = 99.5


@dataclasses.dataclass(frozen=True)
class Lesion:
    """What a malignant lesion looks like.

    Attributes:
        image: patient, side and view, as `vocabulary.from_name` gives them.
        name: of its patches, such as `P_00016_RIGHT_CC_1`.
        size: diameter of a disc of its area, percent of the height of the image.
        contrast: mean grey inside less that of a ring around, percent of white.
        density: of the breast, 1 to 4; nan where unknown.
    """

    image: tuple[str, ...]
    name: str
    size: float
    contrast: float
    density: float


# What is on the horizontal axes: attribute, and its title.
PANELS = (("size", "diameter, % of the height"),
          ("contrast", "contrast to the surroundings, % of white"),
          ("density", "density of the breast"))


def figure(
        tables: Mapping[str, scores.Scores], lesions: Sequence[Lesion], *,
        specificity: float) -> tuple[Figure, list[str]]:
    """Share of malignant lesions detected, one curve per score table, three panels.

    Args:
        tables: score tables of whole images or of patches, by name.
        lesions: from `read_lesions`.
        specificity: of whole images, at which a lesion counts as detected.

    Returns:
        the figure, and lines that say what is on it.

    Raises:
        files.InputError: no malignant lesion has a score, or a share out of range.
    """
    if not 0 < specificity < 1:
        raise files.InputError(
            f"--specificity {specificity:g} is not a share; expected a number above 0, "
            "below 1.")
    panels = [dict(title=letter, label=title, curves=[])
              for letter, (_, title) in zip("abc", PANELS, strict=True)]
    lines = []
    for name, table in tables.items():
        shares, meaning = detected(table, lesions, specificity)
        scored = [lesion for lesion in lesions if lesion.name in shares]
        if not scored:
            raise files.InputError(
                f"{name} has no score of a malignant lesion of the ROI table; give "
                "scores of the same images.")
        lines.append(f"{name}: {len(scored)} of {len(lesions)} malignant lesions have "
                     f"a score; {meaning}")
        for panel, (attribute, title) in zip(panels, PANELS, strict=True):
            rows = curve(scored, shares, attribute)
            panel["curves"].append(dict(name=name, rows=rows))
            lines += [f"{name}, {title} {row['middle']:.3g}: {row['share']:.2f} "
                      f"[{row['interval'][0]:.2f}, {row['interval'][1]:.2f}] of "
                      f"{row['count']}{score_tables.few(dict(positive=row['count']))}"
                      for row in rows]
    return figures.detection(panels), lines


def read_lesions(path: files.Path) -> list[Lesion]:
    """The malignant lesions of `roi_mask_path.csv` that have a mask.

    Raises:
        files.InputError: the table is missing or lacks a column.
    """
    path = files.existing_text(path, "ROI table")
    rows = files.read_csv(path)
    missing = [name for name in COLUMNS if name not in next(iter(rows), COLUMNS)]
    if not rows or missing:
        raise files.InputError(
            f"ROI table {path} has no {'column ' + missing[0] if missing else 'rows'}; "
            "expected roi_mask_path.csv of ddsm_train.prepare.")
    return [_lesion(path.parent, row) for row in rows
            if row["mask_path"] and row["pathology"].upper().startswith("MALIGNANT")]


def _lesion(folder, row):
    image = images.read_image(folder / row["full_path"])
    mask = images.read_image(folder / row["mask_path"])
    mask = cv2.resize(mask, image.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    stem = pathlib.Path(row["full_path"]).stem
    density = row["density"].strip()
    return Lesion(
        image=tuple(vocabulary.from_name(stem).values()),
        name=f"{stem}_{row['abn_num']}",
        size=100 * 2 * float(np.sqrt(mask.sum() / np.pi)) / image.shape[0],
        contrast=contrast(image, mask),
        density=float(density) if density in tuple("1234") else float("nan"))


def contrast(image: NDArray, mask: NDArray[np.bool_]) -> float:
    """Mean grey inside an outline less that of a ring around, in percent of white.

    Args:
        image: array `(rows, columns)`.
        mask: bool array of the same shape; nan for an empty one.
    """
    if not mask.any():
        return float("nan")
    reach = max(2, round(RING * 2 * float(np.sqrt(mask.sum() / np.pi))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    ring = (cv2.dilate(mask.astype(np.uint8), disc) > 0) & ~mask
    ring &= image > image.min()         # the air is no surrounding tissue
    if not ring.any():
        return float("nan")
    white = float(np.percentile(image, WHITE_PERCENTILE)) - float(image.min())
    return 100 * (float(image[mask].mean()) - float(image[ring].mean())) / max(white, 1)


def detected(
        table: scores.Scores, lesions: Sequence[Lesion],
        specificity: float) -> tuple[dict[str, float], str]:
    """How far each lesion is detected, 0 to 1, by its name, and what that means.

    Of whole images: whether the score of its image reaches the threshold of that
    specificity. Of patches: the share of its patches that are taken for malignant.
    """
    if table.values.ndim == 2:
        return _of_patches(table), "share of its patches taken for malignant"
    threshold = metrics.threshold_at_specificity(
        table.labels, table.values, specificity)
    reached = {tuple(vocabulary.from_name(path).values()): float(value >= threshold)
               for path, value in zip(table.paths, table.values, strict=True)}
    return ({lesion.name: reached[lesion.image] for lesion in lesions
             if lesion.image in reached},
            f"score of its image from {threshold:.3f} on, a specificity of "
            f"{specificity:.2f}")


def _of_patches(table):
    malignant = np.char.endswith(np.array(table.classes), "_mal")
    hits: dict[str, list[bool]] = {}
    # The background patches of an image carry the name of its first lesion too.
    of_lesions = malignant[np.asarray(table.labels, int)]
    for path, values in zip(np.array(table.paths)[of_lesions],
                            table.values[of_lesions], strict=True):
        lesion = pathlib.Path(path).stem.rpartition("_")[0]
        hits.setdefault(lesion, []).append(bool(malignant[np.argmax(values)]))
    return {name: float(np.mean(values)) for name, values in hits.items()}


def curve(
        lesions: Sequence[Lesion], shares: Mapping[str, float],
        attribute: str) -> list[dict]:
    """Share detected in bins of as many lesions each, or by class of density.

    Args:
        lesions: `Lesion`s with a share.
        shares: how far each is detected, by name.
        attribute: of `Lesion`.

    Returns:
        rows with `middle` (median of the bin), `share`, `interval` (Wilson, as if each
        lesion were one trial) and `count`, in rising order.
    """
    values = np.array([getattr(lesion, attribute) for lesion in lesions])
    hits = np.array([shares[lesion.name] for lesion in lesions])
    hits, values = hits[np.isfinite(values)], values[np.isfinite(values)]
    order = np.argsort(values, kind="stable")
    if attribute == "density":
        parts = [np.flatnonzero(values == value) for value in np.unique(values)]
    else:
        parts = [part for part in np.array_split(order, BINS) if part.size]
    return [dict(middle=float(np.median(values[part])), share=float(hits[part].mean()),
                 interval=calibration.wilson_interval(
                     float(hits[part].sum()), int(part.size)),
                 count=int(part.size)) for part in parts]
