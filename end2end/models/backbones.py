"""The trunks: how they are built, which layer is kept, where stage two starts.

Geometry, names and order of the layers of the paper's trunks are those of Keras 2.0.8,
with which the published models were trained; today's ResNet50 pads and normalises
differently. Layers are addressed by these names. Trunks that came after the paper are
those of `keras.applications` (`keras_trunks`), and VGG16 with batch normalisation and
shortcuts, of which the paper's discussion speaks.

A backbone is added by its function and its row of `BACKBONES`: flags, help, ImageNet
weights and docs/models.md read the row. The flags read it to print help, so Keras is
imported where a trunk is built.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from end2end.models import keras_trunks

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

# Batch normalisation of Keras 2.0.8; today's ResNet50 uses 1.001e-5.
EPSILON = 1e-3
MOMENTUM = 0.99


@dataclasses.dataclass(frozen=True)
class Backbone:
    """One trunk.

    Attributes:
        build: tensor `(b, h, w, channels)` to the tensor that enters global pooling.
        features: name of the layer that a whole-image network keeps last.
        top_start: first layer trained in the second stage of patch training; None for
            a trunk without ImageNet weights, which is trained in one stage.
        channels: of the input.
        preprocess: ImageNet preprocessing of a float batch, for patches that are not
            mean-centred; None where the trunk has none.
        application: name in `keras.applications`, whose ImageNet weights fit; None
            where there are none.
        added: pattern of the names of layers that are not in that network and start
            without ImageNet weights.
        prepares: whether the trunk prepares images itself and takes 0 to 255; else it
            is trained on grey values less their mean.
        smallest: least side of patches in pixels.
        block: first layer of the last stage of the trunk, where `top_start` is not it.
    """

    build: Callable
    features: str
    top_start: str | None
    channels: int = 3
    preprocess: Callable | None = None
    application: str | None = None
    added: str | None = None
    prepares: bool = False
    smallest: int = 32
    block: str | None = None

    @property
    def last_stage(self) -> str | None:
        """First layer of the last stage of the trunk."""
        return self.block or self.top_start


def batch_normalization(
        x: keras.KerasTensor, name: str, *, scale: bool = True) -> keras.KerasTensor:
    """Batch normalisation with the constants of Keras 2.0.8."""
    from keras import layers

    return layers.BatchNormalization(
        epsilon=EPSILON, momentum=MOMENTUM, scale=scale, name=name)(x)


def caffe_preprocess(images: NDArray) -> NDArray:
    """Blue, green, red less their ImageNet means: `(b, h, w, 3)` of 0-255."""
    images = images[..., ::-1].copy()
    for channel, mean in enumerate((103.939, 116.779, 123.68)):
        images[..., channel] -= mean
    return images


def unit_preprocess(images: NDArray) -> NDArray:
    """From 0-255 to -1 to 1."""
    return (images / 255.0 - 0.5) * 2.0


class _Names:
    """Numbers layer names as Keras 2.0.8 did: `conv2d_1`, `conv2d_2`, ..."""

    def __init__(self):
        self.counts = {}

    def __call__(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{kind}_{self.counts[kind]}"


# ResNet50: filters and number of units of stages 2 to 5.
RESNET50_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))


def resnet50(x: keras.KerasTensor) -> keras.KerasTensor:
    """ResNet50 of Keras 2.0.8: stride 32, `(b, h, w, 3)` to 2048 features.

    The first convolution has `same` padding and the first pooling none, strides are in
    the first 1x1 convolution of a stage, and a 7x7 average pooling comes last.
    """
    from keras import layers

    names = _Names()
    x = layers.Conv2D(64, 7, strides=2, padding="same", name="conv1")(x)
    x = batch_normalization(x, "bn_conv1")
    x = layers.Activation("relu", name=names("activation"))(x)
    x = layers.MaxPooling2D(3, strides=2, name=names("max_pooling2d"))(x)
    for stage, (filters, units) in enumerate(RESNET50_STAGES, start=2):
        for unit in range(units):
            strides = 2 if unit == 0 and stage > 2 else 1
            x = _resnet50_unit(x, filters, strides, f"{stage}{chr(97 + unit)}", names)
    return layers.AveragePooling2D(7, name="avg_pool")(x)


def _resnet50_unit(x, filters, strides, block, names):
    from keras import layers

    def conv_bn(x, branch, filters, kernel=1, strides=1):
        x = layers.Conv2D(filters, kernel, strides=strides, padding="same" if kernel > 1
                          else "valid", name=f"res{block}_branch{branch}")(x)
        return batch_normalization(x, f"bn{block}_branch{branch}")

    shortcut = x
    x = conv_bn(x, "2a", filters, strides=strides)
    x = layers.Activation("relu", name=names("activation"))(x)
    x = conv_bn(x, "2b", filters, kernel=3)
    x = layers.Activation("relu", name=names("activation"))(x)
    x = conv_bn(x, "2c", 4 * filters)
    if block.endswith("a"):
        shortcut = conv_bn(shortcut, "1", 4 * filters, strides=strides)
    x = layers.Add(name=names("add"))([x, shortcut])
    return layers.Activation("relu", name=names("activation"))(x)


def _vgg(repeats):
    def vgg(x):
        """VGG: blocks of 3x3 convolutions with ReLU, stride 32, 512 features."""
        from keras import layers

        for block, (filters, count) in enumerate(
                zip((64, 128, 256, 512, 512), repeats, strict=True), start=1):
            for i in range(1, count + 1):
                x = layers.Conv2D(filters, 3, padding="same", activation="relu",
                                  name=f"block{block}_conv{i}")(x)
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        return x
    return vgg


def _normalised_vgg(repeats, *, shortcuts):
    def vgg(x):
        """VGG with batch normalisation, with or without a shortcut for each block.

        ImageNet weights of VGG fit the convolutions. A shortcut is a 1x1 convolution
        whose normalisation starts with a gamma of 0, so that training begins with the
        network without shortcuts.
        """
        from keras import layers

        for block, (filters, count) in enumerate(
                zip((64, 128, 256, 512, 512), repeats, strict=True), start=1):
            shortcut, name = x, f"block{block}"
            for i in range(1, count + 1):
                x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv{i}")(x)
                x = batch_normalization(x, f"{name}_bn{i}")
                if shortcuts and i == count:
                    shortcut = layers.Conv2D(
                        filters, 1, use_bias=False, name=f"{name}_shortcut")(shortcut)
                    shortcut = layers.BatchNormalization(
                        epsilon=EPSILON, momentum=MOMENTUM, gamma_initializer="zeros",
                        name=f"{name}_shortcut_bn")(shortcut)
                    x = layers.Add(name=f"{name}_add")([x, shortcut])
                x = layers.Activation("relu", name=f"{name}_relu{i}")(x)
            x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
        return x
    return vgg


def yaroslav(x: keras.KerasTensor) -> keras.KerasTensor:
    """Yaroslav Nikulin's network: six blocks of two 3x3 convolutions, stride 64."""
    from keras import layers

    names = _Names()
    for block, filters in enumerate((32, 64, 128, 256, 256, 512), start=1):
        for i in (1, 2):
            x = layers.Conv2D(
                filters, 3, padding="same", name=f"block{block}_conv{i}")(x)
            x = batch_normalization(x, names("batch_normalization"))
            x = layers.Activation("relu", name=names("activation"))(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return x


def xception(x: keras.KerasTensor) -> keras.KerasTensor:
    """Xception (Chollet 2017): separable convolutions, stride 32, 2048 features."""
    from keras import layers

    names = _Names()
    for i, (filters, strides) in enumerate(((32, 2), (64, 1)), start=1):
        x = layers.Conv2D(filters, 3, strides=strides, use_bias=False,
                          name=f"block1_conv{i}")(x)
        x = batch_normalization(x, f"block1_conv{i}_bn")
        x = layers.Activation("relu", name=f"block1_conv{i}_act")(x)
    for block, filters in ((2, (128, 128)), (3, (256, 256)), (4, (728, 728))):
        x = _xception_entry(x, block, filters, names)
    for block in range(5, 13):
        shortcut = x
        for i in (1, 2, 3):
            x = _xception_separable(x, 728, f"block{block}_sepconv{i}")
        x = layers.Add(name=names("add"))([x, shortcut])
    x = _xception_entry(x, 13, (728, 1024), names)
    for i, filters in ((1, 1536), (2, 2048)):
        x = _xception_separable(x, filters, f"block14_sepconv{i}", before=False)
        x = layers.Activation("relu", name=f"block14_sepconv{i}_act")(x)
    return x


def _xception_separable(x, filters, name, *, before=True):
    from keras import layers

    if before:
        x = layers.Activation("relu", name=f"{name}_act")(x)
    x = layers.SeparableConv2D(
        filters, 3, padding="same", use_bias=False, name=name)(x)
    return batch_normalization(x, f"{name}_bn")


def _xception_entry(x, block, filters, names):
    from keras import layers

    shortcut = layers.Conv2D(filters[1], 1, strides=2, padding="same", use_bias=False,
                             name=names("conv2d"))(x)
    shortcut = batch_normalization(shortcut, names("batch_normalization"))
    x = _xception_separable(x, filters[0], f"block{block}_sepconv1", before=block > 2)
    x = _xception_separable(x, filters[1], f"block{block}_sepconv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return layers.Add(name=names("add"))([x, shortcut])


def _seven(filters):
    """Rows of an Inception block with factorised 7x7 convolutions."""
    return (
        ((192, 1, 1),),
        ((filters, 1, 1), (filters, 1, 7), (192, 7, 1)),
        ((filters, 1, 1), (filters, 7, 1), (filters, 1, 7), (filters, 7, 1),
         (192, 1, 7)),
        ("average", (192, 1, 1)),
    )


def _five(pooled):
    """Rows of an Inception block with 5x5 and double 3x3 convolutions."""
    return (
        ((64, 1, 1),),
        ((48, 1, 1), (64, 5, 5)),
        ((64, 1, 1), (96, 3, 3), (96, 3, 3)),
        ("average", (pooled, 1, 1)),
    )


_WIDE = (
    ((320, 1, 1),),
    ((384, 1, 1), "fork"),
    ((448, 1, 1), (384, 3, 3), "fork"),
    ("average", (192, 1, 1)),
)

# Inception V3: the branches of each block, mixed0 to mixed10. A row of four numbers has
# a stride and no padding; `fork` is a 1x3 beside a 3x1 convolution.
INCEPTION_BLOCKS = (
    _five(32), _five(64), _five(64),
    (((384, 3, 3, 2),), ((64, 1, 1), (96, 3, 3), (96, 3, 3, 2)), ("max",)),
    _seven(128), _seven(160), _seven(160), _seven(192),
    (((192, 1, 1), (320, 3, 3, 2)),
     ((192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3, 2)), ("max",)),
    _WIDE, _WIDE,
)
INCEPTION_STEM = (
    (32, 3, 3, 2), (32, 3, 3, 1), (64, 3, 3), "max", (80, 1, 1, 1), (192, 3, 3, 1),
    "max")


def inception(x: keras.KerasTensor) -> keras.KerasTensor:
    """Inception V3 (Szegedy et al. 2016): stride about 32, 2048 features."""
    from keras import layers

    names = _Names()
    for step in INCEPTION_STEM:
        x = _inception_step(x, step, names, "")
    for number, branches in enumerate(INCEPTION_BLOCKS):
        ends = []
        for branch in branches:
            y = x
            for step in branch:
                y = _inception_step(y, step, names, f"mixed{number}")
            ends.append(y)
        x = layers.Concatenate(name=f"mixed{number}")(ends)
    return x


def _inception_step(x, step, names, block):
    from keras import layers

    if step == "average":
        return layers.AveragePooling2D(
            3, strides=1, padding="same", name=names("average_pooling2d"))(x)
    if step == "max":
        return layers.MaxPooling2D(3, strides=2, name=names("max_pooling2d"))(x)
    if step == "fork":
        pair = [_inception_step(x, (384, *kernel), names, block)
                for kernel in ((1, 3), (3, 1))]
        # The first fork of a block was named by hand, the second by Keras.
        number = names(f"{block}_fork")
        name = (f"mixed9_{int(block[5:]) - 9}" if number.endswith("_1")
                else names("concatenate"))
        return layers.Concatenate(name=name)(pair)
    filters, *kernel = step[:3]
    strides, padding = (step[3], "valid") if len(step) > 3 else (1, "same")
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False,
                      name=names("conv2d"))(x)
    x = batch_normalization(x, names("batch_normalization"), scale=False)
    return layers.Activation("relu", name=names("activation"))(x)


# Layers of `_normalised_vgg` that VGG has not.
_ADDED = r"block\d_(bn\d|shortcut|shortcut_bn)"

BACKBONES = {
    "resnet50": Backbone(
        resnet50, features="activation_49", top_start="activation_46",
        preprocess=caffe_preprocess, application="ResNet50", smallest=197),
    "vgg16": Backbone(
        _vgg((2, 2, 3, 3, 3)), features="block5_pool", top_start="block5_conv1",
        preprocess=caffe_preprocess, application="VGG16"),
    "vgg19": Backbone(
        _vgg((2, 2, 4, 4, 4)), features="block5_pool", top_start="block5_conv1",
        preprocess=caffe_preprocess, application="VGG19"),
    "xception": Backbone(
        xception, features="block14_sepconv2_act", top_start="block14_sepconv1",
        preprocess=unit_preprocess, application="Xception"),
    "inception": Backbone(
        inception, features="mixed10", top_start="activation_59",
        preprocess=unit_preprocess, application="InceptionV3", smallest=75),
    "yaroslav": Backbone(
        yaroslav, features="block6_pool", top_start=None, channels=1, smallest=64,
        block="block6_conv1"),
    "vgg16-bn": Backbone(
        _normalised_vgg((2, 2, 3, 3, 3), shortcuts=False), features="block5_pool",
        top_start="block5_conv1", preprocess=caffe_preprocess, application="VGG16",
        added=_ADDED),
    "vgg16-shortcuts": Backbone(
        _normalised_vgg((2, 2, 3, 3, 3), shortcuts=True), features="block5_pool",
        top_start="block5_conv1", preprocess=caffe_preprocess, application="VGG16",
        added=_ADDED),
    "resnet50-keras": Backbone(
        keras_trunks.trunk("ResNet50", "caffe"), features="conv5_block3_out",
        top_start="conv5_block1_1_conv", application="ResNet50", prepares=True),
    "densenet121": Backbone(
        keras_trunks.trunk("DenseNet121"), features="relu",
        top_start="conv5_block1_0_bn", application="DenseNet121", prepares=True),
    **{f"efficientnetb{size}": Backbone(
        keras_trunks.trunk(f"EfficientNetB{size}"), features="top_activation",
        top_start="block6a_expand_conv", application=f"EfficientNetB{size}",
        prepares=True) for size in range(4)},
    **{f"efficientnetb{size}-ddsm": Backbone(
        keras_trunks.trunk(f"EfficientNetB{size}", "ddsm"), features="top_activation",
        top_start="block6a_expand_conv", application=f"EfficientNetB{size}",
        prepares=True) for size in (0, 3)},
    **{f"convnext{size}": Backbone(
        keras_trunks.trunk(f"ConvNeXt{size.title()}"),
        features="layer_normalization_1",
        top_start=f"convnext_{size}_downsampling_layernorm_2",
        application=f"ConvNeXt{size.title()}", prepares=True)
        for size in ("tiny", "small")},
}
