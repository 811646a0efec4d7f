"""The pectoral muscle is found by its edge, and only where there is one."""

import deformed
import numpy as np
import pytest
import recorded
import sample_pictures

from end2end import config, images
from end2end.dicom import appearance
from end2end.images import pectoral, segmentation
from end2end.phantoms import drawing

SHAPE = (300, 210)


def breast(muscle=0.35, *, mirrored=False, kind=np.uint16):
    """Half an ellipse at the left edge, with a triangle of 80 x 150 in its corner."""
    rows, columns = np.ogrid[:SHAPE[0], :SHAPE[1]]
    inside = ((rows - 140) / 160) ** 2 + (columns / 160) ** 2 < 1
    image = 0.4 * inside * np.random.default_rng(1).uniform(0.7, 1.3, SHAPE)
    triangle = (columns / 80 + rows / 150 < 1) & inside
    image[triangle] += muscle
    image = (image * 60000 if kind is np.uint16 else image * 200).astype(kind)
    return (image[:, ::-1], triangle[:, ::-1]) if mirrored else (image, triangle)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_the_muscle_becomes_black_and_hardly_anything_else(kind, mirrored):
    image, triangle = breast(mirrored=mirrored, kind=kind)
    before = image.copy()
    removed = images.remove_pectoral(image)
    assert removed.dtype == kind
    np.testing.assert_array_equal(image, before)
    gone = (removed == 0) & (image > 0)
    assert (gone & triangle).sum() > 0.97 * triangle.sum()
    assert (gone & ~triangle).sum() < 0.15 * triangle.sum()


def test_the_edge_is_where_it_was_drawn():
    muscle = images.pectoral_muscle(breast()[0])
    scale = 256 / SHAPE[0]
    assert muscle.across / scale == pytest.approx(80, abs=6)
    assert muscle.down / scale == pytest.approx(150, abs=8)
    assert not muscle.mirrored and muscle.step > 0.3


@pytest.mark.parametrize("image", [
    breast(0)[0], np.zeros(SHAPE, np.uint8), np.full(SHAPE, 9, np.uint8),
    np.ones((1, 1), np.uint8), np.ones((4, 900), np.uint16)])
def test_without_an_edge_the_image_stays_as_it_is(image):
    assert images.pectoral_muscle(image) is None
    assert images.remove_pectoral(image) is image


def test_phantoms_lose_it_in_the_oblique_view_alone():
    woman = drawing.draw_woman(4, seed=3, difficulty=0.1)
    views = {view: images.pectoral_muscle(
        drawing.render(woman, "RIGHT", view, (288, 224))[0]) for view in ("CC", "MLO")}
    assert views["CC"] is None and views["MLO"].mirrored


def test_the_input_of_a_network_is_without_it_where_that_is_asked_for():
    image, _ = breast()
    options = dict(size=(150, 105), intensity_scale=0.003891, channels=1)
    as_it_is, without = (images.scaled(image, config.ImageOptions(
        **options, remove_pectoral=remove)) for remove in (False, True))
    assert as_it_is[2, 2] > 100 and without[2, 2] == 0
    np.testing.assert_array_equal(as_it_is[100:], without[100:])


def test_muscles_and_breasts_are_found_as_recorded():
    rows = []
    for name, image in list(sample_pictures.all_kinds().items())[:8]:
        muscle = pectoral.pectoral_muscle(image)
        rows.append(f"{name}: {muscle and deformed.shown(muscle)} "
                    f"{recorded.picture(pectoral.remove_pectoral(image))}")
        for threshold in (0.05, 0.2):
            part, box = segmentation.segment_breast(
                image.astype(np.float32), low_int_threshold=threshold)
            rows.append(f"    {recorded.picture(part)} {box}")
        rows.append(f"    {recorded.picture(appearance.unframed(image))} " + (
            recorded.picture(appearance.grey_levels(image))))
    recorded.check("images-pectoral", "\n".join(rows))
