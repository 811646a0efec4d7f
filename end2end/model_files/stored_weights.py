"""Weights inside a model file, found by layer and checked before they are read.

Links out of the file, storage elsewhere, and sizes that the file cannot hold are
refused.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import h5py
import numpy as np
from numpy.typing import NDArray

from end2end.model_files import keras1_names, layer_settings
from end2end.utils import files

if TYPE_CHECKING:
    from end2end.model_files.network_config import Network

# Deflate cannot pack tighter.
GREATEST_RATIO = 1100
FILTERS = {"gzip", "lzf", None}
# Group of the layers in weights of tf.keras 2.12 and 2.13, and of all later ones.
OLD_LAYERS, LAYERS = "_layer_checkpoint_dependencies", "layers"


def member(group: h5py.Group, name: str, source: str) -> h5py.Group | h5py.Dataset:
    """A member of an HDF5 group, which must be stored in this very file.

    Raises:
        files.InputError: it is missing, or a link elsewhere.
    """
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


def is_plain(dataset: h5py.Dataset) -> bool:
    """Whether an array can be read at all: here, of numbers, as large as it says."""
    return not (dataset.external or dataset.is_virtual) and (
        dataset.dtype.kind in "fiu" and dataset.compression in FILTERS
        and _holds(dataset))


def _read(dataset, where):
    array = dataset[()].astype("float32")
    if not np.isfinite(array).all():
        raise files.InputError(
            f"{where} holds values that are not finite numbers; its training failed or "
            "the file is damaged.")
    return array


class Weights:
    """Weights of a file by layer; subclasses find the arrays.

    Args:
        group: HDF5 group with the weights.
        source: name of the file, for messages.
    """

    def __init__(self, group: h5py.Group, source: str):
        self.group, self.source = group, source

    def datasets(self, path: Sequence[str], shapes: Mapping) -> dict:
        """`{role: dataset}` of the layer at a path."""
        raise NotImplementedError

    def check(self, path: Sequence[str], shapes: Mapping) -> dict:
        """`datasets`, after checking that they are there in these shapes.

        Args:
            path: names of the layer in the file, from the outside in.
            shapes: `{role: shape}`.

        Raises:
            files.InputError: a weight is missing, misshapen or not safe to read.
        """
        where = f"model {self.source}: layer {'/'.join(path)!r}"
        datasets = self.datasets(path, shapes)
        surplus = [role for role in datasets if role not in shapes]
        if surplus:
            layer_settings.refuse(where, (
                f"has the weight {surplus[0][:60]!r} in the file, which its class does "
                "not have here (quantised models have such)"))
        for role, shape in shapes.items():
            if role not in datasets:
                raise files.InputError(
                    f"{where}: its weight {role!r} is missing; the file is incomplete.")
            stored = getattr(datasets[role], "shape", None)
            if stored != shape:
                raise files.InputError(
                    f"{where}: its weight {role!r} has the shape {stored} in the file, "
                    f"but the network needs {shape}.")
            _checked_dataset(datasets[role], self.source)
        return datasets

    def check_all_taken(self) -> None:
        """To be called after all layers were read.

        Raises:
            files.InputError: it is not certain which weights are which layer's.
        """

    def read(self, path: Sequence[str], shapes: Mapping) -> list[NDArray]:
        """Float32 arrays of the layer's weights, in the order of `shapes`.

        Raises:
            files.InputError: as `check`, or a weight is not finite.
        """
        datasets = self.check(path, shapes)
        return [_read(datasets[role], f"model {self.source}: {datasets[role].name}")
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
    return re.sub(r"_\d+$", "", name.split("/")[-1].split(":")[0])


def _owner(name):
    """`conv1/kernel:0` to `conv1`."""
    return name.rpartition("/")[0]


class GroupedWeights(Weights):
    """Keras 2 and the .h5 of Keras 3: one group per top layer, with named weights.

    A nested trunk is one group, in which the order of the weights depends on what was
    frozen; they are found by name.
    """

    def __init__(self, group: h5py.Group, source: str):
        super().__init__(group, source)
        self.layer_names = _texts(group.attrs, "layer_names", source)
        # By top layer: the weights of its layers, and which layers took whose.
        self.owners, self.takers = {}, {}

    def datasets(self, path: Sequence[str], shapes: Mapping) -> dict:
        top, inner = path[0], path[1:]
        owners = self._owners(top)
        # One layer: whatever TensorFlow called it.
        if inner:
            owner = self._inner(owners, inner)
            roles = dict(owners.get(owner, {}))
            self.takers.setdefault(top, {}).setdefault(owner, set()).add(tuple(inner))
        else:
            roles = {role: dataset for row in owners.values()
                     for role, dataset in row.items()}
        if len(roles) == len(shapes) and not set(roles) & set(shapes):
            # Keras itself takes them in order.
            return dict(zip(shapes, roles.values(), strict=True))
        # What .h5 files of Keras 3 call it.
        if "depthwise_kernel" in shapes and "kernel" in roles:
            roles["depthwise_kernel"] = roles.pop("kernel")
        return roles

    def check_all_taken(self) -> None:
        for top, takers in self.takers.items():
            left = [owner for owner in self._owners(top) if owner not in takers]
            twice = [paths for paths in takers.values() if len(paths) > 1]
            if left and twice:
                names = " and ".join(
                    "/".join(path) for paths in twice for path in sorted(paths))
                layer_settings.refuse(
                    f"model {self.source}: layer {top!r}", (
                        f"holds the layers {names}, whose weights have names in the "
                        "file that do not tell them apart; rename one"))

    def arrays(self) -> dict:
        """All weights: `{layer name: {role: array}}`, of nested layers by their name.

        Raises:
            files.InputError: a weight is not safe to read or not finite.
        """
        arrays = {}
        for top in self.layer_names:
            for owner, datasets in self._owners(top).items():
                name = owner.split("/")[-1] or top
                arrays[name] = {
                    role: _read(_checked_dataset(dataset, self.source),
                                f"model {self.source}: {dataset.name}")
                    for role, dataset in datasets.items()}
        return arrays

    def shapes(self) -> dict:
        """As `arrays`, by top layer: `{top: {owner: {role: shape}}}`."""
        return {top: {owner.split("/")[-1] or top: {
                    role: dataset.shape for role, dataset in datasets.items()}
                      for owner, datasets in self._owners(top).items()}
                for top in self.layer_names}

    def weight_names(self) -> list[str]:
        """Names of all weights, as the file has them."""
        return [name for top in self.layer_names for name in _texts(
            _walk(self.group, top, self.source).attrs, "weight_names", self.source)]

    def rename(self, names: Sequence[str]) -> None:
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
            for owner in owners:
                if owner == pattern or owner.endswith(f"/{pattern}"):
                    return owner
        numbered = [owner for owner in owners
                    if re.sub(r"_\d+$", "", owner.split("/")[-1]) == inner[-1]]
        return numbered[0] if len(numbered) == 1 else None

    def _owners(self, top):
        if top not in self.owners:
            if top not in self.layer_names:
                raise files.InputError(
                    f"model {self.source}: the weights of layer {top!r} are missing; "
                    "the file is incomplete.")
            group = _walk(self.group, top, self.source)
            owners = {}
            for name in _texts(group.attrs, "weight_names", self.source):
                dataset = _walk(group, name, self.source)
                if "/" not in name:
                    name = keras1_names.weight(name) or name
                roles, role = owners.setdefault(_owner(name), {}), _role(name)
                roles[name if role in roles else role] = dataset
            self.owners[top] = owners
        return self.owners[top]


class PathWeights(Weights):
    """.keras and .weights.h5 of Keras 3: groups by class and count, weights by number.

    `places` holds the group of each layer; `number_layers` fills it in.
    """

    def __init__(self, group: h5py.Group, source: str):
        super().__init__(group, source)
        self.places = {}
        self.layers = LAYERS if LAYERS in group else OLD_LAYERS

    def datasets(self, path: Sequence[str], shapes: Mapping) -> dict:
        place = self.places.get(tuple(path))
        if place is None:
            raise files.InputError(
                f"model {self.source}: the weights of layer {'/'.join(path)!r} are "
                "missing; the file is incomplete.")
        if "/".join(place) not in self.group:
            raise files.InputError(
                f"model {self.source}: the weights of layer {'/'.join(path)!r} are "
                "missing; the file is incomplete, or two of its networks share the "
                "layer, which a .keras file stores once: save the model as .h5.")
        group = _walk(self.group, "/".join((*place, "vars")), self.source)
        roles = {str(number): role for number, role in enumerate(shapes)}
        return {roles.get(number, number): member(group, number, self.source)
                for number in group}

    def number_layers(self, network: "Network", place: tuple = (),
                      path: tuple = ()) -> None:
        """Finds the group of each layer of a network, as it is in the file.

        tf.keras 2.12 and 2.13 counted each layer with weights twice.
        """
        counts = {}
        for row in network.rows:
            if row.stored_name is None:
                continue
            kind = _snake_case(row.stored_kind)
            number = counts.get(kind, 0)
            name = f"{kind}_{number}" if number else kind
            here = (*place, self.layers, name)
            counts[kind] = number + (2 if self._counts_twice(here) else 1)
            self.places[(*path, row.stored_name)] = here
            if hasattr(row.settings, "rows"):
                self.number_layers(row.settings, here, (*path, row.stored_name))

    def _counts_twice(self, place):
        if self.layers != OLD_LAYERS:
            return False
        group = self.group.get("/".join(place))
        return group is not None and _has_arrays(group)


def _has_arrays(group):
    """Whether a group of this very file holds an array, at any depth."""
    for name in group:
        if isinstance(group.get(name, getlink=True), h5py.HardLink):
            inside = group[name]
            if isinstance(inside, h5py.Dataset) or _has_arrays(inside):
                return True
    return False


def _snake_case(name):
    """`MaxPooling2D` to `max_pooling2d`, as Keras names its groups."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
