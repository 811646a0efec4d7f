"""Opens model files of every Keras age as data: description, weights, card.

Nothing of a file is executed or imported. Links out of the file, other storage, sizes
that the file cannot hold, pickles and archives with foreign members are refused.
"""

import contextlib
import dataclasses
import io
import json
import pathlib
import zipfile
import zlib
from collections.abc import Iterator

import h5py

from end2end.model_files import ages, keras1_names, stored_weights
from end2end.utils import files, isolated

LONGEST_TEXT = 64 << 20
HDF5_START = b"\x89HDF\r\n\x1a\n"
ZIP_START = b"PK"
CARD = "end2end"
SUFFIXES = (".h5", ".hdf5", ".hdf", ".keras")
# What h5py raises on damaged files.
DAMAGE = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError,
          RuntimeError, TypeError, ValueError)


@dataclasses.dataclass
class Stored:
    """What a model file holds.

    Attributes:
        source: its name, for messages.
        description: decoded JSON of the network; None of a file of weights only.
        weights: `Weights`.
        card: what the project stored with the model, or None.
        age: which Keras wrote the file.
    """

    source: str
    description: dict | None
    weights: stored_weights.Weights
    card: dict | None
    age: ages.Age = ages.Age()


@contextlib.contextmanager
def opened(path: str | pathlib.Path) -> Iterator[Stored]:
    """Opens a model file and gives a `Stored`, valid inside the block.

    Raises:
        files.InputError: no model file, cut off, or not safe to read.
    """
    path = existing_model(path)
    isolated.ask("model", path)
    with _opened(path) as stored:
        yield stored


def existing_model(path: str | pathlib.Path) -> pathlib.Path:
    """The path of a model file.

    Raises:
        files.InputError: there is none, it is a folder of TensorFlow's own format, or
            it begins as no model file does.
    """
    path = files.named(path, "model")
    if path.is_dir() and (path / "saved_model.pb").exists():
        raise files.InputError(
            f"model {path} is a SavedModel folder, which holds a program and is not "
            "loaded; where it was made, load it with Keras and save it as a .h5 or "
            ".keras file (model.save('model.h5')).")
    path = files.existing_file(path, "model")
    with path.open("rb") as stream:
        start = stream.read(512)
    if not start.startswith((HDF5_START, ZIP_START)):
        raise files.InputError(f"model {path}: {_what_it_is(path, start)}")
    return path


def is_model(path: str | pathlib.Path) -> bool:
    """Whether a path is meant as a model: by its suffix, its content, or as folder."""
    path = pathlib.Path(path)
    if path.is_dir():
        return (path / "saved_model.pb").exists()
    if path.suffix.lower() in SUFFIXES:
        return True
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(len(HDF5_START)) == HDF5_START or (
                not path.suffix and zipfile.is_zipfile(path))
    except OSError:
        return False


def examine(path: pathlib.Path) -> None:
    """Opens a model file and reads all of it, for `isolated`: HDF5 may not survive it.

    Raises:
        files.InputError: as `opened`.
    """
    with _opened(path) as stored:
        _read_all(stored.weights.group, stored.source, set())


def _read_all(group, source, places):
    place = h5py.h5o.get_info(group.id).addr
    if place in places:
        # A few groups that hold each other have more paths than can ever be followed.
        raise files.InputError(
            f"model {source}: {group.name} is another name of a group that the file "
            "holds already, which no Keras writes; the file is damaged or hostile.")
    places.add(place)
    for value in group.attrs.values():
        del value
    for name in group:
        # Links out of the file are left to `stored_weights`.
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        inside = group[name]
        if isinstance(inside, h5py.Group):
            _read_all(inside, source, places)
        elif isinstance(inside, h5py.Dataset) and stored_weights.is_plain(inside):
            inside[()]


@contextlib.contextmanager
def _opened(path):
    with path.open("rb") as stream:
        zipped = stream.read(len(ZIP_START)) == ZIP_START
    if zipped:
        with _archive(path) as stored:
            yield stored
    else:
        with _hdf5(path, path.name) as file:
            yield _from_hdf5(file, path.name)


def _what_it_is(path, start):
    expected = "expected a .h5 or .keras file written by Keras."
    if not start:
        return f"the file is empty; {expected}"
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05" or \
            path.suffix in (".pkl", ".pickle", ".joblib"):
        return f"it is a pickle, which can run code and is never loaded; {expected}"
    if HDF5_START.startswith(start[:8]):
        return f"the file is cut off; {expected} Copy it again."
    if b"git-lfs" in start:
        return f"it is a Git LFS pointer and not the model itself; {expected}"
    if start.lstrip()[:1] == b"<":
        return f"it is a web page and not a model; {expected} Download it again."
    return f"it begins with {start[:8]!r} and is no model file; {expected}"


