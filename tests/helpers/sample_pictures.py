"""Small pictures of many kinds, none of them square, each always the same."""

import functools

import numpy as np

from end2end.phantoms import detector, drawing, unfit

SIZE = (190, 146)


@functools.cache
def all_kinds() -> dict:
    """Pictures by name, not to be changed: films, digital ones, spoilt ones, and some
    without a breast."""
    pictures = {}
    for number, (style, view) in enumerate((
            ("film", "CC"), ("film", "MLO"), ("digital", "CC"), ("digital", "MLO"))):
        woman = drawing.draw_woman(number + 1, seed=4, difficulty=0.2)
        side = next(iter(woman.lesions))
        pictures[f"{style} {view}"] = drawing.render(
            woman, side, view, SIZE, style=style)[0]
    woman = drawing.draw_woman(7, seed=5, difficulty=0.3)
    plain = detector.render(woman, "LEFT", "MLO", SIZE, maker="masked 12 bits")
    pictures |= dict(plain=plain, mirrored=plain[:, ::-1].copy(), lying=plain.T.copy(),
                     inverted=plain.max() - plain, cropped=plain[40:150, :70].copy(),
                     bytes=(plain >> 4).astype(np.uint8))
    for name, (spoil, _) in unfit.SPOILINGS.items():
        pictures[name] = spoil(plain.copy(), np.random.default_rng(3))
    for name, draw in unfit.NO_BREAST.items():
        pictures[name] = draw(np.random.default_rng(3), SIZE)
    return pictures
