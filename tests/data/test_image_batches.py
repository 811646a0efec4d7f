"""Batches of images: what they hold, their order, their weights."""

import concurrent.futures
import contextlib
import dataclasses
import json
import pathlib
import threading

import cv2
import numpy as np
import pytest

from end2end import augment, config, images
from end2end.data import image_batches, image_lists
from end2end.utils import files

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "pixels"
OPTIONS = config.ImageOptions(size=(16, 12), intensity_scale=0.003891, pixel_mean=50.0)


@pytest.fixture
def folder(tmp_path):
    """Two classes: 5 images of `neg` (one in a sub-folder, one upper-case), 3 `pos`."""
    rng = np.random.default_rng(0)
    for name in ("neg/b.png", "neg/a.PNG", "neg/c.png", "neg/deep/d.png", "neg/z.png",
                 "pos/y.png", "pos/x.png", "pos/w.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 65536, (20, 18)).astype(np.uint16)
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    (tmp_path / "neg" / "notes.txt").write_text("no image")
    return tmp_path


def batches_of(folder, **keywords):
    listed = image_lists.list_classes(folder, ("neg", "pos"))
    return image_batches.ImageBatches(
        listed, OPTIONS, **(dict(batch_size=3) | keywords))


def test_balance_weights_equal_the_original():
    golden = json.loads((GOLDEN / "batch_balance.json").read_text())
    weights = image_batches.balance_weights(np.array(golden["labels"]))
    assert weights.tolist() == golden["weights"]


@pytest.mark.parametrize("labels, weights", [
    ([0, 0, 1, 1], [2, 2, 2, 2]), ([0, 0, 0, 1], [4 / 3, 4 / 3, 4 / 3, 4]),
    ([1, 1], [1, 1])])
def test_balance_weights_give_each_class_present_the_same_total(labels, weights):
    balanced = image_batches.balance_weights(np.array(labels))
    np.testing.assert_allclose(balanced, weights, rtol=1e-6)


def test_an_unshuffled_sweep_holds_every_image_once_as_network_inputs(folder):
    batches = batches_of(folder)
    assert len(batches) == 3 and batches.num_images == 8
    swept = list(batches.batches())
    assert [len(inputs) for inputs, _, _ in swept] == [3, 3, 2]
    inputs = np.concatenate([inputs for inputs, _, _ in swept])
    expected = [images.to_input(images.read_image(path), OPTIONS)
                for path in batches.images.paths]
    np.testing.assert_array_equal(inputs, expected)
    one_hot = np.concatenate([one_hot for _, one_hot, _ in swept])
    np.testing.assert_array_equal(one_hot.argmax(axis=1), batches.labels)
    assert swept[0][2] is None


def test_batches_are_permuted_and_drawn_as_keras_did(folder):
    batches = batches_of(
        folder, seed=9, shuffle=True, generator=augment.training_generator(),
        balance_batches=True)
    raw = [images.scaled(images.read_image(path), OPTIONS)
           for path in batches.images.paths]
    generator = augment.training_generator()
    # Keras 2.0.8: the global generator is seeded with seed + batch number; the first
    # batch of a sweep then permutes; then come the draws of each image.
    for b in range(7):
        np.random.seed(9 + b)
        if b % 3 == 0:
            order = np.random.permutation(8)
        indices = order[b % 3 * 3:b % 3 * 3 + 3]
        expected = np.stack([generator.random_transform(raw[k]) for k in indices])
        inputs, one_hot, weights = batches.batch(b)
        np.testing.assert_array_equal(inputs, expected - np.float32(50))
        np.testing.assert_array_equal(one_hot.argmax(axis=1), batches.labels[indices])
        np.testing.assert_array_equal(
            weights, image_batches.balance_weights(batches.labels[indices]))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_gives_the_same_batches_in_order(folder, workers):
    batches = batches_of(
        folder, seed=1, shuffle=True, generator=augment.training_generator(),
        cache=workers > 1)
    swept = list(batches.batches(2, 9, workers=workers))
    for b, (inputs, one_hot, _) in enumerate(swept, start=2):
        np.testing.assert_array_equal(inputs, batches.batch(b)[0])
        np.testing.assert_array_equal(one_hot, batches.batch(b)[1])
    assert len(swept) == 7


@pytest.mark.parametrize("workers", [1, 2])
def test_no_more_batches_are_made_ahead_than_there_are_workers(
        folder, monkeypatch, workers):
    batches, asked = batches_of(folder), []
    monkeypatch.setattr(batches, "batch", lambda b: asked.append(b) or b)
    made = batches.batches(3, 12, workers=workers)
    assert next(made) == 3 and max(asked) <= 3 + workers
    assert next(made) == 4 and max(asked) <= 4 + workers
    assert list(made) == [5, 6, 7, 8, 9, 10, 11] and sorted(asked) == list(range(3, 12))


def test_as_many_batches_are_made_ahead_as_there_are_workers(folder, monkeypatch):
    class Pool:
        """Works as soon as it is asked."""

        def submit(self, function, b):
            future = concurrent.futures.Future()
            future.set_result(function(b))
            return future

    asked, pools = [], []
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", lambda workers: (
        pools.append(workers) or contextlib.nullcontext(Pool())))
    batches = batches_of(folder)
    monkeypatch.setattr(batches, "batch", lambda b: asked.append(b) or b)
    made = batches.batches(3, 12, workers=2)
    assert next(made) == 3 and asked == [3, 4, 5]
    assert next(made) == 4 and asked == [3, 4, 5, 6]
    assert list(made) == [5, 6, 7, 8, 9, 10, 11] and pools == [2]


