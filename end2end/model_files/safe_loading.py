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

import h5py

from end2end.model_files import stored_weights
from end2end.utils import files, isolated

LONGEST_TEXT = 64 << 20
HDF5_START = b"\x89HDF\r\n\x1a\n"
CARD = "end2end"
# What h5py raises on damaged files.
DAMAGE = (ArithmeticError, AttributeError, LookupError, MemoryError, OSError,
          RecursionError, RuntimeError, TypeError, ValueError)


@dataclasses.dataclass
class Stored:
    """What a model file holds.

    Attributes:
        source: its name, for messages.
        description: decoded JSON of the network; None of a file of weights only.
        weights: `Weights`.
        card: what the project stored with the model, or None.
    """

    source: str
    description: dict | None
    weights: object
    card: dict | None


@contextlib.contextmanager
def opened(path):
    """Opens a model file and gives a `Stored`, valid inside the block.

    Raises:
        files.InputError: no model file, cut off, or not safe to read.
    """
    path = files.existing_file(path, "model")
    isolated.ask("model", path)
    with _opened(path) as stored:
        yield stored


def examine(path):
    """Opens a model file and reads all of it, for `isolated`: HDF5 may not survive it.

    Raises:
        files.InputError: as `opened`.
    """
    with _opened(path) as stored:
        _read_all(stored.weights.group)


def _read_all(group):
    for value in group.attrs.values():
        del value
    for name in group:
        # Links out of the file are left to `stored_weights`.
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        one = group[name]
        if isinstance(one, h5py.Group):
            _read_all(one)
        elif isinstance(one, h5py.Dataset) and stored_weights.is_plain(one):
            one[()]


@contextlib.contextmanager
def _opened(path):
    with path.open("rb") as stream:
        start = stream.read(512)
    if start.startswith(HDF5_START):
        with _hdf5(path, path.name) as file:
            yield _from_hdf5(file, path.name)
    elif start.startswith(b"PK"):
        with _archive(path) as stored:
            yield stored
    else:
        raise files.InputError(f"model {path}: {_what_it_is(path, start)}")


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
    elif "layers" in file or "_layer_checkpoint_dependencies" in file:
        weights = stored_weights.PathWeights(file, source)
    else:
        raise files.InputError(
            f"model {source}: an HDF5 file without Keras weights; expected groups "
            "'model_weights' or 'layers'. Is it a model?")
    return Stored(source, description, weights, card)


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
        stream = io.BytesIO(texts["model.weights.h5"])
        with _hdf5(stream, path.name) as file:
            weights = stored_weights.PathWeights(file, path.name)
            yield Stored(path.name, description, weights, card)


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
