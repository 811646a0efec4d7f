"""Which devices and hosts a run trains on: read from the environment, started, ended.

`NUM_GPU_DEVICES` is the number of devices of one process, `TF_CONFIG` names the
processes of a run over several hosts (docs/scale.md). Nothing is imported from
TensorFlow before a run needs it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import functools
import hashlib
import json
import logging
import os
import re
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from end2end import training
from end2end.training import run_inputs
from end2end.utils import commands, files

if TYPE_CHECKING:
    import tensorflow as tf

    from end2end import config

log = logging.getLogger(__name__)

TF_CONFIG = "TF_CONFIG"
# How long a process waits for the others to begin (they read all images before), and
# how long all may take to join then; seconds, and the variables that change them.
WAIT = "END2END_WAIT_SECONDS", 1800
JOIN = "END2END_JOIN_SECONDS", 300
EXAMPLE = ('{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
           '"task": {"type": "worker", "index": 0}}')


@dataclasses.dataclass(frozen=True)
class Layout:
    """What the environment asks for.

    Attributes:
        strategy: key of `STRATEGIES`.
        devices: of this process.
        index: of this process, from 0; the first is the chief, who alone writes.
        addresses: `host:port` of every process; empty where this is the only one.
        wait: seconds that the others have to come.
        join: seconds that all have to join.
    """

    strategy: str = "none"
    devices: int = 1
    index: int = 0
    addresses: tuple = ()
    wait: int = WAIT[1]
    join: int = JOIN[1]

    @property
    def hosts(self) -> int:
        """Number of processes."""
        return max(1, len(self.addresses))

    @property
    def chief(self) -> bool:
        """Whether this is the process that writes."""
        return self.index == 0


def layout(training: config.TrainingOptions) -> Layout:
    """Reads `NUM_GPU_DEVICES`, `TF_CONFIG` and how long the others may take.

    Args:
        training: `TrainingOptions`.

    Raises:
        files.InputError: one of them cannot be read, or a setting works on one device
            only.
    """
    devices = commands.environment_int("NUM_GPU_DEVICES", 1)
    if devices < 1:
        raise files.InputError(
            f"NUM_GPU_DEVICES={devices} is not a number of devices; set 1 or more.")
    addresses, index = cluster(os.environ.get(TF_CONFIG, ""))
    if addresses:
        stated = Layout("hosts", devices, index, addresses, seconds(*WAIT),
                       seconds(*JOIN))
    else:
        stated = Layout("devices" if devices > 1 else "none", devices)
    check(stated, training)
    return stated


def seconds(name: str, usual: int) -> int:
    """A time from the environment.

    Raises:
        files.InputError: it is not a whole number from 1.
    """
    value = commands.environment_int(name, usual)
    if value < 1:
        raise files.InputError(
            f"{name}={value} is not a time; set whole seconds from 1, or unset it.")
    return value


def cluster(text: str) -> tuple[tuple[str, ...], int]:
    """Addresses of the processes that `TF_CONFIG` names, and which of them this one is.

    No address and 0 where it names only one, or nothing.

    Raises:
        files.InputError: it is not what TensorFlow expects, or has other roles than
            chief and worker.
    """
    if not text.strip():
        return (), 0
    try:
        content = json.loads(text)
        jobs, task = content.get("cluster", {}), content.get("task", {})
        places = {(job, i): address for job in ("chief", "worker")
                  for i, address in enumerate(jobs.get(job, ()))}
        if set(jobs) - {"chief", "worker"}:
            raise ValueError("other roles than chief and worker")
        if len(places) < 2:
            return (), 0
        if not all(map(port, places.values())):
            raise ValueError("an address without a port")
        return tuple(places.values()), list(places).index(
            (task["type"], int(task["index"])))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise files.InputError(
            f"environment variable {TF_CONFIG} cannot be used ({error}); expected "
            f"{EXAMPLE}, the index that of this process. Set it so, or unset it."
        ) from None


def check(layout: Layout, training: config.TrainingOptions) -> None:
    """Refuses settings that several replicas cannot have, before any work."""
    if layout.strategy == "none":
        return
    if training.accumulate > 1:
        raise files.InputError(
            f"--accumulate {training.accumulate} works on one device only; leave it "
            "out (several devices make the batch larger by themselves), or unset "
            f"NUM_GPU_DEVICES and {TF_CONFIG}.")
    if training.precision == "mixed_float16":
        # Keras looks for overflow on the first replica only.
        raise files.InputError(
            "--precision mixed_float16 works on one device only; use mixed_bfloat16, "
            f"or unset NUM_GPU_DEVICES and {TF_CONFIG}.")
    if training.xla:
        raise files.InputError(
            "--xla works on one device only; leave it out, or unset NUM_GPU_DEVICES "
            f"and {TF_CONFIG}.")
    if layout.hosts > 1 and training.tune:
        raise files.InputError(
            "--tune works on one host only; leave it out and give --precision or "
            f"--data-format by hand, or unset {TF_CONFIG}.")
    if layout.hosts > 1 and training.best_model == run_inputs.NOSAVE:
        raise files.InputError(
            "--best-model NOSAVE leaves nothing to go on from when a host fails; name "
            "a file in a folder that all hosts share.")


def mirrored(layout: Layout) -> tf.distribute.Strategy | None:
    """One process with several GPUs or, without any, logical devices of the processor.

    Fewer GPUs than asked are used with a warning.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        count = min(layout.devices, len(gpus))
        if count < layout.devices:
            log.warning("NUM_GPU_DEVICES=%d, but there are %d GPUs; %d are used.",
                        layout.devices, len(gpus), count)
        names = [f"GPU:{i}" for i in range(count)]
    else:
        log.warning("NUM_GPU_DEVICES=%d, but there is no GPU; the processor stands for "
                    "%d devices, which is good for a trial and no faster.",
                    layout.devices, layout.devices)
        processor = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            processor, [tf.config.LogicalDeviceConfiguration()] * layout.devices)
        names = [f"CPU:{i}" for i in range(layout.devices)]
    return tf.distribute.MirroredStrategy(names) if len(names) > 1 else None


