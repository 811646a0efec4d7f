"""Makes a digital picture of the attenuation in a breast, as a detector would.

Photons are counted (Poisson noise, scatter, heel effect, blur and readout noise of the
detector); what a maker's software does to the logarithm of the counts gives the picture
for presentation (thickness equalised towards the skin, details enhanced, a window, air
masked or not).

No real digital mammogram was at hand to set the numbers: they are typical values of the
literature on physics, and the six makers stand for six ways of treating the air and the
rim of the breast, not for products.
"""

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.phantoms import labels

# Scatter to primary radiation behind a grid, and its reach as a share of the height.
SCATTER, SCATTER_REACH = 0.25, 0.02
HEEL = 0.08
READOUT_NOISE = 3.0


@dataclasses.dataclass(frozen=True)
class Maker:
    """How a maker's software makes a picture for presentation.

    Attributes:
        bits: of the picture.
        rim: how far the thin rim of the breast is brightened, 0-1.
        air: `masked` (exactly 0), `clipped` (below the window) or `raised` (grainy).
        sigmoid: whether the window is a sigmoid.
        blur: of the detector in pixels; drawn from 0.4 to 0.9 where None.
    """

    bits: int
    rim: float
    air: str
    sigmoid: bool = False
    blur: float | None = None


MAKERS = {
    "masked 12 bits": Maker(12, 0.6, "masked", sigmoid=True),
    "masked 12 bits, bright rim": Maker(12, 0.75, "masked", sigmoid=True),
    "clipped 12 bits": Maker(12, 0.5, "clipped", sigmoid=True),
    "clipped 10 bits, phosphor plate": Maker(10, 0.35, "clipped", blur=1.2),
    "masked 12 bits, linear": Maker(12, 0.4, "masked"),
    "grainy 14 bits": Maker(14, 0.5, "raised"),
}


def expose(
    rng: np.random.Generator, path: NDArray[np.float32], inside: NDArray[np.bool_], *,
    maker: Maker, side: str, view: str
) -> NDArray[np.uint16]:
    """A digital mammogram for presentation.

    Args:
        rng: draws dose, noise and what varies between pictures of a maker.
        path: attenuation along each ray, a pure number; array `(rows, columns)` with
            the chest wall at the left for `LEFT`.
        inside: mask of the breast.
        maker: how the picture is computed.
        side: `LEFT` or `RIGHT`.
        view: `CC` or `MLO`.

    Returns:
        uint16 array `(rows, columns)`, background dark.
    """
    logarithm, dose = exposed(rng, path, maker.blur)
    picture = presented(rng, logarithm, inside, maker, dose)
    labels.burn_in(
        rng, picture, f"{side[0]} {view}", side, int(0.97 * (1 << maker.bits)))
    return picture


def exposed(
    rng: np.random.Generator, path: NDArray, blur: float | None
) -> tuple[NDArray[np.float32], float]:
    """What the detector counts, as minus the logarithm; also the photons in air."""
    dose = rng.uniform(2500, 9000)  # photons per pixel in air
    signal = dose * np.exp(-path) * rng.uniform(0.8, 1)
    signal += SCATTER * cv2.GaussianBlur(signal, (0, 0), SCATTER_REACH * len(path))
    signal *= 1 - HEEL * np.linspace(0, 1, path.shape[1])
    counts = rng.poisson(signal).astype(np.float32)
    counts = cv2.GaussianBlur(counts, (0, 0), blur or rng.uniform(0.4, 0.9))
    counts += rng.normal(0, READOUT_NOISE, path.shape)
    return -np.log(np.clip(counts, 1, None)).astype(np.float32), dose


def presented(
    rng: np.random.Generator, logarithm: NDArray, inside: NDArray, maker: Maker,
    dose: float
) -> NDArray[np.uint16]:
    """The picture for presentation, uint16 of `maker.bits`."""
    height = len(logarithm)
    equalised = logarithm + np.float32(np.log(1.3 * dose))
    air = equalised[~inside]
    thickness = cv2.GaussianBlur(
        np.where(inside, equalised, np.median(equalised[inside])).astype(np.float32),
        (0, 0), 0.035 * height)
    usual = np.percentile(thickness[inside], 60)
    low_of_air = np.percentile(air, 99.5) if air.size else 0.0
    equalised += maker.rim * np.clip(usual - thickness, 0, None) * inside
    fine = equalised - cv2.GaussianBlur(equalised, (0, 0), 0.004 * height)
    coarse = equalised - cv2.GaussianBlur(equalised, (0, 0), 0.02 * height)
    equalised += rng.uniform(0.4, 1.2) * fine + 0.4 * coarse
    low = (low_of_air if maker.air == "clipped"
           else np.percentile(equalised[inside], 0.3))
    share = np.clip(
        (equalised - low) / (np.percentile(equalised[inside], 99.9) - low), 0, 1)
    if maker.sigmoid:
        share = 1 / (1 + np.exp(-4.5 * (share - 0.5)))
        share = (share - share.min()) / np.ptp(share)
    top = (1 << maker.bits) - 1
    values = np.rint(share * rng.uniform(0.75, 1) * top)
    return _air_treated(rng, values, inside, maker, top)


def _air_treated(rng, values, inside, maker, top):
    if maker.air == "masked":
        # The software's outline is a little outside the skin, or on it.
        if rng.random() < 0.6:
            inside = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        values = np.where(inside, np.maximum(values, 1), 0)
    elif maker.air == "raised":
        values = 0.92 * values + 0.02 * top + rng.normal(0, 3, values.shape)
    return np.clip(values, 0, top).astype(np.uint16)
