"""The same network by other programs, where they are installed.

A row measures these in its own run; one that cannot be imported is named in a note.
"""

import contextlib
import dataclasses
import importlib
import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from end2end.utils import clocks


@dataclasses.dataclass(frozen=True)
class Peer:
    """Another program.

    Attributes:
        needs: what is imported for it.
        build: from a `keras.Model` to a function: of a batch to scores, or of a batch
            and labels for a step of training; for `LOADING` from `ImageBatches`, the
            number of batches and of workers to a function that yields the batches.
        alone: left out beside other work (`--busy`): it takes minutes, or its time is
            that of processes of its own.
    """

    needs: tuple[str, ...]
    build: Callable[[Any], Callable]
    alone: bool = False


def _torch_scorer(model, *, compiled=False):
    from benchmarks import torch_networks

    return torch_networks.scorer(_torch_network(model, compiled).eval())


def _torch_step(model, *, compiled=False):
    from benchmarks import torch_networks

    return torch_networks.step(_torch_network(model, compiled).train())


def _torch_network(model, compiled):
    import torch

    from benchmarks import torch_networks

    network = torch_networks.Network(model).to(memory_format=torch.channels_last)
    if not compiled:
        return network
    # Folds batch normalisation into the convolutions; without effect on training.
    torch._inductor.config.freezing = True
    return torch.compile(network)


def _onnx_scorer(model):
    import numpy as np
    import onnxruntime

    # Keras exports only a network that was called.
    model(np.zeros((1, *model.input_shape[1:]), np.float32))
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        path = pathlib.Path(folder) / "model.onnx"
        model.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def _torch_loader(batches, count, workers):
    """The same batches, made by the worker processes of PyTorch."""
    from torch.utils import data

    class Batches(data.Dataset):
        def __len__(self):
            return count

        def __getitem__(self, number):
            return batches.batch(number)[:2]

    loader = data.DataLoader(Batches(), batch_size=None, num_workers=workers,
                             persistent_workers=True)
    return lambda: ([part.numpy() for part in batch] for batch in loader)


SCORING = {
    "PyTorch, eager": Peer(("torch",), _torch_scorer),
    "PyTorch, compiled and frozen": Peer(
        ("torch",), lambda model: _torch_scorer(model, compiled=True),
        alone=True),
    "ONNX Runtime": Peer(("onnxruntime", "tf2onnx"), _onnx_scorer)}
TRAINING = {
    "PyTorch, eager": Peer(("torch",), _torch_step),
    "PyTorch, compiled": Peer(
        ("torch",), lambda model: _torch_step(model, compiled=True), alone=True)}

LOADING = {"PyTorch's DataLoader": Peer(("torch",), _torch_loader, alone=True)}


def installed(peers: Mapping[str, Peer]) -> tuple[dict[str, Peer], tuple[str, ...]]:
    """The peers that can be imported, and a sentence on each other one."""
    able, notes = {}, []
    for name, peer in peers.items():
        if peer.alone and clocks.BUSY:
            notes.append(f"{name}: not measured (--busy)")
            continue
        try:
            for module in peer.needs:
                importlib.import_module(module)
        except (ImportError, RuntimeError, OSError) as error:
            notes.append(f"{name}: not measured ({type(error).__name__}: "
                         f"{str(error).splitlines()[0]})")
        else:
            able[name] = peer
    return able, tuple(notes)


def built(peers: Mapping[str, Peer], model: Any, *arguments: Any
          ) -> tuple[dict[str, Callable[[], Any]], tuple[str, ...]]:
    """The installed peers, ready to be called without arguments, and notes.

    Args:
        peers: `SCORING` or `TRAINING`.
        model: `keras.Model`.
        arguments: of each call: a batch, or a batch and its labels.
    """
    able, notes = installed(peers)
    works = {name: peer.build(model) for name, peer in able.items()}
    return {name: lambda work=work: work(*arguments)
            for name, work in works.items()}, notes
