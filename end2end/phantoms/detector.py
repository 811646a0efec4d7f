"""Draws digital mammograms of all makers, from the attenuation of fat, gland and skin.

They have no lesions; they are for measuring how film and digital are told apart. The
detector and the makers' software are those of `digital`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.phantoms import digital, drawing

# Linear attenuation at about 20 keV, 1/cm (fat, gland, skin); skin of 0.15 cm.
FAT, GLAND, SKIN = 0.45, 0.8, 0.8
SKIN_THICKNESS = 0.15


def render(
    woman: drawing.Woman, side: str, view: str, size: tuple[int, int], *, maker: str,
    seed: int = 1
) -> NDArray[np.uint16]:
    """Draws one digital mammogram, without the woman's lesions.

    Args:
        woman: who is imaged.
        side: `LEFT` or `RIGHT`.
        view: `CC` or `MLO`.
        size: (height, width) in pixels.
        maker: one of `digital.MAKERS`.
        seed: of the acquisition.

    Returns:
        uint16 array `size`, background dark.
    """
    rng = np.random.default_rng(
        [seed, woman.seed, drawing.SIDES.index(side), drawing.VIEWS.index(view),
         list(digital.MAKERS).index(maker)])
    path, inside = attenuation(rng, woman.density, view, size)
    if side == "RIGHT":
        path, inside = path[:, ::-1], inside[:, ::-1]
    return digital.expose(
        rng, path, inside, maker=digital.MAKERS[maker], side=side, view=view)


def attenuation(
    rng: np.random.Generator, density: float, view: str, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Attenuation along each ray (a pure number), and the mask of the breast."""
    edge, middle = drawing.outline(rng, view, size)
    rows = np.arange(size[0])[:, None] / size[0]
    columns = np.arange(size[1])[None] / size[0]
    inside = columns < edge[:, None]
    noise = drawing.power_law_noise(rng, size, rng.uniform(2.7, 3.3))
    behind_nipple = np.exp(-((rows - middle) / 0.25) ** 2
                           - ((columns - 0.28) / 0.22) ** 2)
    gland = 1 / (1 + np.exp(-1.3 * (noise + 2.4 * behind_nipple - 1.9 + density)))
    # The chest wall is no edge: room beyond it counts as breast.
    beyond = cv2.copyMakeBorder(
        inside.astype(np.uint8), 0, 0, 1, 0, cv2.BORDER_CONSTANT, value=1)
    depth = cv2.distanceTransform(beyond, cv2.DIST_L2, 5)[:, 1:] / size[0]
    compressed = rng.uniform(3.0, 6.5)  # cm
    curl = np.clip(depth / rng.uniform(0.03, 0.07), 0, 1)
    path = (FAT + (GLAND - FAT) * gland) * compressed * np.sqrt(1 - (1 - curl) ** 2)
    path += SKIN * SKIN_THICKNESS * ((depth > 0) & (depth < 0.008))
    if view == "MLO":
        width, height = rng.uniform(0.16, 0.26), rng.uniform(0.35, 0.55)
        within = 1 - columns / width - rows / height
        path += inside * GLAND * 0.44 * compressed / (1 + np.exp(-within / 0.02))
    return path.astype(np.float32), inside