def test_without_a_seed_a_run_is_still_a_function_of_the_batch_number(folder):
    first, other = (batches_of(folder, shuffle=True, batch_size=8) for _ in range(2))
    np.testing.assert_array_equal(first.batch(4)[0], first.batch(4)[0])
    assert first.seed != other.seed


def test_caching_reads_each_file_once(folder, monkeypatch):
    reads = []
    reading = images.read_image
    monkeypatch.setattr(
        images, "read_image", lambda path: reads.append(path) or reading(path))
    batches = batches_of(folder, cache=True)
    first = [inputs for inputs, _, _ in batches.batches()]
    second = [inputs for inputs, _, _ in batches.batches()]
    assert len(reads) == 8
    listed = image_lists.list_classes(folder, ("neg", "pos"))
    pairs = image_batches.ImageBatches(
        dataclasses.replace(listed, partner=listed), OPTIONS, batch_size=3, cache=True)
    for _ in range(2):
        list(pairs.batches())
    assert len(reads) == 3 * 8
    for array, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(array, other)


def test_a_bad_file_stops_the_run_with_its_name_also_from_a_worker(folder):
    batches = batches_of(folder)
    (folder / "neg" / "c.png").write_bytes(b"broken")
    with pytest.raises(files.InputError, match=r"neg/c\.png cannot be read"):
        list(batches.batches(workers=2))
    assert threading.active_count() < 20


def test_arrays_make_the_same_batches_as_files(folder):
    from_files = batches_of(folder, seed=2, shuffle=True)
    arrays = [images.read_image(path) for path in from_files.images.paths]
    listed = image_lists.from_arrays(arrays, from_files.labels, ("neg", "pos"))
    from_memory = image_batches.ImageBatches(
        listed, OPTIONS, batch_size=3, seed=2, shuffle=True)
    np.testing.assert_array_equal(from_memory.batch(1)[0], from_files.batch(1)[0])
    with pytest.raises(ValueError, match="expected \\(rows, columns\\)"):
        image_lists.from_arrays(np.zeros((2, 3, 3, 1)))
    with pytest.raises(ValueError, match="one class number per image"):
        image_lists.from_arrays(np.zeros((2, 3, 3)), [0, 1, 1])


def test_images_of_different_width_do_not_fit_into_one_batch(tmp_path):
    for name, width in dict(a=10, b=20).items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.ones((20, width), np.uint8))
    listed = image_lists.find_images(tmp_path)
    options = config.ImageOptions(height=16, channels=1)
    with pytest.raises(files.InputError, match=(
            r"b\.png becomes \(16, 16\) pixels, others of its batch \(16, 8\); give "
            "--img-size, or a batch size of 1")):
        image_batches.ImageBatches(listed, options, batch_size=2).batch(0)
    single = image_batches.ImageBatches(listed, options, batch_size=1)
    assert [single.batch(b)[0].shape for b in range(2)] == [(1, 16, 8, 1),
                                                            (1, 16, 16, 1)]


def test_batches_without_labels_have_none_and_cannot_be_balanced(folder):
    listed = image_lists.find_images(folder / "pos")
    assert image_batches.ImageBatches(listed, OPTIONS, batch_size=2).batch(0)[1:] == (
        None, None)
    with pytest.raises(files.InputError, match="need labels"):
        image_batches.ImageBatches(listed, OPTIONS, batch_size=2, balance_batches=True)
    with pytest.raises(files.InputError, match="no images"):
        image_batches.ImageBatches(image_lists.ImageList(()), OPTIONS, batch_size=2)


