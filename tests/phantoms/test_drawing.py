import dataclasses

import numpy as np
import pytest
import recorded

from end2end.phantoms import drawing

SIZE = (160, 120)


@pytest.fixture(scope="module")
def woman():
    lesion = drawing.Lesion(
        kind="mass", malignant=False, appearance=0.0, radius=0.08, contrast=1.0,
        depth=0.5, offsets={"CC": 0.1, "MLO": -0.2}, seed=3)
    return drawing.Woman(number=12, density=0.5, lesions={"LEFT": (lesion,)}, seed=5)


def test_the_number_of_a_woman_has_five_digits(woman):
    assert woman.patient_id == "P_00012"


def test_a_woman_has_cancer_if_a_lesion_is_malignant(woman):
    cancer = dataclasses.replace(woman.lesions["LEFT"][0], malignant=True)
    both = dataclasses.replace(
        woman, lesions={"LEFT": woman.lesions["LEFT"], "RIGHT": (cancer,)})
    assert not woman.malignant and both.malignant


def test_the_same_seed_draws_the_same_woman():
    first, second, other = (drawing.draw_woman(3, seed=seed, difficulty=0.3)
                           for seed in (1, 1, 2))
    assert first == second and first != other


def test_women_of_a_screening_have_both_breasts_imaged():
    woman = drawing.draw_woman(3, seed=1, difficulty=0.3, normal=True)
    assert set(woman.lesions) == {"LEFT", "RIGHT"}


def test_a_picture_is_the_same_when_drawn_twice(woman):
    pictures = [drawing.render(woman, "LEFT", "CC", SIZE)[0] for _ in range(2)]
    np.testing.assert_array_equal(*pictures)
    assert pictures[0].shape == SIZE and pictures[0].dtype == np.uint16


def test_the_lesion_is_brighter_than_the_same_place_without_it(woman):
    picture, (mask,) = drawing.render(woman, "LEFT", "CC", SIZE)
    without, masks = drawing.render(
        dataclasses.replace(woman, lesions={"LEFT": ()}), "LEFT", "CC", SIZE)
    assert mask.shape == SIZE and mask.any() and masks == []
    assert picture[mask].mean() > without[mask].mean() + 1000


def test_right_breasts_have_the_chest_wall_on_the_right(woman):
    right = dataclasses.replace(woman, lesions={"RIGHT": woman.lesions["LEFT"]})
    left, _ = drawing.render(woman, "LEFT", "CC", SIZE)
    right, _ = drawing.render(right, "RIGHT", "CC", SIZE)
    middle = slice(60, 100)  # the outermost pixels are the edge of the film
    assert left[middle, 5:15].mean() > 3 * left[middle, -15:-5].mean()
    assert right[middle, -15:-5].mean() > 3 * right[middle, 5:15].mean()


def test_noise_has_mean_zero_and_deviation_one():
    noise = drawing.power_law_noise(np.random.default_rng(0), SIZE)
    assert noise.shape == SIZE
    assert abs(noise.mean()) < 1e-3 and noise.std() == pytest.approx(1, abs=1e-3)


def test_the_skin_line_is_furthest_out_near_the_nipple():
    edge, middle = drawing.outline(np.random.default_rng(0), "CC", SIZE)
    assert edge.shape == (SIZE[0],)
    assert abs(edge.argmax() / SIZE[0] - middle) < 0.05


def test_a_lesion_of_one_view_leaves_no_trace_in_the_other():
    plain = drawing.draw_woman(3, seed=5, difficulty=0.0)
    woman = drawing.draw_woman(3, seed=5, difficulty=0.0, one_view=1.0)
    side, lesions = next(iter(woman.lesions.items()))
    assert all(len(lesion.shown) == 1 for lesion in lesions)
    without = dataclasses.replace(woman, lesions={side: tuple(
        dataclasses.replace(lesion, shown=()) for lesion in lesions)})
    for view in drawing.VIEWS:
        picture, masks = drawing.render(woman, side, view, (96, 72))
        whole, outlines = drawing.render(plain, side, view, (96, 72))
        np.testing.assert_array_equal(masks, outlines)
        empty, _ = drawing.render(without, side, view, (96, 72))
        seen = [view in lesion.shown for lesion in lesions]
        assert (picture != empty).any() == any(seen)
        assert (picture == whole).all() == all(seen)


def test_a_share_of_the_lesions_shows_in_one_view_and_nothing_else_changes():
    women = [[drawing.draw_woman(number, seed=1, difficulty=0.3, one_view=share)
              for number in range(1, 81)] for share in (0.0, 0.4)]
    views = [lesion.shown for woman in women[1] for lesions in woman.lesions.values()
             for lesion in lesions]
    share = sum(len(view) == 1 for view in views) / len(views)
    assert 0.25 < share < 0.55 and {("CC",), ("MLO",), drawing.VIEWS} == set(views)
    for plain, other in zip(*women, strict=True):
        assert plain.seed == other.seed and plain.density == other.density
        assert [lesion.seed for lesion in sum(plain.lesions.values(), ())] == [
            lesion.seed for lesion in sum(other.lesions.values(), ())]


def test_women_and_their_pictures_are_as_recorded():
    rows = []
    for number in range(1, 7):
        woman = drawing.draw_woman(number, seed=3, difficulty=0.1 * number,
                                   normal=number > 3, one_view=0.5)
        rows.append(repr(woman))
        for side in woman.lesions:
            for view in drawing.VIEWS:
                style = "film" if number % 2 else "digital"
                picture, masks = drawing.render(woman, side, view, SIZE, style=style)
                rows += map(recorded.picture, [picture, *masks])
    recorded.check("phantoms-women", "\n".join(rows))


def test_lesions_of_all_looks_are_as_recorded(woman):
    rows, (y, x) = [], np.ogrid[-2.4:2.4:61j, -2.4:2.4:61j]
    for kind, draw in drawing.DRAWINGS.items():
        for seed in range(9):
            lesion = dataclasses.replace(
                woman.lesions["LEFT"][0], appearance=seed % 3 / 2)
            rows += [f"{kind} {seed} {recorded.picture(np.float32(drawn))}"
                     for drawn in draw(np.random.default_rng(seed), lesion, y, x)]
    recorded.check("phantoms-lesions", "\n".join(rows))


@pytest.mark.parametrize(("view", "offset", "row", "share"), [
    ("CC", 1.0, 86, 0.5), ("CC", 1.2, 88, 0.5), ("CC", -1.2, 12, 0.5),
    ("CC", -0.3, 39, 0.5), ("MLO", -0.3, 39, 0.575), ("MLO", -0.27, 40, 0.5)])
def test_lesions_lie_within_the_breast_and_before_the_muscle(
        woman, view, offset, row, share):
    lesion = dataclasses.replace(woman.lesions["LEFT"][0], offsets={view: offset})
    edge = np.linspace(0.3, 0.5, 100)
    assert drawing._lesion_centre(lesion, view, edge, 0.5) == (
        row, int(100 * edge[row] * share))


def test_of_a_drawing_that_reaches_beyond_the_picture_a_part_is_drawn():
    assert drawing._window((10, 20), (2, 18), 4) == (
        (slice(0, 7), slice(14, 20)), (slice(2, 9), slice(0, 6)))
    assert drawing._window((10, 20), (5, 4), 4) == (
        (slice(1, 10), slice(0, 9)), (slice(0, 9), slice(0, 9)))
