"""Batch normalisation of training as one operation of TensorFlow.

Keras computes it step by step, mean, variance and result each in a pass through the
memory of its own, in float32 even where a network has half precision. The values are
the same but for rounding; a network and its file do not change.
"""

import contextlib
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf


@contextlib.contextmanager
def fused(model: keras.Model) -> Iterator[None]:
    """Inside, training normalises batches of images by the fused operation.

    It knows channels in the last axis only; others, and what is not trained, are
    normalised by Keras as before.

    Args:
        model: functional `keras.Model`, with nested ones or without.
    """
    layers = [layer for layer in flat(model)
              if type(layer) is keras.layers.BatchNormalization
              and not getattr(layer, "renorm", False)  # of Keras 3.14 and later
              and len(layer.output.shape) == 4 and layer.axis in (3, -1)]
    for layer in layers:
        layer.call = fused_call(layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def flat(model: keras.Model) -> Iterator[keras.Layer]:
    """The layers of a model, nested models and theirs too."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from flat(layer)


def fused_call(layer: keras.layers.BatchNormalization) -> Callable:
    """In place of the `call` of a layer; a batch has N x height x width x channels."""
    plain = layer.call

    def call(inputs, training=None, mask=None):
        if not (training and layer.trainable) or mask is not None:
            return plain(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=_float32(layer.gamma, 1.0, channels),
            offset=_float32(layer.beta, 0.0, channels), mean=tf.zeros(0),
            variance=tf.zeros(0), epsilon=layer.epsilon)
        # The operation divides by one value less; averages take the plain variance.
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        follow(layer.moving_mean, mean, layer.momentum)
        follow(layer.moving_variance, variance * (count - 1) / count, layer.momentum)
        return outputs

    return call


def follow(average: keras.Variable, value: tf.Tensor, momentum: float) -> None:
    """Moves an average towards the value of a batch."""
    average.assign(average * momentum + value * (1.0 - momentum))


def _float32(weight, default, channels):
    if weight is None:
        return tf.fill([channels], default)
    return keras.ops.cast(weight, "float32")
