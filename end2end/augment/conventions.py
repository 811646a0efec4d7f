"""The conventions of augmentation: the original's of 2017, and those of later Keras.

The original was written for Keras 2.0.8 with generators of its own. What later versions
of Keras changed under the same words is a field of `Convention`; each convention is a
row of `CONVENTIONS`.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Convention:
    """What the words of `MammogramDataGenerator` mean.

    Attributes:
        shear_in_degrees: unit of `shear_range`; else radians.
        interpolation_order: of the spline that finds a moved pixel, where the caller
            names none; 0 takes the nearest pixel.
        centre_offset: pixels from half the height and width to the point about which
            the warp turns.
        axes_swapped: rows and columns change places in the matrix of the warp, the
            centre's included: height shifts move columns, and a picture that is not
            square turns about another point.
        shift_per_channel: each channel gets its own intensity shift.
        flips_always_drawn: flips take their draws even where they are off, and before
            the intensity shift.
        brightness: `floating` multiplies grey values; `stretched` stretches each image
            to 256 levels first and leaves it so; `levels` works on 256 levels and
            stretches only images beyond 0 to 255, and back.
        epsilon: added to standard deviations before dividing by them.
        implied_centring: scaling by a deviation or whitening turns centring on.
        rescale_in_fit: `fit` rescales the images first.
        whitening_by_samples: singular values of the samples, not of the covariance.
        balanced: `flow` yields weights that balance each batch.
        colors: what `flow_from_directory` reads files as, where the caller names
            nothing.
        float_labels: class numbers are yielded in the generator's dtype.
    """

    shear_in_degrees: bool
    interpolation_order: int
    centre_offset: float
    axes_swapped: bool
    shift_per_channel: bool
    flips_always_drawn: bool
    brightness: str
    epsilon: float
    implied_centring: bool
    rescale_in_fit: bool
    whitening_by_samples: bool
    balanced: bool
    colors: str
    float_labels: bool


# `ImageDataGenerator` as Keras-Preprocessing 1.1.2 has it, and tf.keras 2.3 and 2.8.
_KERAS = Convention(
    shear_in_degrees=True, interpolation_order=1, centre_offset=0.5,
    axes_swapped=False, shift_per_channel=False, flips_always_drawn=True,
    brightness="stretched", epsilon=1e-6, implied_centring=True, rescale_in_fit=True,
    whitening_by_samples=False, balanced=False, colors="rgb", float_labels=True)
CONVENTIONS = {
    # Keras 2.0.8 and the generators of the original, as its golden results show.
    "original": Convention(
        shear_in_degrees=False, interpolation_order=0, centre_offset=0.5,
        axes_swapped=False, shift_per_channel=True, flips_always_drawn=False,
        brightness="floating", epsilon=1e-7, implied_centring=False,
        rescale_in_fit=False, whitening_by_samples=False, balanced=True,
        colors="grayscale", float_labels=False),
    "keras": _KERAS,
    # tf.keras 2.13 and 2.15, and what Keras 3 keeps of it.
    "keras3": dataclasses.replace(
        _KERAS, centre_offset=-0.5, axes_swapped=True, brightness="levels",
        whitening_by_samples=True),
}


def whitening(flat: NDArray, epsilon: float, convention: Convention) -> NDArray:
    """The matrix that makes the values of samples uncorrelated (ZCA).

    Args:
        flat: samples `(n, values)`, centred.
        epsilon: guard against division by small singular values.
        convention: decides how the guard enters.

    Returns:
        Array `(values, values)`.
    """
    if convention.whitening_by_samples:
        vectors, values, _ = np.linalg.svd(flat.T, full_matrices=False)
        return vectors * (np.sqrt(len(flat)) / (values + epsilon)) @ vectors.T
    vectors, values, _ = np.linalg.svd(flat.T @ flat / len(flat))
    return vectors / np.sqrt(values + epsilon) @ vectors.T
