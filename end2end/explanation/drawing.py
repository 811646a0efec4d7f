"""Draws the map of one method over one mammogram: the functions behind `methods`."""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from end2end import checkpoints, prediction, saliency
from end2end.explanation import patch_maps


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """One mammogram and the classifier whose score is explained.

    Attributes:
        classifier: of whole images.
        pixels: array `(rows, columns)` as read.
        inputs: the same as network input, float32 `(height, width, channels)`.
        patch: classifier of patches, or None.
        class_index: output that is explained.
        flips: whether maps are means over the four flips. The heatmap of patches stays
            as it is.
        cutoff: value below which guided back-propagation is removed, 0 to 1.
        gradients: of guided back-propagation, as `gradients_of` gives them.
    """

    classifier: checkpoints.Classifier
    pixels: NDArray
    inputs: NDArray
    patch: checkpoints.Classifier | None = None
    class_index: int = 1
    flips: bool = False
    cutoff: float = saliency.CUTOFF
    gradients: Callable = saliency.class_gradient


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """What a method drew.

    Attributes:
        strength: float32 `(height, width)` of the network input, 0 to 1.
        peak: gradient of the probability where the map is 1; 0 where it is no gradient.
        reach: what the log odds gained where the map is 1, in the unit of the method;
            0 where the map is a probability itself.
        cells: the outputs of the patch classifier behind a heatmap, or None.
    """

    strength: NDArray
    peak: float = 0.0
    reach: float = 0.0
    cells: patch_maps.PatchMap | None = None


def flips_of(flips: bool) -> tuple:
    """The rows of `prediction.FLIPS` that maps and scores are means over."""
    return prediction.FLIPS if flips else prediction.FLIPS[:1]


def gradients_of(count: int, flips: bool) -> Callable:
    """`saliency.class_gradient`, in the form that is the quickest for so many images.

    Args:
        count: of mammograms.
        flips: whether maps are means over the four flips.
    """
    many = count * len(flips_of(flips)) >= saliency.WORTH_A_GRAPH
    return saliency.for_many_images() if many else saliency.class_gradient


def over_flips(function: Callable, subject: Subject, **keywords) -> Drawn:
    """The map of a function of model and image, or its mean over the flips.

    Args:
        function: takes model, network input, `class_index`, `relative` and
            `keywords`; returns float32 `(height, width)` from 0.
        subject: what is explained.
    """
    def draw(image):
        return function(subject.classifier.model, image,
                        class_index=subject.class_index, relative=False, **keywords)

    strength = _mean(draw, subject)
    return Drawn(saliency.rescaled(strength), reach=float(strength.max()))


def _mean(draw, subject):
    """Mean over the flips of what a function draws of a network input."""
    turned = [tuple(axis - 1 for axis in axes) for axes in flips_of(subject.flips)]
    return np.mean([np.flip(draw(np.flip(subject.inputs, axes)), axes)
                    for axes in turned], axis=0)


def guided(subject: Subject) -> Drawn:
    """Guided back-propagation as in Figure 4 of Shen et al. 2019, cut off."""
    slopes = []

    def draw(image):
        gradient, slope = subject.gradients(
            subject.classifier.model, image, subject.class_index, guided=True)
        slopes.append(slope)
        return np.abs(gradient).max(axis=-1)

    strength = _mean(draw, subject)
    return Drawn(saliency.rescaled(strength, subject.cutoff),
                 float(strength.max() * np.mean(slopes)), float(strength.max()))


def integrated(subject: Subject) -> Drawn:
    """Integrated gradients from black, which is less the mean of the training images
    where the network's input is centred."""
    options = subject.classifier.images
    mean = options.pixel_mean if options.center else 0
    return over_flips(saliency.integrated_gradients, subject,
                      baseline=np.full_like(subject.inputs, -mean))


def patch_heatmap(subject: Subject) -> Drawn:
    """Probability of malignant patches, one map of all malignant classes.

    Raises:
        files.InputError: the patch classifier has no malignant class.
    """
    cells = patch_maps.patch_map(
        subject.patch, subject.pixels, subject.classifier.images)
    return Drawn(cells.malignant(subject.inputs.shape[:2]), cells=cells)
