"""What a layer of a network says of an image: features for other models and plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from end2end.utils import files

if TYPE_CHECKING:
    import keras


def layer_features(
        model: keras.Model, *, names: Sequence[str] = (),
        indices: Sequence[int] = ()) -> keras.Model:
    """A model that ends with chosen layers of a network and shares its weights.

    `predict` of it gives the features: of -2, for instance, what enters the last dense
    layer of a classifier without dropout. The original's library has the same as
    `DLRepr`.

    Args:
        model: a network with a fixed graph, such as `load_classifier(path).model`.
        names: of layers.
        indices: of layers, from the end where negative; after those of `names`.

    Returns:
        model with an output for each layer, in this order; a single tensor for one.

    Raises:
        files.InputError: no layer is asked for, or one does not exist.
    """
    import keras

    known = {layer.name: layer for layer in model.layers}
    wrong = [repr(name) for name in names if name not in known]
    wrong += [str(index) for index in indices
              if not -len(model.layers) <= index < len(model.layers)]
    if wrong or not (names or indices):
        raise files.InputError(
            f"model {model.name} has {len(model.layers)} layers and none "
            f"{', '.join(wrong) or 'was named'}; expected some of "
            f"{', '.join(known)}, or numbers from {-len(model.layers)} to "
            f"{len(model.layers) - 1}.")
    layers = [known[name] for name in names]
    layers += [model.layers[index] for index in indices]
    outputs = [layer.output for layer in layers]
    return keras.Model(model.inputs, outputs[0] if len(outputs) == 1 else outputs)
