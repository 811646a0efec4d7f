"""Larger images than the memory holds: recomputed activations, half precision.

Both change how a built `keras.Model` computes, not what it is: the same layers and
weights, the same file.
"""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from end2end.training import normalising

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def set_precision(model: keras.Model, precision: str) -> None:
    """Lets the layers of a model compute in half precision.

    Weights stay float32, and so does the last layer, since a softmax of half precision
    rounds small probabilities to nothing.

    Args:
        model: `keras.Model`.
        precision: one of `PRECISIONS`.
    """
    last = model.layers[-1]
    for layer in normalising.flat(model):
        layer.dtype_policy = keras.DTypePolicy(
            "float32" if layer is last else precision)
    # By the policy of the model Keras decides whether it must scale the loss.
    model.dtype_policy = keras.DTypePolicy(precision)


@contextlib.contextmanager
def computing(model: keras.Model, *, recompute: bool = False, xla: bool = False
              ) -> Iterator[None]:
    """Inside, a model trains as the training commands let it: batch normalisation is
    one operation, and activations are kept or, if asked, computed again.

    Args:
        model: functional `keras.Model`.
        recompute: whether activations are computed again.
        xla: whether XLA compiles the steps. It joins Keras's passes itself; of the one
            operation it takes the variance as a difference of means, and losses of
            small networks are off by 4e-4.
    """
    whole = contextlib.nullcontext() if xla else normalising.fused(model)
    again = recomputing(model) if recompute else contextlib.nullcontext()
    with whole, again:
        yield


@contextlib.contextmanager
def recomputing(model: keras.Model) -> Iterator[None]:
    """Inside, training keeps few activations and computes the others a second time.

    The network is cut where a single tensor passes; of each part only the input is
    kept, and the backward pass computes the rest again, with the same dropout and
    without moving the averages of batch normalisation again.

    Args:
        model: functional `keras.Model` with one input.
    """
    parts = [recomputed(part) for part in chain(model)]
    plain = model.call

    def call(inputs, training=None, mask=None, **unused):
        if not training:
            return plain(inputs, training=training, mask=mask)
        (x,) = keras.tree.flatten(inputs)
        for part in parts:
            x = part(x)
        return x

    model.call = call
    try:
        yield
    finally:
        del model.call


def chain(
        model: keras.Model,
        shape: Sequence[int | None] | None = None) -> list[keras.Model]:
    """Cuts a model into a chain of models that share its layers.

    It is cut where it takes least memory. A nested model is a chain of its own.

    Args:
        model: functional `keras.Model` with one input.
        shape: of that input, without the batch; default the model's own.

    Returns:
        list of `keras.Model`; one after the other they compute what `model` does.
    """
    layers = model.layers
    places = cuts(model)
    ends = set(balanced(places, sizes(model, shape or model.input_shape[1:])))
    ends |= {j for i, layer in enumerate(layers) if isinstance(layer, keras.Model)
             for j in (i - 1, i) if j in places}
    parts, start = [], 0
    for end in sorted(ends | {len(layers) - 1}):
        if end == 0:
            continue
        part = layers[start + 1:end + 1]
        if len(part) == 1 and isinstance(part[0], keras.Model):
            parts += chain(part[0], input_of(part[0]).shape[1:])
        else:
            parts.append(keras.Model(output_of(layers[start]), output_of(layers[end])))
        start = end
    return parts


def sizes(model: keras.Model, shape: Sequence[int | None]) -> list[int]:
    """Numbers in the output of each layer, for one image of a shape at each input."""
    inside = keras.Model(model.inputs, list(map(output_of, model.layers)))
    # Only their ratios matter, so any size will do where the model has none.
    batch_shape = (1, *(length or 256 for length in shape))
    shapes = batch_shape if len(model.inputs) == 1 else [batch_shape] * len(
        model.inputs)
    return [math.prod(output) for output in inside.compute_output_shape(shapes)]


def balanced(places: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """At which places to cut so that memory is least: what is kept, the outputs at the
    places, and what the largest part holds while it is computed again.

    Args:
        places: indices of layers in rising order, from `cuts`.
        sizes: of the outputs of all layers.

    Returns:
        some of the places.
    """
    last = len(sizes) - 1
    until = [0, *itertools.accumulate(sizes)]       # sum of the sizes before a layer

    def held(start, end):
        return until[end + 1] - until[start + 1]

    def filled(limit):
        ends = [0]
        for place, following in itertools.pairwise([*places, last]):
            if place and held(ends[-1], following) > limit:
                ends.append(place)
        return ends[1:]

    def memory(ends):
        return sum(sizes[end] for end in ends) + max(
            held(*part) for part in itertools.pairwise([0, *ends, last])), len(ends)

    limits = {held(*part) for part in itertools.combinations([*places, last], 2)}
    return min(map(filled, sorted(limits)), key=memory, default=[])


def cuts(model: keras.Model) -> list[int]:
    """Indices of the layers after which nothing but their own output is needed."""
    layers = model.layers
    last_use = {}
    for i, layer in enumerate(layers):
        for tensor in keras.tree.flatten(input_of(layer)):
            last_use[id(tensor)] = i
    places, needed = [], 0
    for i, layer in enumerate(layers[:-1]):
        if needed <= i:
            places.append(i)
        needed = max(needed, last_use.get(id(output_of(layer)), i))
    return places


# What goes into and out of a layer of a model; a nested model's own `input` and
# `output` are those of its inside.
input_of = keras.Operation.input.fget
output_of = keras.Operation.output.fget


def recomputed(part: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function that computes a model in training mode and keeps its input only."""
    weights = {id(weight) for weight in part.weights}
    states = [variable for variable in part.variables if id(variable) not in weights]

    @tf.custom_gradient
    def call(x):
        seeds = [tf.identity(state.value) for state in states]
        y = part(x, training=True)

        def gradient(upstream, variables=()):
            # Waiting for the gradient keeps TensorFlow from computing the second pass
            # together with the first, which would keep everything after all.
            with tf.control_dependencies([upstream]):
                x_again = tf.identity(x)
            mapping = list(zip(states, seeds, strict=True))
            with keras.StatelessScope(state_mapping=mapping), tf.GradientTape() as tape:
                tape.watch(x_again)
                for variable in variables:
                    tape.watch(variable)
                z = part(x_again, training=True)
            gradients = tape.gradient(
                z, [x_again, *variables], output_gradients=upstream)
            # Those of the weights would wait until the end on few threads, and keep
            # what they are computed from in memory.
            with tf.control_dependencies(gradients):
                return tf.identity(gradients[0]), gradients[1:]

        return y, gradient

    return call
