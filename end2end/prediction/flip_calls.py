"""Calls a Keras network for several views of one image in the quickest way.

Two calls go side by side: while one waits for the memory, as in batch normalisation,
the other computes. How many views a call takes depends on who computes the
convolutions. Measured for the four flips of a 1152x896 image with ResNet50 on two
cores, in times of one view: with oneDNN 3.6 by two calls of two views, 3.8 by single
ones; without oneDNN 4.6 and 3.9. One call of all four: 3.8 with, 5.2 without.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

CALLS = 2
# Views per call, by who computes the convolutions.
VIEWS = {"gpu": 4, "onednn": 2, "eigen": 1}
# Where one of these is known TensorFlow turns oneDNN on by itself.
ONEDNN_FEATURES = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile"}


def predict(model: keras.Model, views: Sequence[NDArray[np.float32]]
            ) -> NDArray[np.float32]:
    """Outputs of a network for some views.

    Args:
        model: `keras.Model`.
        views: float32 arrays `(height, width, channels)`, of one shape.

    Returns:
        float32 array `(number of views, outputs)`.
    """
    if len(views) == 1:
        return np.asarray(model.predict_on_batch(np.stack(views)), np.float32)
    step = VIEWS[engine()]
    parts = [np.stack(views[k:k + step]) for k in range(0, len(views), step)]
    # Made once, before two threads could make it at the same time.
    model.make_predict_function()
    with concurrent.futures.ThreadPoolExecutor(CALLS) as pool:
        return np.concatenate(
            [np.asarray(outputs, np.float32)
             for outputs in pool.map(model.predict_on_batch, parts)])


def engine() -> str:
    """The key of `VIEWS` for this process."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return "gpu"
    setting = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    if setting is None:
        return "onednn" if ONEDNN_FEATURES & processor_features() else "eigen"
    return "onednn" if setting.lower() in ("1", "true") else "eigen"


def processor_features(path: str | os.PathLike = "/proc/cpuinfo") -> set[str]:
    """What Linux calls the `flags` of the processor; elsewhere an empty set."""
    path = pathlib.Path(path)
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()
