"""Synthetic mammograms: women drawn at random, and the picture of each breast.

Lengths are fractions of the image height, measured from the top left corner of a left
breast (chest wall on the left edge); right breasts are mirrored. Intensities are
fractions of white until the last step. Texture: power-law noise with a power spectrum
near 1/f^3, as measured in mammograms (Burgess et al., Med Phys 28:419, 2001).
"""

import dataclasses
import functools

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from end2end.phantoms import digital, film

SIDES = ("LEFT", "RIGHT")
VIEWS = ("CC", "MLO")
KINDS = ("mass", "calcification")
# Of the women in the tables of CBIS-DDSM: share with density up to 1, 2, 3 and 4, and
# with lesions in both breasts; of the lesions: masses, and malignant ones.
DENSITY = (0, 0.128, 0.511, 0.815, 1), (0, 0.25, 0.5, 0.75, 1)
BOTH_SIDES, MASSES, MALIGNANT = 0.09, 0.475, 0.41
# Of lesions plain to see; 1 adds 0.3 (masses) or 0.45 (calcifications) of white.
CONTRAST = (0.85, 1.15)
# Of the tissue, fractions of white: fat, and what gland adds to it. Width of the rim
# where the compressed breast curls, and depth of the fat under the skin, fractions of
# the height. Exponent of the power spectrum of the texture.
FAT, GLAND = (0.4, 0.5), 0.28
CURL, UNDER_SKIN, EXPONENT = (0.06, 0.1), (0.03, 0.06), (2.6, 3.0)

@dataclasses.dataclass(frozen=True)
class Lesion:
    """One finding of a breast, the same in both views.

    Attributes:
        kind: `mass` or `calcification`.
        malignant: the truth.
        appearance: 0 looks benign (smooth, or few and round), 1 looks malignant
            (spiculated, or many and pleomorphic).
        radius: of the mass or the cluster, a fraction of the image height.
        contrast: 1 is plain to see.
        depth: 0 at the chest wall, 1 at the skin.
        offsets: per view, -1 to 1 across the breast.
        seed: of its details.
        shown: views in which it is to be seen; in the others it has an outline, as one
            that readers mark by what they know of it, but leaves no trace.
    """

    kind: str
    malignant: bool
    appearance: float
    radius: float
    contrast: float
    depth: float
    offsets: dict
    seed: int
    shown: tuple = VIEWS


@dataclasses.dataclass(frozen=True)
class Woman:
    """Who is imaged: `lesions` holds a tuple of `Lesion` per imaged side."""

    number: int
    density: float
    lesions: dict
    seed: int

    @property
    def patient_id(self) -> str:
        return f"P_{self.number:05d}"

    @property
    def malignant(self) -> bool:
        return any(lesion.malignant for lesions in self.lesions.values()
                   for lesion in lesions)


def draw_woman(
    number: int, *, seed: int, difficulty: float, normal: bool = False,
    one_view: float = 0.0
) -> Woman:
    """Draws a woman; the same number, seed and difficulty give the same woman.

    Args:
        number: which woman, from 1.
        seed: of the whole set.
        difficulty: 0 (plain to see) to 1 (subtle: fainter, smaller, and benign and
            malignant alike).
        normal: whether breasts without lesions are imaged too (screening, as in
            INbreast); otherwise each imaged breast has a lesion, as in CBIS-DDSM.
        one_view: share of the lesions that are to be seen in one of the views only.
    """
    rng = np.random.default_rng([seed, number])
    malignant = rng.random() < MALIGNANT
    first = SIDES[rng.integers(2)]
    count = 1 + (rng.random() < 0.25)
    lesions = {first: _draw_lesions(rng, count, malignant, difficulty)}
    other = SIDES[1 - SIDES.index(first)]
    if rng.random() < BOTH_SIDES:
        lesions[other] = _draw_lesions(rng, 1, rng.random() < 0.2, difficulty)
    if normal:
        healthy = rng.random() < 0.5
        lesions = {side: () if healthy else lesions.get(side, ()) for side in SIDES}
    if one_view:
        # A stream of their own: the women stay as they are without.
        rng_of_views = np.random.default_rng([seed, number, 1])
        lesions = {side: tuple(_seen(rng_of_views, lesion, one_view)
                               for lesion in lesions[side]) for side in lesions}
    return Woman(
        number=number, density=float(np.interp(rng.random(), *DENSITY)),
        lesions=dict(sorted(lesions.items())), seed=int(rng.integers(2**31)))


