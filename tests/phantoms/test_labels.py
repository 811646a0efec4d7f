"""Lead letters of film, and text burned into digital pictures."""

import cv2
import numpy as np
import pytest
import recorded

from end2end.phantoms import labels

SIZE = (600, 470)


def letters(seed, side="LEFT"):
    return labels.lead_letters(np.random.default_rng(seed), SIZE, side[0] + "MLO", side)


def test_lead_letters_lie_at_the_top_away_from_the_chest_wall():
    for side in ("LEFT", "RIGHT"):
        layers = [letters(seed, side) for seed in range(20)]
        rows, columns = np.nonzero(np.max(layers, axis=0) > 0.5)
        assert rows.max() < 0.35 * SIZE[0]
        middle = np.median(columns) / SIZE[1]
        assert middle > 0.6 if side == "LEFT" else middle < 0.4


def test_most_films_have_letters_and_they_are_soft():
    layers = [letters(seed) for seed in range(40)]
    shown = [layer for layer in layers if layer.any()]
    assert 28 <= len(shown) < 40
    greys = [np.mean((layer > 0.1) & (layer < 0.9)) for layer in shown]
    assert min(greys) > 0 and all(layer.min() >= 0 and layer.max() <= 1
                                  for layer in shown)


def test_burned_in_text_is_sharp_and_near_white():
    picture = np.zeros(SIZE, np.uint16)
    labels.burn_in(np.random.default_rng(1), picture, "L CC", "LEFT", 4000)
    assert picture.max() == 3800
    assert np.nonzero(picture)[1].min() > SIZE[1] // 2


def test_labels_are_as_recorded():
    rows = []
    for seed in range(9):
        side = ("LEFT", "RIGHT")[seed % 2]
        rows.append(recorded.picture(letters(seed, side)))
        picture = np.full((140, 110), 200, np.uint16)
        labels.burn_in(np.random.default_rng(seed), picture, "L CC", side, 3000)
        rows.append(recorded.picture(picture))
    recorded.check("phantoms-labels", "\n".join(rows))


@pytest.mark.parametrize(("height", "thickness"), [
    (90, 1), (674, 1), (676, 2), (1124, 2), (1126, 3)])
def test_burned_in_text_is_thicker_in_larger_pictures(monkeypatch, height, thickness):
    lines = []
    for name, place in (("getTextSize", 3), ("putText", 6)):
        original = getattr(cv2, name)
        monkeypatch.setattr(
            cv2, name, lambda *words, place=place, original=original: (
                lines.append(words[place]), original(*words))[1])
    labels.burn_in(np.random.default_rng(1), np.zeros((height, 200), np.uint16), "L CC",
                   "LEFT", 4000)
    assert lines == [thickness] * 2
