"""Endless flows with Keras's words."""

import cv2
import numpy as np
import pytest

from end2end import augment
from end2end.augment import flows
from end2end.data import image_batches

X = np.random.default_rng(0).random((7, 10, 8, 3)).astype(np.float32) * 255
Y = np.array([0, 0, 1, 0, 1, 0, 0])


def test_arrays_flow_in_seeded_permutations_with_balance_weights():
    generator = augment.MammogramDataGenerator(featurewise_center=True,
                                               horizontal_flip=True)
    generator.mean = 40.0
    flow = generator.flow(X, Y, batch_size=3, seed=5)
    assert len(flow) == 3 and flow.n == 7
    for b in range(5):
        x, y, weights = next(flow)
        np.random.seed(5 + b)
        if b % 3 == 0:
            order = np.random.permutation(7)
        indices = order[b % 3 * 3:b % 3 * 3 + 3]
        expected = [generator.random_transform(X[k]) - np.float32(40) for k in indices]
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(y, Y[indices])
        np.testing.assert_array_equal(
            weights, image_batches.balance_weights(Y[indices]))
    assert flow.total_batches_seen == 5 and flow.batch_index == 2


def test_reset_starts_a_sweep_and_the_seed_goes_on():
    flow = augment.MammogramDataGenerator().flow(X, batch_size=4, seed=5, shuffle=False)
    first = next(flow)
    flow.reset()
    np.testing.assert_array_equal(next(flow), first)
    assert flow.total_batches_seen == 2


def test_one_hot_labels_come_as_given_and_may_be_unbalanced():
    one_hot = np.eye(2)[Y]
    x, y = next(augment.MammogramDataGenerator().flow(
        X, one_hot, shuffle=False, auto_batch_balance=False))
    np.testing.assert_array_equal(y, one_hot)
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("x, y, reason", [
    (X[0], None, "four dimensions"), (X[..., :2], None, "1, 3 or 4 channels"),
    (X, Y[:3], "7 images and 3 values"), (X, np.full((7, 2), 0.5), "one-hot"),
    (X, np.ones((7, 2)), "one-hot")])
def test_wrong_arrays_are_refused(x, y, reason):
    with pytest.raises(ValueError, match=reason):
        augment.MammogramDataGenerator().flow(x, y)


def test_labels_are_class_numbers_or_one_hot():
    assert flows.class_numbers(np.array([[0, 0, 1], [1, 0, 0]])).tolist() == [2, 0]
    assert flows.class_numbers(Y) is Y
    _, _, weights = next(augment.MammogramDataGenerator().flow(
        X, np.eye(2)[Y], shuffle=False))
    np.testing.assert_array_equal(weights, image_batches.balance_weights(Y))


def test_batches_can_be_asked_for_by_number():
    generator = augment.MammogramDataGenerator(convention="keras")
    flow = generator.flow(X, Y, batch_size=3, seed=4)
    x, y = flow[1]
    np.random.seed(4)
    order = np.random.permutation(7)
    np.testing.assert_array_equal(y, Y[order[3:6]])
    assert len(flow[2][1]) == 1 and len(flow[-1][1]) == 1
    np.testing.assert_array_equal(flow[-3][1], Y[order[:3]])
    assert iter(flow) is flow
    flow.on_epoch_end()  # after four batches
    np.random.seed(4 + 4)
    assert flow.index_array.tolist() == np.random.permutation(7).tolist()
    for index in (3, -4):
        with pytest.raises(ValueError, match=(
                f"batch {index} was asked for, but a sweep has 3 batches; expected 0 "
                "to 2")):
            flow[index]


def test_other_inputs_and_weights_come_along():
    ages, pairs = np.arange(7), np.arange(14).reshape(7, 2)
    flow = augment.MammogramDataGenerator().flow(
        (X, [ages, pairs]), Y, sample_weight=np.arange(7) + 1, batch_size=3,
        shuffle=False)
    next(flow)
    (x, age, pair), y, weights = next(flow)
    np.testing.assert_array_equal(x, X[3:6])
    np.testing.assert_array_equal(age, ages[3:6])
    np.testing.assert_array_equal(pair, pairs[3:6])
    assert y.tolist() == Y[3:6].tolist() and weights.tolist() == [4, 5, 6]