def _seen(rng, lesion, one_view):
    """A lesion that is to be seen in one view only, in that share of the cases."""
    hidden, view = rng.random() < one_view, VIEWS[rng.integers(2)]
    return dataclasses.replace(lesion, shown=(view,)) if hidden else lesion


def _draw_lesions(rng, count, malignant, difficulty):
    """The first lesion has the wanted truth, the others are mostly of the same."""
    lesions = []
    while len(lesions) < count:
        truth = bool(malignant if not lesions or rng.random() < 0.8 else not malignant)
        lesion = _draw_lesion(rng, truth, difficulty)
        if all(_apart(lesion, placed) for placed in lesions):
            lesions.append(lesion)
    return tuple(lesions)


def _draw_lesion(rng, malignant, difficulty):
    separation, spread = 0.9 - 0.7 * difficulty, 0.06 + 0.14 * difficulty
    centre = 0.5 + separation / 2 * (1 if malignant else -1)
    return Lesion(
        kind=KINDS[int(rng.random() >= MASSES)], malignant=malignant,
        appearance=float(np.clip(rng.normal(centre, spread), 0, 1)),
        radius=rng.uniform(0.05, 0.07) * (1 - 0.5 * difficulty),
        contrast=rng.uniform(*CONTRAST) * (1 - 0.6 * difficulty),
        depth=rng.uniform(0.3, 0.68),
        offsets={view: rng.uniform(-0.5, 0.5) for view in VIEWS},
        seed=int(rng.integers(2**31)))


def _apart(lesion, other):
    return all(
        np.hypot(0.5 * (lesion.depth - other.depth),
                 0.4 * (lesion.offsets[view] - other.offsets[view])) > 0.14
        for view in VIEWS)


def render(
    woman: Woman, side: str, view: str, size: tuple[int, int], *, style: str = "film"
) -> tuple[NDArray[np.uint16], list[NDArray[np.bool_]]]:
    """Draws one mammogram.

    Args:
        woman: a `Woman`.
        side: `LEFT` or `RIGHT`, one of `woman.lesions`.
        view: `CC` or `MLO`.
        size: (height, width) in pixels.
        style: one of `STYLES`.

    Returns:
        uint16 array `size`, and a list with one boolean array `size` per lesion, true
        inside its outline.
    """
    rng = np.random.default_rng(
        [woman.seed, SIDES.index(side), VIEWS.index(view)])
    edge, middle = outline(rng, view, size)
    columns = np.arange(size[1]) / size[0]
    inside = columns < edge[:, None]
    picture = _tissue(rng, woman.density, inside, middle)
    if view == "MLO":
        _add_pectoral(rng, picture, inside)
    masks = []
    for lesion in woman.lesions[side]:
        centre = _lesion_centre(lesion, view, edge, middle)
        masks.append(_add_lesion(picture, lesion, view, centre))
    if side == "RIGHT":
        picture, inside = picture[:, ::-1], inside[:, ::-1]
        masks = [mask[:, ::-1] for mask in masks]
    picture = STYLES[style](rng, picture, inside, side=side, view=view)
    return picture, masks


def outline(
    rng: np.random.Generator, view: str, size: tuple[int, int]
) -> tuple[NDArray[np.floating], float]:
    """Skin line: its distance from the chest wall per row, and the nipple's row."""
    rows = np.arange(size[0]) / size[0]
    reach = min(rng.uniform(0.37, 0.52), 0.88 * size[1] / size[0])
    if view == "CC":
        middle, above = rng.uniform(0.42, 0.56), rng.uniform(0.33, 0.42)
        below = above * rng.uniform(0.9, 1.1)
    else:
        middle, below = rng.uniform(0.52, 0.62), 0.36
        above = middle * rng.uniform(1.02, 1.2)
    across = np.where(rows < middle, (middle - rows) / above, (rows - middle) / below)
    edge = reach * np.clip(1 - across ** rng.uniform(1.7, 2.4), 0, None) ** 0.5
    edge += 0.02 * np.exp(-((rows - middle) / 0.015) ** 2)          # the nipple
    edge[across >= 1] = 0
    return edge, middle


