"""What a run wrote: SHA-256 of each file, and the command that wrote it.

At the end of a command `record` puts a hidden file into each output folder, or beside
each output file; `compare` holds what lies there later against it. The page on
determinism says which outputs a repeated command writes bit for bit.
"""

import dataclasses
import json
import logging
import os
import pathlib
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

from end2end.utils import distribution, errors, files, locks, programs

log = logging.getLogger(__name__)

FORMAT = 1
IN_FOLDER = ".checksums.json"
# Of the environment, what may change a result, or the number of workers.
ENVIRONMENT = (
    "RANDOM_SEED", "NUM_CPU_CORES", "NUM_GPU_DEVICES", "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS")
PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "opencv-python-headless",
            "pydicom")
# Of all inputs that are named one by one, so that thousands of images are not read
# another time.
MOST_INPUT_BYTES = 1 << 30
# Nanoseconds since 1970 from which this process may write; clocks of file systems lag.
STARTED = time.time_ns() - 2_000_000_000


@dataclasses.dataclass(frozen=True)
class Output:
    """A folder, or a file with all that is named after it.

    Attributes:
        path: absolute.
        folder: whether it is a folder.
    """

    path: pathlib.Path
    folder: bool

    @property
    def record(self) -> pathlib.Path:
        """Where its checksums are."""
        if self.folder:
            return self.path / IN_FOLDER
        return self.path.with_name(f".{self.path.name}{IN_FOLDER}")

    @property
    def root(self) -> pathlib.Path:
        """The folder below which its files are named."""
        return self.path if self.folder else self.path.parent

    def files(self) -> list[str]:
        """Names of its files below `root`, sorted; hidden ones are left out.

        Beside `scores.csv` also `scores.breasts.csv` belongs to it.
        """
        if self.folder:
            return sorted(self._below())
        return sorted(path.name for path in self.root.iterdir() if path.is_file() and (
            path.name == self.path.name or path.name.startswith(f"{self.path.stem}.")))

    def _below(self) -> Iterator[str]:
        for place, folders, names in os.walk(self.path):
            folders[:] = [name for name in folders if name[0] != "."]
            for name in names:
                path = pathlib.Path(place, name)
                if name[0] != "." and path.is_file():
                    yield path.relative_to(self.path).as_posix()


def of(path: str | os.PathLike) -> Output:
    """The output of a name: a folder if it is one now."""
    place = pathlib.Path(os.path.abspath(path))
    return Output(place, place.is_dir())


def record(words: Sequence[str], status: int) -> None:
    """Writes the checksums of all that this process has written.

    An output that another process writes to meanwhile is left to it.

    Args:
        words: of the one command after its name.
        status: with which it ends.
    """
    outputs = [Output(path, folder) for path, folder in locks.written()
               if path.exists()]
    if not outputs:
        return
    try:
        call = _call(words, status, outputs)
    except OSError as error:  # the working folder is gone, or an input
        log.warning("no checksums were written: %s", error)
        return
    for output in outputs:
        lock = locks.output_folder if output.folder else locks.output_file
        try:
            with lock(output.path):
                _write(output, call)
        except (errors.InputError, errors.VanishedError):
            continue
        except OSError as error:
            log.warning("the checksums of %s were not written: %s", output.path, error)


def _call(words, status, outputs):
    """What is said of a call: its words, place, inputs, packages and processor."""
    return dict(
        words=list(words), folder=os.getcwd(), status=status,
        outputs=[str(output.path) for output in outputs],
        environment={name: os.environ[name] for name in ENVIRONMENT
                     if name in os.environ},
        inputs=_inputs(words, outputs), software=software(),
        ended=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def _inputs(words, outputs):
    """SHA-256 of the files that the words name, as long as they are not too large."""
    written = {str(output.root / name) for output in outputs if not output.folder
               for name in output.files()}
    inputs, room = {}, MOST_INPUT_BYTES
    for word in words:
        name = word.partition("=")[2] if word[:2] == "--" else word
        # os.path, since a word may be too long for a name.
        if os.path.isfile(name) and os.path.abspath(name) not in written:
            room -= os.path.getsize(name)
            if room >= 0:
                inputs[name] = files.sha256(name)
    return inputs


def software() -> dict[str, str]:
    """Versions of what computes, and the processor."""
    known = {"python": platform.python_version(), "system": platform.platform(),
             "processor": platform.processor() or platform.machine()}
    for name in (distribution.NAME, *PACKAGES):
        try:
            known[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return known


def _write(output, call):
    earlier = read(output) if output.record.is_file() else {}
    known, names = earlier.get("files", {}), output.files()
    if _is_shared(output, call):
        names = [name for name in names if name in known
                 or (output.root / name).stat().st_ctime_ns >= STARTED]
    if not names:
        return
    calls = [before for before in earlier.get("calls", ())
             if _same_call(before) != _same_call(call)]
    files.write_text(output.record, json.dumps(dict(
        format=FORMAT, calls=[*calls, call],
        files={name: _state(output.root / name, known.get(name))
               for name in names}), indent=1) + "\n")


def _is_shared(output, call):
    """Whether a folder holds more than outputs: the working folder, or inputs."""
    return output.folder and any(
        pathlib.Path(os.path.abspath(path)).is_relative_to(output.path)
        for path in (call["folder"], *call["inputs"]))


def _same_call(call):
    return call["words"], call["folder"]


def _state(path, before):
    """Size, time and SHA-256; read again only where size or time is another."""
    status = path.stat()
    state = dict(size=status.st_size, time_ns=status.st_mtime_ns)
    if before and all(before.get(name) == value for name, value in state.items()):
        return before
    return state | dict(sha256=files.sha256(path))


def read(output: Output) -> dict[str, Any]:
    """The checksums of an output.

    Raises:
        errors.InputError: there are none, or they are damaged.
    """
    if not output.record.is_file():
        raise errors.InputError(
            f"{output.path} has no checksums ({output.record.name}): it is no output "
            "of a command or a copy of one, its command has not ended, or an earlier "
            "version wrote it. Name the output itself, or call the command again.")
    content = files.read_json(output.record, "checksums")
    try:
        for state in content["files"].values():
            int(state["size"]), str(state["sha256"])
        for call in content["calls"]:
            list(call["words"]), str(call["folder"]), list(call["outputs"])
            dict(call["environment"]), dict(call["inputs"]), dict(call["software"])
        if content["format"] == FORMAT:
            return content
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise errors.InputError(
        f"{output.record} is not a list of checksums of this version; call the command "
        "that wrote the output again.")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Names of files by what became of them since the command ended."""

    equal: list[str]
    changed: list[str]
    missing: list[str]
    extra: list[str]


def compare(output: Output, content: dict[str, Any]) -> Comparison:
    """Reads every file and holds it against the checksums (`read`)."""
    known, present = content["files"], output.files()
    by_state: dict[bool, list[str]] = {True: [], False: []}
    for name in present:
        if name in known:
            path = output.root / name
            same = path.stat().st_size == known[name]["size"] and (
                files.sha256(path) == known[name]["sha256"])
            by_state[same].append(name)
    return Comparison(
        by_state[True], by_state[False], sorted(set(known) - set(present)),
        [name for name in present if name not in known])


def typed_words() -> list[str]:
    """Words of the one command that stand for how this process was started.

    `python -m ddsm_train.prepare IN OUT` is `ddsm prepare IN OUT`.
    """
    place = pathlib.Path(sys.argv[0]).resolve()
    for module in programs.MODULES:
        if programs.file_of(module) == place:
            return [*programs.words(module).split(), *sys.argv[1:]]
    return sys.argv[1:]
