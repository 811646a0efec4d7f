import keras
import network_lines
import numpy as np
import pytest
import recorded
from keras.src.applications import efficientnet

from end2end import config
from end2end.models import top_layers
from end2end.utils import files


def test_he_normal_has_the_cut_and_deviation_of_keras_2_0_8():
    values = np.asarray(top_layers.he_normal()((3, 3, 50, 400)))
    nominal = np.sqrt(2 / (3 * 3 * 50))
    assert np.abs(values).max() <= 2 * nominal
    assert values.std() == pytest.approx(0.8796 * nominal, rel=0.01)


@pytest.mark.parametrize(("kind", "expected"), [
    ("resnet", (None, 5, 4, 12)), ("vgg", (None, 4, 3, 6))])
def test_a_block_halves_the_map(kind, expected):
    x = keras.Input((9, 7, 8))
    y = top_layers.BLOCKS[kind](
        x, 6, 2, weight_decay=0.1, dropout=0, expansion=2, name="block")
    assert y.shape == expected


def test_a_vgg_block_of_known_weights_gives_known_numbers():
    x = keras.Input((2, 2, 1))
    model = keras.Model(x, top_layers.vgg_block(
        x, 1, 1, weight_decay=0, dropout=0, name="block"))
    kernel = np.zeros((3, 3, 1, 1))
    kernel[1, 1] = 2.0
    model.get_layer("block_1_conv").set_weights([kernel, np.array([1.0])])
    image = np.array([[1.0, -4.0], [3.0, 2.0]]).reshape(1, 2, 2, 1)
    # 2 * 3 + 1, through a batch normalisation of variance 1 and epsilon 1e-3.
    assert float(model(image)[0, 0, 0, 0]) == pytest.approx(7 / np.sqrt(1.001))


def test_a_resnet_unit_adds_its_input_before_the_last_relu():
    x = keras.Input((4, 4, 2))
    model = keras.Model(x, top_layers.resnet_block(
        x, 1, 2, weight_decay=0, dropout=0, name="block", expansion=2))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            layer.set_weights([0 * kernel, bias + 1])
    # Every convolution gives 1, every normalisation divides by sqrt(1.001): residual
    # and shortcut of unit one make 2, unit two adds 1 more.
    expected = 3 / np.sqrt(1.001)
    np.testing.assert_allclose(model(np.ones((1, 4, 4, 2))), expected, rtol=1e-5)


def test_units_of_dense_layers_are_halved_and_the_shortcut_joins_the_output():
    x = keras.Input((2, 2, 5))
    options = config.ModelOptions(
        convolutional=False, shortcut=True, dense_units=9, dense_layers=3)
    model = keras.Model(x, top_layers.dense_top(x, options, 2))
    units = [layer.units for layer in model.layers
             if isinstance(layer, keras.layers.Dense)]
    assert sorted(units, reverse=True) == [9, 4, 2, 2, 2]
    assert model.get_layer("output_shortcut").kernel.shape == (20, 2)


def test_filters_and_repeats_are_paired_and_the_longer_list_is_cut():
    x = keras.Input((16, 16, 3))
    options = config.ModelOptions(
        top_kind="vgg", top_filters=(4, 2, 8), top_repeats=(1, 1))
    model = keras.Model(x, top_layers.convolutional_top(x, options, 2))
    assert model.get_layer("output").kernel.shape == (2, 2)


