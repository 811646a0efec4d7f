"""A trained network in the fastest form that keeps its scores.

    quick = engines.fast(classifier.model, classifier.images)
    scores = quick(inputs)                  # as model.predict_on_batch(inputs)

The graph of the network goes to OpenVINO, which folds batch normalisation and
activations into the convolutions and lays the arrays out for the processor's vector
units. Of the equal channels of a mammogram only one is computed. Numbers are bfloat16
where the processor computes with them and the network's scores stay near and in order,
and float32 otherwise. Eight-bit arithmetic is faster again on any processor, but moves
the scores of some networks by as much as 0.3, so it is measured on labelled images
before (`eight_bits`).
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import sys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from end2end import config, images
from end2end.phantoms import drawing, film
from end2end.utils import distribution

if TYPE_CHECKING:
    import keras
    import openvino

log = logging.getLogger(__name__)

# OpenVINO and NNCF report every use to a server of their makers, unless this package
# is missing: mammograms are read where nothing may be sent.
sys.modules["openvino_telemetry"] = None

# How far scores may move: by rounding in another order, and by bfloat16 on the trial
# images. On others they moved up to ten times as far, and 0.01 is promised.
TOLERANCE = 1e-3
# OpenVINO's names of what it computes in, fastest first.
PRECISIONS = {"bf16": "bfloat16", "f32": "float32"}
EIGHT_BITS = "eight-bit integers"
# Images on which half precision is tried.
TRIALS = 16
# Rows and columns of the smallest breast that can be drawn.
SMALLEST = 64


def check() -> None:
    """Raises files.InputError unless the package that does the work is installed."""
    distribution.require("openvino", purpose="fast inference", extra="fast",
                         otherwise="or leave out --fast")


def fast(model: keras.Model, options: config.ImageOptions) -> Network:
    """Converts a network to OpenVINO, in the fastest numbers that keep its scores.

    Half precision is taken where it keeps the scores of synthetic mammograms and their
    order; a network whose scores of noise stayed near moved those of mammograms by
    0.02. What is chosen depends on the network and the processor, never on the images
    that are scored.

    Args:
        model: `keras.Model` with one input, of grey images in equal channels.
        options: its `ImageOptions`.

    Returns:
        `Network`, a function from float32 `(n, height, width, channels)` to float32
        scores, as `model.predict_on_batch`; of the channels it reads the first.

    Raises:
        files.InputError: OpenVINO is not installed.
        ArithmeticError: its float32 scores differ by more than `TOLERANCE`.
    """
    check()
    return quickest(converted(model), model, options)


def quickest(graph: openvino.Model, model: keras.Model, options: config.ImageOptions
             ) -> Network:
    """The compiled form of a graph that `fast` takes; arguments and errors as there.

    Args:
        graph: the network as `converted`.
    """
    tried = trial_inputs(options, TRIALS if "bf16" in known_precisions() else 1)
    exact = Network(graph, "f32")
    # Called, not traced: one image is too few to win that time back.
    expected = np.asarray(model(tried[0][None], training=False))
    difference = float(np.abs(exact(tried[:1]) - expected).max())
    if not difference <= TOLERANCE:
        raise ArithmeticError(
            f"OpenVINO's scores differ from Keras's by {difference:.2g}, more than "
            f"{TOLERANCE}; leave out --fast.")
    if len(tried) > 1:
        half = Network(graph, "bf16")
        if keeps(exact(tried), half(tried)):
            return half
    return exact


def converted(model: keras.Model) -> openvino.Model:
    """The `openvino.Model` of a `keras.Model`, for one image of one channel."""
    import openvino
    import tensorflow as tf

    shape = (1, *model.input_shape[1:])
    # Traced here, for a SavedModel on disk takes four times as long.
    traced = tf.function(lambda image: model(image, training=False), autograph=False)
    graph = openvino.convert_model(
        traced.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image")))
    graph.reshape([length or -1 for length in shape])
    to_one_channel(graph)
    return graph


def keeps(exact: NDArray[np.float32], rounded: NDArray[np.float32]) -> bool:
    """Whether rounded scores `(n, classes)` are near the exact ones, in their order."""
    difference = float(np.abs(exact - rounded).max())
    same = bool((exact[:, -1].argsort() == rounded[:, -1].argsort()).all())
    log.info("half precision moves scores by %.2g; their order is %s", difference,
             "the same" if same else "another")
    return difference <= TOLERANCE and same


def trial_inputs(options: config.ImageOptions, count: int
                 ) -> list[NDArray[np.float32]]:
    """Network inputs of synthetic mammograms, one of each woman, always the same.

    Args:
        options: `ImageOptions`; of the intensities, white becomes 255 whatever the
            files of the model hold.
        count: how many.

    Returns:
        list of float32 arrays `(height, width, channels)`.
    """
    white = film.WHITE
    options = dataclasses.replace(
        options, intensity_scale=255 / white, stretch_max_to=None)
    size = (options.height, options.height * 3 // 4) if options.height else options.size
    size = [max(length, SMALLEST) for length in size]
    women = [drawing.draw_woman(number, seed=1, difficulty=0.3)
             for number in range(1, count + 1)]
    return [images.to_input(drawing.render(
        woman, next(iter(woman.lesions)), drawing.VIEWS[woman.number % 2],
        size)[0], options) for woman in women]


def known_precisions() -> list[str]:
    """Those of `PRECISIONS` that the processor computes with, fastest first."""
    known = capabilities()
    return [name for name in PRECISIONS if name == "f32" or name.upper() in known]


def capabilities() -> list[str]:
    """What OpenVINO says of the processor, such as `FP32` and `BF16`."""
    import openvino

    return openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def to_one_channel(graph: openvino.Model) -> None:
    """Lets an `openvino.Model` take one channel in place of equal ones, where the input
    goes straight into a convolution: its kernel is summed over the channels."""
    import openvino
    from openvino import opset13

    image = layer = graph.get_parameters()[0]
    while layer.get_type_name() in ("Parameter", "Transpose", "Pad"):
        following = layer.output(0).get_target_inputs()
        if len(following) != 1:
            return
        layer = next(iter(following)).get_node()
    if layer.get_type_name() != "Convolution":
        return
    kernel = layer.input_value(1).get_node()
    if kernel.get_type_name() != "Constant":
        return
    summed = opset13.constant(kernel.data.sum(axis=1, keepdims=True))
    layer.input(1).replace_source_output(summed.output(0))
    image.set_partial_shape(
        openvino.PartialShape([*list(image.get_partial_shape())[:3], 1]))
    graph.validate_nodes_and_infer_types()


class Network:
    """A compiled graph, called as a function.

    Args:
        graph: `openvino.Model` of one image.
        precision: of `PRECISIONS`, for what the graph does not fix.
        name: of the numbers, for a reader; by default that of the precision.
    """

    def __init__(
            self, graph: openvino.Model, precision: str, *, name: str = "") -> None:
        import openvino

        self.precision = precision
        self.name = name or PRECISIONS[precision]
        self.channels = graph.get_parameters()[0].get_partial_shape()[3].get_length()
        self.compile = functools.partial(
            openvino.Core().compile_model, graph, "CPU")
        self.settings = {"INFERENCE_PRECISION_HINT": precision}
        self.single = self.compile(self.settings)

    @functools.cached_property
    def queue(self) -> openvino.AsyncInferQueue:
        """Several images at a time, each on one core: none waits for the other."""
        import openvino

        count = os.cpu_count()
        return openvino.AsyncInferQueue(self.compile({
            **self.settings, "NUM_STREAMS": count, "INFERENCE_NUM_THREADS": count}),
            count)

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(inputs) == 1:
            return np.array(self.single(self.prepared(inputs[0]))[0], np.float32)
        outputs = {}

        def keep(request, number):
            outputs[number] = np.array(request.get_output_tensor(0).data, np.float32)

        self.queue.set_callback(keep)
        # The first image is computed while the second is made ready.
        for number, image in enumerate(inputs):
            self.queue.start_async([self.prepared(image)], number)
        self.queue.wait_all()
        return np.concatenate([outputs[number] for number in range(len(inputs))])

    def prepared(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """A batch of one image in one block of memory, with the channels computed."""
        return np.ascontiguousarray(image[None, ..., :self.channels], np.float32)
