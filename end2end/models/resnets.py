"""Residual networks of 14 to 152 layers, for one view or for two.

The original has them beside its two programs, which do not use them; a network is a row
of `RESNETS`. He et al. 2016: bottlenecks, mostly with pre-activation.
"""

import dataclasses

import keras
from keras import layers, regularizers

from end2end.models import backbones, top_layers
from end2end.utils import files


@dataclasses.dataclass(frozen=True)
class Network:
    """One residual network.

    Attributes:
        unit: `basic` (two 3x3 convolutions), `bottleneck`, or `post` (a bottleneck
            that normalises and activates after each convolution).
        repeats: units of each stage; filters double from stage to stage.
    """

    unit: str
    repeats: tuple


RESNETS = {
    "resnet_18": Network("basic", (2, 2, 2, 2)),
    "resnet_34": Network("basic", (3, 4, 6, 3)),
    "resnet_38": Network("bottleneck", (3, 6, 3)),
    "resnet_50": Network("bottleneck", (3, 4, 6, 3)),
    "resnet_101": Network("bottleneck", (3, 4, 23, 3)),
    "resnet_152": Network("bottleneck", (3, 8, 36, 3)),
    "resnet_50_org": Network("post", (3, 4, 6, 3)),
    "dm_resnet_14": Network("bottleneck", (1, 1, 1, 1)),
    "dm_resnet_47rb5": Network("bottleneck", (3,) * 5),
    "dm_resnet_56rb6": Network("bottleneck", (3,) * 6),
    "dm_resnet_65rb7": Network("bottleneck", (3,) * 7),
}


@dataclasses.dataclass(frozen=True)
class ResnetOptions:
    """Settings of a residual network; the defaults are the original's.

    Attributes:
        filters: of the first convolution and the first stage.
        kernel, strides: of the first convolution.
        pool, pool_strides: of the max pooling after it; pool 0 leaves it out.
        weight_decay: L2 penalty of every convolution.
        alpha, l1_ratio: elastic-net penalty of the output kernel: L1 `l1_ratio * alpha`
            and L2 `(1 - l1_ratio) * alpha / 2`; a ratio of 0 gives L2 `alpha`, of 1
            L1 `alpha`.
        input_dropout, dropout: rates before the first convolution and in the units.
        shortcut_bn: batch normalisation after projections.
    """

    filters: int = 64
    kernel: int = 7
    strides: int = 2
    pool: int = 3
    pool_strides: int = 2
    weight_decay: float = 1e-4
    alpha: float = 1.0
    l1_ratio: float = 0.5
    input_dropout: float = 0.0
    dropout: float = 0.0
    shortcut_bn: bool = False


def resnet(
        name: str, input_shape: tuple[int, int, int], num_outputs: int,
        options: ResnetOptions | None = None) -> keras.Model:
    """Builds a network for one image.

    Args:
        name: a row of `RESNETS`.
        input_shape: (height, width, channels).
        num_outputs: one gives a sigmoid, more give a softmax.
        options: `ResnetOptions`.

    Returns:
        an uncompiled `keras.Model`: `(b, height, width, channels)` to
        `(b, num_outputs)`.

    Raises:
        files.InputError: there is no such network.
    """
    options = options or ResnetOptions()
    image = keras.Input(input_shape, name="image")
    x = _features(image, _row(name), options)
    return keras.Model(image, _output(x, num_outputs, options), name=name)


def two_view_resnet(
        name: str, input_shape: tuple[int, int, int], num_outputs: int,
        options: ResnetOptions | None = None) -> keras.Model:
    """Builds a network for the two views of a breast, CC and MLO.

    Each view has a tower with weights of its own; their features are joined before the
    output.

    Args:
        name, input_shape, num_outputs, options: as for `resnet`.

    Returns:
        an uncompiled `keras.Model`: two inputs, `cc` and `mlo`, to `(b, num_outputs)`.
    """
    options = options or ResnetOptions()
    views, features = [], []
    for view in ("cc", "mlo"):
        image = keras.Input(input_shape, name="image")
        tower = keras.Model(image, _features(image, _row(name), options),
                            name=f"{view}_tower")
        views.append(keras.Input(input_shape, name=view))
        features.append(tower(views[-1]))
    x = layers.Concatenate(name="views")(features)
    return keras.Model(views, _output(x, num_outputs, options), name=f"{name}_two_view")


