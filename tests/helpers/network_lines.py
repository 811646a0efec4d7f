"""A network as lines of text: what tells one layer from another."""

import json

import keras
import recorded

# Of these the form depends on the version of Keras, not on the network.
UNSEEN = ("dtype", "name", "trainable", "batch_input_shape", "optional", "sparse",
          "ragged")


def described(model, *, in_full=False):
    """A line per layer: name, kind, shape, what enters, and its settings or their hash.

    Args:
        model: functional `keras.Model`.
        in_full: settings as text.
    """
    lines = []
    for layer in model.layers:
        before = [tensor._keras_history.operation.name for tensor in keras.tree.flatten(
            keras.Operation.input.fget(layer))]
        settings = {} if isinstance(layer, keras.Model) else {
            key: value for key, value in layer.get_config().items()
            if key not in UNSEEN}
        text = json.dumps(settings, default=str, sort_keys=True)
        shape = getattr(keras.Operation.output.fget(layer), "shape", None)
        lines.append(f"{layer.name} {type(layer).__name__} {shape} of "
                     f"{' '.join(before)}: "
                     f"{text if in_full else recorded.exact(text.encode())}")
    return lines
