"""The schedule as rows of `Stage`; freeze, compile, fit, go on, row by row."""

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from end2end import config
from end2end.models import backbones
from end2end.training import callbacks

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stretch of training with one set of trainable layers and one rate."""

    name: str
    first_trainable: str | None  # layer name; None trains every layer
    until_epoch: int             # cumulative, as in the original flags
    learning_rate: float
    weight_decay: float
    dropout: float
    normalisation: bool = False  # whether that before first_trainable is trained too


# What is trained in adaptation (`--adapt`): from which part on, and whether the
# normalisation before it is, too.
ADAPTATIONS = {
    "all": ("all", False), "last-stage": ("last stage", False),
    "normalisation-top": ("top", True), "normalisation": ("nothing", True)}


def patch_stages(
        training: config.TrainingOptions, model_options: config.ModelOptions, *,
        head: str = "dense_1", first_trainable: str | None = None) -> list[Stage]:
    """The rows of patch training (Shen et al. 2019: three stages).

    Last layer, top layers, all layers. From random weights: one stage at a constant
    rate up to `first_until_epoch`. A backbone without ImageNet weights, such as
    yaroslav, is trained in one stage up to the last of the three end points, unless
    the first of its top layers is named.

    Args:
        training: `TrainingOptions`.
        model_options: `ModelOptions`.
        head: name of the output layer.
        first_trainable: first layer of the second stage; default that of the backbone.

    Returns:
        list of `Stage`.
    """
    row = backbones.BACKBONES[model_options.backbone]
    first = Stage("last layer", head, training.first_until_epoch,
                  training.learning_rate, model_options.weight_decay,
                  model_options.dropout)
    if not model_options.pretrained:
        return [dataclasses.replace(first, name="all layers", first_trainable=None)]
    first_trainable = first_trainable or row.top_start
    if first_trainable is None:
        until = max(training.first_until_epoch, training.top_until_epoch,
                    training.all_until_epoch)
        return [dataclasses.replace(first, name="all layers", first_trainable=None,
                                    until_epoch=until)]
    late = dict(weight_decay=training.late_weight_decay, dropout=training.late_dropout)
    return [
        first,
        Stage("top layers", first_trainable, training.top_until_epoch,
              training.learning_rate * training.top_rate_multiplier, **late),
        Stage("all layers", None, training.all_until_epoch,
              training.learning_rate * training.all_rate_multiplier, **late)]


def image_stages(
        training: config.TrainingOptions, model_options: config.ModelOptions, *,
        first_trainable: str | None) -> list[Stage]:
    """The rows of whole-image training (Shen et al. 2019: two stages).

    New top layers, then all layers.

    Args:
        training: `TrainingOptions`.
        model_options: `ModelOptions`.
        first_trainable: first layer of stage one (`models.first_top_layer`); None for
            a network from random weights: one stage at a constant rate.

    Returns:
        list of `Stage`.
    """
    first = Stage("top layers", first_trainable, training.first_until_epoch,
                  training.learning_rate, model_options.weight_decay,
                  model_options.dropout)
    if first_trainable is None:
        until = max(training.first_until_epoch, training.all_until_epoch)
        return [dataclasses.replace(first, name="all layers", until_epoch=until)]
    return [
        first,
        Stage("all layers", None, training.all_until_epoch,
              training.learning_rate * training.all_rate_multiplier,
              training.late_weight_decay, training.late_dropout)]


def cross_entropy(labels: Any, scores: Any) -> Any:
    """Cross-entropy of one-hot labels; probabilities clipped at 1e-7 as in Keras 2.0.8.

    Keras 3 would go round the clipping, by the logits behind a softmax.
    """
    scores = keras.ops.clip(scores, callbacks.CLIP, 1 - callbacks.CLIP)
    return -keras.ops.sum(labels * keras.ops.log(scores), axis=1)


def smoothed(share: float) -> Callable[[Any, Any], Any]:
    """`cross_entropy` of labels of which a share is spread evenly over all classes.

    Args:
        share: 0 for `cross_entropy` itself (Szegedy et al. 2016).
    """
    if not share:
        return cross_entropy

    def smoothed_cross_entropy(labels, scores):
        spread = share / scores.shape[1]
        return cross_entropy(labels * (1 - share) + spread, scores)

    return smoothed_cross_entropy


def class_weights(
        training: config.TrainingOptions, num_classes: int, *,
        most: int = 3) -> NDArray[np.float32] | None:
    """Weights by class: 1, `positive_weight`, `negative_weight`; None for no weights.

    As in the original they exist without batch balancing and for two or three classes
    of patches or two of whole images (`most`).
    """
    weights = [1.0, training.positive_weight, training.negative_weight]
    if training.balance_batches or num_classes > most:
        if weights != [1.0] * len(weights):
            log.warning("class weights have no effect with batch balancing or more "
                        "than %d classes (--pos-cls-weight, --neg-cls-weight).", most)
        return None
    return np.array(weights[:num_classes], np.float32)