def _row(name):
    if name not in RESNETS:
        raise files.InputError(
            f"residual network {name!r} is not known; expected one of "
            f"{', '.join(RESNETS)}.")
    return RESNETS[name]


def _features(x, network, options):
    """From the image to one vector: (b, h, w, c) to (b, features)."""
    if options.input_dropout:
        x = layers.Dropout(options.input_dropout, name="input_dropout")(x)
    x = top_layers.conv_bn(
        x, options.filters, options.kernel, strides=options.strides,
        weight_decay=options.weight_decay, name="stem")
    x = top_layers.relu_dropout(x, options.dropout, "stem")
    if options.pool:
        x = layers.MaxPooling2D(
            options.pool, strides=options.pool_strides, padding="same",
            name="stem_pool")(x)
    for stage, repeats in enumerate(network.repeats, start=1):
        filters = options.filters * 2 ** (stage - 1)
        for unit in range(1, repeats + 1):
            strides = 2 if unit == 1 and stage > 1 else 1
            name = f"stage{stage}_{unit}"
            residual = UNITS[network.unit](x, filters, strides, options, name)
            if unit == 1:
                x = _projection(x, residual.shape[-1], strides, options, name)
            x = layers.Add(name=f"{name}_add")([x, residual])
            if network.unit == "post":
                x = top_layers.relu_dropout(x, options.dropout, name)
    return layers.GlobalAveragePooling2D(name="global_average")(x)


def _projection(x, filters, strides, options, name):
    x = _convolution(x, filters, 1, strides, options, f"{name}_shortcut")
    if options.shortcut_bn:
        x = backbones.batch_normalization(x, f"{name}_shortcut_bn")
    return x


def _convolution(x, filters, kernel, strides, options, name):
    return layers.Conv2D(
        filters, kernel, strides=strides, padding="same",
        kernel_initializer=top_layers.he_normal(),
        kernel_regularizer=top_layers.penalty(options.weight_decay),
        name=f"{name}_conv")(x)


def _before(x, filters, kernel, strides, options, name):
    """Batch normalisation, ReLU, dropout, convolution."""
    x = backbones.batch_normalization(x, f"{name}_bn")
    x = top_layers.relu_dropout(x, options.dropout, name)
    return _convolution(x, filters, kernel, strides, options, name)


def _basic(x, filters, strides, options, name):
    x = _before(x, filters, 3, strides, options, f"{name}_a")
    return _before(x, filters, 3, 1, options, f"{name}_b")


def _bottleneck(x, filters, strides, options, name):
    x = _before(x, filters, 1, strides, options, f"{name}_a")
    x = _before(x, filters, 3, 1, options, f"{name}_b")
    return _before(x, 4 * filters, 1, 1, options, f"{name}_c")


def _post(x, filters, strides, options, name):
    for branch, kernel, stride in (("a", 1, strides), ("b", 3, 1)):
        x = _convolution(x, filters, kernel, stride, options, f"{name}_{branch}")
        x = backbones.batch_normalization(x, f"{name}_{branch}_bn")
        x = top_layers.relu_dropout(x, options.dropout, f"{name}_{branch}")
    x = _convolution(x, 4 * filters, 1, 1, options, f"{name}_c")
    return backbones.batch_normalization(x, f"{name}_c_bn")


UNITS = {"basic": _basic, "bottleneck": _bottleneck, "post": _post}


def elastic_net(alpha: float, l1_ratio: float) -> regularizers.Regularizer:
    """Penalty of the output kernel, from its strength and its share of L1."""
    if l1_ratio in (0, 1):
        return regularizers.L1(alpha) if l1_ratio else regularizers.L2(alpha)
    return regularizers.L1L2(l1_ratio * alpha, 0.5 * (1 - l1_ratio) * alpha)


def _output(x, num_outputs, options):
    return layers.Dense(
        num_outputs, activation="softmax" if num_outputs > 1 else "sigmoid",
        kernel_initializer=top_layers.he_normal(),
        kernel_regularizer=elastic_net(options.alpha, options.l1_ratio),
        name="output")(x)
