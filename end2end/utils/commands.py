"""What all commands share: a strict parser, one-line errors, statuses, quiet logs."""

import argparse
import logging
import os
import pathlib
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import end2end
from end2end.utils import (
    checksums,
    distribution,
    files,
    interruption,
    programs,
    quiet,
)

LONGEST_LINE = 1000
PACKAGE = pathlib.Path(__file__).resolve().parents[1]


class Parser(argparse.ArgumentParser):
    """An argument parser that takes no abbreviations and reports errors in one line.

    A mistyped flag is an error and not its neighbour; the exit status of an error is 2.
    """

    def __init__(self, *, program: str = "", **keywords) -> None:
        """A parser; one of a program has its name as it is typed, and `--version`.

        Args:
            program: module of `programs.MODULES`; nothing for a part of one.
            keywords: of `argparse.ArgumentParser`.
        """
        keywords.setdefault("allow_abbrev", False)
        keywords.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        if program:
            keywords["prog"] = programs.call(program)
        super().__init__(**keywords)
        if program:
            add_version(self)

    def error(self, message: str) -> NoReturn:
        self.exit(
            2, f"{self.prog}: error: {one_line(message)}; see {self.prog} --help\n")


def add_version(parser: argparse.ArgumentParser) -> None:
    """Adds `--version`, which prints that of the distribution."""
    parser.add_argument(
        "--version", action="version", help="print the version and exit",
        # Where the other project overwrites ours, its package has no version.
        version=f"{distribution.NAME} {getattr(end2end, '__version__', 'unknown')}")


def environment_int(name: str, default: int) -> int:
    """Reads a whole number from the environment, for the default of a field.

    Raises:
        files.InputError: the variable is set, but is not a whole number.
    """
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise files.InputError(
            f"environment variable {name}={text!r} is not a whole number; set one or "
            "unset it."
        ) from None


def say(*texts: object) -> None:
    """Prints lines for the user at once, also into a pipe; only printable signs.

    The path of a folder may hold what a terminal takes for a command.
    """
    lines = "\n".join(map(str, texts)).split("\n")
    print(*map(printable, lines), sep="\n", flush=True)


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 image`, `2 images`; the plural where an s behind the noun is not it."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def words(argv: Sequence[str] | None = None) -> list[str]:
    """The words of a command line: those given, or those of the process."""
    return list(sys.argv[1:] if argv is None else argv)


def keras_verbosity() -> int:
    """Keras's progress bar on a terminal, one line per epoch elsewhere."""
    return 1 if sys.stdout.isatty() else 2


class _PrintableFormatter(logging.Formatter):
    """Log lines without what a terminal would take for a command."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(printable, super().format(record).split("\n")))


def run(main: Callable[[], int | None]) -> NoReturn:
    """Runs an entry module's `main`; expected failures become one line and a status.

    Status 2: wrong input, nothing was begun. 1: the work failed on the way. 130:
    interrupted (SIGINT, Ctrl-C). 143: terminated (SIGTERM).
    """
    _prepare_streams()
    interruption.install()
    try:
        status = main()
        if status in (None, 0, 1):
            checksums.record(checksums.typed_words(), status or 0)
    except BaseException as error:
        interruption.uninstall()
        status = _status_of(error)
    else:
        interruption.uninstall()
    sys.exit(status or 0)


def _prepare_streams() -> None:
    """Logs and prints so that lines are quiet and printable."""
    quiet.install()
    handler = logging.StreamHandler()
    handler.setFormatter(_PrintableFormatter("%(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # Other packages tell what they do line by line (fontTools, of each font table).
    for name in (PACKAGE.name, "ddsm_train", "inbreast", "__main__"):
        logging.getLogger(name).setLevel(logging.INFO)
    if hasattr(sys.stdout, "reconfigure"):
        # A path may hold what the terminal's encoding does not know.
        sys.stdout.reconfigure(errors="backslashreplace")
    for sentence in distribution.clashes(distribution.installed(), PACKAGE):
        print(f"warning: {sentence}", file=sys.stderr)


def _status_of(error: BaseException) -> int:
    """Says in a line why a command failed; what was not expected is raised again."""
    number = interruption.received()
    if number is not None:  # the error is what it led to, and its line is printed
        return 128 + number
    if isinstance(error, KeyboardInterrupt):
        print(interruption.SENTENCES[signal.SIGINT], file=sys.stderr)
        return 128 + signal.SIGINT
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()
        return 1
    for kind, status, text in FAILURES:
        if isinstance(error, kind):
            print(f"error: {text.format(one_line(error))}", file=sys.stderr)
            return status
    raise error


# Kind of exception, exit status, and the line; the first that fits.
FAILURES: tuple[tuple[type[Exception], int, str], ...] = (
    (files.InputError, 2, "{}"),
    (files.VanishedError, 1, "{}"),
    (ArithmeticError, 1, "{}"),
    (MemoryError, 1, "not enough memory ({}); smaller images or batches need less."),
    (OSError, 1, "{}; what was written before is valid."),
)


def printable(text: str) -> str:
    """A text in which `?` stands for what is not printable, but for tabulators."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\t" else "?"
                   for sign in text)


def one_line(error: object) -> str:
    """The message of an exception on a single line, of printable signs and bounded.

    It may quote a broken file, which can hold anything, such as a terminal's commands.
    """
    text = printable(" ".join(str(error)[:100_000].split()))
    if len(text) <= LONGEST_LINE:
        return text
    return f"{text[:LONGEST_LINE // 2]} ... {text[-LONGEST_LINE // 2:]}"
