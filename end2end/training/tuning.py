"""`--tune`: measures ways to compute a run at its start, and takes the fastest.

Each way is tried in a process of its own, which builds the network of the run and
trains it on the run's first batches. The run itself begins afterwards with the settings
that were taken, so it is bit for bit the run of somebody who gave them by hand.
"""

from __future__ import annotations

import dataclasses
import logging
import resource
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from end2end.data import image_lists
from end2end.training import (
    devices,
    freezing,
    loop,
    replicas,
    run_inputs,
    starting,
    variants,
)
from end2end.utils import clocks, files, processes

log = logging.getLogger(__name__)

# Steps of a trial; the first builds the graph and is not timed.
STEPS = 5
# Learning rate of a trial. The weights stay as good as they are, so that losses of
# different ways can be compared: in a few steps of a usual rate their rounding grows.
RATE = 1e-9
# A trial that takes longer is given up: XLA compiles some networks for minutes.
LONGEST = 1800
# A way must save more than this share of the time, and more than the same settings
# differ by when they are measured twice.
LEAST_GAIN = 0.05


@dataclasses.dataclass(frozen=True)
class Trial:
    """What some steps took in one way to compute.

    Attributes:
        seconds: of the fastest step but the first.
        megabytes: greatest memory, of all GPUs or, without any, of the process.
        values: losses of the steps, or scores, by which ways are compared.
    """

    seconds: float
    megabytes: int
    values: tuple[float, ...]


def trial(kind: str, data: Mapping[str, image_lists.ImageList],
          settings: run_inputs.Settings, work: str = "step") -> Trial:
    """Builds the network of a run and measures it in this process.

    Args:
        kind: `patch`, `whole_image` or `two_view`.
        data: with the images of `train`.
        settings: of the run.
        work: row of `WORKS`.
    """
    with devices.started(settings) as settings:
        network, stages, settings = starting.network_and_stages(kind, settings)
        batches = run_inputs.batches(kind, data, "train", settings)
        seconds, values = clocks.timed(WORKS[work](
            network, stages[-1], batches, settings))
    # Scores are the same each time.
    losses = values if work == "step" else values[:1]
    return Trial(min(seconds[1:]), megabytes(), tuple(np.ravel(losses).tolist()))


def _steps(network, stage, batches, settings):
    """Losses of steps without dropout, of which a format draws other units."""
    for layer in freezing.leaves(network):
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return loop.first_steps(
        network, dataclasses.replace(stage, learning_rate=RATE, dropout=0.0), batches,
        options=settings.training, count=STEPS)


def _scores(network: keras.Model, stage, batches, settings) -> Iterator:
    """Scores of the first batch, again and again; on several devices of each."""
    network.compile(jit_compile=settings.training.xla)
    if settings.training.precision != "float32":
        loop.remat.set_precision(network, settings.training.precision)
    images = batches.batch(0)[0]
    on_all = replicas.of(network)
    for _ in range(STEPS):
        if on_all is None:
            yield np.asarray(network.predict_on_batch(images), np.float32)
        else:
            parts = on_all.spread([tf.constant(part) for part in np.array_split(
                images, on_all.replicas)])
            yield np.concatenate([part.numpy() for part in
                                  on_all.strategy.experimental_local_results(
                                      on_all.score(network, parts))])


# What is measured of a network.
WORKS = {"step": _steps, "scores": _scores}


def megabytes() -> int:
    """Greatest memory so far: of the GPUs that this process uses, or its own."""
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        return sum(tf.config.experimental.get_memory_info(gpu.name)["peak"]
                   for gpu in gpus) >> 20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def tuned(kind: str, data: Mapping[str, image_lists.ImageList],
          settings: run_inputs.Settings) -> run_inputs.Settings:
    """The settings of a run, computed in the fastest way.

    The trials and the choice are written beside the best model; a run that goes on
    reads them there, since with another choice its results would be others.
    """
    training = settings.training
    path = run_inputs.beside(training.best_model, ".tuning.json")
    signature = run_inputs.run_signature(kind, data, settings)
    record = earlier(path, signature)
    if record is None:
        record = dict(signature=signature, **compared(kind, data, settings))
        settings.say(table(record))
        if path is not None:
            files.write_json(path, record)
    choice = variants.Variant(**record["choice"])
    settings.say(f"computed in {choice.name}: {record.get('reason')}")
    return dataclasses.replace(
        settings, training=variants.applied(training, choice))


def earlier(path: Any, signature: str) -> dict[str, Any] | None:
    """The record of this very run from before it was interrupted, or None."""
    if path is None or not path.exists():
        return None
    record = files.read_json(path, "tuning")
    known = [dataclasses.asdict(variant) for variant in variants.VARIANTS]
    usable = (isinstance(record, dict) and record.get("signature") == signature
              and record.get("choice") in known)
    return record if usable else None


