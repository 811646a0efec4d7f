"""Pictures of what moves the score of a model of two views, CC and MLO side by side."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from end2end import images, saliency
from end2end.explanation import overlays
from end2end.tables import scores

if TYPE_CHECKING:
    from end2end.checkpoints import Classifier


def picture(classifier: Classifier, views: Sequence[pathlib.Path]) -> NDArray[np.uint8]:
    """Grad-CAM of the class of cancer over the images of a breast.

    Args:
        classifier: of two views.
        views: paths of CC and MLO, or of the only image, which stands twice.

    Returns:
        uint8 `(height, width, 3)`, at the size of the network; the images side by side,
        with colours that mean the same on both. A single image is shown once.

    Raises:
        files.InputError: an image cannot be read.
    """
    inputs = [images.to_input(images.read_image(path), classifier.images)
              for path in views]
    maps = saliency.grad_cam_of_views(
        classifier.model, inputs[0], inputs[-1],
        class_index=scores.positive_class(classifier.classes))
    return np.hstack([overlays.blended(
        overlays.in_colour(overlays.grey8(array[..., 0] - array[..., 0].min())),
        overlays.coloured(strength, overlays.OPACITIES["areas"]))
        for array, strength in zip(inputs, maps, strict=False)])
