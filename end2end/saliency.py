"""Which pixels moved the score: guided and plain gradients, Grad-CAM, integrated ones.

Shen et al. 2019, "Saliency map and error analysis": the gradient of the cancer output
with respect to the image, by guided back-propagation (only positive gradients through
positive activations), rescaled to 0-1, values below 0.06 removed.

Gradients are taken of the log odds of the class. For one image that is the gradient of
the probability times a constant, which the rescaling removes; it does not vanish where
the network is sure.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from end2end import models

if TYPE_CHECKING:
    import keras

CUTOFF = 0.06
# A coarser map than this says little about the place: 9x7 cells at 1152x896.
LEAST_CELLS = 7
# Of the path of integrated gradients; its authors advise 20 to 300.
STEPS = 20
# Images from which on a graph of the gradients is the quicker way: it takes as long to
# make as five images gain (Yaroslav's network at 256x192: 0.9 and 0.18 s).
WORTH_A_GRAPH = 8
# Standard deviation by which maps are smoothed, as share of the height: a single pixel
# of a gradient means little.
BLUR = 0.01


def saliency_map(
        model: keras.Model, image: NDArray[np.float32], *, class_index: int = 1,
        cutoff: float = CUTOFF, scale: float | None = None) -> NDArray[np.float32]:
    """Saliency of each pixel by guided back-propagation, as published.

    Springenberg JT, Dosovitskiy A, Brox T, Riedmiller M. Striving for simplicity: the
    all convolutional net. ICLR workshop 2015.

    Args:
        model: `keras.Model` with softmax (or one sigmoid) output.
        image: network input, float32 `(rows, columns, channels)`.
        class_index: the output to explain; 1 is `pos`, cancer.
        cutoff: values below it become 0.
        scale: gradient of the probability that becomes 1; None for the largest of this
            image. A common scale for a set leaves images without a response empty, as
            in Figure 4c of the paper.

    Returns:
        float32 `(rows, columns)` from 0 to 1: the largest absolute gradient over the
        channels.
    """
    odds, slope = class_gradient(model, image, class_index, guided=True)
    strength = np.abs(odds).max(axis=-1)
    if scale is not None:
        strength = np.minimum(strength * slope / scale, 1)
    return rescaled(strength, cutoff, largest=1 if scale is not None else None)


def gradient_map(
        model: keras.Model, image: NDArray[np.float32], *,
        class_index: int = 1, relative: bool = True) -> NDArray[np.float32]:
    """Saliency of each pixel by the plain gradient, unguided.

    Simonyan K, Vedaldi A, Zisserman A. Deep inside convolutional networks. ICLR
    workshop 2014. Guided back-propagation changes little when a network's weights are
    replaced by random ones, this map does (Adebayo J et al. Sanity checks for saliency
    maps. NeurIPS 2018); so it tells whether a guided map is of the network.

    Args:
        model, image, class_index: see `saliency_map`.
        relative: divide by the largest value.

    Returns:
        float32 `(rows, columns)` from 0; to 1 where `relative`.
    """
    odds, _ = class_gradient(model, image, class_index, guided=False)
    strength = np.abs(odds).max(axis=-1)
    return rescaled(strength) if relative else strength


def grad_cam(
        model: keras.Model, image: NDArray[np.float32], *, class_index: int = 1,
        layer: str | None = None, relative: bool = True) -> NDArray[np.float32]:
    """Grad-CAM: the features of one layer, weighted by their mean gradient.

    Selvaraju RR et al. Grad-CAM: visual explanations from deep networks via
    gradient-based localization. ICCV 2017.

    Args:
        model, image, class_index: see `saliency_map`.
        layer: see `map_layer`.
        relative: divide by the largest value.

    Returns:
        float32 `(rows, columns)` of the image, from 0; to 1 where `relative`.

    Raises:
        ValueError: there is no such layer.
    """
    import keras
    import tensorflow as tf

    x = _batch(image)
    both = keras.Model(
        model.inputs, [_output_within(model, map_layer(model, layer)),
                       model.outputs[0]])
    with _linear_output(model) as kind:
        with tf.GradientTape() as tape:
            tape.watch(x)
            features, output = both(x, training=False)
            odds = _log_odds(output, class_index, kind)
        gradient = tape.gradient(odds, features)
    fine = _weighted(features, gradient, image.shape[:2])
    return rescaled(fine) if relative else fine


def grad_cam_of_views(
        model: keras.Model, cc: NDArray[np.float32], mlo: NDArray[np.float32], *,
        class_index: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Grad-CAM of both images of a model of two views, at the maps that it joins.

    Args:
        model: of `models.two_view_classifier`.
        cc, mlo: float32 `(height, width, channels)`, network inputs.
        class_index: of the output.

    Returns:
        two maps, float32 `(height, width)`, from 0; the strongest place of both is 1,
        so that the views can be compared.
    """
    import keras
    import tensorflow as tf

    joint = model.get_layer(models.two_views.JOINT)
    both = keras.Model(model.inputs, [*joint.input, model.outputs[0]])
    views = [_batch(image) for image in (cc, mlo)]
    with _linear_output(model) as kind:
        with tf.GradientTape() as tape:
            tape.watch(views)
            *features, output = both(views, training=False)
            odds = _log_odds(output, class_index, kind)
        gradients = tape.gradient(odds, features)
    first, second = rescaled(np.stack([
        _weighted(*row, cc.shape[:2])
        for row in zip(features, gradients, strict=True)]))
    return first, second