def test_mixup_mixes_images_labels_and_weights_by_one_share_and_order(folder):
    plain, mixing = (batches_of(folder, seed=5, batch_size=8, balance_batches=True,
                                mixup=mixup) for mixup in (0.0, 0.4))
    images_, labels, weights = plain.batch(3)
    stream = image_batches.batch_indices(
        3, num_images=8, batch_size=8, seed=5, shuffle=False)[1]
    share, order = stream.beta(0.4, 0.4), stream.permutation(8)
    assert 0 < share < 1 and (order != np.arange(8)).any()
    for values, mixed in zip((images_, labels, weights), mixing.batch(3), strict=True):
        np.testing.assert_allclose(
            mixed, share * values + (1 - share) * values[order], rtol=1e-4, atol=1e-4)
        assert mixed.dtype == np.float32
    again = mixing.batch(3)[1]
    np.testing.assert_allclose(again, mixing.batch(3)[1])
    np.testing.assert_allclose(again.sum(axis=1), 1, rtol=1e-6)


def test_both_views_of_a_breast_are_mixed_alike(folder):
    listed = image_lists.list_classes(folder, ("neg", "pos"))
    twice = dataclasses.replace(
        listed, partner=dataclasses.replace(listed, labels=None))
    plain, mixing = (image_batches.ImageBatches(
        twice, OPTIONS, batch_size=8, seed=5, mixup=mixup) for mixup in (0.0, 0.4))
    (first, second), _, _ = mixing.batch(0)
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, plain.batch(0)[0][0])


def test_a_share_of_a_batch_has_what_these_images_have_in_the_whole(folder):
    whole = batches_of(folder, seed=9, shuffle=True, balance_batches=True,
                       generator=augment.training_generator())
    share = whole.shared(lambda count: np.arange(count)[::-1][:2])
    assert [whole.size(b) for b in range(7)] == [3, 3, 2, 3, 3, 2, 3]
    for b in (0, 5):
        for part, values in zip(share.batch(b), whole.batch(b), strict=True):
            np.testing.assert_array_equal(part, values[::-1][:2])
    assert len(whole.batch(0)[0]) == 3


def test_the_order_of_a_sweep_is_drawn_once_for_all_its_batches():
    """Drawn for each batch, a sweep of 100,000 images was planned 60 times as long."""
    image_batches._order.cache_clear()
    parts = [image_batches.batch_indices(
        b, num_images=103, batch_size=10, seed=4, shuffle=True)[0] for b in range(22)]
    assert image_batches._order.cache_info().misses == 2
    for sweep, seed in ((parts[:11], 4), (parts[11:], 4 + 11)):
        expected = np.random.RandomState(seed).permutation(103)
        assert np.array_equal(np.concatenate(sweep), expected)


@pytest.mark.parametrize(("size", "count"), [(1, 3), (2, 2), (3, 1), (10**400, 1)])
def test_the_last_batch_may_be_short_and_no_image_is_lost(size, count):
    listed = image_lists.from_arrays(np.zeros((3, 4, 5)))
    batches = image_batches.ImageBatches(listed, OPTIONS, batch_size=size)
    assert len(batches) == count
    assert sum(len(batches.batch(b)[0]) for b in range(count)) == 3


def test_streams_beyond_32_bits_begin_anew_at_0():
    seed = 2**32 - 3
    for b, of_sweep, of_batch in ((0, seed, seed), (1, seed, seed + 1),
                                  (2, seed, seed + 2), (3, 0, 0), (5, 0, 2)):
        indices, stream = image_batches.batch_indices(
            b, num_images=7, batch_size=3, seed=seed, shuffle=True)
        order = np.random.RandomState(of_sweep).permutation(7)
        assert indices.tolist() == order[b % 3 * 3:b % 3 * 3 + 3].tolist()
        expected = np.random.RandomState(of_batch)
        if b % 3 == 0:
            expected.permutation(7)
        assert stream.random_sample() == expected.random_sample()


def test_a_seed_that_is_drawn_has_31_bits(monkeypatch):
    class Sequence:
        entropy = 5 * 2**31 + 77

    monkeypatch.setattr(np.random, "SeedSequence", Sequence)
    listed = image_lists.from_arrays(np.zeros((3, 4, 5)))
    assert image_batches.ImageBatches(listed, OPTIONS, batch_size=2).seed == 77
