"""Saliency maps by hand, and the pointing game."""

import keras
import numpy as np
import pytest
from keras import layers

from end2end import saliency

IMAGE = np.array([[1.0, 2.0], [-1.0, 3.0]], np.float32)[..., None]


def dense_network(first, second, *, rectifier="dense"):
    """Four pixels, two hidden units with ReLU, two classes with softmax; no bias."""
    x = keras.Input((2, 2, 1))
    y = layers.Flatten()(x)
    if rectifier == "dense":
        y = layers.Dense(2, use_bias=False, activation="relu", name="first")(y)
    else:
        y = layers.Dense(2, use_bias=False, name="first")(y)
        y = {"activation": layers.Activation("relu"), "layer": layers.ReLU()}.get(
            rectifier, rectifier)(y)
    y = layers.Dense(2, use_bias=False, activation="softmax", name="second")(y)
    model = keras.Model(x, y)
    model.get_layer("first").set_weights([np.array(first, np.float32)])
    model.get_layer("second").set_weights([np.array(second, np.float32)])
    return model


# Hidden sums are (1 + 2*0.5, -1*2 + 3) = (2, 1): both positive. The log odds of class 1
# are (w01 - w00) h0 + (w11 - w10) h1 = 3 h0 - 2 h1.
FIRST = [[1, 0], [0.5, 0], [0, 2], [0, 1]]
SECOND = [[0, 3], [2, 0]]


@pytest.mark.parametrize("rectifier", ("dense", "activation", "layer"))
def test_guided_gradients_of_two_layers_by_hand(rectifier):
    model = dense_network(FIRST, SECOND, rectifier=rectifier)
    probability = 1 / (1 + np.exp(-(3 * 2 - 2 * 1)))
    slope = probability * (1 - probability)
    # The gradient of h1 is negative and is stopped; a plain one would be -4 and -2.
    expected = slope * np.array([[3, 1.5], [0, 0]])[..., None]
    gradient, measured_slope = saliency.class_gradient(model, IMAGE, 1, guided=True)
    np.testing.assert_allclose(gradient * measured_slope, expected, rtol=1e-4)
    # Behind the block all rectifiers are as they were.
    plain, _ = saliency.class_gradient(model, IMAGE, 1, guided=False)
    np.testing.assert_allclose(plain[..., 0], [[3, 1.5], [-4, -2]], rtol=1e-5)


def test_a_graph_for_many_images_gives_the_same_and_sees_new_weights():
    model = dense_network(FIRST, SECOND)
    gradients = saliency.for_many_images()
    for wanted in (FIRST, [[2, 0], [1, 0], [0, 2], [0, 1]]):
        model.get_layer("first").set_weights([np.array(wanted, np.float32)])
        for image in (IMAGE, IMAGE / 4):
            for guided in (True, False):
                for chosen in (0, 1):
                    found, slope = gradients(model, image, chosen, guided=guided)
                    alone, its_slope = saliency.class_gradient(
                        model, image, chosen, guided=guided)
                    np.testing.assert_allclose(found, alone, rtol=1e-5)
                    assert slope == pytest.approx(its_slope, rel=1e-5)
    # One for each class and kind of gradient, whatever the weights.
    assert gradients.keywords["compute"].experimental_get_tracing_count() == 4


def test_the_plain_gradient_of_two_layers_by_hand():
    # The log odds change by 3 h0 - 2 h1: 3, 1.5, -4 and -2 for the four pixels.
    model = dense_network(FIRST, SECOND)
    np.testing.assert_allclose(
        saliency.gradient_map(model, IMAGE), [[0.75, 0.375], [1, 0.5]], rtol=1e-5)
    np.testing.assert_allclose(saliency.gradient_map(
        model, IMAGE, class_index=0, relative=False), [[3, 1.5], [4, 2]], rtol=1e-5)
    # From one half of the image on both units are on: shares are pixel times gradient.
    half = dict(baseline=IMAGE / 2, steps=3)
    np.testing.assert_allclose(
        saliency.attributions(model, IMAGE, **half)[..., 0], [[1.5, 1.5], [2, -3]],
        rtol=1e-5)
    np.testing.assert_allclose(
        saliency.integrated_gradients(model, IMAGE, **half, relative=False),
        [[1.5, 1.5], [2, 0]], rtol=1e-5)
    np.testing.assert_allclose(
        saliency.integrated_gradients(model, IMAGE, **half, class_index=0),
        [[0, 0], [0, 1]], rtol=1e-5)