def power_law_noise(
    rng: np.random.Generator, size: tuple[int, int], exponent: float = 3.0
) -> NDArray[np.float32]:
    """Noise of mean 0 and deviation 1 whose power falls as 1/f^exponent.

    Returns:
        float32 array `size`.
    """
    white = rng.standard_normal(size, np.float32)
    noise = fft.irfft2(fft.rfft2(white) * _amplitude(tuple(size), exponent), size)
    return noise / noise.std()


@functools.lru_cache(maxsize=4)
def _amplitude(size, exponent):
    vertical = np.fft.fftfreq(size[0])[:, None]
    frequency = np.hypot(vertical, np.fft.rfftfreq(size[1])[None])
    frequency[0, 0] = np.inf
    return (frequency ** (-exponent / 2)).astype(np.float32)


def _tissue(rng, density, inside, middle):
    """Fat and gland, thinner towards the skin; float32, fractions of white."""
    height = inside.shape[0]
    rows, columns = np.ogrid[:inside.shape[0], :inside.shape[1]]
    rows, columns = rows.astype(np.float32), columns.astype(np.float32)
    from_skin = cv2.distanceTransform(
        inside.astype(np.uint8), cv2.DIST_L2, 5) / height
    curl = np.clip(from_skin / rng.uniform(*CURL), 0, 1)
    thickness = np.sqrt(1 - (1 - curl) ** 2)
    behind_nipple = np.exp(-((rows / height - middle) / 0.22) ** 2
                           - ((columns / height - 0.25) / 0.2) ** 2)
    noise = power_law_noise(rng, inside.shape, rng.uniform(*EXPONENT))
    gland = 1 / (1 + np.exp(-1.6 * (noise + 2.2 * behind_nipple - 2.2 + density)))
    gland *= 1 - np.exp(-(from_skin / rng.uniform(*UNDER_SKIN)) ** 2)
    fat = rng.uniform(*FAT)
    return thickness * (fat + GLAND * gland + 0.03 * noise)


def _add_pectoral(rng, picture, inside):
    """Lays the muscle over the upper corner at the chest wall, in place."""
    height = picture.shape[0]
    rows, columns = np.ogrid[:picture.shape[0], :picture.shape[1]]
    width, depth = rng.uniform(0.16, 0.26), rng.uniform(0.35, 0.55)
    within = 1 - columns / height / width - rows / height / depth
    muscle = inside / (1 + np.exp(-within / 0.02))
    texture = 0.25 * (picture - picture.mean())
    picture += muscle * np.clip(0.58 + texture - picture, 0, None)


def _lesion_centre(lesion, view, edge, middle):
    """Row and column in pixels."""
    height = len(edge)
    row = int(height * (middle + 0.36 * lesion.offsets[view]))
    row = int(np.clip(row, 0.12 * height, 0.88 * height))
    # Pectoral muscle: lesions in its corner are pushed forward.
    least = 0.3 if view == "MLO" and row < 0.4 * height else 0.15
    depth = least + (0.85 - least) * lesion.depth
    return row, int(height * edge[row] * depth)


def _add_lesion(picture, lesion, view, centre):
    """Adds the lesion in place; returns its outline as a boolean array."""
    height = picture.shape[0]
    reach = int(np.ceil(2.4 * lesion.radius * height))
    y, x = np.ogrid[-reach:reach + 1, -reach:reach + 1]
    y, x = (np.float32(length / (lesion.radius * height)) for length in (y, x))
    density, outline = DRAWINGS[lesion.kind](
        np.random.default_rng(lesion.seed), lesion, y, x)
    if view == "MLO":                          # the same lesion, seen from elsewhere
        density, outline = density.T, outline.T
    mask = np.zeros(picture.shape, bool)
    (rows, columns), (own_rows, own_columns) = _window(picture.shape, centre, reach)
    if view in lesion.shown:
        picture[rows, columns] += lesion.contrast * density[own_rows, own_columns]
    mask[rows, columns] = outline[own_rows, own_columns]
    return mask


