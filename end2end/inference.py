"""A trained network in the fastest form that keeps its scores.

    quick = inference.fast(model)
    scores = quick(inputs)                  # as model.predict_on_batch(inputs)

The graph of the network goes to OpenVINO, which folds batch normalisation and
activations into the convolutions and lays the arrays out for the processor's vector
units. Of the equal channels of a mammogram only one is computed. Numbers are bfloat16
where the processor computes with them, and float32 otherwise. Eight-bit arithmetic is
twice as fast again on any processor, but moves scores by as much as 0.3.
"""

import functools
import importlib.util
import os
import tempfile

import numpy as np

from end2end import files

# How far scores may be from Keras's: rounding in another order, and in bfloat16.
TOLERANCES = {"bf16": 1e-2, "f32": 1e-3}


def check():
    """Raises files.InputError unless the package that does the work is installed."""
    if importlib.util.find_spec("openvino") is None:
        raise files.InputError(
            "fast inference needs the package openvino; install it: pip install "
            "'end2end[fast]', or leave out --fast.")


def fast(model, *, precisions=None):
    """Converts a network to OpenVINO, and compares the two on one random image.

    Args:
        model: `keras.Model` with one input, of grey images in equal channels.
        precisions: keys of `TOLERANCES`, the first that is near enough is taken;
            default all that this processor computes with.

    Returns:
        a function from float32 `(n, height, width, channels)` to float32 scores, as
        `model.predict_on_batch`; of the channels it reads the first.

    Raises:
        files.InputError: OpenVINO is not installed.
        ArithmeticError: its scores differ by more than `TOLERANCES`.
    """
    check()
    import openvino

    from end2end import models

    core = openvino.Core()
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        graph = openvino.convert_model(folder)
    graph.reshape([1, *(length or -1 for length in model.input_shape[1:])])
    to_one_channel(graph)
    tried = models.random_input(model)[0][:1]
    tried[...] = tried[..., :1]
    expected = np.asarray(model.predict_on_batch(tried))
    for precision in precisions or known_precisions():
        network = Network(core, graph, precision)
        difference = float(np.abs(network(tried) - expected).max())
        if difference <= TOLERANCES[precision]:
            return network
    raise ArithmeticError(
        f"OpenVINO's scores differ from Keras's by {difference:.2g}, more than "
        f"{TOLERANCES[precision]}; leave out --fast.")


def known_precisions():
    """The keys of `TOLERANCES` that the processor computes with, fastest first."""
    known = capabilities()
    return [name for name in TOLERANCES if name == "f32" or name.upper() in known]


def capabilities():
    """What OpenVINO says of the processor, such as `FP32` and `BF16`."""
    import openvino

    return openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def to_one_channel(graph):
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
    """A compiled graph, called as a function."""

    def __init__(self, core, graph, precision):
        self.precision = precision
        self.channels = graph.get_parameters()[0].get_partial_shape()[3].get_length()
        self.compile = functools.partial(core.compile_model, graph, "CPU")
        self.settings = {"INFERENCE_PRECISION_HINT": precision}
        self.single = self.compile(self.settings)

    @functools.cached_property
    def queue(self):
        """Several images at a time, each on one core: none waits for the other."""
        import openvino

        count = os.cpu_count()
        return openvino.AsyncInferQueue(self.compile({
            **self.settings, "NUM_STREAMS": count, "INFERENCE_NUM_THREADS": count}),
            count)

    def __call__(self, inputs):
        if len(inputs) == 1:
            return np.array(self.single(self.prepared(inputs[0]))[0], np.float32)
        found = {}

        def keep(request, number):
            found[number] = np.array(request.get_output_tensor(0).data, np.float32)

        self.queue.set_callback(keep)
        # The first image is computed while the second is made ready.
        for number, image in enumerate(inputs):
            self.queue.start_async([self.prepared(image)], number)
        self.queue.wait_all()
        return np.concatenate([found[number] for number in range(len(inputs))])

    def prepared(self, image):
        """A batch of one image in one block of memory, with the channels computed."""
        return np.ascontiguousarray(image[None, ..., :self.channels], np.float32)