@pytest.mark.parametrize("shape", [
    dict(max_value=6), dict(negative_slope=0.1), dict(threshold=0.5)])
def test_only_plain_rectifiers_are_guided(shape):
    model = dense_network(FIRST, SECOND, rectifier=layers.ReLU(**shape))
    gradient, _ = saliency.class_gradient(model, IMAGE, 1, guided=True)
    np.testing.assert_allclose(gradient[..., 0], [[3, 1.5], [-4, -2]], rtol=1e-5)


def test_odds_of_three_classes_are_against_both_others():
    weights = np.array([[1, 0, 2], [0, 3, 0], [2, 0, 1], [0, 1, 4]], np.float32)
    x = keras.Input((2, 2, 1))
    model = keras.Model(x, layers.Dense(3, use_bias=False, activation="softmax")(
        layers.Flatten()(x)))
    model.set_weights([weights / 4])
    logits = IMAGE.ravel() @ weights / 4
    for chosen, others in ((0, [1, 2]), (1, [0, 2]), (2, [0, 1])):
        shares = np.exp(logits[others]) / np.exp(logits[others]).sum()
        gradient, slope = saliency.class_gradient(model, IMAGE, chosen, guided=False)
        np.testing.assert_allclose(
            gradient.ravel(), (weights[:, chosen] - weights[:, others] @ shares) / 4,
            rtol=1e-4, atol=1e-6)
        share = np.exp(logits[chosen]) / np.exp(logits).sum()
        assert slope == pytest.approx(share * (1 - share), rel=1e-4)


def test_a_sigmoid_has_one_output_for_both_classes():
    x = keras.Input((2, 2, 1))
    model = keras.Model(x, layers.Dense(1, use_bias=False, activation="sigmoid")(
        layers.Flatten()(x)))
    model.set_weights([np.array([[0.5], [0.25], [0.5], [-0.25]], np.float32)])
    for chosen in (0, 1):
        gradient, slope = saliency.class_gradient(model, IMAGE, chosen, guided=False)
        assert gradient.ravel().tolist() == [0.5, 0.25, 0.5, -0.25]
        share = 1 / (1 + np.exp(0.25))
        assert slope == pytest.approx(share * (1 - share), rel=1e-5)


def test_a_unit_that_is_off_passes_nothing_on():
    # h0 = -1 is off; h1 = 1 has a negative gradient: nothing is left.
    model = dense_network([[-1, 0], [0, 0], [0, 2], [0, 1]], SECOND)
    assert not saliency.class_gradient(model, IMAGE, 1, guided=True)[0].any()
    assert not saliency.saliency_map(model, IMAGE).any()
    # Nor does one of exactly 0.
    model.get_layer("first").set_weights([np.float32([[-1, 0], [0.5, 0], [0, 2], [0, 1]
                                                      ])])
    assert not saliency.class_gradient(model, IMAGE, 1, guided=True)[0].any()


def test_the_other_class_has_the_other_gradients():
    model = dense_network(FIRST, SECOND)
    gradient, _ = saliency.class_gradient(model, IMAGE, 0, guided=True)
    assert not gradient[0].any()
    np.testing.assert_allclose(gradient[1, 0] / gradient[1, 1], 2, rtol=1e-5)


def test_the_map_is_rescaled_and_cut_off():
    model = dense_network([[1, 0], [0.05, 0], [0, 2], [0, 1]], SECOND)
    strength = saliency.saliency_map(model, IMAGE)
    np.testing.assert_allclose(strength, [[1, 0], [0, 0]])
    np.testing.assert_allclose(
        saliency.saliency_map(model, IMAGE, cutoff=0.05), [[1, 0.05], [0, 0]])


def test_a_sure_network_still_has_a_map():
    model = dense_network(FIRST, [[0, 300], [2, 0]])
    np.testing.assert_allclose(saliency.saliency_map(model, IMAGE), [[1, 0.5], [0, 0]])


def test_with_a_common_scale_a_weak_image_stays_empty():
    model = dense_network(FIRST, SECOND)
    gradient, slope = saliency.class_gradient(model, IMAGE, 1, guided=True)
    strongest = np.abs(gradient).max() * slope
    strong = saliency.saliency_map(model, IMAGE, scale=strongest)
    assert strong.max() == pytest.approx(1)
    assert not saliency.saliency_map(model, IMAGE, scale=strongest * 20).any()