def _weighted(features, gradient, size):
    """Features weighted by their mean gradient, not negative, at a size."""
    weights = gradient.numpy().mean(axis=(0, 1, 2))
    coarse, = np.maximum(features.numpy() @ weights, 0)
    return cv2.resize(coarse, size[::-1])


def integrated_gradients(
        model: keras.Model, image: NDArray[np.float32], *, class_index: int = 1,
        baseline: NDArray[np.float32] | None = None,
        steps: int = STEPS, relative: bool = True) -> NDArray[np.float32]:
    """Integrated gradients from a black image to this one, positive share of a pixel.

    Args:
        model, image, class_index: see `saliency_map`.
        baseline: network input without information; default the image's minimum
            everywhere, which is black.
        steps: of the path.
        relative: divide by the largest value.

    Returns:
        float32 `(rows, columns)` from 0; to 1 where `relative`.
    """
    shares = attributions(
        model, image, class_index=class_index, baseline=baseline, steps=steps)
    positive = np.maximum(shares.sum(axis=-1), 0)
    return rescaled(positive) if relative else positive


def attributions(
        model: keras.Model, image: NDArray[np.float32], *, class_index: int = 1,
        baseline: NDArray[np.float32] | None = None,
        steps: int = STEPS) -> NDArray[np.float32]:
    """What each input value adds to the log odds, from the baseline on.

    Sundararajan M, Taly A, Yan Q. Axiomatic attribution for deep networks. ICML 2017.
    The sum is the difference of the log odds of image and baseline, but for the error
    of a path of so many steps.

    Returns:
        float32 `(rows, columns, channels)`.
    """
    image = np.asarray(image, np.float32)
    if baseline is None:
        baseline = np.full_like(image, image.min())
    total = np.zeros(image.shape, np.float64)
    for share in (np.arange(steps) + 0.5) / steps:
        point = baseline + np.float32(share) * (image - baseline)
        total += class_gradient(model, point, class_index, guided=False)[0]
    return (total / steps * (image - baseline)).astype(np.float32)


def rescaled(
        strength: NDArray, cutoff: float = 0.0, *,
        largest: float | None = None) -> NDArray[np.float32]:
    """Divides by the largest value and removes what is below the cutoff.

    Returns:
        float32 of the same shape, from 0 to 1; zeros where nothing is positive.
    """
    largest = float(strength.max()) if largest is None else largest
    if largest <= 0:
        return np.zeros(strength.shape, np.float32)
    shares = (strength / largest).astype(np.float32)
    shares[shares < cutoff] = 0
    return shares


# Gradients ------------------------------------------------------------------------


def _batch(image):
    import tensorflow as tf

    return tf.convert_to_tensor(np.asarray(image, np.float32)[None])


def class_gradient(
        model: keras.Model, image: NDArray[np.float32], class_index: int, *,
        guided: bool, compute: Callable | None = None
) -> tuple[NDArray[np.float32], float]:
    """Gradient of the log odds of a class with respect to the input.

    Args:
        model, image, class_index: see `saliency_map`.
        guided: let only positive gradients through positive activations.
        compute: of `for_many_images`; step by step without it.

    Returns:
        float32 `(rows, columns, channels)`, and the slope by which the gradient of the
        probability is smaller.
    """
    rectifiers = guided_rectifiers(model) if guided else contextlib.nullcontext()
    with _linear_output(model) as kind, rectifiers:
        odds, gradient = (compute or _odds_and_gradient)(
            model, _batch(image), class_index, kind, guided)
    gradient, = gradient.numpy()
    if kind == "linear":
        return gradient, 1.0
    probability = 1 / (1 + np.exp(-np.clip(odds.numpy().item(), -80, 80)))
    return gradient, probability * (1 - probability)


def for_many_images() -> Callable[..., tuple[NDArray[np.float32], float]]:
    """`class_gradient` as a graph, which leaves out the gradients of the weights.

    The graph is made at the first image. Weights may change between two images, and
    nothing else of a model: so it is to be asked for anew by each piece of work.
    """
    import tensorflow as tf

    # By itself it makes one graph for each model, class and kind of gradient.
    return functools.partial(class_gradient, compute=tf.function(
        _odds_and_gradient, autograph=False, reduce_retracing=True))


def _odds_and_gradient(model, x, class_index, kind, guided):
    """Log odds and their gradient; `guided` tells graphs apart."""
    import tensorflow as tf

    del guided
    with tf.GradientTape() as tape:
        tape.watch(x)
        odds = _log_odds(model(x, training=False), class_index, kind)
    return odds, tape.gradient(odds, x)


