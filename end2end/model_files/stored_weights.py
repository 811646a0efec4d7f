"""Weights inside a model file, found by layer and checked before they are read.

Links out of the file, storage elsewhere, and sizes that the file cannot hold are
refused.
"""

import re

import h5py
import numpy as np

from end2end.model_files import keras1_names
from end2end.utils import files

# Deflate cannot pack tighter.
GREATEST_RATIO = 1100
FILTERS = {"gzip", "lzf", None}


def member(group, name, source):
    """A member of an HDF5 group, which must be stored in this very file."""
    link = group.get(name, getlink=True)
    if link is None:
        raise files.InputError(
            f"model {source}: {group.name}/{name} is missing; the file is incomplete.")
    if not isinstance(link, h5py.HardLink):
        target = getattr(link, "filename", None) or getattr(link, "path", "")
        raise files.InputError(
            f"model {source}: {group.name}/{name} is a link to {target!r}; only "
            "weights inside the file itself are read.")
    return group[name]


def _walk(group, path, source):
    for part in path.split("/"):
        group = member(group, part, source)
    return group


def _checked_dataset(dataset, source):
    """Refuses storage elsewhere, foreign types, and sizes that are not there."""
    where = f"model {source}: {dataset.name}"
    if not isinstance(dataset, h5py.Dataset):
        raise files.InputError(f"{where} is not an array; the file is damaged.")
    if dataset.external or dataset.is_virtual:
        raise files.InputError(
            f"{where} is stored in another file; only weights inside the file itself "
            "are read.")
    if dataset.dtype.kind not in "fiu" or dataset.compression not in FILTERS:
        raise files.InputError(
            f"{where} has the type {dataset.dtype} and compression "
            f"{dataset.compression}; expected plain numbers.")
    there = dataset.id.get_storage_size()
    if not _holds(dataset):
        raise files.InputError(
            f"{where} declares {dataset.nbytes} bytes of shape {dataset.shape}, but "
            f"holds {there}; the file is cut off or hostile.")
    return dataset


def _holds(dataset):
    """Whether a file holds as much as it declares of an array."""
    ratio = GREATEST_RATIO if dataset.compression else 1
    return not dataset.size or dataset.nbytes <= (
        dataset.id.get_storage_size() * ratio)


def is_plain(dataset):
    """Whether an array can be read at all: here, of numbers, as large as it says."""
    return not (dataset.external or dataset.is_virtual) and (
        dataset.dtype.kind in "fiu" and dataset.compression in FILTERS
        and _holds(dataset))


def _read(dataset, where):
    array = dataset[()].astype("float32")
    if not np.isfinite(array).all():
        raise files.InputError(
            f"{where} holds values that are not numbers; its training failed or the "
            "file is damaged.")
    return array


class _Weights:
    """Weights of a file by layer; subclasses find the datasets."""

    def __init__(self, group, source):
        self.group, self.source = group, source

    def datasets(self, path, shapes):
        """`{role: dataset}` of the layer at a path."""
        raise NotImplementedError

    def check(self, path, shapes):
        """Raises `InputError` unless the layer's weights are there in these shapes."""
        where = f"model {self.source}: layer {'/'.join(path)!r}"
        found = self.datasets(path, shapes)
        for role, shape in shapes.items():
            if role not in found:
                raise files.InputError(
                    f"{where}: its weight {role!r} is missing; the file is incomplete.")
            if getattr(found[role], "shape", None) != shape:
                raise files.InputError(
                    f"{where}: its weight {role!r} has the shape "
                    f"{getattr(found[role], 'shape', None)} in the file, but the "
                    f"network needs {shape}.")
            _checked_dataset(found[role], self.source)
        return found

    def read(self, path, shapes):
        """Float32 arrays of the layer's weights, in the order of `shapes`."""
        found = self.check(path, shapes)
        return [_read(found[role], f"model {self.source}: {found[role].name}")
                for role in shapes]


def _texts(attributes, key, source):
    """A list of texts in HDF5 attributes; long ones are stored in numbered pieces."""
    parts = [attributes[key]] if key in attributes else []
    while f"{key}{len(parts)}" in attributes:
        parts.append(attributes[f"{key}{len(parts)}"])
    if not parts:
        raise files.InputError(
            f"model {source}: its list {key!r} is missing; the file is incomplete.")
    return [text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
            for part in parts for text in np.atleast_1d(part)]


def _role(name):
    """`conv1/kernel:0` to `kernel`; TensorFlow may have numbered it (`kernel_1`)."""
    return re.sub(r"_\d+$", "", name.rsplit("/", 1)[-1].split(":")[0])


