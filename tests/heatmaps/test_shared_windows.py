"""Windows that share what neighbours have in common: scores as window by window."""

import numpy as np
import pytest

from end2end import config, heatmaps
from end2end.heatmaps import shared_windows

keras = pytest.importorskip("keras")
layers = keras.layers
SIDE = 32


def classifier(*, pooling="MaxPooling2D", branch=False):
    """A small network like VGG: convolutions that pad with zeros, and poolings."""
    keras.utils.set_random_seed(3)
    image = keras.Input((None, None, 3))
    x = layers.Rescaling(0.1, offset=0.3)(image)   # black is no longer zero
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(4, 3, padding="same", bias_initializer="normal")(x)
    x = layers.ReLU()(layers.BatchNormalization(beta_initializer="normal")(x))
    x = getattr(layers, pooling)(2)(x)
    x = layers.Conv2D(6, 1, bias_initializer="normal")(x)
    if branch:
        x = layers.Add()([x, layers.Conv2D(6, 3, padding="same")(x)])
    for _ in range(2):
        x = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


PICTURE = np.random.default_rng(1).normal(size=(29, 61)) * 20


def both(model, **changes):
    options = dict(patch_size=SIDE, stride=4, batch_size=5) | changes

    def prepare(windows):
        return np.repeat(windows[..., None], 3, axis=-1).astype(np.float32)

    return (heatmaps.sliding_heatmap(model, PICTURE, prepare=prepare, **options),
            heatmaps.sliding_heatmap(model, PICTURE, **options))


@pytest.mark.parametrize("pooling", shared_windows.POOLING)
@pytest.mark.parametrize("branch", [False, True])
def test_scores_are_those_of_the_windows_one_by_one(pooling, branch):
    model = classifier(pooling=pooling, branch=branch)
    apart, together = both(model)
    np.testing.assert_allclose(together, apart, atol=2e-6)
    assert apart.std(axis=(0, 1)).min() > 1e-4  # windows differ


def test_sharing_goes_as_far_as_edges_leave_something_inside():
    model = classifier()
    names = [type(layer).__name__ for layer in shared_windows.plan(
        model, patch_size=SIDE, stride=8).layers]
    # Edges of 1 and 2 of 32, 1 and 2 of 16, then 1 and 2 of 8; then there is no step.
    assert names == ["Rescaling", "Conv2D", "Conv2D", "BatchNormalization", "ReLU",
                     "MaxPooling2D", "Conv2D", "Conv2D", "MaxPooling2D", "Conv2D",
                     "MaxPooling2D"]
    assert len(shared_windows.plan(model, patch_size=SIDE, stride=4).layers) == 10
    assert len(shared_windows.plan(model, patch_size=SIDE, stride=3).layers) == 5
    assert len(shared_windows.plan(
        classifier(branch=True), patch_size=SIDE, stride=8).layers) == 7


@pytest.mark.parametrize("stride", [3, 8])
def test_steps_that_poolings_divide_less_are_shared_less_with_the_same_scores(stride):
    apart, together = both(classifier(), stride=stride)
    np.testing.assert_allclose(together, apart, atol=2e-6)


def test_nothing_is_shared_by_windows_apart_other_functions_and_strides():
    assert shared_windows.plan(classifier(), patch_size=SIDE, stride=SIDE) is None
    assert shared_windows.plan(lambda batch: batch, patch_size=SIDE, stride=4) is None
    image = keras.Input((SIDE, SIDE, 3))
    for changes in (dict(strides=2), dict(strides=(1, 2)), dict(padding="valid"),
                    dict(dilation_rate=(2, 1)), dict(dilation_rate=(1, 2)),
                    dict(groups=3), dict(kernel_size=(3, 2)), dict(kernel_size=2)):
        x = layers.Conv2D(**dict(filters=6, kernel_size=3, padding="same") | changes)(
            image)
        model = keras.Model(image, layers.GlobalMaxPooling2D()(x))
        assert shared_windows.plan(
            model, patch_size=SIDE, stride=4) is None, changes


@pytest.mark.parametrize(("pool", "strides", "shared"), [
    (2, 2, 2), (2, 1, 1), ((2, 1), (2, 1), 1), (3, 3, 1), (8, 8, 1)])
