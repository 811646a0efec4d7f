"""Makes pictures that are no basis for a score out of mammograms, and from nothing.

Implants, pacemakers and needles are drawn, so even and sharp; real ones are less so.
"""

import functools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from end2end.phantoms import drawing

CARD_LINES = ("ANONYMOUS", "RIGHT CC", "26 NOV 2008", "NO IMAGE", "RETAKE 3")


def middle_of_breast(image: NDArray) -> tuple[int, int, int]:
    """Row and column in pixels of the deepest point of the breast, and its depth.

    Args:
        image: mammogram `(rows, columns)`, background dark.
    """
    columns = max(8, round(image.shape[1] * 288 / image.shape[0]))
    picture = cv2.resize(image, (columns, 288), interpolation=cv2.INTER_AREA)
    picture = picture.astype(np.float32)[9:-9, 9:-9]
    bright = (picture > 0.08 * np.percentile(picture, 99.8)).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (21, 21))
    depth = cv2.distanceTransform(
        cv2.morphologyEx(bright, cv2.MORPH_OPEN, disc), cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    scale = image.shape[0] / 288
    return (int((row + 9) * scale), int((column + 9) * scale),
            int(depth.max() * scale))


def with_implant(
    image: NDArray, rng: np.random.Generator, *, size: float = 0.75
) -> NDArray:
    """A mammogram with a smooth bright oval in the breast.

    Args:
        image: mammogram `(rows, columns)`.
        rng: where the form is drawn from.
        size: of the oval, as a share of the breast's depth.
    """
    row, column, depth = middle_of_breast(image)
    white = float(np.percentile(image, 99.8))
    axes = (depth * size * rng.uniform(0.95, 1.1), depth * size * rng.uniform(1.1, 1.4))
    oval = np.zeros(image.shape, np.float32)
    cv2.ellipse(oval, (column, row), tuple(map(int, axes)), rng.uniform(-30, 30), 0,
                360, 1.0, -1)
    oval = cv2.GaussianBlur(oval, (0, 0), 0.003 * image.shape[0])
    tissue = image.astype(np.float32)
    body = white * rng.uniform(0.85, 0.97) + 0.04 * (
        tissue - tissue[oval > 0.5].mean())
    return np.clip(np.maximum(tissue, oval * body), 0, white).astype(image.dtype)


def with_pacemaker(image: NDArray, rng: np.random.Generator) -> NDArray:
    """A mammogram with a white metal case in the upper breast, and its lead."""
    row, column, depth = middle_of_breast(image)
    height = image.shape[0]
    size = int(0.055 * height)
    row = int(max(row - 0.5 * depth, 0.08 * height))
    metal = np.zeros(image.shape, np.float32)
    cv2.ellipse(metal, (column, row), (size, int(0.8 * size)), 20, 0, 360, 1.0, -1)
    along = np.linspace(0, 4, 60)
    bend = rng.uniform(0.2, 0.4)
    lead = np.stack([column + size * (0.8 * np.cos(along) + 0.6 * along),
                     row + size * (0.9 * along + bend * np.sin(3 * along))], axis=1)
    cv2.polylines(metal, [lead.astype(np.int32)], False, 0.9, max(2, height // 300))
    return _laid_over(image, metal, 0.0007)


def with_needle(image: NDArray, rng: np.random.Generator) -> NDArray:
    """A mammogram with a thin straight white line through the breast."""
    row, column, depth = middle_of_breast(image)
    angle = rng.uniform(0, np.pi)
    reach = 0.8 * depth * np.array([np.cos(angle), np.sin(angle)])
    middle = np.array([column, row])
    needle = np.zeros(image.shape, np.float32)
    cv2.line(needle, (middle - reach).astype(int).tolist(),
             (middle + reach).astype(int).tolist(), 1.0, max(3, image.shape[0] // 220))
    return _laid_over(image, needle, 0.0006)


def _laid_over(image, metal, blur):
    metal = cv2.GaussianBlur(metal, (0, 0), blur * image.shape[0])
    white = float(image.max())
    return np.clip(np.maximum(image.astype(np.float32), metal * 0.99 * white), 0,
                   white).astype(image.dtype)


def without_skin(image: NDArray) -> NDArray:
    """A mammogram cut off inside the breast, so that no skin line is left."""
    row, column, depth = middle_of_breast(image)
    reach = int(0.65 * depth)
    return np.ascontiguousarray(image[max(0, row - reach):row + reach,
                                      max(0, column - reach):column + reach])


def text_card(
    rng: np.random.Generator, size: tuple[int, int], *, breast: str = ""
) -> NDArray[np.uint16]:
    """Lettering instead of a picture.

    Args:
        rng: of the grain.
        size: (height, width) in pixels.
        breast: what a breast is feigned by: "" nothing, `even`, `outline` or `grainy`.
    """
    card = np.zeros(size, np.float32)
    centre, axes = (0, size[0] // 2), (int(0.43 * size[0]), int(0.42 * size[0]))
    if breast:
        cv2.ellipse(card, centre, axes, 0, 0, 360, 0.8 if breast == "outline" else 0.3,
                    max(1, size[0] // 290) if breast == "outline" else -1)
    if breast == "grainy":
        card += (card > 0) * rng.normal(0, 0.003, size).astype(np.float32)
    letters = np.zeros(size, np.uint8)
    for number, line in enumerate(CARD_LINES):
        place = (size[1] // 15, int(size[0] * (0.17 + 0.14 * number)))
        cv2.putText(letters, line, place, cv2.FONT_HERSHEY_SIMPLEX, size[0] / 384, 242,
                    max(1, size[0] // 144))
    card = np.maximum(card, letters / 255)
    return (np.clip(card, 0, 1) * 65535).astype(np.uint16)


def even_noise(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint16]:
    """Noise without any structure, over the full range."""
    return rng.integers(0, 65536, size).astype(np.uint16)


def bell_noise(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint16]:
    """Noise without structure around a middle grey."""
    return np.clip(rng.normal(20000, 3000, size), 0, 65535).astype(np.uint16)


def cloud_noise(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint16]:
    """Noise with the power spectrum of tissue over the whole picture."""
    noise = drawing.power_law_noise(rng, size)
    return ((noise - noise.min()) / np.ptp(noise) * 65535).astype(np.uint16)


Spoiling = Callable[[NDArray, np.random.Generator], NDArray]

# What is done to a mammogram, and the kind of `images.unfit` that should be said.
SPOILINGS: dict[str, tuple[Spoiling, str]] = {
    "inverted": (lambda image, rng: image.max() - image, "inverted"),
    "turned left": (lambda image, rng: np.rot90(image).copy(), "turned"),
    "turned right": (lambda image, rng: np.rot90(image, 3).copy(), "turned"),
    "turned, resized upright": (
        lambda image, rng: cv2.resize(np.rot90(image).copy(), image.shape[::-1]),
        "turned"),
    "mirrored": (lambda image, rng: image[:, ::-1].copy(), "against side"),
    "turned by half": (lambda image, rng: image[::-1, ::-1].copy(), "against side"),
    "cut inside the breast": (lambda image, rng: without_skin(image), "cropped"),
    "small implant": (functools.partial(with_implant, size=0.5), "implant"),
    "implant": (with_implant, "implant"),
    "large implant": (functools.partial(with_implant, size=0.95), "implant"),
    "pacemaker": (with_pacemaker, "foreign object"),
    "needle": (with_needle, "foreign object"),
}

Drawer = Callable[[np.random.Generator, tuple[int, int]], NDArray]

# Pictures that show no breast.
NO_BREAST: dict[str, Drawer] = {
    "text card": text_card,
    "text card, even breast": lambda rng, size: text_card(rng, size, breast="even"),
    "text card, outline": lambda rng, size: text_card(rng, size, breast="outline"),
    "text card, grainy breast": lambda rng, size: text_card(rng, size, breast="grainy"),
    "even noise": even_noise,
    "bell noise": bell_noise,
    "cloud noise": cloud_noise,
}