def _window(shape, centre, reach):
    """Slices of the picture, and of the drawing, that lie in the picture."""
    of_picture, of_drawing = [], []
    for length, middle in zip(shape, centre, strict=True):
        start, stop = max(0, middle - reach), min(length, middle + reach + 1)
        of_picture.append(slice(start, stop))
        of_drawing.append(slice(start - middle + reach, stop - middle + reach))
    return tuple(of_picture), tuple(of_drawing)


def _draw_mass(rng, lesion, y, x):
    """A body with a smooth or irregular edge, and rays if it looks malignant.

    `y`, `x`: position in radii. Returns the added fraction of white and the outline.
    """
    distance, angle = np.hypot(y, x), np.arctan2(y, x)
    bad = lesion.appearance
    edge = 1 + 0.12 * (1 - bad) * np.cos(2 * angle + rng.uniform(0, 6.28)) - 0.25 * bad
    for lobes in range(3, 8):
        edge = edge + 0.07 * bad * np.cos(lobes * angle + rng.uniform(0, 6.28))
    softness = 0.04 + 0.1 * bad
    body = 1 / (1 + np.exp(np.clip((distance - edge) / softness, -30, 30)))
    rays = np.zeros_like(body)
    count = rng.integers(10, 16)
    for k in range(count):
        turned = angle - 2 * np.pi * (k + rng.uniform(-0.3, 0.3)) / count
        length = rng.uniform(1.4, 2.2)
        taper = np.clip(1 - distance / length, 0, 1)
        aside = distance * np.sin(turned) / (0.03 + 0.09 * taper)
        rays = np.maximum(rays, (np.cos(turned) > 0) * np.exp(-aside**2) * taper**0.5)
    return 0.3 * np.maximum(body, bad * rays), distance < edge + 0.1 + 0.25 * bad


def _draw_calcifications(rng, lesion, y, x):
    """Grains: few, round and large, or many, clustered and of all shapes."""
    bad = lesion.appearance
    count = round(rng.uniform(4, 7) + bad * rng.uniform(14, 22))
    density = np.zeros((y.size, x.size), np.float32)
    for _ in range(count):
        place = rng.normal(0, 0.42, 2).clip(-0.9, 0.9)
        radius = (0.17 - 0.1 * bad) * np.exp(rng.normal(0, 0.1 + 0.25 * bad))
        stretch = 1 + bad * rng.uniform(0, 1.8)
        turn = rng.uniform(0, np.pi)
        rows, columns = (np.abs(line.ravel() - middle) < 2 * radius * stretch
                         for line, middle in zip((y, x), place, strict=True))
        down, right = y[rows] - place[0], x[:, columns] - place[1]
        along = (right * np.cos(turn) + down * np.sin(turn)) / (radius * stretch)
        across = (down * np.cos(turn) - right * np.sin(turn)) / radius
        grain = np.exp(-((along**2 + across**2) ** 2)) * (1 - bad * rng.uniform(0, 0.5))
        here = np.ix_(rows, columns)
        density[here] = np.maximum(density[here], grain)
    angle = np.arctan2(y, x)
    outline = np.hypot(y, x) < 1.2 + 0.08 * np.cos(3 * angle + rng.uniform(0, 6.28))
    return 0.45 * density, outline


DRAWINGS = {"mass": _draw_mass, "calcification": _draw_calcifications}


def _film(rng, picture, inside, *, side, view):
    return film.expose(rng, picture, side=side, view=view)


def _digital(rng, picture, inside, *, side, view):
    return digital.expose(rng, ATTENUATION * picture, inside, side=side, view=view,
                          maker=INBREAST)


# How a breast becomes a picture: film scanned as for CBIS-DDSM, or the one detector of
# INbreast.
INBREAST = digital.Maker(12, rim=0.85, air="masked")
# Attenuation of what is drawn as white: fat of 5 cm is 2.2, gland twice as much.
ATTENUATION = 6.5
STYLES = {"film": _film, "digital": _digital}
