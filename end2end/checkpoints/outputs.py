"""What the outputs of a model stand for: probabilities of which classes, and who says.

A model that was made elsewhere often ends in a single sigmoid, or without softmax, and
nothing in its file tells which output is cancer. Here its end is brought into one form,
probabilities in a known order; nothing is guessed without being said.
"""

import dataclasses
from typing import TYPE_CHECKING

from end2end.config import model_flags
from end2end.utils import files

if TYPE_CHECKING:
    import keras

CLASSES = ("neg", "pos")
# Kind, in its card, of a model of the CC and the MLO of a breast.
TWO_VIEWS = "two_view"
# Layers that keep values between the least and the greatest that they take.
KEEPING = ("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout",
           "GaussianNoise", "Flatten", "Reshape", "Permute", "Cropping2D", "Average",
           "Maximum", "Minimum", "Concatenate", "AveragePooling2D", "MaxPooling2D",
           "GlobalAveragePooling2D", "GlobalMaxPooling2D", "CenterCrop",
           "RepeatVector")
# Layers that end a network of logits.
LINEAR = ("Dense", "Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D",
          "Conv1D", "BatchNormalization", "Add", "Subtract")
PROBABILITIES = ("softmax", "sigmoid")
# Of logarithms of probabilities the softmax gives the probabilities.
LOGITS = ("linear", "log_softmax")
UNKNOWN_ORDER = ("which output of {} is cancer is not known; the second of two is "
                 "taken for it (give --class-list neg pos, or pos neg)")
UNKNOWN_CLASS = ("the class of the single output of {} is not known; it is "
                 "taken for the probability of cancer (give --class-list pos, "
                 "or neg)")


@dataclasses.dataclass(frozen=True)
class Outputs:
    """A model whose outputs are probabilities, and what is known of them.

    Attributes:
        model: `keras.Model`; one output `(b, number of classes)`, each from 0 to 1.
        classes: names of the outputs, in order.
        reason: a sentence on which output is cancer and who says so.
        caution: a sentence where nobody says so, else empty.
    """

    model: "keras.Model"
    classes: tuple[str, ...]
    reason: str
    caution: str = ""


def settled(model: "keras.Model", card: dict, options: model_flags.OutputOptions,
            name: str) -> Outputs:
    """Brings the end of a model into one form.

    Args:
        model: from anywhere.
        card: what is known of it (`cards`, `published`), perhaps nothing.
        options: what the user says of its outputs.
        name: of the model, for messages.

    Raises:
        files.InputError: several inputs or outputs, inputs that are no images, outputs
            that are no probabilities, or classes that do not fit their number.
    """
    check_ends(model, name, card)
    model = _as_probabilities(model, options.kind, name)
    count = model.output_shape[1]
    classes, source = _named(card, options)
    _check_classes(classes, count, name)
    if count == 1:
        return _of_one(model, classes, source, name)
    if classes:
        reason = f"named by {source}"
        return Outputs(model, classes, _position(classes, reason))
    if count != len(CLASSES):
        return Outputs(model, tuple(f"class{i}" for i in range(count)), "")
    caution = UNKNOWN_ORDER.format(name)
    return Outputs(model, CLASSES, caution, caution)


def check_ends(model: "keras.Model", name: str, card: dict | None = None) -> None:
    """Refuses what does not take one image and give one row of numbers.

    A model of two views is known by its card (`kind`), and by nothing else.

    Raises:
        files.InputError: see above.
    """
    inputs, outputs = model.inputs, model.outputs
    breasts = (card or {}).get("kind") == TWO_VIEWS and len(
        {tensor.shape for tensor in inputs}) == 1
    if len(inputs) != (2 if breasts else 1):
        names = ", ".join(tensor.name for tensor in inputs)
        raise files.InputError(
            f"model {name} takes {len(inputs)} images at once ({names}); expected a "
            "model of one image, or one of CC and MLO with the card that training "
            "writes beside it.")
    if len(outputs) != 1:
        names = ", ".join(tensor._keras_history.operation.name for tensor in outputs)
        raise files.InputError(
            f"model {name} has {len(outputs)} outputs ({names}); expected one. Save a "
            "model that ends at the output of interest.")
    shape = inputs[0].shape
    if len(shape) != 4 or shape[-1] not in (1, 3):
        raise files.InputError(
            f"model {name} takes arrays of the shape {_shown(shape)}; expected images "
            "(height, width, channels) of 1 or 3 channels.")
    shape = outputs[0].shape
    if len(shape) != 2 or not shape[1]:
        raise files.InputError(
            f"model {name} gives arrays of the shape {_shown(shape)} for an image; "
            "expected one number for each class.")


def _shown(shape):
    return f"({', '.join('any' if side is None else str(side) for side in shape[1:])})"


def _named(card, options):
    """Classes and who names them; empty where nobody does."""
    if options.classes:
        return tuple(options.classes), "--class-list"
    if card.get("classes"):
        return tuple(card["classes"]), (
            "the table of published models" if card.get("published") else "its card")
    return (), ""


def _check_classes(classes, count, name):
    if len(set(classes)) < len(classes):
        raise files.InputError(
            f"model {name}: the classes {', '.join(classes)} are not all different; "
            "correct --class-list.")
    # Two names of a single output: it is the probability of the second.
    if classes and len(classes) != count and (count, len(classes)) != (1, 2):
        raise files.InputError(
            f"model {name} has {count} outputs, but its settings name the classes "
            f"{', '.join(classes)}; correct --class-list or its .config.json.")