def _owner(name):
    """`conv1/kernel:0` to `conv1`."""
    return "/".join(name.split("/")[:-1])


class GroupedWeights(_Weights):
    """Keras 2 and the .h5 of Keras 3: one group per top layer, with named weights.

    A nested trunk is one group, in which the order of the weights depends on what was
    frozen; they are found by name.
    """

    def __init__(self, group, source):
        super().__init__(group, source)
        self.layer_names = _texts(group.attrs, "layer_names", source)
        self.owners = {}

    def datasets(self, path, shapes):
        top, inner = path[0], path[1:]
        owners = self._owners(top)
        if inner:
            return self._inner(owners, inner)
        # One layer: whatever TensorFlow called it.
        found = {role: dataset for row in owners.values()
                 for role, dataset in row.items()}
        if len(found) == len(shapes) and not set(found) & set(shapes):
            # Keras itself takes them in order.
            return dict(zip(shapes, found.values(), strict=True))
        return found

    def arrays(self):
        """All weights: `{layer name: {role: array}}`, nested layers by their own."""
        found = {}
        for top in self.layer_names:
            for owner, datasets in self._owners(top).items():
                name = owner.rsplit("/", 1)[-1] or top
                found[name] = {
                    role: _read(_checked_dataset(dataset, self.source),
                                f"model {self.source}: {dataset.name}")
                    for role, dataset in datasets.items()}
        return found

    def shapes(self):
        """As `arrays`, by top layer: `{top: {owner: {role: shape}}}`."""
        return {top: {owner.rsplit("/", 1)[-1] or top: {
                    role: dataset.shape for role, dataset in datasets.items()}
                      for owner, datasets in self._owners(top).items()}
                for top in self.layer_names}

    def rename(self, names):
        """Lets the stored top layers with weights stand for these, in order.

        Raises:
            files.InputError: there are more or fewer of them.
        """
        stored = [top for top in self.layer_names if self._owners(top)]
        if len(stored) != len(names):
            raise files.InputError(
                f"model {self.source} has {len(stored)} layers with weights, but the "
                f"network has {len(names)}; expected weights of this very network.")
        self.owners = dict(zip(
            names, (self.owners[top] for top in stored), strict=True))

    def _inner(self, owners, inner):
        # Exactly, or without the number that TensorFlow 1 put behind a name in use.
        for pattern in ("/".join(inner), inner[-1]):
            for owner, found in owners.items():
                if owner == pattern or owner.endswith(f"/{pattern}"):
                    return found
        numbered = [found for owner, found in owners.items()
                    if re.sub(r"_\d+$", "", owner.rsplit("/", 1)[-1]) == inner[-1]]
        return numbered[0] if len(numbered) == 1 else {}

    def _owners(self, top):
        if top not in self.owners:
            names = {name.replace("/", "_"): name for name in self.layer_names}
            if top not in names:
                raise files.InputError(
                    f"model {self.source}: the weights of layer {top!r} are missing; "
                    "the file is incomplete.")
            group = _walk(self.group, names[top], self.source)
            owners = {}
            for name in _texts(group.attrs, "weight_names", self.source):
                dataset = _walk(group, name, self.source)
                if "/" not in name:
                    name = keras1_names.weight(name) or name
                found, role = owners.setdefault(_owner(name), {}), _role(name)
                found[name if role in found else role] = dataset
            self.owners[top] = owners
        return self.owners[top]


class PathWeights(_Weights):
    """.keras and .weights.h5 of Keras 3: groups by class and count, weights by number.

    `number` holds the path of each layer; `number_layers` fills it in.
    """

    def __init__(self, group, source):
        super().__init__(group, source)
        self.places = {}

    def datasets(self, path, shapes):
        group = _walk(
            self.group, "/".join((*self.places[path], "vars")), self.source)
        return {role: member(group, str(number), self.source)
                for number, role in enumerate(shapes) if str(number) in group}

    def number_layers(self, network, place=(), path=()):
        """Finds the group of each layer of a `network_config.Network`."""
        counts = {}
        for row in network.rows:
            kind = _snake_case(row.kind)
            number = counts.get(kind, 0)
            counts[kind] = number + 1
            here = (*place, "layers", f"{kind}_{number}" if number else kind)
            self.places[(*path, row.name)] = here
            if hasattr(row.settings, "rows"):
                self.number_layers(row.settings, here, (*path, row.name))


def _snake_case(name):
    """`MaxPooling2D` to `max_pooling2d`, as Keras names its groups."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
