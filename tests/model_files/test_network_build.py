import keras
import numpy as np
import pytest

from end2end.model_files import network_build


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
