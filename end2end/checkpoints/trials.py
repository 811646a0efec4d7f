"""Tries a network before it is used: its cost is bounded, and it must compute.

A file of a few kilobytes can describe a network that takes all memory of a machine, and
layers that fit together on paper may not be computed. The graph of the network is made
for an image of the size that it will take, and what its operations cost is read off
their shapes; a network that costs little is then run once. For a network of unknown
origin all this happens first in a process of its own, with limited time and memory.
"""

import atexit
import importlib
import math
import os
import pathlib
import threading
from typing import TYPE_CHECKING

from end2end.model_files import network_build
from end2end.utils import files, isolated

if TYPE_CHECKING:
    import keras

# Bytes of what one operation takes and gives, and of what all give: a part that any
# network may have, and one for each pixel of the image. VGG16, which takes most of the
# published ones, needs 0.5 kB and 3 kB a pixel. Four flips of an image are scored at
# once: with the first parts they stay within 2 GB. Weights do not count, since a file
# holds as many bytes.
LARGEST_STEP = (256 << 20, 2 << 10)
ALL_STEPS = (512 << 20, 48 << 10)
# Multiplications likewise. ConvNeXtXLarge, the costliest of Keras's own networks, needs
# 1.2 million and, in all, 38 kB a pixel.
OPERATIONS = (2e9, 2e6)
# A network of so many multiplications is run on a trial image; larger ones would make
# every start wait.
QUICK = 2e9
FREE_SIZE = (256, 192)
# Seconds that the process of trials waits for another model; it holds some 0.6 GB.
IDLE = 20
# Of the clock; TensorFlow is loaded first, which takes a while on a busy machine.
SECONDS = 180
_process = isolated.Reader(
    "model {path} cannot be used: the trial of its network {end}. It may take "
    f"{isolated.SECONDS_OF_PROCESSOR} seconds of the processor and "
    f"{isolated.MAX_MEMORY >> 30} GB, and more for a larger file. "
    f"{isolated.LIMIT_IS_OURS}", SECONDS, IDLE)
atexit.register(_process.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.renew)


def in_isolation(path: pathlib.Path, size: tuple[int, int] | None = None) -> None:
    """Builds the network of a file and tries it in the process of trials.

    Args:
        path: of the model file.
        size: (height, width) of the images; None: the network is run only if it has a
            fixed size.

    Raises:
        files.InputError: it cannot be built or computed, or not within the limits of
            `isolated`.
    """
    # This process needs Keras next, and would otherwise only wait.
    threading.Thread(
        target=importlib.import_module, args=("keras",), daemon=True).start()
    _process.seconds = SECONDS * isolated.limit_factor()
    _process.ask("network", path, size=size)


def check(model: "keras.Model", name: str, size: tuple[int, int] | None = None) -> None:
    """Refuses a network that cannot be computed, or not at a reasonable cost.

    Args:
        model: of image inputs.
        name: for messages.
        size: (height, width) of the images where the network leaves them open.

    Raises:
        files.InputError: see above.
    """
    import tensorflow as tf

    height, width = size or FREE_SIZE
    shapes = [(1, *(free if side is None else side for side, free in zip(
        tensor.shape[1:], (height, width, 3), strict=False)))
        for tensor in model.inputs]
    function = tf.function(
        lambda *arrays: model(arrays[0] if len(arrays) == 1 else list(arrays),
                              training=False), autograph=False)
    try:
        graph = function.get_concrete_function(
            *(tf.TensorSpec(shape, tf.float32) for shape in shapes))
        pixels = max(math.prod(shape[1:3]) for shape in shapes)
        operations = _check_costs(graph.graph, pixels, name)
        if operations < QUICK:
            random = tf.random.Generator.from_seed(1)
            graph(*(random.uniform(shape, 0, 255) for shape in shapes))
    except files.InputError:
        raise
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise files.InputError(
            f"the network of model {name} cannot be run within the memory allowed. "
            f"{isolated.LIMIT_IS_OURS}") from error
    # Whatever Keras, TensorFlow and their kernels raise: it is no network to use.
    except Exception as error:
        reason = network_build.reason(error)
        raise files.InputError(
            f"model {name} cannot be computed for an image of "
            f"{'x'.join(map(str, shapes[0][1:3]))} ({reason}); give another --img-size "
            "or another model.") from error


def _check_costs(graph, pixels, name):
    """Multiplications of a graph; refuses it if they or its arrays are too many."""
    total, largest, multiplications = 0, 0, 0.0
    for operation in graph.get_operations():
        if operation.type in ("Placeholder", "Identity", *WEIGHTS):
            continue
        outputs = sum(map(_bytes, operation.outputs))
        total += outputs
        largest = max(largest, outputs + sum(
            _bytes(tensor) for tensor in operation.inputs
            if tensor.op.type not in WEIGHTS))
        multiplications += _multiplications(operation)
    for value, (fixed, each), what in (
            (largest, LARGEST_STEP, "bytes of memory in one step"),
            (total, ALL_STEPS, "bytes of memory"),
            (multiplications, OPERATIONS, "multiplications")):
        most = (fixed + each * pixels) * isolated.limit_factor()
        if value > most:
            raise files.InputError(
                f"model {name} needs {value:.1e} {what} for an image of {pixels} "
                f"pixels; at most {most:.1e} are allowed. {isolated.LIMIT_IS_OURS} A "
                "smaller --img-size needs less.")
    return multiplications


def _bytes(tensor):
    count = tensor.shape.num_elements() if tensor.shape.rank is not None else 0
    size = tensor.dtype.size if tensor.dtype.name not in ("resource", "variant") else 0
    return (count or 0) * size


def _multiplications(operation):
    count = operation.outputs[0].shape.num_elements() if operation.outputs and \
        operation.outputs[0].shape.rank is not None else 0
    kernel = KERNELS.get(operation.type)
    if kernel is None:
        return float(count or 0)
    place, sides = kernel
    shape = operation.inputs[place].shape
    elements = shape.num_elements() if shape.rank is not None else 0
    if operation.type == "Conv2DBackpropInput":
        count = operation.inputs[2].shape.num_elements()
    return float(count or 0) * (elements or 0) / math.prod(
        side or 1 for side in shape[-sides:].as_list())


# Types of operations that give weights and constants.
WEIGHTS = ("Const", "ReadVariableOp")
# Type of operation: which of its inputs is the kernel, and how many of the last sides
# of that are channels of the output.
KERNELS = {"Conv2D": (1, 1), "Conv2DBackpropInput": (1, 1), "MatMul": (1, 1),
           "DepthwiseConv2dNative": (1, 2), "BatchMatMulV2": (1, 1)}