def test_subsets_share_the_images_and_must_share_the_classes():
    generator = augment.MammogramDataGenerator(validation_split=0.45)
    first = generator.flow(X, Y, subset="validation", shuffle=False)
    second = generator.flow(X, Y, subset="training", shuffle=False)
    np.testing.assert_array_equal(first.x, X[:3])
    np.testing.assert_array_equal(second.x, X[3:])
    with pytest.raises(ValueError, match="Training and validation subsets have diff"):
        generator.flow(X, np.sort(Y), subset="training")
    assert generator.flow(
        X, np.sort(Y), subset="training", ignore_class_split=True).n == 4
    with pytest.raises(ValueError, match="Invalid subset"):
        generator.flow(X, Y, subset="test")


@pytest.mark.parametrize("x, options, words", [
    ((X, np.arange(3)), dict(), "All of the arrays in `x`"),
    (X, dict(sample_weight=np.arange(3)), "`sample_weight`")])
def test_inputs_of_other_lengths_are_refused(x, options, words):
    with pytest.raises(ValueError, match=words):
        augment.MammogramDataGenerator().flow(x, Y, **options)


def test_arrays_come_out_in_the_dtype_asked_for():
    generator = augment.MammogramDataGenerator(dtype="float64", rotation_range=5.0)
    assert next(generator.flow(X)).dtype == np.float64


def test_channels_first_flows_keep_their_shape():
    generator = augment.MammogramDataGenerator(
        data_format="channels_first", rotation_range=10.0)
    x = next(generator.flow(np.moveaxis(X, 3, 1), seed=1, batch_size=2))
    last = next(augment.MammogramDataGenerator(rotation_range=10.0).flow(
        X, seed=1, batch_size=2))
    np.testing.assert_array_equal(np.moveaxis(x, 1, 3), last)


def test_images_are_saved_and_the_batch_is_preprocessed(tmp_path):
    flow = augment.MammogramDataGenerator().flow(
        X, batch_size=4, shuffle=False, save_to_dir=tmp_path / "seen", save_prefix="s",
        preprocess=lambda batch: batch - 1)
    np.testing.assert_array_equal(next(flow), X[:4] - 1)
    saved = sorted((tmp_path / "seen").iterdir())
    assert [path.name for path in saved] == [f"s_{k}_0.png" for k in range(4)]
    assert cv2.imread(str(saved[0])).max() == 255


@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("channels", "stored"), [
    (1, [0]), (3, [2, 1, 0]), (4, [2, 1, 0, 3])])
def test_saved_images_have_their_levels_and_colours(tmp_path, channels, stored, order):
    """OpenCV has blue first."""
    image = np.arange(5, 5 + 6 * channels, dtype=np.float32).reshape(2, 3, channels)
    images = (image if order == "channels_last" else np.moveaxis(image, -1, 0))[None]
    flow = augment.MammogramDataGenerator(data_format=order).flow(
        images, batch_size=1, shuffle=False, save_to_dir=tmp_path)
    next(flow)
    [path] = tmp_path.iterdir()
    levels = ((image - 5) * (255 / (6 * channels - 1))).astype(np.uint8)
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).reshape(2, 3, channels)
    np.testing.assert_array_equal(read, levels[..., stored])


def test_a_sweep_may_begin_with_a_later_batch_and_even_images_are_saved(tmp_path):
    even = np.full((5, 4, 3, 1), 7, np.float32)
    flow = augment.MammogramDataGenerator().flow(
        even, np.arange(5), batch_size=2, shuffle=False, save_to_dir=tmp_path,
        auto_batch_balance=False)
    flow.batch_index = 1
    assert [next(flow)[1].tolist() for _ in range(3)] == [[2, 3], [4], [0, 1]]
    assert len(list(tmp_path.iterdir())) == 5
    assert not any(cv2.imread(str(path)).any() for path in tmp_path.iterdir())