def multi_worker(layout: Layout) -> tf.distribute.Strategy:
    """Several processes; waits until all of them have come."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.set_visible_devices(gpus[:layout.devices], "GPU")
    if layout.devices > max(1, len(gpus)):
        log.warning("NUM_GPU_DEVICES=%d, but there are %d GPUs; this process uses %d "
                    "device(s).", layout.devices, len(gpus), max(1, len(gpus)))
    meet(layout)
    # Where one of them is lost now TensorFlow waits for an hour with the interpreter
    # locked, and signals are not handled; only this ends it. What it would print does
    # not help, so `started` says before that it may happen.
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(layout.join, exit=True, file=nowhere)
        try:
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        finally:
            faulthandler.cancel_dump_traceback_later()
    if threading.current_thread() is threading.main_thread():
        # TensorFlow takes the signal and does nothing with it.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return strategy


def meet(layout: Layout) -> None:
    """Waits until every process of the run listens at its address.

    Raises:
        files.InputError: this process cannot listen at its own.
        ConnectionError: some have not come in time.
    """
    address = layout.addresses[layout.index]
    both = dict(family=socket.AF_INET6, dualstack_ipv6=True) if (
        socket.has_dualstack_ipv6()) else {}
    try:
        server = socket.create_server(("", port(address)), **both)
    except OSError as error:
        raise files.InputError(
            f"this process cannot listen at {address}, its address in {TF_CONFIG} "
            f"({error.strerror}); give a free port.") from None
    missing, end = list(layout.addresses), time.monotonic() + layout.wait
    with server:
        while missing := [address for address in missing if not listens(address)]:
            if time.monotonic() > end:
                raise ConnectionError(
                    f"no process at {', '.join(missing)} in {layout.wait} s; start "
                    "the same command on every host, each with its own index in "
                    f"{TF_CONFIG}")
            time.sleep(0.5)


def port(address: str) -> int:
    """Port of `host:port`."""
    return int(address.rpartition(":")[2])


def listens(address: str) -> bool:
    """Whether something listens at `host:port`."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        socket.create_connection((host, port(address)), timeout=5).close()
    except OSError:
        return False
    return True


STRATEGIES = {"none": lambda layout: None, "devices": mirrored, "hosts": multi_worker}


@functools.cache
def strategy(layout: Layout) -> tf.distribute.Strategy | None:
    """The strategy of a layout; TensorFlow makes it once in a process."""
    return STRATEGIES[layout.strategy](layout)


