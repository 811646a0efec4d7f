"""Ways to compute the same network: number format, XLA, order in memory.

Which of them a machine and a run allow, and how far their results may lie from those of
plain float32. `--tune` and `end2end bench` measure them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from end2end import config
from end2end.prediction import flip_calls
from end2end.training import remat


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way to compute; the fields are those of `TrainingOptions`."""

    precision: str = "float32"
    xla: bool = False
    data_format: str = "automatic"

    @property
    def name(self) -> str:
        """For a reader: `mixed_bfloat16, XLA`."""
        return ", ".join([self.precision, *["XLA"] * self.xla,
                          *[self.data_format] * (self.data_format != "automatic")])


PLAIN = Variant()
VARIANTS = tuple(Variant(*values) for values in itertools.product(
    remat.PRECISIONS, (False, True), ("automatic", "channels-last")))

# By how much losses of the first steps, of one start and the same batches, may differ
# from those of float32, as a share. Another order of the same sums in float32: a
# hundred times what XLA does to Yaroslav's network on a processor (3e-6). Formats of
# half precision keep 8 (bfloat16) or 11 bits, so that a product is off by up to 0.4 or
# 0.05 %, and errors of many layers add up.
BOUNDS = {"float32": 3e-4, "mixed_bfloat16": 0.02, "mixed_float16": 0.005}


@dataclasses.dataclass(frozen=True)
class Machine:
    """What the devices of a machine can do.

    Attributes:
        gpus: how many TensorFlow sees.
        precisions: of `remat.PRECISIONS`, those that the devices compute with; others
            are emulated, which is slower than float32.
    """

    gpus: int
    precisions: frozenset


# Of processors, those that multiply matrices in bfloat16 have one of these (Linux).
FEATURES = {"avx512_bf16", "amx_bf16"}
# Of NVIDIA's GPUs the least compute capability that multiplies matrices in a format.
CAPABILITIES = {"mixed_float16": (7, 0), "mixed_bfloat16": (8, 0)}


def machine() -> Machine:
    """The machine on which this process runs; no device is taken for it.

    What a GPU does not tell is not taken for granted: without a compute capability it
    has float32 only.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        half = FEATURES & flip_calls.processor_features()
        return Machine(0, frozenset({"float32", *["mixed_bfloat16"] * bool(half)}))
    capability = min(
        tf.config.experimental.get_device_details(gpu).get("compute_capability", ())
        for gpu in gpus)
    return Machine(len(gpus), frozenset({"float32", *(
        name for name, least in CAPABILITIES.items() if capability >= least)}))


def why_not(variant: Variant, options: config.TrainingOptions, *, host: Machine,
            devices: int = 1, one_size: bool = True) -> str:
    """Why a variant is not tried; empty where it can be.

    Args:
        variant: to be tried.
        options: of the run.
        host: machine.
        devices: that train together.
        one_size: whether all images have the same size.
    """
    reasons = (
        (variant.precision not in host.precisions,
         f"no device here computes in {variant.precision.removeprefix('mixed_')}"),
        (variant.precision == "mixed_float16" and devices > 1,
         "mixed_float16 works on one device only"),
        (variant.xla and options.deterministic,
         "XLA is not repeatable bit for bit: --no-deterministic allows it"),
        (variant.xla and devices > 1, "XLA works on one device only"),
        (variant.xla and not one_size, "XLA needs images of one size"),
        (variant.data_format == "channels-last" and not host.gpus,
         "a processor has that order anyway"))
    return next((reason for applies, reason in reasons if applies), "")


def applied(options: config.TrainingOptions,
            variant: Variant) -> config.TrainingOptions:
    """The options of a run that computes in this way."""
    return dataclasses.replace(options, **dataclasses.asdict(variant))


def of(options: config.TrainingOptions) -> Variant:
    """The way in which a run of these options computes."""
    return Variant(options.precision, options.xla, options.data_format)


def difference(values: Sequence[float], plain: Sequence[float]) -> float:
    """Greatest difference from the values of plain float32, as a share of these."""
    expected = np.abs(np.asarray(plain, np.float64))
    gaps = np.abs(np.asarray(values, np.float64) - np.asarray(plain, np.float64))
    return float((gaps / np.maximum(expected, 1e-12)).max())


def set_data_format(data_format: str) -> None:
    """Lets TensorFlow change the order of values in a GPU's memory, or not.

    Its layout optimizer turns convolutions to channels-first where it expects a GPU to
    be faster so; graphs that are built later follow.
    """
    automatic = data_format == "automatic"
    present = tf.config.optimizer.get_experimental_options()
    if present.get("layout_optimizer", True) != automatic:
        tf.config.optimizer.set_experimental_options(
            {"layout_optimizer": automatic})
