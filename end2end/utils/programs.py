"""The programs in the order of the work, and how each is typed."""

import contextlib
import difflib
import importlib
import pathlib
import shlex
import shutil
import sys
import types
from collections.abc import Iterator, Sequence

from end2end.utils import errors

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Modules by heading. A program needs a row here, a `parser()`, a `main()` and a first
# line that says what it does.
GROUPS: dict[str, tuple[str, ...]] = {
    "First": ("end2end.doctor", "ddsm_train.demo", "end2end.phantoms"),
    "Images": ("ddsm_train.prepare", "inbreast.prepare", "end2end.importing",
               "end2end.images"),
    "Patches": ("ddsm_train.sample_patches_combined", "ddsm_train.sample_patches_main",
                "ddsm_train.mine_patches", "end2end.augment"),
    "Training": ("ddsm_train.patch_clf_train", "ddsm_train.image_clf_train",
                 "ddsm_train.two_view_train",
                 "inbreast.finetune", "inbreast.learning_curve"),
    "Testing": ("ddsm_train.evaluate", "inbreast.evaluate", "end2end.metrics"),
    "Where the network looks": (
        "ddsm_train.draw_saliency", "ddsm_train.heatmap_score", "ddsm_train.two_step",
        "end2end.heatmap_agreement"),
    "Use": ("end2end.predict", "end2end.serve", "end2end.archive", "end2end.export",
            "end2end.offline", "end2end.verify"),
    "The paper": ("ddsm_train.experiments", "inbreast.experiments",
                  "end2end.paper_figures"),
    "Help": ("end2end.completion", "end2end.config", "end2end.bench",
             "ddsm_train.model_table"),
}
MODULES = tuple(module for modules in GROUPS.values() for module in modules)
# First words of the one command, by package.
PACKAGES = {"end2end": "", "ddsm_train": "ddsm ", "inbreast": "inbreast "}

# How the one command was started; empty where a module was (`python -m`).
_command: list[str] = []


def words(module: str) -> str:
    """A program in the words of the one command: `ddsm draw-saliency`."""
    package, _, name = module.partition(".")
    return PACKAGES[package] + name.replace("_", "-")


def call(module: str) -> str:
    """What to type for a program, in the form in which this process was started.

    Returns:
        `python -m end2end.predict`, with the interpreter as it was typed; or `end2end
        predict` after `use_command`.
    """
    if _command:
        return f"{_command[0]} {words(module)}"
    return f"{shlex.quote(sys.orig_argv[0])} -m {module}"


def line(module: str, *arguments: object) -> str:
    """A whole command line that can be pasted, its words quoted where they need it."""
    return f"{call(module)} {shlex.join(map(str, arguments))}"


def use_command(path: str) -> None:
    """Makes `call` give the one command, by its name where the shell finds it so."""
    name = pathlib.Path(path).name
    _command[:] = [name if shutil.which(name) == path else shlex.quote(path)]


@contextlib.contextmanager
def as_command(name: str) -> Iterator[None]:
    """Within it `call` gives the one command by this name, as a page prints it."""
    before = list(_command)
    _command[:] = [name]
    try:
        yield
    finally:
        _command[:] = before


def split(typed: Sequence[str]) -> tuple[str, list[str]]:
    """Module of the program that the first words name, and the words after them.

    Raises:
        errors.InputError: there is no such program; the message names the nearest.
    """
    by_words = {words(module): module for module in MODULES}
    for count in (2, 1):
        name = " ".join(typed[:count]).replace("_", "-")
        if name in by_words and len(typed) >= count:
            return by_words[name], list(typed[count:])
    name = " ".join(typed[:2] if typed[0] in ("ddsm", "inbreast") else typed[:1])
    raise errors.InputError(
        f"there is no program {name!r}; {_nearest(name, list(by_words))}")


def _nearest(name: str, known: list[str]) -> str:
    """A sentence with the programs of the nearest names."""
    name = name.replace("_", "-")
    near = [other for other in known if other.split()[-1] == name or
            name in ("ddsm", "inbreast") and other.startswith(f"{name} ")]
    near = near or difflib.get_close_matches(name, known) or [
        other for other in known
        if difflib.get_close_matches(name, [other.split()[-1]])]
    if not near:
        return "see end2end --help."
    return f"did you mean {' or '.join(near)}? See end2end --help."


def load(module: str) -> types.ModuleType:
    """Imports the module of a program, which has `parser` and `main`."""
    return importlib.import_module(_file(module))


def _file(module):
    """The module that is run: of a folder its `__main__`."""
    folder = ROOT.joinpath(*module.split("."))
    return f"{module}.__main__" if folder.is_dir() else module


def file_of(module: str) -> pathlib.Path:
    """The file that is run for a program."""
    return ROOT.joinpath(*_file(module).split(".")).with_suffix(".py")


def summary(module: str) -> str:
    """The first sentence of a program's description, read without importing it."""
    with open(file_of(module), encoding="utf-8") as stream:
        return stream.readline().strip().strip('"').rstrip(".")


def listing() -> str:
    """All programs by heading, a line each."""
    width = max(len(words(module)) for module in MODULES)
    lines = []
    for heading, modules in GROUPS.items():
        lines += ["", f"{heading}:"]
        lines += [f"  {words(module):{width}}  {summary(module)}" for module in modules]
    return "\n".join(lines[1:])