def _log_odds(output, class_index, kind):
    """Log odds of the class, from the output before its softmax or sigmoid."""
    import tensorflow as tf

    logit = output[:, class_index if output.shape[-1] > 1 else 0]
    if kind != "softmax":
        return logit
    others = [i for i in range(output.shape[-1]) if i != class_index]
    return logit - tf.reduce_logsumexp(tf.gather(output, others, axis=1), axis=1)


@contextlib.contextmanager
def _linear_output(model):
    """Takes the softmax or sigmoid off a model's output inside the block.

    Gives its name, or `linear` where the output is neither.
    """
    from keras import activations

    last = model.outputs[0]._keras_history.operation
    kinds = {activations.softmax: "softmax", activations.sigmoid: "sigmoid"}
    before = getattr(last, "activation", None)
    kind = kinds.get(before, "linear")
    if kind == "linear":
        yield kind
        return
    last.activation = activations.linear
    try:
        yield kind
    finally:
        last.activation = before


@contextlib.contextmanager
def guided_rectifiers(model: keras.Model) -> Iterator[None]:
    """Makes every ReLU of a model, nested ones too, guided inside the block.

    ReLUs that are layers, and those inside convolutions and dense layers. The model
    predicts as before; only gradients change.
    """
    import tensorflow as tf
    from keras import activations, layers

    @tf.custom_gradient
    def guided_relu(x):
        def gradient(above):
            return tf.where(x > 0, tf.nn.relu(above), tf.zeros_like(above))
        return tf.nn.relu(x), gradient

    replaced = []
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, layers.ReLU) and not (
                layer.max_value or layer.negative_slope or layer.threshold):
            replaced.append((layer, "call", layer.call))
            layer.call = guided_relu
        elif getattr(layer, "activation", None) is activations.relu:
            replaced.append((layer, "activation", layer.activation))
            layer.activation = guided_relu
    try:
        yield
    finally:
        for layer, name, before in replaced:
            setattr(layer, name, before)


def map_layer(model: keras.Model, name: str | None = None) -> keras.Layer:
    """The layer whose output Grad-CAM weighs.

    Args:
        name: of a layer of the model with a map as output; `trunk` for the nested
            trunk; None for the last one with at least `LEAST_CELLS` cells on each side,
            else the one with most.

    Raises:
        ValueError: there is none.
    """
    maps = [layer for layer in model.layers[1:] if len(layer.output.shape) == 4]
    if name == "trunk":
        maps = [layer for layer in maps if hasattr(layer, "layers")]
    elif name is not None:
        maps = [layer for layer in maps if layer.name == name]
    if not maps:
        raise ValueError(
            f"{model.name} has no layer {name or ''} with a map as output; expected "
            f"one of {', '.join(layer.name for layer in model.layers[-8:])}.")
    def side(layer):
        sides = _output_within(model, layer).shape[1:3]
        return min(sides) if all(sides) else LEAST_CELLS
    return max(reversed(maps), key=lambda layer: min(side(layer), LEAST_CELLS))


def has_map_layer(model: keras.Model) -> bool:
    """Whether a model has a layer for Grad-CAM (`map_layer`)."""
    try:
        map_layer(model)
    except ValueError:
        return False
    return True


def _output_within(model, layer):
    """Output of a layer in this model's graph; a trunk may stand in others too."""
    used = {id(tensor) for inner in model.layers for node in inner._inbound_nodes
            for tensor in node.input_tensors} | {id(last) for last in model.outputs}
    return next(node.output_tensors[0] for node in layer._inbound_nodes
                if id(node.output_tensors[0]) in used)


# Where the maximum falls ----------------------------------------------------------


def peak(strength: NDArray, *, blur: float = BLUR) -> tuple[int, int] | None:
    """Place of the maximum of a map after blurring.

    Args:
        strength: `(rows, columns)`.
        blur: standard deviation as a share of the height; a single pixel of a gradient
            means little. 0 for none.

    Returns:
        (row, column), or None where the map is empty.
    """
    if strength.max() <= 0:
        return None
    sigma = blur * strength.shape[0]
    smooth = cv2.GaussianBlur(strength, (0, 0), sigma) if sigma > 0 else strength
    return tuple(int(i) for i in np.unravel_index(smooth.argmax(), smooth.shape))


def points_at(
        strength: NDArray, mask: ArrayLike, *, tolerance: float = 0.0,
        blur: float = BLUR) -> tuple[bool, float]:
    """The pointing game: does the maximum of a map fall into a region?

    Zhang J et al. Top-down neural attention by excitation backprop. ECCV 2016, who
    allow 15 pixels of some 500.

    Args:
        strength: `(rows, columns)`.
        mask: `(rows, columns)` of the same size, above 0 inside the region.
        tolerance: distance that still counts, as a share of the height.
        blur: see `peak`.

    Returns:
        whether it does, and the share of the image that would have counted, which is
        what a random point hits.
    """
    region = (np.asarray(mask) > 0).astype(np.uint8)
    distance = int(round(tolerance * region.shape[0]))
    if distance:
        disc = cv2.getStructuringElement(
            cv2.MORPH_ELLIPSE, (2 * distance + 1, 2 * distance + 1))
        region = cv2.dilate(region, disc)
    place = peak(strength, blur=blur)
    return place is not None and bool(region[place]), float(region.mean())