def compared(kind: str, data: Mapping[str, image_lists.ImageList],
             settings: run_inputs.Settings) -> dict[str, Any]:
    """Tries all ways that the machine and the run allow.

    Returns:
        dict of `rows`, one for each way with its figures or why it was not tried;
        `choice`, the fields of a `Variant`; and `reason`.
    """
    training, host = settings.training, variants.machine()
    stated = variants.of(training)
    rows, candidates = [], []
    for variant in alternatives(stated):
        reason = variants.why_not(
            variant, training, host=host, devices=settings.layout.devices,
            one_size=settings.images.height is None)
        if reason:
            rows.append(dict(name=variant.name, refused=reason))
        elif variant != stated:
            candidates.append(variant)
    if not candidates:
        return dict(rows=rows, choice=dataclasses.asdict(stated),
                    reason="there is nothing to choose from here")
    # As given once more at the end: what a machine differs by from itself.
    measured = [tried(kind, data, settings, variant)
                for variant in (stated, *candidates, stated)]
    tested, choice, reason = chosen(measured)
    return dict(rows=tested + rows, choice=dataclasses.asdict(choice), reason=reason)


def alternatives(stated: variants.Variant) -> list[variants.Variant]:
    """All ways that agree with what was set by hand: what differs from plain stays."""
    fixed = {name: value for name, value in dataclasses.asdict(stated).items()
             if value != getattr(variants.PLAIN, name)}
    return [variant for variant in variants.VARIANTS
            if all(getattr(variant, name) == value for name, value in fixed.items())]


def tried(kind: str, data: Mapping[str, image_lists.ImageList],
          settings: run_inputs.Settings, variant: variants.Variant
          ) -> tuple[variants.Variant, Trial | str]:
    """A way to compute and its trial, or why that failed."""
    settings = dataclasses.replace(
        settings, say=log.debug, verbose=0,
        training=variants.applied(settings.training, variant))
    try:
        return variant, processes.alone(trial, kind, dict(data), settings,
                                        seconds=LONGEST)
    except ChildProcessError as error:
        return variant, str(error)


def chosen(measured: list[tuple[variants.Variant, Trial | str]]
           ) -> tuple[list[dict], variants.Variant, str]:
    """Takes the fastest way whose losses stay.

    Args:
        measured: trials; the first and the last are of the settings as given.

    Returns:
        rows of the table, the way that is taken, and the reason.
    """
    (stated, first), *others, (_, last) = measured
    rows = [row_of(stated, first, None), *(
        row_of(variant, result, first) for variant, result in others)]
    if isinstance(first, str) or isinstance(last, str):
        failed = first if isinstance(first, str) else last
        return rows, stated, f"as given, since that could not be measured ({failed})"
    noise = abs(first.seconds - last.seconds) / min(first.seconds, last.seconds)
    limit = min(first.seconds, last.seconds) * (1 - max(noise, LEAST_GAIN))
    able = [(row["seconds"], variant) for row, (variant, _) in zip(
        rows[1:], others, strict=True) if "refused" not in row]
    seconds, fastest = min(able, default=(limit, stated), key=lambda pair: pair[0])
    if seconds >= limit:
        return rows, stated, (
            f"nothing else takes less than {limit:.3g} s per step (the settings as "
            f"given took {first.seconds:.3g} and {last.seconds:.3g} s)")
    return rows, fastest, (f"{seconds:.3g} s per step in place of "
                           f"{min(first.seconds, last.seconds):.3g} s")


def row_of(variant: variants.Variant, result: Trial | str,
           first: Trial | str | None) -> dict[str, Any]:
    """A row of the record; `refused` where the way cannot be taken."""
    row = dict(name=variant.name)
    if isinstance(result, str):
        return row | dict(refused=result)
    row |= dict(seconds=result.seconds, megabytes=result.megabytes)
    if not isinstance(first, Trial):
        return row
    gap = variants.difference(result.values, first.values)
    bound = variants.BOUNDS[variant.precision]
    row |= dict(difference=gap)
    return row if gap <= bound else row | dict(
        refused=f"losses differ by more than {100 * bound:g} %")


def table(record: Mapping[str, Any]) -> str:
    """The rows of a record, as Markdown."""
    lines = ["settings | s per step | MB | losses differ by | not taken because",
             "---|---|---|---|---"]
    for row in record["rows"]:
        difference = row.get("difference")
        lines.append(" | ".join([
            row["name"], f"{row['seconds']:.3g}" if "seconds" in row else "",
            str(row.get("megabytes", "")),
            "" if difference is None else f"{100 * difference:.2g} %",
            row.get("refused", "")]))
    return "\n".join(f"| {line} |" for line in lines)