def test_poolings_are_shared_that_divide_window_and_step(pool, strides, shared):
    image = keras.Input((SIDE, SIDE, 3))
    x = layers.Conv2D(4, 1)(image)
    x = layers.MaxPooling2D(pool, strides)(x)
    plan = shared_windows.plan(keras.Model(image, layers.GlobalMaxPooling2D()(x)),
                               patch_size=SIDE, stride=4)
    assert len(plan.layers) == shared


def test_a_normalisation_along_columns_is_not_shared():
    image = keras.Input((SIDE, SIDE, 3))
    for axis, shared in ((-1, 2), (3, 2), (2, 1)):
        x = layers.Conv2D(4, 3, padding="same")(image)
        x = layers.BatchNormalization(axis=axis)(x)
        model = keras.Model(image, layers.GlobalMaxPooling2D()(x))
        plan = shared_windows.plan(model, patch_size=SIDE, stride=4)
        assert len(plan.layers) == shared, axis


@pytest.mark.parametrize("change, expected", [
    ({}, True), (dict(intensity_scale=0.5), True), (dict(stretch_max_to=255.0), False),
    (dict(equalize_histogram=True), False), (dict(breast_only=True), False),
    (dict(remove_pectoral=True), False)])
def test_what_depends_on_the_window_is_not_prepared_by_pixel(change, expected):
    prepare = heatmaps.window_preparation(config.ImageOptions(**change))
    assert prepare.by_pixel is expected


def test_only_what_says_that_it_goes_pixel_by_pixel_gets_whole_rows():
    shapes = []

    def prepare(windows):
        shapes.append(windows.shape)
        return np.repeat(windows[..., None], 3, axis=-1).astype(np.float32)

    model, picture = classifier(), PICTURE[:5, :9]
    options = dict(prepare=prepare, patch_size=SIDE, stride=8)
    heatmaps.sliding_heatmap(model, picture, **options)
    assert shapes == [(2, SIDE, SIDE)]
    shapes.clear()
    prepare.by_pixel = True
    heatmaps.sliding_heatmap(model, picture, **options)
    assert shapes == [(1, SIDE, SIDE + 8)]


def test_a_block_is_one_and_a_half_windows_high_and_holds_a_row_at_least():
    model = classifier()
    rows = {stride: shared_windows.plan(model, patch_size=SIDE, stride=stride).rows
            for stride in (3, 4, 8, 24)}
    assert rows == {3: 5, 4: 4, 8: 2, 24: 1}


def test_no_more_windows_than_a_batch_are_put_together_at_once(monkeypatch):
    counts, windows = [], shared_windows.Block.windows

    def counted(block, *place):
        whole = windows(block, *place)
        counts.append(len(whole))
        return whole

    monkeypatch.setattr(shared_windows.Block, "windows", counted)
    _, together = both(classifier(), stride=8, batch_size=5)
    assert together.shape == (4, 8, 3)
    assert counts == [5, 3] * 4


@pytest.mark.parametrize("kernel", [(3, 1), (1, 5), (5, 3)])
def test_kernels_may_reach_further_along_one_direction(kernel):
    keras.utils.set_random_seed(5)
    image = keras.Input((None, None, 3))
    x = layers.Rescaling(0.1, offset=0.3)(image)
    for filters in (4, 5):
        x = layers.Conv2D(filters, kernel, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(4, kernel, padding="same")(x)
    x = layers.GlobalMaxPooling2D()(x)
    apart, together = both(keras.Model(image, layers.Dense(2)(x)), stride=6)
    np.testing.assert_allclose(together, apart, atol=2e-5)
    assert apart.std(axis=(0, 1)).min() > 1e-2


def test_corners_that_are_most_of_a_window_end_the_sharing():
    image = keras.Input((None, None, 3))
    x = image
    for _ in range(12):
        x = layers.Conv2D(2, 3, padding="same")(x)
    model = keras.Model(image, layers.GlobalMaxPooling2D()(x))
    # Corners of 10 + 10 of 32 cells are 0.39 of a window, of 11 + 11 0.47.
    assert len(shared_windows.plan(model, patch_size=SIDE, stride=4).layers) == 10
    x = image
    for _ in range(20):
        x = layers.Conv2D(2, (3, 1), padding="same")(x)
    model = keras.Model(image, layers.GlobalMaxPooling2D()(x))
    # Edges down alone have no corners; there must be something inside.
    assert len(shared_windows.plan(model, patch_size=SIDE, stride=4).layers) == 16