@contextlib.contextmanager
def started(settings: run_inputs.Settings) -> Iterator[run_inputs.Settings]:
    """Inside, the strategy of `settings.layout` is up; at the end all have come so far.

    Args:
        settings: `run_inputs.Settings`.

    Yields:
        settings with `strategy`, and silent where another process speaks.

    Raises:
        ConnectionError: another host is gone; the message says how to go on.
    """
    layout = settings.layout
    if layout.strategy == "none":
        yield settings
        return
    import tensorflow as tf

    # It reports each kind of sum.
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    lost = (tf.errors.UnavailableError, tf.errors.AbortedError,
            tf.errors.CancelledError, tf.errors.DeadlineExceededError,
            tf.errors.FailedPreconditionError, tf.errors.InternalError)
    try:
        if layout.hosts > 1:
            settings.say(f"process {layout.index + 1} of {layout.hosts}; waiting for "
                         f"the others, at most {layout.wait} s (where one is lost "
                         f"while they join, this ends {layout.join} s later with "
                         "status 1)")
        settings = dataclasses.replace(settings, strategy=strategy(layout))
        announce(settings)
        if not layout.chief:
            settings = dataclasses.replace(settings, say=log.debug, verbose=0)
        yield settings
        together(settings, 0)
    except lost as error:
        if layout.hosts == 1:
            raise
        raise ConnectionError(lost_message(settings, error)) from error


def announce(settings: run_inputs.Settings) -> None:
    """Says how large the batch is, and who writes."""
    if settings.replicas == 1:
        return
    each = run_inputs.train_batch_size(settings.training)
    settings.say(f"{settings.replicas} replicas, each with a batch of {each}: "
                 f"{each * settings.replicas} images in a step")
    if not settings.layout.chief:
        settings.say("messages and files come from the first process")


def scope(settings: run_inputs.Settings) -> contextlib.AbstractContextManager:
    """Inside, variables are made on all replicas."""
    return (settings.strategy.scope() if settings.strategy
            else contextlib.nullcontext())


def together(settings: run_inputs.Settings, number: int) -> list[int]:
    """Waits for all processes.

    Args:
        number: int of 32 bits.

    Returns:
        list with the number that each process gave.
    """
    layout = settings.layout
    if layout.hosts == 1:
        return [number]
    numbers = np.zeros(layout.hosts, np.int32)
    numbers[layout.index] = number
    return training.replicas.Devices(settings.strategy).total(numbers).tolist()


def agree(settings: run_inputs.Settings, signature: str) -> None:
    """Refuses a run whose processes do not see the same settings, images and state.

    Raises:
        files.InputError: on all processes.
    """
    if settings.layout.hosts == 1:
        return
    best = settings.training.best_model
    view = [signature, rows_done(best),
            run_inputs.beside(best, ".report.json").exists()]
    digest = hashlib.sha256(json.dumps(view).encode()).digest()
    numbers = together(settings, int.from_bytes(digest[:4], "big") >> 1)
    differ = [i for i, number in enumerate(numbers) if number != numbers[0]]
    if differ:
        raise files.InputError(
            f"process {differ[0] + 1} of {len(numbers)} has other settings, images "
            f"(size, time of change) or results beside {best} than the first; give "
            "the same command everywhere, and folders that all hosts share.")


def rows_done(best: str) -> int:
    """Number of epochs in the state beside a model, 0 where there is none."""
    path = run_inputs.beside(best, ".state.npz")
    meta = path and path.exists() and training.callbacks.read_meta(path)
    return len(meta["rows"]) if meta else 0


def lost_message(settings: run_inputs.Settings, error: Exception) -> str:
    """What happened, what there is to go on from, what to do; in one line."""
    task = re.search(r"/job:(\w+)/replica:\d+/task:(\d+)", str(error))
    who = f"{task[1]} {task[2]}" if task else "one"
    best = settings.training.best_model
    epochs = rows_done(best)
    state = (f"epoch {epochs} is complete in {run_inputs.beside(best, '.state.npz')}"
             if epochs else "no epoch is complete")
    return (f"the processes of this run lost each other ({who} does not answer); "
            f"{state}. Start the same command on every host again to go on "
            f"({shlex.join(['python', *sys.orig_argv[1:]])})")
