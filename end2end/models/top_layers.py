"""Blocks and tops of whole-image networks: a tensor in, a tensor out.

Every layer made here has a name; only `models` makes a `keras.Model` of them. Shen et
al. 2019, Figure 1 and Methods: residual blocks, VGG blocks, and the heatmap of the
patch classifier.
"""

from typing import Protocol

import keras
from keras import initializers, layers, regularizers

from end2end.models import backbones
from end2end.utils import files

# Keras 2.0.8 cut its he-normal at two standard deviations without rescaling; dividing
# by this number is what later versions do to restore the nominal deviation.
TRUNCATED_DEVIATION = 0.87962566103423978


class TopOptions(Protocol):
    """What a top reads of the settings of a model (`config.ModelOptions`)."""

    top_kind: str
    top_filters: tuple
    top_repeats: tuple
    expansion: int
    heatmap: bool
    heatmap_pool: tuple
    heatmap_strides: tuple
    heatmap_max_pool: tuple
    convolutional: bool
    shortcut: bool
    dense_units: int
    dense_layers: int
    weight_decay: float
    dropout: float



def he_normal() -> initializers.Initializer:
    """The he-normal initializer of Keras 2.0.8 (0.88 of the nominal deviation)."""
    return initializers.VarianceScaling(
        2.0 * TRUNCATED_DEVIATION**2, mode="fan_in", distribution="truncated_normal")


def penalty(weight_decay: float) -> regularizers.Regularizer:
    """L2 penalty of a kernel: `weight_decay` times its sum of squares."""
    return regularizers.L2(weight_decay)


def conv_bn(
        x: keras.KerasTensor, filters: int, kernel: int, *, weight_decay: float,
        name: str, strides: int = 1, padding: str = "same") -> keras.KerasTensor:
    """Convolution, then batch normalisation."""
    x = layers.Conv2D(
        filters, kernel, strides=strides, padding=padding,
        kernel_initializer=he_normal(), kernel_regularizer=penalty(weight_decay),
        name=f"{name}_conv")(x)
    return backbones.batch_normalization(x, f"{name}_bn")


def relu_dropout(x: keras.KerasTensor, rate: float, name: str) -> keras.KerasTensor:
    """ReLU, then dropout; the dropout layer is there at rate 0 too."""
    x = layers.Activation("relu", name=f"{name}_relu")(x)
    return layers.Dropout(rate, name=f"{name}_dropout")(x)


def dense(
        x: keras.KerasTensor, units: int, *, weight_decay: float, name: str,
        activation: str | None = None) -> keras.KerasTensor:
    """Dense layer of the top: he-normal, with a penalty on its kernel."""
    return layers.Dense(
        units, activation=activation, kernel_initializer=he_normal(),
        kernel_regularizer=penalty(weight_decay), name=name)(x)


def vgg_block(
        x: keras.KerasTensor, filters: int, repeats: int, *, weight_decay: float,
        dropout: float, name: str, **unused: object) -> keras.KerasTensor:
    """Repeats conv-BN-ReLU, then halves: (b, h, w, c) to (b, h/2, w/2, filters)."""
    for i in range(1, repeats + 1):
        x = conv_bn(x, filters, 3, weight_decay=weight_decay, name=f"{name}_{i}")
        x = relu_dropout(x, dropout, f"{name}_{i}")
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)


def resnet_block(
        x: keras.KerasTensor, filters: int, repeats: int, *, weight_decay: float,
        dropout: float, name: str, expansion: int) -> keras.KerasTensor:
    """Bottleneck units, the first halving: (b, h, w, c) to
    (b, h/2, w/2, filters * expansion), sizes rounded up."""
    for i in range(1, repeats + 1):
        unit, strides = f"{name}_{i}", 2 if i == 1 else 1
        shortcut = x
        x = conv_bn(x, filters, 1, strides=strides, weight_decay=weight_decay,
                    name=f"{unit}_a")
        x = relu_dropout(x, dropout, f"{unit}_a")
        x = conv_bn(x, filters, 3, weight_decay=weight_decay, name=f"{unit}_b")
        x = relu_dropout(x, dropout, f"{unit}_b")
        x = conv_bn(x, filters * expansion, 1, weight_decay=weight_decay,
                    name=f"{unit}_c")
        if i == 1:
            shortcut = conv_bn(
                shortcut, filters * expansion, 1, strides=strides, padding="valid",
                weight_decay=weight_decay, name=f"{unit}_shortcut")
        x = layers.Add(name=f"{unit}_add")([shortcut, x])
        x = relu_dropout(x, dropout, unit)
    return x


# Of MBConv, as in EfficientNet: channels of the squeeze over those that enter.
SQUEEZE = 0.25


def mbconv_block(
        x: keras.KerasTensor, filters: int, repeats: int, *, weight_decay: float,
        dropout: float, name: str, expansion: int) -> keras.KerasTensor:
    """MBConv units of EfficientNet (Tan and Le 2019), the first halving:
    (b, h, w, c) to (b, h/2, w/2, filters), sizes rounded up."""
    for i in range(1, repeats + 1):
        unit, strides, shortcut = f"{name}_{i}", 2 if i == 1 else 1, x
        wide = x.shape[-1] * expansion
        x = _swish(_bare(x, wide, f"{unit}_expand", weight_decay), f"{unit}_expand")
        x = layers.DepthwiseConv2D(
            3, strides=strides, padding="same", use_bias=False,
            depthwise_initializer=he_normal(), name=f"{unit}_depth_conv")(x)
        x = _swish(x, f"{unit}_depth")
        x = _excited(x, max(1, int(shortcut.shape[-1] * SQUEEZE)), unit)
        x = _bare(x, filters, f"{unit}_project", weight_decay)
        x = backbones.batch_normalization(x, f"{unit}_project_bn")
        if strides == 1 and shortcut.shape[-1] == filters:
            x = layers.Dropout(dropout, name=f"{unit}_dropout")(x)
            x = layers.Add(name=f"{unit}_add")([x, shortcut])
    return x


