"""Trains a tiny network on one device and on several; prints what came out as JSON.

    python tests/helpers/replica_losses.py REPLICAS NAME ...

The processor is cut into logical devices, which a process can do only once and before
anything else, so this is a process of its own.
"""

import contextlib
import json
import sys

import numpy as np
import tensorflow as tf


def network(*, normalised):
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    image = keras.Input((16, 12, 1))
    x = layers.Conv2D(4, 3, strides=2, activation="relu",
                      kernel_regularizer=keras.regularizers.L2(0.01))(image)
    if normalised:
        x = layers.BatchNormalization(momentum=0.5)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(2, activation="softmax", name="output")(x)
    return keras.Model(image, x)


def batches(count, size, **keywords):
    from end2end import config
    from end2end.data import image_batches, image_lists

    labels = np.arange(count) % 3 // 2
    noise = np.random.default_rng(3).normal(
        100 + 20 * labels[:, None, None], 30, (count, 16, 12))
    return image_batches.ImageBatches(
        image_lists.from_arrays(noise.clip(0, 255).astype(np.float32), labels),
        config.ImageOptions(size=(16, 12), channels=1, pixel_mean=100.0),
        batch_size=size, **keywords)


def rows(strategy, *, normalised=False, **changes):
    """Rows of the history, and the variables of normalisation on each replica."""
    from end2end import augment, config
    from end2end.training import loop, schedule

    options = config.TrainingOptions(workers=2, balance_batches=True, **changes)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = network(normalised=normalised)
    stages = [schedule.Stage("top", "output", 1, 0.01, 0.01, 0.0),
              schedule.Stage("all", None, 3, 0.01, 0.01, 0.0)]
    history = loop.train(
        model, stages, batches(21, 8, seed=5, shuffle=True, balance_batches=True,
                               generator=augment.training_generator()),
        batches(7, 3), options=options)
    moved = [variable for variable in model.non_trainable_variables
             if "moving" in variable.name]
    return dict(rows=history.rows, moving=[
        [part.numpy().tolist() for part in strategy.experimental_local_results(
            variable.value)] for variable in moved] if strategy else None)


SETTINGS = dict(
    adam=dict(optimizer="adam"), normalised=dict(optimizer="adam", normalised=True),
    sgd=dict(optimizer="sgd"), remat=dict(optimizer="adam", remat=True),
    half=dict(optimizer="adam", precision="mixed_bfloat16"))


def main(replicas, *names):
    [processor] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        processor, [tf.config.LogicalDeviceConfiguration()] * replicas)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])
    print(json.dumps({name: [rows(None, **SETTINGS[name]),
                             rows(strategy, **SETTINGS[name])] for name in names}))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
