"""The rows of `end2end bench`: each device, each work, each way to compute.

A row is measured in a process of its own, which sees the devices of the row only.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from end2end import config
from end2end.bench import tables, works
from end2end.data import image_lists
from end2end.training import (
    devices,
    remat,
    run_inputs,
    starting,
    tuning,
    variants,
)
from end2end.utils import clocks, processes

log = logging.getLogger(__name__)

# Of all devices together, % of the rate of one times their number; as in `make bench`.
SCALING = 80
CLASSES = dict(whole_image=("neg", "pos"), patch=tuple("abcde"))


@dataclasses.dataclass(frozen=True)
class Case:
    """What one row measures."""

    place: works.Place
    work: works.Work
    variant: variants.Variant
    scale: str = "paper"

    @property
    def name(self) -> str:
        """Key of the row in the file: `gpu-0 image-step float32`."""
        return (f"{self.place.name.replace(' ', '-').lower()} {self.work.name} "
                f"{self.variant.name.replace(', ', '+')}")


def about() -> str:
    """Devices and versions, for the head of a table; no device is taken for it."""
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
             for gpu in tf.config.list_physical_devices("GPU")]
    return (f"{', '.join(names) or 'no GPU'}; processor with {os.cpu_count()} cores; "
            f"TensorFlow {tf.__version__}, Keras {keras.__version__}")


def planned(places: list[works.Place], chosen: list[works.Work], *, scale: str,
            host: variants.Machine) -> tuple[list[Case], list[str]]:
    """The cases in the order in which they are measured, and what is left out and why.

    Plain float32 comes first at each place and work; the others are held against it.
    """
    cases, missing = [], []
    options = config.TrainingOptions(deterministic=False)
    for place in places:
        # Of processors several devices are parts of one, without its number formats.
        able = host if place.kind == "GPU" else dataclasses.replace(host, gpus=0)
        reasons = {variant: variants.why_not(
            variant, options, host=able, devices=place.count)
            for variant in variants.VARIANTS}
        cases += [Case(place, work, variant, scale) for work in chosen
                  for variant, reason in reasons.items() if not reason]
        missing += [f"{place.name}, {reason}: " + "; ".join(
            variant.name for variant in reasons if reasons[variant] == reason)
            for reason in dict.fromkeys(filter(None, reasons.values()))]
    return cases, missing


def settings_of(case: Case) -> run_inputs.Settings:
    """The settings of a training run that computes a case."""
    scale, work = works.SCALES[case.scale], case.work
    training = variants.applied(config.TrainingOptions(
        class_list=CLASSES[work.kind], optimizer="adam", batch_size=work.batch,
        train_batch_multiplier=1, deterministic=False, best_model=run_inputs.NOSAVE,
        first_until_epoch=1), case.variant)
    return run_inputs.Settings(
        config.ImageOptions(size=scale.sizes[work.kind], augment=False),
        config.ModelOptions(
            backbone=scale.backbone, pretrained=False, top_filters=scale.filters,
            top_repeats=scale.repeats, expansion=2, dropout=0.5),
        training, log.debug, layout=devices.Layout(
            "devices" if case.place.count > 1 else "none", case.place.count))


def images_of(case: Case) -> image_lists.ImageList:
    """As many images of noise as a trial takes, 0 to 255."""
    count = case.work.batch * case.place.count * tuning.STEPS
    size = works.SCALES[case.scale].sizes[case.work.kind]
    classes = CLASSES[case.work.kind]
    pixels = np.random.default_rng(1).integers(0, 256, (count, *size), np.uint8)
    return image_lists.from_arrays(pixels, np.arange(count) % len(classes), classes)


def measured(case: Case) -> tuple[tuning.Trial, float]:
    """Measures a case in this process, which must not have used a device yet.

    Returns:
        the trial, and operations per second of matrix products on one of the devices
        in the number format of the case.
    """
    see(case.place)
    trial = tuning.trial(case.work.kind, dict(train=images_of(case)),
                         settings_of(case), case.work.measure)
    return trial, product_rate(case)


def see(place: works.Place) -> None:
    """Hides all GPUs from this process but those of a place."""
    gpus = tf.config.list_physical_devices("GPU")
    tf.config.set_visible_devices(
        gpus[place.first:place.first + place.count] if place.kind == "GPU" else [],
        "GPU")


def product_rate(case: Case) -> float:
    """Operations per second of a product of matrices."""
    multiply, count = clocks.product(
        works.SCALES[case.scale].product[case.place.kind],
        case.variant.precision.removeprefix("mixed_"))
    return count / clocks.fastest(multiply)


def operations_of(case: Case) -> int:
    """Operations of one image in the work of a case, counted on the processor."""
    tf.config.set_visible_devices([], "GPU")
    settings = dataclasses.replace(settings_of(case), layout=devices.Layout())
    network, _, settings = starting.network_and_stages(case.work.kind, settings)
    forwards = operations(network, (*settings.images.size, settings.images.channels))
    # Forwards once, backwards twice as much: by the inputs and by the weights.
    return forwards * (3 if case.work.measure == "step" else 1)


def operations(model: keras.Model, shape: tuple[int, int, int]) -> int:
    """Floating-point operations of one image in convolutions and dense layers.

    Args:
        model: `keras.Model`; nested models are counted too.
        shape: of one image, (height, width, channels).
    """
    total = 0
    for layer, size in zip(model.layers, remat.sizes(model, shape), strict=True):
        if isinstance(layer, keras.Model):
            total += operations(layer, shape)
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            kernel = tuple(layer.kernel.shape)
            total += 2 * math.prod(kernel) * (size // kernel[-1])
    return total


class Table:
    """Measures cases one after the other, each beside those before it."""

    def __init__(self) -> None:
        self.trials: dict[Case, tuning.Trial] = {}
        self.counts: dict[tuple, int] = {}

    def row(self, case: Case) -> tuple[tables.Row, dict[str, Any]]:
        """A row of the table and its figure as a dict; `error` where it failed."""
        row = described(case)
        stated = dict(what=row.what, target=row.target, most=row.most,
                      target_unit=row.unit)
        try:
            key = case.work.name, case.scale
            if key not in self.counts:
                self.counts[key] = processes.alone(
                    operations_of, case, seconds=tuning.LONGEST)
            trial, rate = processes.alone(measured, case, seconds=tuning.LONGEST)
        except ChildProcessError as error:
            return row, stated | dict(error=str(error))
        self.trials[case] = trial
        figure = self.figure(case, self.counts[key] / rate)
        return row, stated | dict(reached=row.reached(figure.value)
                                  ) | dataclasses.asdict(figure)

    def figure(self, case: Case, limit: float) -> tables.Figure:
        """What a measured case came to.

        Args:
            case: in `trials`.
            limit: seconds of one image on one device at the rate of matrix products.
        """
        trial, count = self.trials[case], case.place.count
        ours = self.seconds(case)
        alone = dataclasses.replace(
            case, place=dataclasses.replace(case.place, count=1),
            variant=case.variant if count > 1 else variants.PLAIN)
        notes = [f"{trial.megabytes} MB"]
        if count > 1 and alone in self.trials:
            simple, way = self.seconds(alone), "one of these devices"
            value = 100 * simple / ours / count
        elif alone != case and alone in self.trials:
            simple, way = self.seconds(alone), "float32 on the same device"
            value = simple / ours
            notes.append(agreement(case, trial, self.trials[alone]))
        else:
            simple, way, value = None, "", 100 * limit / ours
        return tables.Figure(
            value, ours, "s per image", simple, way, limit / count,
            "the network's operations at the rate of matrix products",
            notes=tuple(notes))

    def seconds(self, case: Case) -> float:
        """Seconds per image of a measured case."""
        return self.trials[case].seconds / case.work.batch / case.place.count


def described(case: Case) -> tables.Row:
    """The row of a case: what it is and what it is held against."""
    what = (f"{case.place.name}: {case.work.what}, {case.work.batch} at once, "
            f"{case.variant.name}")
    if case.place.count > 1:
        return tables.Row(
            case.name, f"{what}, share of {case.place.count} times the rate of one", "",
            SCALING, False, "%")
    if case.variant != variants.PLAIN:
        return tables.Row(
            case.name, f"{what}, times as fast as float32", "", 1, False, "x")
    return tables.Row(case.name, f"{what}, share of the matrix-product rate", "",
                      case.work.target, False, "%")


def agreement(case: Case, trial: tuning.Trial, plain: tuning.Trial) -> str:
    """How far the results of a way to compute lie from those of plain float32."""
    gap = variants.difference(trial.values, plain.values)
    bound = variants.BOUNDS[case.variant.precision]
    name = "losses" if case.work.measure == "step" else "scores"
    return (f"{name} differ from those of float32 by {100 * gap:.2g} %, "
            f"{'within' if gap <= bound else 'beyond'} {100 * bound:g} %")
