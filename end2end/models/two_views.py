"""The network of two views: CC and MLO of a breast through one trunk to one score.

The maps of both views are joined and go through blocks together, so that what is seen
in one view can be weighed by the other (Petrini et al. 2022, arXiv 2110.01606, with two
MBConv blocks; 2025, arXiv 2503.19945).
"""

from typing import TYPE_CHECKING, Any

from end2end.models import builders, top_layers
from end2end.utils import files

if TYPE_CHECKING:
    import keras

VIEWS = ("CC", "MLO")
# Name of the layer that joins the maps; the top begins behind it.
JOINT = "views"


def two_view_classifier(
        start: "keras.Model", options: Any, *, size: tuple,
        num_classes: int = 2) -> "keras.Model":
    """Turns a patch or whole-image classifier into a classifier of breasts.

    Args:
        start: a patch classifier, or a whole-image classifier whose trunk is taken.
        options: `ModelOptions`; without heatmap.
        size: (height, width) of the images in pixels.
        num_classes: width of the output.

    Returns:
        an uncompiled `keras.Model` of two inputs, `cc` and `mlo`, float32
        `(b, height, width, channels)` each, to `(b, num_classes)`. The trunk is one and
        shares its weights with `start`.

    Raises:
        files.InputError: settings of which no network can be built.
    """
    import keras
    from keras import layers

    top_layers.check(options)
    if options.heatmap:
        raise files.InputError(
            "a network of two views joins the maps of the trunk; --add-heatmap is for "
            "networks of one image. Leave it out.")
    trunk = _trunk(start)
    views = [keras.Input((*size, trunk.inputs[0].shape[-1]), name=view.lower())
             for view in VIEWS]
    top = (top_layers.convolutional_top if options.convolutional
           else top_layers.dense_top)
    try:
        x = layers.Concatenate(name=JOINT)([trunk(view) for view in views])
        return keras.Model(views, top(x, options, num_classes), name="two_view")
    except ValueError as error:
        raise files.InputError(
            f"images of {size[0]}x{size[1]} are too small for these blocks; use larger "
            "images (--img-size) or fewer blocks.") from error


def _trunk(start):
    import keras

    nested = [layer for layer in start.layers if isinstance(layer, keras.Model)]
    # Always a new model, which knows of no other input than the two views.
    inputs, features = (
        (nested[0].inputs, nested[0].outputs[0]) if nested
        else (start.inputs, builders.patch_features(start)))
    return keras.Model(inputs, features, name="trunk")
