"""Whole calls of programs, with damaged files, names and flags.

A call is the sound one of `programs.PROGRAMS` with one to three changes. It must end in
one line of error or in results; the results of images that were not changed must be
those of the sound call; and no input may be other than before.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import pathlib
import random
import shutil
import unittest.mock

from end2end.prediction import pseudonyms
from end2end.utils import commands
from end2end.utils import programs as table
from tests.fuzz import cards, clients, mutations, programs

PREFIX = "run-"
# Bytes of a file that is changed; holes are larger.
LARGEST = 1 << 24
EVERYTHING = "*"
# Values of flags; no file of the machine is among them, and no large count, since a
# call may take the time that is asked for.
VALUES = (
    "-1", "0", "1", "2", "3", "7", "0.5", "1.5", "-0.5", "1e-9", "nan", "inf", "-inf",
    "1e308", "1e999", "9" * 400, "-" + "9" * 30, "x", "", " ", "\x1b[2J", "a\nb", "٣",
    "0x10", "1_0", "é", "\udcff", "x" * 5000, "neg", "pos", "auto",
    "a/b/c.csv", "a.json", "a.h5", ".", "-", "--", "=1+1", "NOSAVE", "None",
    "%s%n", "*", "[a-", "~", "$HOME", "path=a", "a=b=c", "1,2", "[]")
NAMES = (
    "\x1b[2J.png", "a\nb.png", "é.png", "\udcff.png", "x" * 240 + ".png", "=1+1.png",
    "-rf.png", ".hidden.png", "a.PNG", "a", "a.csv", "a.dcm", "a.h5", "P_00000.png",
    "a;b.png", '"q".png', "a,b.png", "?.png", "%s%n.png", "🩺.png", "..png", "~", "*",
    "nul.png", " .png", "a .png", "P_00001_RIGHT_CC.png", "\u202egnp.exe", "'.png")
# Of evaluation --store writes into the model, as it says.
KEPT_FLAGS = {"--help", "--version", "--workers", "--scheduler", "--port", "--dicom",
              "--store"}


class Calls:
    """The calls of one program; each a pure function of seed, kind and number.

    What may lie in its folder afterwards: inputs, outputs and the working folder, into
    which outputs go that have no folder of their own.

    Args:
        name: `run-` and a key of `programs.PROGRAMS`.
        seed: of the run.
        folder: new; everything happens below it.
    """

    places = frozenset(("in", "out", "cwd", "sound"))

    def __init__(self, name, seed, folder):
        self.name, self.seed = name, seed
        self.program = programs.PROGRAMS[name.removeprefix(PREFIX)]
        place = folder / name
        self.sound, self.folder = place / "sound", place / "in"
        self.out, self.cwd = place / "out", place / "cwd"
        self.sound.mkdir(parents=True)
        with contextlib.redirect_stdout(io.StringIO()), \
                contextlib.redirect_stderr(io.StringIO()):
            self.program.inputs(self.sound)
        self.parser = _options(self.program, self.words())
        self.paths = sorted(path.relative_to(self.sound)
                            for path in self.sound.rglob("*") if path.is_file())
        self.items = {str(path) for pattern in self.program.items
                      for path in (item.relative_to(self.sound)
                                   for item in self.sound.glob(pattern))}
        self.expected = {}

    def words(self):
        """The sound words."""
        return self.program.words(self.folder, self.out)

    def make(self, number):
        """Inputs of a call, on the disk.

        Returns:
            words after the program's name, paths of changed files (`EVERYTHING`: the
            call itself or a setting), and the stream.
        """
        rng = random.Random(f"{self.seed} {self.name} {number}")
        for path in (self.folder, self.out, self.cwd):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self.sound, self.folder)
        for path in (self.out, self.cwd):
            path.mkdir()
        words, changed = self.words(), set()
        for _ in range(rng.randint(1, 3) if number >= 0 else 0):
            if rng.random() < 0.3:
                words = rng.choice(WORD_CHANGES)(words, rng, self.parser)
                changed.add(EVERYTHING)
            else:
                changed |= self._damage(rng)
        return words, changed, rng

    def _damage(self, rng):
        """Changes a file; returns the paths that it concerns."""
        relative = rng.choice(self.paths)
        path = self.folder / relative
        if not path.is_file() or path.is_symlink() or (
                path.stat().st_size > LARGEST):  # changed before
            return set()
        others = [path.read_bytes()]
        concerned = {str(relative)} if str(relative) in self.items else {EVERYTHING}
        if rng.random() < 0.7:
            data = _damaged(path, rng, others)
            path.write_bytes(data)
            return concerned
        return concerned | rng.choice(FILE_CHANGES)(path, rng, self.folder)

    def run(self, number, data=None, begin=lambda: None):
        """Makes one call and judges it.

        Args:
            number: of the case; -1 is the sound call.
            data: unused; cases of files have it.
            begin: called when the inputs are there, before the call.

        Returns:
            "read" or "refused", and the message.
        """
        words, changed, rng = self.make(number)
        clients.prepare(self.folder, rng)
        before = _listing(self.folder)
        os.chdir(self.cwd)
        begin()
        try:
            status, said, errors = self._call(words)
        finally:
            os.chdir(self.folder.parent.parent)
        if number < 0:
            assert status == self.program.status, (self.name, status, said, errors)
        _check_text(status, said, errors)
        # An output may be named so that it lies among the inputs.
        after = _listing(self.folder)
        lost = {path for path in before if after.get(path) != before[path]}
        assert not lost, ("an input was changed", sorted(lost)[:3])
        if EVERYTHING not in changed:
            self._compare(changed)
        if status == 2:
            return "refused", next(
                line for line in errors.split("\n") if "error: " in line)
        return "read", ""

    def _call(self, words):
        """Status, output and errors of a call, as `commands.run` ends it."""
        said, errors = io.StringIO(), io.StringIO()
        module = table.load(self.program.module)
        status = None
        # A hash that is slow on purpose took most of the time of a call; how many
        # rounds it has decides nothing else.
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors), \
                unittest.mock.patch.dict(pseudonyms.SCRYPT, n=2), \
                _logged(errors), self.program.around():
            try:
                commands.run(lambda: module.main(words))
            except SystemExit as end:
                status = end.code
        return status or 0, said.getvalue(), errors.getvalue()

    def _compare(self, changed):
        """Holds results of unchanged items against those of the sound call."""
        results = self.program.results(self.folder, self.out)
        if not self.expected and not changed:
            self.expected = results
            assert bool(results) == bool(self.items), (self.name, results)
        other = {name: value for name, value in results.items()
                 if name in self.expected and name not in changed
                 and self.expected[name] != value}
        assert not other, ("a neighbour's result changed", sorted(other.items())[:2])

    def warm_up(self):
        """The sound call, whose results the others are held against."""
        self.run(-1)
        self.run(-1)


def _options(program, words):
    """Options of the parser of a program, with those of its task."""
    module = table.load(program.module)
    actions = list(module.parser()._actions)
    for action in list(actions):
        if isinstance(action, argparse._SubParsersAction):
            actions += action.choices[words[0]]._actions
    return [action for action in actions if action.option_strings
            and not KEPT_FLAGS & set(action.option_strings)]


def _damaged(path, rng, others):
    """Bytes of a file after damage that fits its kind."""
    data, suffix = others[0], path.suffix.lower()
    if suffix == ".json" and rng.random() < 0.7:
        # What an earlier change has damaged is no JSON any more.
        with contextlib.suppress(TypeError, ValueError):
            return cards.changed(data, rng, others)
    if suffix == ".png" and rng.random() < 0.6:
        return mutations.png(data, rng, others)
    text = suffix in (".csv", ".txt", ".json", ".xml")
    start = 132 if suffix == ".dcm" else 0
    return mutations.damaged(data, rng, others=others, text=text, start=start)


def _listing(folder):
    """Size, time and kind of all that lies below a folder, by path."""
    states = {}
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            status = os.lstat(os.path.join(place, name))
            states[os.path.join(place, name)] = (
                status.st_mode, status.st_ino,
                None if name in folders else (status.st_size, status.st_mtime_ns))
    return states


@contextlib.contextmanager
def _logged(errors):
    """The log goes where errors go, as `commands.run` prints it."""
    handler = logging.StreamHandler(errors)
    handler.setFormatter(commands._PrintableFormatter("%(levelname)s: %(message)s"))
    root = logging.getLogger()
    before, disabled = root.handlers[:], logging.root.manager.disable
    root.handlers[:] = [handler]
    logging.disable(logging.NOTSET)
    try:
        yield
    finally:
        root.handlers[:] = before
        logging.disable(disabled)


def _check_text(status, said, errors):
    """What is printed is printable, bounded, and of an error one line."""
    assert status in (0, 1, 2), status
    assert "Traceback" not in said + errors, (said + errors)[-2000:]
    assert "not enough memory" not in errors, errors
    for line in (said + errors).split("\n"):
        # Tables of numbers have tabulators; a listing of a call may quote any words.
        assert line.replace("\t", " ").isprintable(), repr(line[:200])
    lines = [line for line in errors.split("\n") if "error: " in line]
    if status == 2:
        assert len(lines) == 1, errors
        assert len(lines[0]) < 12_000, len(lines[0])
    if status == 1:
        assert said or errors


# Changes of words -----------------------------------------------------------------


def _other_value(words, rng, options):
    """Puts an odd value in place of a word."""
    place = rng.randrange(len(words))
    return [*words[:place], rng.choice(VALUES), *words[place + 1:]]


def _without_word(words, rng, options):
    place = rng.randrange(len(words))
    return words[:place] + words[place + 1:]


def _twice(words, rng, options):
    place = rng.randrange(len(words))
    return [*words[:place + 1], *words[place:]]


def _exchanged(words, rng, options):
    words = list(words)
    first, second = rng.randrange(len(words)), rng.randrange(len(words))
    words[first], words[second] = words[second], words[first]
    return words


def _another_flag(words, rng, options):
    """Adds a flag of the program, with as many values as it takes or one more."""
    if not options:
        return words
    option = rng.choice(options)
    count = option.nargs if isinstance(option.nargs, int) else 1
    if rng.random() < 0.1:
        count += rng.choice((-1, 1))
    pool = VALUES
    if option.choices and rng.random() < 0.7:
        pool = [str(choice) for choice in option.choices]
    return [*words, rng.choice(option.option_strings),
            *(rng.choice(pool) for _ in range(count))]


WORD_CHANGES = (_other_value, _other_value, _without_word, _twice, _exchanged,
                _another_flag, _another_flag, _another_flag)


# Changes of files -----------------------------------------------------------------


def _gone(path, rng, folder):
    path.unlink()
    return set()


def _emptied(path, rng, folder):
    path.write_bytes(b"")
    return set()


def _a_folder(path, rng, folder):
    path.unlink()
    path.mkdir()
    return set()


def _a_link(path, rng, folder):
    """A link to nothing, to itself, to the folder above or to endless zeros."""
    path.unlink()
    path.symlink_to(rng.choice(("nothing", path.name, "..", "/dev/zero", "/dev/null")))
    return set()


def _a_pipe(path, rng, folder):
    path.unlink()
    os.mkfifo(path)
    return set()


def _a_hole(path, rng, folder):
    """A file of two gigabytes without content, or its own start before one."""
    os.truncate(path, 2 << 30)
    return set()


def _renamed(path, rng, folder):
    with contextlib.suppress(OSError):
        path.rename(path.with_name(rng.choice(NAMES)))
    return set()


def _another_picture(path, rng, folder):
    """Another image, whose name nobody expects, beside a file."""
    with contextlib.suppress(OSError):
        path.with_name(rng.choice(NAMES)).write_bytes(programs.small_picture(rng))
    return set()


def _a_card(path, rng, folder):
    """JSON of any content beside a file."""
    path.with_suffix(".config.json").write_text(json.dumps(rng.choice(cards.VALUES)))
    return {EVERYTHING}


def _swapped(path, rng, folder):
    """The contents of two files exchanged."""
    others = [one for one in sorted(folder.rglob("*")) if one.is_file()
              and one.stat().st_size <= LARGEST]
    other = rng.choice(others)
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)
    return {str(other.relative_to(folder)), EVERYTHING}


FILE_CHANGES = (_gone, _emptied, _a_folder, _a_link, _a_pipe, _a_hole, _renamed,
                _renamed, _another_picture, _a_card, _swapped)
CALLS = tuple(PREFIX + name for name in programs.PROGRAMS)


def described(words, folder: pathlib.Path, out: pathlib.Path) -> str:
    """The words of a call with IN and OUT for its folders."""
    return " ".join(repr(word) if not word.isprintable() or " " in word or not word
                    else word for word in words).replace(
        str(folder), "IN").replace(str(out), "OUT")
