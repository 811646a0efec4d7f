"""Larger images than the memory holds: recomputed activations, half precision.

Both change how a built `keras.Model` computes, not what it is: the same layers and
weights, the same file.
"""

import contextlib

import keras
import tensorflow as tf

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def set_precision(model, policy):
    """Lets the layers of a model compute in half precision.

    Weights stay float32, and so does the last layer, since a softmax of half precision
    rounds small probabilities to nothing.

    Args:
        model: `keras.Model`.
        policy: one of `PRECISIONS`.
    """
    last = model.layers[-1]
    for layer in _all_layers(model):
        layer.dtype_policy = keras.DTypePolicy(
            "float32" if layer is last else policy)
    # By the policy of the model Keras decides whether it must scale the loss.
    model.dtype_policy = keras.DTypePolicy(policy)


def _all_layers(model):
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)


@contextlib.contextmanager
def recomputing(model):
    """Inside, training keeps few activations and computes the others a second time.

    The network is cut where a single tensor passes; of each part only the input is
    kept, and the backward pass computes the rest anew, with the same dropout and
    without moving the averages of batch normalisation again.

    Args:
        model: functional `keras.Model` with one input.
    """
    parts = [recomputed(part) for part in chain(model)]
    plain = model.call

    def call(inputs, training=None, mask=None, **unused):
        if not training:
            return plain(inputs, training=training, mask=mask)
        x = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        for part in parts:
            x = part(x)
        return x

    model.call = call
    try:
        yield
    finally:
        del model.call


def chain(model):
    """Cuts a model into a chain of models that share its layers.

    About the square root of as many parts as there are places to cut, which is where
    the sum of what is kept and what is computed anew is least. A nested model is a
    chain of its own.

    Returns:
        list of `keras.Model`; one after the other they compute what `model` does.
    """
    layers = model.layers
    places = cuts(model)
    step = max(1, round(len(places) ** 0.5))
    ends = {i for number, i in enumerate(places) if number % step == step - 1}
    ends |= {j for i, layer in enumerate(layers) if isinstance(layer, keras.Model)
             for j in (i - 1, i) if j in places}
    parts, start = [], 0
    for end in sorted(ends | {len(layers) - 1}):
        if end == 0:
            continue
        part = layers[start + 1:end + 1]
        if len(part) == 1 and isinstance(part[0], keras.Model):
            parts += chain(part[0])
        else:
            parts.append(keras.Model(output_of(layers[start]), output_of(layers[end])))
        start = end
    return parts


def cuts(model):
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


def recomputed(part):
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
                again = tf.identity(x)
            mapping = list(zip(states, seeds, strict=True))
            with keras.StatelessScope(state_mapping=mapping), tf.GradientTape() as tape:
                tape.watch(again)
                for variable in variables:
                    tape.watch(variable)
                z = part(again, training=True)
            found = tape.gradient(z, [again, *variables], output_gradients=upstream)
            return found[0], found[1:]

        return y, gradient

    return call
