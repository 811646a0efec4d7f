"""Films as scanned; the answers are what twelve real films of CBIS-DDSM measured.

Films: P_00173, P_00820, P_00041 LEFT and P_00127 RIGHT (CC BY 3.0), least and greatest
as in benchmarks/real_films.json.
"""

import json
import pathlib

import numpy as np
import pytest
import recorded

from end2end.images import kinds
from end2end.phantoms import drawing, film

SIZE = (1152, 896)
REAL = json.loads((pathlib.Path(__file__).parents[2] / "benchmarks"
                   / "real_films.json").read_text(encoding="utf-8"))["measures"]


@pytest.fixture(scope="module")
def pictures():
    women = [drawing.draw_woman(number, seed=1, difficulty=0.3)
             for number in range(1, 4)]
    return [drawing.render(woman, next(iter(woman.lesions)), view, SIZE)[0]
            for woman in women for view in drawing.VIEWS]


def test_as_much_is_exactly_black_as_in_real_films(pictures):
    shares = [float((picture == 0).mean()) for picture in pictures]
    low, middle, high = REAL["share of black"]
    assert low - 0.03 < min(shares) and max(shares) < high + 0.03
    assert abs(np.median(shares) - middle) < 0.08


def test_values_are_the_steps_of_the_scanner_of_the_real_films(pictures):
    for picture in pictures:
        values = np.unique(picture)
        steps = np.diff(values[:int(0.6 * len(values))])
        assert np.isin(steps, (22, 23)).mean() > 0.98
        assert 2400 < len(values) < 2980 and values[-1] > 55000


def test_phantoms_of_film_are_told_as_film_with_and_without_the_steps(pictures):
    for picture in pictures:
        smooth = (picture.astype(np.uint32) * 3 // 4).astype(np.uint16)
        assert kinds.kind(picture) == kinds.kind(smooth) == kinds.FILM
        assert not kinds.evidence(smooth).comb


def test_the_edge_of_the_film_is_seen_at_one_or_two_sides_as_on_real_films(pictures):
    low, _, high = REAL["sides with a film edge"]
    assert all(low <= kinds.evidence(picture).edges <= high for picture in pictures)


def test_the_limit_of_the_black_is_ragged_and_dust_lies_in_the_air(pictures):
    measured = [kinds.evidence(picture) for picture in pictures]
    assert min(value.ragged for value in measured) > kinds.RAGGED_DIGITAL
    low, middle, high = REAL["specks"]
    assert low - 3 < np.median([value.specks for value in measured]) < high


def test_a_film_without_breast_is_black_but_for_edge_label_dust_and_leaks():
    blank = np.zeros((300, 230), np.float32)
    picture = film.expose(np.random.default_rng(3), blank, side="LEFT", view="CC")
    assert picture.shape == blank.shape and picture.dtype == np.uint16
    assert (picture == 0).mean() > 0.85 and picture.max() > 30000


def test_thin_tissue_stays_dark_and_white_is_white():
    step = np.repeat(np.array([[0.0, 0.2, 1.0]], np.float32), 300, axis=0)
    step = np.repeat(step, 100, axis=1)
    picture = film.expose(np.random.default_rng(3), step, side="LEFT", view="CC")
    dark, thin, white = (np.median(picture[60:240, column]) / film.WHITE
                         for column in (50, 150, 230))
    assert dark == 0 and 0 < thin < 0.08 and white > 0.75


def test_edges_and_exposures_are_as_recorded():
    lines = []
    tissue = np.linspace(0, 1, 90 * 70, dtype=np.float32).reshape(90, 70) ** 2
    for seed, side, view in ((1, "LEFT", "CC"), (2, "RIGHT", "MLO"), (3, "LEFT", "MLO"),
                             (4, "RIGHT", "CC"), (5, "LEFT", "CC")):
        edge = film._edge(np.random.default_rng(seed), (90, 70), side)
        picture = film.expose(
            np.random.default_rng(seed), tissue, side=side, view=view)
        lines += [f"{seed} {side} {recorded.picture(edge)}",
                  f"{seed} {side} {view} {recorded.picture(picture)}"]
    # Dust of a pixel and more.
    lines += [recorded.picture(film._specks(np.random.default_rng(seed), (1900, 90)))
              for seed in (1, 2)]
    recorded.check("phantoms-film", "\n".join(lines))
