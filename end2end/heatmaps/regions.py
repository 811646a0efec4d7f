"""Shape and intensity of the bright regions of a heatmap: input of the two-step model.

The definitions are those of scikit-image 0.14.5, which the original used; later
versions changed the orientation and the convex hull.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

GLOBAL_FEATURES = ("nb_regions", "total_area", "global_max_intensity")
REGION_FEATURES = (
    "area", "area_ratio", "area_ratio2", "eccentricity", "eig1", "eig2",
    "equivalent_diameter", "euler_number", "extent", "major_axis_length",
    "minor_axis_length", "max_intensity", "mean_intensity", "orientation", "perimeter",
    "solidity")
# The original's values of a region that is not there.
ABSENT = dict.fromkeys(REGION_FEATURES, 0.0) | {"euler_number": 2.0}

EIGHT_NEIGHBOURS = np.ones((3, 3), bool)
FOUR_NEIGHBOURS = ndimage.generate_binary_structure(2, 1)
# Length of the border by the configuration of a border pixel's neighbours (4-connected
# estimate of Benkrid and Crookes, as in scikit-image).
NEIGHBOUR_WEIGHTS = np.array([[10, 2, 10], [2, 1, 2], [10, 2, 10]])
BORDER_LENGTHS = np.zeros(50)
BORDER_LENGTHS[[5, 7, 15, 17, 25, 27]] = 1
BORDER_LENGTHS[[21, 33]] = math.sqrt(2)
BORDER_LENGTHS[[13, 23]] = (1 + math.sqrt(2)) / 2


def feature_names(largest: int = 1) -> list[str]:
    """Keys of the features of one class, in order: 3 + 16 per region."""
    return list(GLOBAL_FEATURES) + [
        f"top{rank}_{name}" for rank in range(1, largest + 1)
        for name in REGION_FEATURES]


def class_features(
        class_map: NDArray | None, cutoff: float, *,
        largest: int = 1) -> dict[str, float]:
    """Features of the regions of one class.

    Args:
        class_map: array `(rows, columns)`, probabilities of the class; None for a
            missing view.
        cutoff: a cell belongs to a region from this probability on.
        largest: how many regions are described.

    Returns:
        dict of floats with the keys `feature_names(largest)`: number and total area (in
        cells) of the regions and their greatest probability, then shape and intensity
        of each of the largest. Lengths and areas in cells, orientation in radians.
        Absent regions are 0, but their `euler_number` is 2 (documented behaviour of the
        original). All NaN for None.
    """
    names = feature_names(largest)
    if class_map is None:
        return dict.fromkeys(names, math.nan)
    labels, count = ndimage.label(class_map >= cutoff, EIGHT_NEIGHBOURS)
    areas = np.bincount(labels.ravel())[1:]
    inside = class_map[labels > 0]
    values = [float(count), float(areas.sum()),
              float(inside.max()) if inside.size else 0.0]
    boxes = ndimage.find_objects(labels)
    # Of equal areas the later region comes first, as in the original.
    order = np.argsort(areas, kind="stable")[::-1][:largest]
    for index in order:
        box = boxes[index]
        features = describe(labels[box] == index + 1, class_map[box])
        values += [features[name] for name in REGION_FEATURES]
    for _ in range(largest - len(order)):
        values += ABSENT.values()
    return dict(zip(names, values, strict=True))


def describe(region: NDArray[np.bool_], intensities: NDArray) -> dict[str, float]:
    """The 16 features of one region.

    Args:
        region: bool array `(rows, columns)`, cut to the region's bounding box.
        intensities: array of the same shape.

    Returns:
        dict of floats with the keys `REGION_FEATURES`.
    """
    area = int(region.sum())
    filled = ndimage.binary_fill_holes(region, EIGHT_NEIGHBOURS)
    holes = ndimage.label(filled & ~region, EIGHT_NEIGHBOURS)[1]
    solidity = area / int(convex_hull(region).sum())
    eig1, eig2, orientation = inertia(region)
    values = intensities[region]
    return dict(
        area=float(area), area_ratio=solidity, area_ratio2=area / int(filled.sum()),
        eccentricity=math.sqrt(1 - eig2 / eig1) if eig1 else 0.0, eig1=eig1, eig2=eig2,
        equivalent_diameter=math.sqrt(4 * area / math.pi),
        euler_number=float(1 - holes), extent=area / region.size,
        major_axis_length=4 * math.sqrt(eig1), minor_axis_length=4 * math.sqrt(eig2),
        max_intensity=float(values.max()), mean_intensity=float(values.mean()),
        orientation=orientation, perimeter=perimeter(region), solidity=solidity)


def inertia(region: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Eigenvalues of the second moments per cell, larger first, and the orientation.

    The moments are exact (whole numbers until the last division), so that a symmetric
    region has one orientation on every machine.

    Returns:
        two floats in square cells, and an angle of -pi/2 to pi/2.
    """
    rows, columns = np.nonzero(region)
    count = len(rows)
    sum_rows, sum_columns = int(rows.sum()), int(columns.sum())
    # Central moments, times the number of cells.
    m02 = count * int((rows * rows).sum()) - sum_rows ** 2
    m20 = count * int((columns * columns).sum()) - sum_columns ** 2
    m11 = count * int((rows * columns).sum()) - sum_rows * sum_columns
    middle, spread = (m20 + m02) / 2, math.hypot((m20 - m02) / 2, m11)
    scale = count * count
    if m20 == m02:
        orientation = -math.pi / 4 if m11 > 0 else math.pi / 4
    else:
        orientation = -0.5 * math.atan2(2 * m11, m20 - m02)
    # Rounding may leave the lesser eigenvalue of a line just below 0.
    return (middle + spread) / scale, max(0.0, middle - spread) / scale, orientation


def convex_hull(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells whose centre lies in the hull of the region's cell-edge midpoints.

    By the even-odd crossing test with the row as x; the lesser end of an edge belongs
    to it, the greater does not, so some centres on the hull count and others do not.

    Returns:
        bool array of the same shape.
    """
    rows, columns = np.nonzero(region)
    # In half cells, so that all is exact.
    centers = 2 * np.stack([rows, columns], axis=1).astype(np.int32)
    steps = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]], np.int32)
    hull = cv2.convexHull((centers[:, None] + steps).reshape(-1, 1, 2))[:, 0]
    x, y = np.ogrid[:2 * region.shape[0]:2, :2 * region.shape[1]:2]
    inside = np.zeros(region.shape, bool)
    edges = zip(hull.tolist(), np.roll(hull, 1, axis=0).tolist(), strict=True)
    for (x1, y1), (x2, y2) in edges:
        if y1 != y2:
            crosses = (np.minimum(y1, y2) <= y) & (y < np.maximum(y1, y2))
            inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def perimeter(region: NDArray[np.bool_]) -> float:
    """Length of the border through the centres of the border cells."""
    border = region & ~ndimage.binary_erosion(region, FOUR_NEIGHBOURS)
    kinds = ndimage.convolve(
        border.astype(np.int32), NEIGHBOUR_WEIGHTS, mode="constant")
    return float(BORDER_LENGTHS[kinds].sum())
