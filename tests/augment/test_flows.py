"""Endless flows with Keras's words."""

import cv2
import numpy as np
import pytest

from end2end import augment, config, images
from end2end.data import image_batches
from end2end.utils import files

X = np.random.default_rng(0).random((7, 10, 8, 3)).astype(np.float32) * 255
Y = np.array([0, 0, 1, 0, 1, 0, 0])


@pytest.fixture
def folder(tmp_path):
    for k, label in enumerate(Y):
        path = tmp_path / f"class{label}" / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), (X[k, ..., 0] * 257).astype(np.uint16))
    return tmp_path


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
    (X, Y[:3], "7 images and 3 labels"), (X, np.full((7, 2), 0.5), "one-hot"),
    (X, np.ones((7, 2)), "one-hot")])
def test_wrong_arrays_are_refused(x, y, reason):
    with pytest.raises(ValueError, match=reason):
        augment.MammogramDataGenerator().flow(x, y)


def test_folders_flow_with_the_originals_arguments(folder):
    generator = augment.MammogramDataGenerator()
    flow = generator.flow_from_directory(
        folder, target_size=(9, 7), rescale_factor=0.003891, dup_3_channels=True,
        classes=["class1", "class0"], class_mode="categorical", auto_batch_balance=True,
        batch_size=7, shuffle=False)
    x, y, weights = next(flow)
    assert x.shape == (7, 9, 7, 3) and flow.class_indices == dict(class1=0, class0=1)
    assert flow.nb_sample == 7 and flow.nb_class == 2
    assert flow.filenames[0] == "class1/2.png"
    np.testing.assert_array_equal(flow.labels, [0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(y.argmax(axis=1), flow.labels)
    np.testing.assert_allclose(weights, [3.5, 3.5] + [1.4] * 5, rtol=1e-6)
    options = config.ImageOptions(size=(9, 7), intensity_scale=0.003891)
    expected = images.scaled(images.read_image(folder / "class1/2.png"), options)
    np.testing.assert_array_equal(x[0], expected)


@pytest.mark.parametrize("mode, kind, first", [
    ("binary", np.float32, 0.0), ("sparse", np.int64, 0), ("categorical", np.float32,
                                                          [1.0, 0.0])])
def test_labels_come_in_the_mode_asked_for(folder, mode, kind, first):
    x, y = next(augment.MammogramDataGenerator().flow_from_directory(
        folder, (8, 8), class_mode=mode, shuffle=False))
    assert y.dtype == kind and y[0].tolist() == first and x.shape[3] == 1


def test_without_a_mode_images_come_alone_and_unknown_modes_are_refused(folder):
    generator = augment.MammogramDataGenerator()
    assert next(generator.flow_from_directory(folder, class_mode=None)).ndim == 4
    with pytest.raises(ValueError, match="class_mode='multi'"):
        generator.flow_from_directory(folder, class_mode="multi")
    with pytest.raises(files.InputError, match="no images"):
        generator.flow_from_directory(folder, classes=["none"])


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