def test_only_kernels_carry_the_penalty():
    x = keras.Input((8, 8, 3))
    options = config.ModelOptions(
        top_kind="vgg", top_filters=(2,), top_repeats=(1,), weight_decay=0.5)
    model = keras.Model(x, top_layers.convolutional_top(x, options, 2))
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    expected = sum(0.5 * float((np.asarray(kernel) ** 2).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("size", [(8, 6), (7, 5)])
def test_an_mbconv_block_computes_what_keras_s_efficientnet_does(size):
    image = keras.Input((*size, 8))
    theirs = keras.Model(image, efficientnet.block(
        image, activation="swish", drop_rate=0, name="their_", filters_in=8,
        filters_out=4, kernel_size=3, strides=2, expand_ratio=2, se_ratio=0.25))
    ours = keras.Model(image, top_layers.mbconv_block(
        image, 4, 1, weight_decay=0, dropout=0, name="our", expansion=2))
    assert ours.count_params() == theirs.count_params()
    draw = np.random.default_rng(0).uniform
    theirs.set_weights([draw(0.1, 1, value.shape) for value in theirs.get_weights()])
    ours.set_weights(theirs.get_weights())
    pixels = draw(-1, 1, (2, *size, 8)).astype("float32")
    np.testing.assert_allclose(
        ours.predict_on_batch(pixels), theirs.predict_on_batch(pixels), rtol=1e-5)


def test_later_units_of_an_mbconv_block_have_a_shortcut():
    image = keras.Input((8, 6, 8))
    model = keras.Model(image, top_layers.mbconv_block(
        image, 4, 3, weight_decay=0, dropout=0.1, name="top", expansion=2))
    assert model.output_shape == (None, 4, 3, 4)
    assert [layer.name for layer in model.layers if layer.name.endswith("_add")] == [
        "top_2_add", "top_3_add"]
    image = keras.Input((8, 6, 3))
    model = keras.Model(image, top_layers.mbconv_block(
        image, 4, 1, weight_decay=0, dropout=0, name="top", expansion=2))
    # A quarter of three channels, but one at least.
    assert model.get_layer("top_1_reduce").filters == 1


@pytest.mark.parametrize("kind", sorted(top_layers.BLOCKS))
def test_every_layer_of_a_block_is_named_after_it(kind):
    # Files of saved models and flags know layers by name.
    image = keras.Input((8, 6, 8))
    model = keras.Model(image, top_layers.BLOCKS[kind](
        image, 4, 2, weight_decay=0.01, dropout=0.1, name="top", expansion=2))
    assert all(layer.name.startswith("top") for layer in model.layers[1:])


TOPS = {
    **{kind: dict(top_kind=kind, top_filters=(6, 4), top_repeats=(2, 1), expansion=3,
                  dropout=0.25, weight_decay=0.125) for kind in top_layers.BLOCKS},
    "dense": dict(convolutional=False, dense_units=9, dense_layers=2, dropout=0.25,
                  weight_decay=0.125),
    "shortcut": dict(convolutional=False, dense_units=4, dense_layers=1, shortcut=True,
                     dropout=0.25, weight_decay=0.125)}


def test_the_layers_of_all_tops_are_as_recorded():
    lines = []
    for name, changes in TOPS.items():
        options = config.ModelOptions(
            heatmap_pool=(3, 2), heatmap_strides=(2, 1), heatmap_max_pool=(1, 2),
            **changes)
        image = keras.Input((21, 14, 8), name="image")
        x = top_layers.heatmap(image, options, 5) if not options.convolutional else (
            image)
        top = (top_layers.convolutional_top if options.convolutional
               else top_layers.dense_top)
        lines += [f"== {name}", *network_lines.described(
            keras.Model(image, top(x, options, 3)), in_full=name in ("vgg", "dense"))]
    recorded.check("models-tops", "\n".join(lines))


@pytest.mark.parametrize(("changes", "message"), [
    (dict(top_kind="vgg19"), "top kind 'vgg19' is not known; expected one of resnet, "
     "vgg, mbconv (--block-type)."),
    (dict(expansion=0), "--bottleneck-enlarge-factor 0"),
    (dict(top_filters=(4, 0)), "--top-depths 4 0"),
    (dict(top_filters=()), "--top-depths "),
    (dict(convolutional=False, dense_units=7, dense_layers=4), "--fc-init-units 0"),
    (dict(heatmap=True, heatmap_pool=(0, 3)), "--avg-pool-size 0 3"),
    (dict(heatmap=True, heatmap_max_pool=(2, -1)), "--hm-pool-size 2 -1")])
def test_a_size_below_1_is_refused_by_its_flag(changes, message):
    with pytest.raises(files.InputError) as caught:
        top_layers.check(config.ModelOptions(**changes))
    assert str(caught.value) in (message, f"{message}: expected whole numbers from 1 "
                                 "on; correct the flag.")
    top_layers.check(config.ModelOptions(
        convolutional=False, top_kind="unused", dense_units=8, dense_layers=4,
        heatmap_pool=(0, 3)))