def _position(classes, reason):
    if "pos" not in classes:
        return ""
    number = classes.index("pos") + 1
    return f"output {number} of {len(classes)} (pos) is taken for cancer, {reason}"


def _of_one(model, classes, source, name):
    """A model of one probability p as a model of two, 1 - p and p."""
    if classes:
        classes = classes if len(classes) == 2 else (_other(classes[0]), classes[0])
        return Outputs(_with_complement(model), classes, (
            f"its single output is taken for the probability of {classes[1]}, named "
            f"by {source}"))
    caution = UNKNOWN_CLASS.format(name)
    return Outputs(_with_complement(model), CLASSES, caution, caution)


def _other(name):
    others = dict(zip(CLASSES, reversed(CLASSES), strict=True))
    return others.get(name, f"not {name}")


def _with_complement(model):
    from keras import layers

    (p,) = model.outputs
    rest = layers.Rescaling(-1.0, offset=1.0, name=_free(model, "complement"))(p)
    both = layers.Concatenate(name=_free(model, "both_classes"))([rest, p])
    return _ending_in(model, both)


def _free(model, name):
    """A name that no layer of the model has, for Keras takes none twice."""
    taken = {layer.name for layer in model.layers}
    while name in taken:
        name += "_"
    return name


def _ending_in(model, output):
    """The model with what follows its end; of one image or of two views."""
    import keras

    # Called with an array, a model of a list of one complains of its structure.
    inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]
    return keras.Model(inputs, output, name=model.name)


def _as_probabilities(model, kind, name):
    (output,) = model.outputs
    end, count = ending(output), model.output_shape[1]
    if kind == "logits":
        return _with_softmax(model, end, name)
    if end == "softmax" and count == 1:
        raise files.InputError(
            f"model {name} ends in a softmax of a single output, which is 1 for every "
            "image; its training went wrong. Give another model.")
    if end in PROBABILITIES:
        return model
    if end in LOGITS:
        raise files.InputError(
            f"model {name} ends without softmax or sigmoid ({end}), so its scores are "
            "no probabilities; if it was trained on logits (from_logits=True) give "
            "--output logits.")
    raise files.InputError(
        f"model {name} ends in {end}, so its scores need not lie between 0 and 1; "
        "expected a softmax or a sigmoid.")


def _with_softmax(model, end, name):
    from keras import layers

    if end not in LOGITS:
        raise files.InputError(
            f"model {name} ends in {end}; --output logits is for models that end "
            "without softmax or sigmoid. Leave it out.")
    kind = "sigmoid" if model.output_shape[1] == 1 else "softmax"
    (x,) = model.outputs
    x = layers.Activation(kind, name=_free(model, "probabilities"))(x)
    return _ending_in(model, x)


# What a network ends in --------------------------------------------------------------


def ending(tensor: object) -> str:
    """What gives a tensor of a model its range.

    Args:
        tensor: symbolic output of a Keras model.

    Returns:
        `softmax` or `sigmoid` for what lies between 0 and 1 whatever comes before,
        `linear` or `log_softmax` for logits, else the name of what it ends in.
    """
    history = tensor._keras_history
    layer, kind = history.operation, type(history.operation).__name__
    if hasattr(layer, "outputs") and hasattr(layer, "layers"):
        return ending(layer.outputs[history.tensor_index])
    before = layer._inbound_nodes[history.node_index].input_tensors
    special = _ENDINGS.get(kind)
    if special:
        return special(layer, before)
    if kind in KEEPING:
        return _common(before)
    name = getattr(getattr(layer, "activation", None), "__name__", None)
    if kind == "Activation" and name == "linear":
        return _common(before)
    if name in PROBABILITIES or name == "log_softmax":
        return name
    if kind in LINEAR and name in (None, "linear"):
        return "linear"
    return name or kind


def _common(tensors):
    endings = {ending(tensor) for tensor in tensors}
    if endings <= set(PROBABILITIES):
        return min(endings) if len(endings) > 1 else endings.pop()
    return endings.pop() if len(endings) == 1 else "layers of several kinds"


def _relu(layer, before):
    bounded = layer.max_value is not None and layer.max_value <= 1
    # What hard_sigmoid is made of (`model_files.ages`).
    return "sigmoid" if bounded and not layer.negative_slope else "relu"


def _rescaling(layer, before):
    inner = ending(*before)
    if inner not in PROBABILITIES or not all(
            isinstance(value, (int, float)) for value in (layer.scale, layer.offset)):
        return "linear" if inner in LOGITS else "rescaling"
    ends = sorted((layer.offset, layer.offset + layer.scale))
    return "sigmoid" if ends[0] >= 0 and ends[1] <= 1 else "rescaling"


_ENDINGS = {
    "Softmax": lambda layer, before: "softmax",
    "ReLU": _relu, "Rescaling": _rescaling,
    "Multiply": lambda layer, before: (
        "sigmoid" if {ending(tensor) for tensor in before} <= set(PROBABILITIES)
        else "Multiply"),
    "InputLayer": lambda layer, before: "its input"}
