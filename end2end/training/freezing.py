"""Which layers are trained, and the penalties of those outside the trunk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import keras

from end2end.training import normalising, remat
from end2end.utils import files

if TYPE_CHECKING:
    from end2end.training.schedule import Stage

# In place of the name of a layer to train from: after the last one.
NOTHING = "nothing"
# Layers that scale and shift what others compute.
NORMALISATIONS = (
    keras.layers.BatchNormalization, keras.layers.LayerNormalization,
    keras.layers.GroupNormalization)
# Values of a channel from which batch normalisation takes mean and variance in a step.
FEWEST_VALUES = 8


def leaves(model: keras.Model) -> Iterator[keras.Layer]:
    """All layers in order, those of nested models in place of the model."""
    return (layer for layer in normalising.flat(model)
            if not isinstance(layer, keras.Model))


def nested(model: keras.Model) -> Iterator[keras.Model]:
    """The models inside a model, at any depth."""
    return (layer for layer in normalising.flat(model)
            if isinstance(layer, keras.Model))


def train_from(
        model: keras.Model, first_trainable: str | None, *,
        freeze_statistics: bool = False, normalisation: bool = False) -> list[str]:
    """Freezes all layers before `first_trainable`, unfreezes the others, nested too.

    As in Keras 2.0.8, frozen batch normalisation still takes the statistics of each
    batch and moves its averages; only its gamma and beta stay. The paper's models were
    trained so.

    Args:
        model: `keras.Model`.
        first_trainable: layer name; None unfreezes all, `NOTHING` none.
        freeze_statistics: freeze batch normalisation wholly, as today's Keras.
        normalisation: train the normalisation before that layer, too.

    Returns:
        names of the layers with weights that are trained.

    Raises:
        files.InputError: there is no such layer.
    """
    order = list(leaves(model))
    for layer in (model, *nested(model), *order):
        # Keras passes the flag on to the variables only where it changes, and those of
        # a normalisation may have been frozen alone, below, by an earlier stage.
        layer.trainable = False
        layer.trainable = True
    for layer in order[:position(model, first_trainable)]:
        if normalisation and isinstance(layer, NORMALISATIONS):
            continue
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        if freeze_statistics or not normalises:
            layer.trainable = False
            continue
        for variable in (layer.gamma, layer.beta):
            if variable is not None:
                variable.trainable = False
    return [layer.name for layer in order if layer.trainable_weights]


def position(model: keras.Model, first_trainable: str | None) -> int:
    """How many of the `leaves` of a model come before the layer to train from.

    Raises:
        files.InputError: there is no such layer.
    """
    order = list(leaves(model))
    if first_trainable in (None, NOTHING):
        return 0 if first_trainable is None else len(order)
    start = next((layer for layer in (*model.layers, *order)
                  if layer.name == first_trainable), None)
    if start is None:
        raise files.InputError(
            f"model {model.name} has no layer {first_trainable!r} to train from; "
            f"expected one such as {order[-1].name!r}. Correct --top-layer-nb.")
    while isinstance(start, keras.Model):
        start = next(leaves(start))
    return next(i for i, layer in enumerate(order) if layer is start)


def set_momentum(model: keras.Model, statistics_momentum: float) -> None:
    """Lets batch normalisation keep that share of its averages at each step.

    After n steps a share of statistics_momentum^n of the old averages is left: of 0.99,
    with 37 steps per epoch, half after two epochs, so that the first epochs of a small
    set are judged by averages of other images.
    """
    for layer in leaves(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = statistics_momentum


def _drops_units(layer):
    """Whether it is a dropout layer of a head; one of a trunk drops whole branches."""
    return isinstance(layer, keras.layers.Dropout) and layer.noise_shape is None


def too_few_values(
        model: keras.Model, size: tuple[int, int], batch_size: int) -> str | None:
    """A warning where batch normalisation takes its statistics from too few values.

    Of 4 values (four images of which one cell is left) they are so uncertain that such
    networks learnt nothing from phantoms in 20 epochs; of 8 they learnt.

    Args:
        model: whole-image or patch classifier, frozen as it will be trained.
        size: height and width of its input, pixels.
        batch_size: images per training step.
    """
    cells = {}
    numbers = remat.sizes(model, (*size, model.inputs[0].shape[-1]))
    for layer, number in zip(model.layers, numbers, strict=True):
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            cells[layer.name] = number // layer.output.shape[layer.axis]
    name = min(cells, key=cells.get, default=None)
    if name is None or batch_size * cells[name] >= FEWEST_VALUES:
        return None
    return (f"batch normalisation {name} has {batch_size * cells[name]} values per "
            f"step (images: {batch_size}, cells of each: {cells[name]}), too few for "
            "an average; such networks learn badly. Give a larger --batch-size or "
            "--img-size.")


def penalised(model: keras.Model) -> list[keras.Layer]:
    """Layers outside a nested trunk that have a weight penalty."""
    return [layer for layer in model.layers
            if getattr(layer, "kernel_regularizer", None) is not None]


def set_penalties(
        model: keras.Model, *, weight_decay: float, dropout: float,
        seed: int = 0) -> None:
    """Gives the layers outside a nested trunk their L2 penalty and dropout rate.

    Layers made without a penalty stay so (the trunk of a patch classifier; all of
    yaroslav). The new values act from the next `compile` on; `seed` is that of dropout
    layers which never dropped anything.
    """
    for layer in penalised(model):
        layer.kernel_regularizer = keras.regularizers.L2(weight_decay)
        layer.kernel.regularizer = layer.kernel_regularizer
    for number, layer in enumerate(model.layers):
        if _drops_units(layer):
            if dropout > 0 and not hasattr(layer, "seed_generator"):
                # Keras makes the random state only for rates above 0.
                layer._tracker.unlock()
                layer.seed_generator = keras.random.SeedGenerator(seed + number)
                layer._tracker.lock()
            layer.rate = dropout


@contextlib.contextmanager
def written_penalties(
        model: keras.Model, stage: Stage, semantics: str) -> Iterator[None]:
    """With `original` semantics a file saved inside gets the penalties of the stage.

    They did not act in the run that wrote them, but in the next one that loaded the
    file (docs/differences.md).
    """
    if semantics == "corrected":
        yield
        return
    penalties = [(layer, layer.kernel_regularizer, layer.kernel.regularizer)
                 for layer in penalised(model)]
    rates = [(layer, layer.rate) for layer in model.layers if _drops_units(layer)]
    set_penalties(model, weight_decay=stage.weight_decay, dropout=stage.dropout)
    try:
        yield
    finally:
        for layer, in_config, acting in penalties:
            layer.kernel_regularizer, layer.kernel.regularizer = in_config, acting
        for layer, rate in rates:
            layer.rate = rate
