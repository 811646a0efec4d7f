import foreign_models
import keras
import numpy as np
import pytest
import recorded

from end2end import checkpoints
from end2end.model_files import network_build
from end2end.utils import files


@pytest.mark.parametrize(("kind", "settings", "side"), [
    ("Dense", dict(units=4), 5),
    ("Dense", dict(units=4, use_bias=False), 5),
    ("Conv2D", dict(filters=6, kernel_size=[2, 3], groups=2), 4),
    ("Conv2DTranspose", dict(filters=6, kernel_size=[2, 3]), 4),
    ("DepthwiseConv2D", dict(kernel_size=[2, 3], depth_multiplier=2), 4),
    ("SeparableConv2D", dict(filters=5, kernel_size=[2, 3], depth_multiplier=2), 4),
    ("BatchNormalization", dict(scale=False), 4),
    ("LayerNormalization", dict(center=False), 4),
    ("PReLU", dict(shared_axes=[1, 2]), 4)])
def test_shapes_are_those_of_the_weights_that_keras_makes(kind, settings, side):
    shape = (None, 7, 9, side)
    layer = getattr(keras.layers, kind)(**settings)
    layer.build(shape)
    assert network_build.declared_shapes(kind, settings, shape) == \
        network_build.expected_shapes(layer)


def test_a_layer_without_weights_has_no_shapes():
    assert network_build.declared_shapes("Flatten", {}, (None, 7, 9, 3)) == {}


def test_a_kernel_is_turned_by_180_degrees_within_its_rows_and_columns():
    kernel = np.arange(12).reshape(2, 3, 2, 1)
    assert network_build.turned(kernel)[..., 0, 0].tolist() == [
        [10, 8, 6], [4, 2, 0]]


@pytest.mark.parametrize(("axis", "across"), [
    (0, True), (-2, True), ([1, 0], True), (1, False), (-1, False), ([1], False),
    (None, False), (False, False)])
def test_the_axis_of_the_batch_is_known_from_either_end(axis, across):
    assert network_build._across_images(axis, 2) == across


def test_a_layer_that_computes_across_the_batch_is_refused(tmp_path):
    path = foreign_models.save(foreign_models.network(
        *foreign_models.classifier_top(2, "linear"), keras.layers.Softmax(axis=0)),
        tmp_path / "a.h5")
    with pytest.raises(files.InputError, match="across the images of a batch"):
        checkpoints.load_model(path)


def test_shapes_of_all_kinds_are_as_recorded():
    shape = (None, 7, 9, 6)
    settings = [dict(units=4), dict(filters=6, kernel_size=[2, 3], groups=2),
                dict(filters=5, kernel_size=3, use_bias=False, depth_multiplier=2),
                dict(axis=[1, -1], scale=False, shared_axes=[2]),
                dict(axis=1, center=False, mean=[1.0]), dict(axis=None)]
    rows = []
    for kind in network_build._SHAPES:
        for number, chosen in enumerate(settings):
            try:
                shapes = network_build.declared_shapes(kind, chosen, shape)
            except TypeError:  # it has no axis
                continue
            rows.append(f"{kind} {number}: {shapes}")
    recorded.check("model-shapes", "\n".join(rows))