def _bare(x, filters, name, weight_decay):
    """A 1x1 convolution without bias, before batch normalisation."""
    return layers.Conv2D(
        filters, 1, use_bias=False, kernel_initializer=he_normal(),
        kernel_regularizer=penalty(weight_decay), name=f"{name}_conv")(x)


def _swish(x, name):
    x = backbones.batch_normalization(x, f"{name}_bn")
    return layers.Activation("swish", name=f"{name}_swish")(x)


def _excited(x, channels, name):
    """Each channel times a factor from 0 to 1 that follows from all of them."""
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    y = layers.Conv2D(channels, 1, activation="swish", name=f"{name}_reduce")(y)
    y = layers.Conv2D(
        x.shape[-1], 1, activation="sigmoid", name=f"{name}_excite")(y)
    return layers.Multiply(name=f"{name}_scale")([x, y])


BLOCKS = {"resnet": resnet_block, "vgg": vgg_block, "mbconv": mbconv_block}


def convolutional_top(
        x: keras.KerasTensor, options: TopOptions, num_classes: int
) -> keras.KerasTensor:
    """Top blocks, global average, softmax: (b, h, w, c) to (b, num_classes).

    Args:
        x: features or heatmap.
        options: `ModelOptions`; `top_filters` and `top_repeats` are paired, the longer
            one is cut, as in the original.
        num_classes: width of the output.
    """
    pairs = zip(options.top_filters, options.top_repeats, strict=False)
    for number, (filters, repeats) in enumerate(pairs, start=1):
        x = BLOCKS[options.top_kind](
            x, filters, repeats, weight_decay=options.weight_decay,
            dropout=options.dropout, expansion=options.expansion,
            name=f"{options.top_kind}{number}")
    x = layers.GlobalAveragePooling2D(name="global_average")(x)
    x = layers.Dropout(options.dropout, name="output_dropout")(x)
    return dense(x, num_classes, weight_decay=options.weight_decay,
                 activation="softmax", name="output")


def heatmap(
        x: keras.KerasTensor, options: TopOptions, num_classes: int
) -> keras.KerasTensor:
    """Average pooling, dropout, the patch head with ReLU, max pooling.

    Args:
        x: features `(b, h, w, c)`.
        options: `ModelOptions`.
        num_classes: of the patch classifier, whose head the `heatmap` layer takes over.

    Returns:
        tensor `(b, h', w', num_classes)`, not negative.
    """
    x = layers.AveragePooling2D(
        options.heatmap_pool, strides=options.heatmap_strides,
        name="heatmap_average")(x)
    x = layers.Dropout(options.dropout, name="heatmap_dropout")(x)
    x = dense(x, num_classes, weight_decay=options.weight_decay, activation="relu",
              name="heatmap")
    return layers.MaxPooling2D(options.heatmap_max_pool, name="heatmap_pool")(x)


def dense_top(
        x: keras.KerasTensor, options: TopOptions, num_classes: int
) -> keras.KerasTensor:
    """Dense layers, each half as wide, with an optional shortcut around them.

    Args:
        x: heatmap or features `(b, h, w, c)`.
        options: `ModelOptions`.
        num_classes: width of the output.

    Returns:
        tensor `(b, num_classes)` of probabilities.
    """
    flat = x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(options.dropout, name="flatten_dropout")(x)
    units = options.dense_units
    for number in range(1, options.dense_layers + 1):
        name = f"dense{number}"
        x = dense(x, units, weight_decay=options.weight_decay, name=name)
        x = backbones.batch_normalization(x, f"{name}_bn")
        x = relu_dropout(x, options.dropout, name)
        units //= 2
    if not options.shortcut:
        return dense(x, num_classes, weight_decay=options.weight_decay,
                     activation="softmax", name="output")
    x = dense(x, num_classes, weight_decay=options.weight_decay, name="output_dense")
    flat = dense(flat, num_classes, weight_decay=options.weight_decay,
                 name="output_shortcut")
    x = layers.Add(name="output_add")([x, flat])
    return layers.Activation("softmax", name="output")(x)


def check(options: TopOptions) -> None:
    """Refuses settings from which no top can be built.

    Raises:
        files.InputError: an unknown kind of block, no block, or a size below 1.
    """
    if options.convolutional and options.top_kind not in BLOCKS:
        raise files.InputError(
            f"top kind {options.top_kind!r} is not known; expected one of "
            f"{', '.join(BLOCKS)} (--block-type).")
    rows = {
        "--top-depths": options.top_filters, "--top-repetitions": options.top_repeats,
        "--bottleneck-enlarge-factor": (options.expansion,)} if options.convolutional \
        else {"--fc-init-units": (options.dense_units >> options.dense_layers - 1,)}
    if options.heatmap:
        rows |= {"--avg-pool-size": options.heatmap_pool, "--hm-strides":
                 options.heatmap_strides, "--hm-pool-size": options.heatmap_max_pool}
    for flag, values in rows.items():
        if not values or min(values) < 1:
            raise files.InputError(
                f"{flag} {' '.join(map(str, values))}: expected whole numbers from 1 "
                "on; correct the flag.")
