"""The training loop of several replicas, in the place of Keras's `fit`.

One loop over `strategy.run` serves several devices and several hosts: Keras 3's own
fails with the values that are spread over hosts. A step is that of one device with the
whole batch: the loss of each replica is divided by the images of all, and gradients are
summed. Two things differ: batch normalisation takes the statistics of the replica's own
images (its moving averages become those of all replicas after each epoch), and every
replica drops the same units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from end2end.training import freezing, run_inputs


def of(model: keras.Model) -> Devices | None:
    """`Devices` of the strategy in whose scope a model was built; None for one device.
    """
    strategy = model.distribute_strategy
    return Devices(strategy) if strategy.num_replicas_in_sync > 1 else None


def places(count: int, replica: int, replicas: int) -> NDArray[np.integer]:
    """Which images of a batch a replica computes, int array.

    Parts differ by one image at most; one may be empty where the batch is smaller than
    the number of replicas.
    """
    return np.arange(count * replica // replicas, count * (replica + 1) // replicas)


class Devices:
    """The replicas of a run, and which of them are this process's own.

    Attributes:
        replicas: of all processes.
        own: range of those of this process.
        chief: whether this process writes files.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.strategy, self.replicas = strategy, strategy.num_replicas_in_sync
        local = len(strategy.extended.worker_devices)
        resolver = strategy.cluster_resolver
        index, self.hosts = 0, self.replicas // local
        if self.hosts > 1:
            jobs = resolver.cluster_spec().as_dict()
            index = resolver.task_id + (
                len(jobs.get("chief", ())) if resolver.task_type == "worker" else 0)
        self.index, self.chief = index, index == 0
        self.own = range(index * local, (index + 1) * local)
        self.score = tf.function(lambda model, parts: strategy.run(
            lambda images: model(images, training=False), args=(parts,)),
            reduce_retracing=True)
        self.sum = tf.function(lambda parts: strategy.reduce(
            "SUM", strategy.run(tf.identity, args=(parts,)), axis=None))

    def share(self, count: int) -> NDArray[np.integer]:
        """Places in a batch that this process reads.

        A replica without images computes the first one, with weight 0: collectives
        need all replicas.
        """
        parts = [places(count, replica, self.replicas) for replica in self.own]
        return np.concatenate([part if len(part) else [0] for part in parts])

    def spread(self, values: Sequence) -> Any:
        """A distributed value of one value (or tuple) per own replica."""
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: values[context.replica_id_in_sync_group - self.own.start])

    def total(self, array: NDArray) -> NDArray:
        """Sum of an array over all processes, as an array on each of them."""
        parts = self.spread([tf.constant(array if i == 0 else np.zeros_like(array))
                             for i in range(len(self.own))])
        return self.sum(parts).numpy()

    def predict_batches(
            self, model: keras.Model, batches: run_inputs.Batches, *,
            workers: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `callbacks.predict_batches`, each replica taking some of the batches."""
        size = batches.batch_size
        labels = np.eye(model.output_shape[1], dtype=np.float32)[batches.labels]
        scores = np.zeros_like(labels)
        first, last = (len(batches) * i // self.hosts
                       for i in (self.index, self.index + 1))
        waiting = []
        for b, (images, _, _) in enumerate(
                batches.batches(first, last, workers=workers), first):
            waiting.append((b, images))
            if len(waiting) < len(self.own) and b < last - 1:
                continue
            parts = [waiting[min(i, len(waiting) - 1)][1]
                     for i in range(len(self.own))]
            results = self.strategy.experimental_local_results(
                self.score(model, self.spread(list(map(tf.constant, parts)))))
            for (number, _), rows in zip(waiting, results, strict=False):
                scores[number * size:(number + 1) * size] = rows.numpy()
            waiting = []
        return labels, self.total(scores)

    def averager(self, model: keras.Model) -> Callable[[], object]:
        """A function that gives all replicas the mean of the moving averages that each
        has moved."""
        moved = [variable for layer in freezing.leaves(model)
                 if isinstance(layer, keras.layers.BatchNormalization)
                 and layer.trainable
                 for variable in (layer.moving_mean, layer.moving_variance)]
        if not moved:
            return lambda: None

        def average():
            means = tf.distribute.get_replica_context().all_reduce(
                tf.distribute.ReduceOp.MEAN,
                [tf.identity(variable.value) for variable in moved])
            for variable, mean in zip(moved, means, strict=True):
                variable.assign(mean)

        return tf.function(lambda: self.strategy.run(average))

    def parts(
            self, batches: run_inputs.Batches, start: int, stop: int, *,
            workers: int,
            weighted: Callable[..., tuple[NDArray, NDArray, NDArray]]
    ) -> Iterator[tuple[int, list[tuple[NDArray, ...]]]]:
        """Yields the images of the whole batch and one tuple per own replica.

        Args:
            batches: `run_inputs.Batches`.
            start, stop: batches of the run.
            workers: reading threads.
            weighted: turns (images, labels, weights) into the same with weights.

        Yields:
            int, and list of (images, labels, weights over the number of images of the
            whole batch, 1 for an image that counts), float32.
        """
        read = batches.shared(self.share).batches(start, stop, workers=workers)
        for b, batch in enumerate(read, start):
            count = batches.size(b)
            images, labels, weights = weighted(*batch)
            lengths = [len(places(count, replica, self.replicas))
                       for replica in self.own]
            ends = np.cumsum([max(length, 1) for length in lengths])
            yield count, [
                (images[end - max(length, 1):end], labels[end - max(length, 1):end],
                 weights[end - max(length, 1):end] * np.float32(min(length, 1) / count),
                 np.full(max(length, 1), min(length, 1), np.float32))
                for length, end in zip(lengths, ends, strict=True)]

    def stepper(
            self, model: keras.Model,
            loss: Callable[[Any, Any], Any]) -> Callable[[Any], list]:
        """A function that does one step and returns loss and right answers of all."""
        def step_of_replica(images, labels, weights, counts):
            with tf.GradientTape() as tape:
                scores = model(images, training=True)
                value = tf.reduce_sum(
                    tf.cast(loss(labels, scores), tf.float32) * weights)
                if model.losses:
                    value += tf.add_n(model.losses) / self.replicas
                scaled = model.optimizer.scale_loss(value)
            variables = model.trainable_variables
            model.optimizer.apply(
                tape.gradient(scaled, [variable.value for variable in variables]),
                variables)
            right = tf.cast(tf.argmax(labels, 1) == tf.argmax(scores, 1), tf.float32)
            return value, tf.reduce_sum(right * counts)

        @tf.function(reduce_retracing=True)
        def step(parts):
            return [self.strategy.reduce("SUM", value, axis=None)
                    for value in self.strategy.run(step_of_replica, args=parts)]

        return step

    def fit(
            self, model: keras.Model, batches: Iterator[tuple[int, list]], *,
            loss: Callable[[Any, Any], Any], steps: int, epochs: tuple[int, int],
            followers: list[keras.callbacks.Callback], verbose: int) -> None:
        """Trains as `model.fit` does, with the same callbacks.

        Args:
            model: compiled `keras.Model`, built in the scope of the strategy.
            batches: from `parts`.
            loss: of labels and scores, one value per image.
            steps: per epoch.
            epochs: (those done, end).
            followers: list of `keras.callbacks.Callback`.
            verbose: of Keras.
        """
        called = keras.callbacks.CallbackList(
            followers, add_history=True, add_progbar=verbose != 0, verbose=verbose,
            epochs=epochs[1], steps=steps, model=model)
        step, average = self.stepper(model, loss), self.averager(model)
        model.stop_training, logs = False, {}
        called.on_train_begin()
        for epoch in range(*epochs):
            called.on_epoch_begin(epoch)
            sums, num_images = np.zeros(2), 0
            for number in range(steps):
                called.on_train_batch_begin(number)
                count, parts = next(batches)
                value, right = step(self.spread(
                    [tuple(map(tf.constant, part)) for part in parts]))
                sums += float(value) * count, float(right)
                num_images += count
                logs = dict(accuracy=sums[1] / num_images, loss=sums[0] / num_images)
                called.on_train_batch_end(number, logs)
            average()
            called.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        called.on_train_end(logs)
