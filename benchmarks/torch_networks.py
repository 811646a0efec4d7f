"""A network of this package in PyTorch, with the same layers and weights.

PyTorch is no requirement of the package; only the peers of the benchmarks use it.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional


class Network(torch.nn.Module):
    """A `keras.Model` of convolutions, layer by layer.

    Args:
        model: functional, with one input `(n, height, width, channels)`; its layers are
            of `LAYERS`.
    """

    def __init__(self, model: object) -> None:
        super().__init__()
        self.steps, self.plan = torch.nn.ModuleList(), []
        numbers = {id(model.inputs[0]): 0}
        for layer in model.layers:
            if type(layer).__name__ == "InputLayer":
                continue
            # `layer.input` of a model within the model is its own, not the caller's.
            node = layer._inbound_nodes[-1]
            self.steps.append(translated(layer))
            self.plan.append([numbers[id(tensor)] for tensor in node.input_tensors])
            numbers[id(node.output_tensors[0])] = len(self.plan)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Outputs of images `(n, channels, height, width)`."""
        values = [image]
        for step, inputs in zip(self.steps, self.plan, strict=True):
            values.append(step(*(values[number] for number in inputs)))
        return values[-1]


def translated(layer: object) -> torch.nn.Module:
    """The PyTorch module of a Keras layer, with its weights."""
    return LAYERS[type(layer).__name__](layer)


class Padded(torch.nn.Module):
    """A convolution or pooling whose input Keras pads to `same`."""

    def __init__(self, inner: torch.nn.Module, kernel: tuple, strides: tuple,
                 value: float = 0.0) -> None:
        super().__init__()
        self.inner, self.kernel, self.strides = inner, kernel, strides
        self.value = value

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Pads after the image what is odd, as TensorFlow does."""
        margins = []
        for length, kernel, stride in zip(
                reversed(image.shape[2:]), reversed(self.kernel),
                reversed(self.strides), strict=True):
            total = max(0, (-(-length // stride) - 1) * stride + kernel - length)
            margins += [total // 2, total - total // 2]
        if any(margins):
            image = functional.pad(image, margins, value=self.value)
        return self.inner(image)


class Sum(torch.nn.Module):
    """Adds its inputs."""

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return sum(tensors[1:], tensors[0])


class Average(torch.nn.Module):
    """The mean over all places."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean(dim=(2, 3))


def _tensor(array):
    return torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(array)))


def _convolution(layer):
    kernel = layer.get_weights()[0]
    height, width, channels, filters = kernel.shape
    result = torch.nn.Conv2d(channels, filters, (height, width), layer.strides,
                             bias=layer.use_bias)
    result.weight = _tensor(kernel.transpose(3, 2, 0, 1))
    if layer.use_bias:
        result.bias = _tensor(layer.get_weights()[1])
    return _with_activation(layer, _padded(
        layer, result, layer.kernel_size, layer.strides))


def _padded(layer, result, kernel, strides, value=0.0):
    return Padded(result, kernel, strides, value) if layer.padding == "same" else result


def _with_activation(layer, result):
    kind = ACTIVATIONS[layer.activation.__name__]
    return result if kind is None else torch.nn.Sequential(result, kind())


def _normalisation(layer):
    result = torch.nn.BatchNorm2d(layer.moving_mean.shape[0], eps=layer.epsilon,
                                  momentum=1 - layer.momentum)
    result.weight, result.bias = _tensor(layer.gamma.numpy()), _tensor(
        layer.beta.numpy())
    result.running_mean.copy_(torch.from_numpy(layer.moving_mean.numpy()))
    result.running_var.copy_(torch.from_numpy(layer.moving_variance.numpy()))
    return result


def _dense(layer):
    kernel, *bias = layer.get_weights()
    result = torch.nn.Linear(*kernel.shape, bias=bool(bias))
    result.weight = _tensor(kernel.T)
    if bias:
        result.bias = _tensor(bias[0])
    return _with_activation(layer, result)


def _inner(layer):
    """A model within the model; the copy has tensors of its own."""
    import keras

    copy = keras.models.clone_model(layer)
    copy.set_weights(layer.get_weights())
    return Network(copy)


LAYERS: dict[str, Callable] = {
    "Conv2D": _convolution,
    "BatchNormalization": _normalisation,
    "Activation": lambda layer: ACTIVATIONS[layer.activation.__name__](),
    "Add": lambda layer: Sum(),
    "Dropout": lambda layer: torch.nn.Dropout(layer.rate),
    "MaxPooling2D": lambda layer: _padded(
        layer, torch.nn.MaxPool2d(layer.pool_size, layer.strides), layer.pool_size,
        layer.strides, -np.inf),
    "GlobalAveragePooling2D": lambda layer: Average(),
    "Dense": _dense,
    "Functional": _inner,
}
ACTIVATIONS: dict[str, Callable | None] = {
    "linear": None, "relu": torch.nn.ReLU, "softmax": lambda: torch.nn.Softmax(dim=-1)}


def images(batch: NDArray[np.float32]) -> torch.Tensor:
    """A batch `(n, height, width, channels)` in PyTorch's order, its memory in that of
    Keras, which its convolutions prefer."""
    return torch.from_numpy(batch).permute(0, 3, 1, 2)


def scorer(network: torch.nn.Module) -> Callable[[NDArray], NDArray]:
    """A function from a batch to scores.

    Args:
        network: `Network`, compiled or not.
    """
    def score(batch):
        with torch.inference_mode():
            return network(images(batch)).numpy()
    return score


def step(network: torch.nn.Module) -> Callable[[NDArray, NDArray], None]:
    """A function that trains on a batch and its one-hot labels, with Adam.

    Args:
        network: `Network`, compiled or not, in training mode.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-5)

    def train(batch, labels):
        optimizer.zero_grad(set_to_none=True)
        scores = network(images(batch)).clip(1e-7, 1 - 1e-7)
        (-(torch.from_numpy(labels) * scores.log()).sum(-1)).mean().backward()
        optimizer.step()
    return train