def small_network():
    """A nested trunk with ReLU in a convolution and as a layer, like a whole model."""
    keras.utils.set_random_seed(3)
    x = keras.Input((16, 12, 1))
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    y = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(y))
    y = layers.MaxPooling2D(2)(layers.Activation("relu")(y))
    trunk = keras.Model(x, y, name="trunk")
    image = keras.Input((16, 12, 1))
    y = layers.Conv2D(3, 3, padding="same", activation="relu", name="top")(trunk(image))
    y = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(y))
    return keras.Model(image, y)


def test_the_model_is_unchanged_afterwards_and_nested_rectifiers_are_guided():
    model = small_network()
    image = np.random.default_rng(0).normal(size=(16, 12, 1)).astype(np.float32)
    before = model.predict(image[None], verbose=0)
    activations = [getattr(layer, "activation", None)
                   for layer in model._flatten_layers()]
    guided, _ = saliency.class_gradient(model, image, 1, guided=True)
    plain, _ = saliency.class_gradient(model, image, 1, guided=False)
    assert not np.allclose(guided, plain)
    with saliency.guided_rectifiers(model):
        trunk = model.get_layer("trunk")
        assert trunk.layers[1].activation is not keras.activations.relu
        assert trunk.layers[4].activation is not keras.activations.relu
    assert activations == [getattr(layer, "activation", None)
                    for layer in model._flatten_layers()]
    np.testing.assert_array_equal(model.predict(image[None], verbose=0), before)


def test_plain_gradients_equal_finite_differences():
    model = small_network()
    image = np.random.default_rng(0).normal(size=(16, 12, 1)).astype(np.float32)
    gradient, _ = saliency.class_gradient(model, image, 1, guided=False)
    def odds(x):
        p = np.float64(model(x[None], training=False)[0, 1])
        return np.log(p / (1 - p))
    step = np.zeros_like(image)
    step[5, 6] = 1e-2
    numeric = (odds(image + step) - odds(image - step)) / 2e-2
    assert numeric == pytest.approx(float(gradient[5, 6, 0]), abs=2e-3)


def test_integrated_gradients_sum_to_the_difference_of_the_log_odds():
    model = small_network()
    image = np.random.default_rng(0).random((16, 12, 1)).astype(np.float32)
    shares = saliency.attributions(model, image, steps=64)
    ends = model(np.stack([image, np.full_like(image, image.min())]), training=False)
    odds = np.log(ends[:, 1] / ends[:, 0])
    assert shares.sum() == pytest.approx(float(odds[0] - odds[1]), abs=2e-3)
    few = saliency.attributions(model, image, steps=1)
    np.testing.assert_array_equal(
        saliency.integrated_gradients(model, image, steps=1, relative=False),
        np.maximum(few.sum(axis=-1), 0))
    strength = saliency.integrated_gradients(model, image)
    assert strength.shape == (16, 12) and strength.max() == 1 and strength.min() == 0


def test_grad_cam_is_the_weighted_map_of_the_last_layer():
    x = keras.Input((8, 8, 1))
    y = layers.AveragePooling2D(2, name="map")(x)
    # Nothing is dropped outside of training.
    y = layers.Dropout(0.99)(layers.GlobalAveragePooling2D()(y))
    y = layers.Dense(2, activation="softmax")(y)
    model = keras.Model(x, y)
    model.layers[-1].set_weights([np.array([[0, 2.0]], np.float32), np.zeros(2)])
    image = np.zeros((8, 8, 1), np.float32)
    image[2:4, 4:6] = 8
    strength = saliency.grad_cam(model, image)
    assert strength.shape == (8, 8)
    assert np.unravel_index(strength.argmax(), strength.shape)[0] in (2, 3)
    assert strength[0, 0] == 0 and strength.max() == 1
    # The cell of 8 times 2/16, of which three quarters are left on each side.
    assert saliency.grad_cam(model, image, relative=False).max() == 9 / 16
    assert not saliency.grad_cam(model, image, class_index=0).any()


def test_grad_cam_takes_the_trunk_or_a_named_layer():
    model = small_network()
    image = np.random.default_rng(0).random((16, 12, 1)).astype(np.float32)
    assert saliency.grad_cam(model, image, layer="trunk").shape == (16, 12)
    assert saliency.map_layer(model).name == "top"
    assert saliency.map_layer(model, "trunk").name == "trunk"
    with pytest.raises(ValueError, match="no layer nowhere"):
        saliency.map_layer(model, "nowhere")
    assert saliency.has_map_layer(model)
    assert not saliency.has_map_layer(dense_network(FIRST, SECOND))