@contextlib.contextmanager
def _hdf5(opener, source):
    try:
        file = h5py.File(opener, "r")
    except DAMAGE as error:
        cut = "truncated" in str(error)
        raise files.InputError(
            f"model {source}: the file is {'cut off' if cut else 'damaged'} "
            f"({' '.join(str(error).split())[:120]}); copy it again.") from error
    with file:
        try:
            yield file
        except files.InputError:
            raise
        except DAMAGE as error:
            raise files.InputError(
                f"model {source}: the file is damaged or cut off "
                f"({' '.join(str(error).split())[:120]}); copy it again.") from error


def _from_hdf5(file, source):
    description = _json(file.attrs.get("model_config"), source, "network description")
    card = _json(file.attrs.get(CARD), source, "card")
    if "model_weights" in file:
        group = stored_weights.member(file, "model_weights", source)
        weights = stored_weights.GroupedWeights(group, source)
    elif "layer_names" in file.attrs or "layer_names0" in file.attrs:
        weights = stored_weights.GroupedWeights(file, source)
    elif stored_weights.LAYERS in file or stored_weights.OLD_LAYERS in file:
        weights = stored_weights.PathWeights(file, source)
    else:
        raise files.InputError(
            f"model {source}: an HDF5 file without Keras weights; expected groups "
            "'model_weights' or 'layers'. Is it a model?")
    attributes = {**file.attrs, **weights.group.attrs}
    age = ages.Age(_text(attributes.get("keras_version")),
                   _text(attributes.get("backend")) or _backend(weights))
    return Stored(source, description, weights, card, age)


def _backend(weights):
    """Theano, where the names of the weights tell it: Keras 1 wrote nothing else."""
    names = weights.weight_names() if isinstance(
        weights, stored_weights.GroupedWeights) else ()
    keras1 = [name for name in names if keras1_names.weight(name)]
    return "theano" if keras1 and not any(":" in name for name in keras1) else ""


def _text(value):
    """A short text of a file, empty where there is none."""
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return value[:40] if isinstance(value, str) else ""


@contextlib.contextmanager
def _archive(path):
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            _check_members(archive, path)
            texts = {name: archive.read(name) for name in archive.namelist()
                     if name != "assets/"}
        except files.InputError:
            raise
        # What zipfile raises for damage, unknown compression and encryption.
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError,
                ValueError) as error:
            raise files.InputError(
                f"model {path.name}: the archive is cut off or damaged "
                f"({' '.join(str(error).split())[:100]}); copy it again.") from error
        description = _json(texts["config.json"], path.name, "network description")
        card = _json(texts.get(f"{CARD}.json"), path.name, "card")
        about = _json(texts.get("metadata.json"), path.name, "metadata") or {}
        age = ages.Age(_text(about.get("keras_version")))
        stream = io.BytesIO(texts["model.weights.h5"])
        with _hdf5(stream, path.name) as file:
            weights = stored_weights.PathWeights(file, path.name)
            yield Stored(path.name, description, weights, card, age)


def _check_members(archive, path):
    members = {member.filename: member for member in archive.infolist()}
    allowed = {"config.json", "metadata.json", "model.weights.h5", f"{CARD}.json",
               "assets/"}
    for name, member in members.items():
        if name.endswith((".pkl", ".pickle")):
            raise files.InputError(
                f"model {path.name}: the archive holds the pickle {name!r}, which can "
                "run code; it is not loaded.")
        if ".." in pathlib.PurePosixPath(name).parts or name.startswith("/") or \
                "\\" in name or ":" in name:
            raise files.InputError(
                f"model {path.name}: the archive member {name!r} leads out of the "
                "archive; it is not loaded.")
        if name not in allowed:
            raise files.InputError(
                f"model {path.name}: unexpected archive member {name!r}; expected "
                "config.json and model.weights.h5 of a .keras file.")
        if member.file_size > stored_weights.GREATEST_RATIO * path.stat().st_size or \
                name.endswith(".json") and member.file_size > LONGEST_TEXT:
            raise files.InputError(
                f"model {path.name}: the archive member {name!r} declares "
                f"{member.file_size} bytes, which is absurd for this file.")
    for name in ("config.json", "model.weights.h5"):
        if name not in members:
            raise files.InputError(
                f"model {path.name}: a zip archive without {name!r}; expected a .keras "
                "file.")


def _json(text, source, what):
    if text is None:
        return None
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        if not isinstance(text, str) or len(text) > LONGEST_TEXT:
            raise ValueError("not a text of reasonable length")
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        raise files.InputError(
            f"model {source}: its {what} is damaged ({str(error)[:100]}); get a new "
            "copy of the file.") from error
    return value
