"""The trial of a network in the process of trials (`trials.in_isolation`)."""

import functools
import gc
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from end2end.checkpoints import saved_models, trials

if TYPE_CHECKING:
    import keras


@functools.cache
def prepare() -> None:
    """Loads TensorFlow and has it compute something, which counts for no model."""
    import keras
    import tensorflow as tf

    # The memory of further threads would be taken for the network's.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.ops.convert_to_numpy(tf.zeros(1))
    # What is imported stays: without looking through it each time, Keras forgets a
    # model much faster.
    gc.freeze()


def examine(path: pathlib.Path, size: Sequence[int] | None) -> None:
    """Builds the network of a file, and runs it where the size of images is known.

    Args:
        path: of the model file.
        size: height and width of the images, or None.

    Raises:
        files.InputError: as `saved_models.load_model`.
    """
    model = _built(path, path.stat().st_mtime_ns)
    if size or saved_models.has_fixed_size(model):
        trials.check(model, path.name, size and tuple(size))


@functools.lru_cache(maxsize=1)
def _built(path: pathlib.Path, changed: int) -> "keras.Model":
    import keras

    keras.backend.clear_session()
    return saved_models.read(path, tried=True)[0]