def layered(size):
    x = y = keras.Input((*size, 1))
    for name in ("fine", "middle", "small"):
        y = layers.MaxPooling2D(2, padding="same", name=f"{name}_pool")(
            layers.Conv2D(1, 1, name=name)(y))
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))


@pytest.mark.parametrize(("size", "name"), [
    ((28, 40), "small"), ((24, 40), "middle"), ((14, 14), "middle"),
    ((12, 14), "fine"), ((6, 20), "fine"), ((56, 56), "small_pool"),
    ((None, None), "small_pool")])
def test_the_last_map_with_seven_cells_on_each_side_is_weighed_else_the_finest(
        size, name):
    assert saliency.map_layer(layered(size)).name == name


def test_of_many_layers_the_last_eight_are_named():
    model = layered((16, 16))
    with pytest.raises(ValueError) as caught:
        saliency.map_layer(model, "nowhere")
    names = [layer.name for layer in model.layers]
    assert len(names) == 9 and str(caught.value) == (
        f"{model.name} has no layer nowhere with a map as output; expected one of "
        f"{', '.join(names[1:])}.")


def test_the_pointing_game_by_hand():
    strength = np.zeros((100, 80), np.float32)
    strength[50, 40] = 1
    mask = np.zeros((100, 80), np.uint8)
    mask[52:60, 38:44] = 255
    assert saliency.points_at(strength, mask, blur=0) == (False, 48 / 8000)
    hit, share = saliency.points_at(strength, mask, tolerance=0.03)
    # Three pixels on all sides, without four in each corner.
    assert hit and share == pytest.approx((14 * 12 - 16) / 8000)
    assert saliency.peak(strength) == (50, 40)
    empty = np.zeros((100, 80), np.float32)
    assert saliency.peak(empty) is None
    assert saliency.points_at(empty, np.ones((100, 80)))[0] is False


def test_a_lone_pixel_loses_against_a_patch_after_blurring():
    strength = np.zeros((100, 80), np.float32)
    strength[10, 10], strength[60:66, 40:46] = 1, 0.5
    assert saliency.peak(strength, blur=0) == (10, 10)
    there = np.zeros((100, 80))
    there[10, 10] = 1
    assert [saliency.points_at(strength, there, blur=blur)[0] for blur in (0, 0.01)
            ] == [True, False]
    assert 60 <= saliency.peak(strength)[0] < 66


def test_grad_cam_of_two_views_weighs_each_by_its_own_gradient():
    views = [keras.Input((2, 2, 1), name=name) for name in ("cc", "mlo")]
    trunk = keras.Sequential([layers.Conv2D(1, 1, use_bias=False)], name="trunk")
    x = layers.Concatenate(name="views")([trunk(view) for view in views])
    x = layers.Dropout(0.99)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(views, layers.Dense(
        2, activation="softmax", use_bias=False, name="output")(x))
    trunk.set_weights([np.ones((1, 1, 1, 1), "float32")])
    # The odds rise with CC and half as much with MLO.
    model.get_layer("output").set_weights([np.float32([[0, 1], [0, 0.5]])])
    mlo = np.float32([[4, 0], [0, -1]])[..., None]
    for_cancer = saliency.grad_cam_of_views(model, IMAGE, mlo)
    np.testing.assert_allclose(for_cancer[0], [[1 / 3, 2 / 3], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(for_cancer[1], [[2 / 3, 0], [0, 0]], atol=1e-6)
    against = saliency.grad_cam_of_views(model, IMAGE, mlo, class_index=0)
    assert against[0][1, 0] == pytest.approx(1)
    model.trainable = False
    np.testing.assert_array_equal(
        saliency.grad_cam_of_views(model, IMAGE, mlo), for_cancer)


def test_the_gradient_of_a_linear_output_is_its_own():
    x = keras.Input((2, 2, 1))
    model = keras.Model(x, layers.Dense(1, use_bias=False)(layers.Flatten()(x)))
    model.set_weights([np.array([[1.0], [2], [-3], [4]], np.float32)])
    gradient, slope = saliency.class_gradient(model, IMAGE, 1, guided=False)
    assert gradient[..., 0].tolist() == [[1, 2], [-3, 4]] and slope == 1
