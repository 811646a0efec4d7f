"""What all commands share: a strict parser, one-line errors, statuses, quiet logs."""

import argparse
import logging
import os
import sys

from end2end.utils import files

LONGEST_LINE = 1000


class Parser(argparse.ArgumentParser):
    """An argument parser that takes no abbreviations and reports errors in one line.

    A mistyped flag is an error and not its neighbour; the exit status of an error is 2.
    """

    def __init__(self, **keywords):
        keywords.setdefault("allow_abbrev", False)
        keywords.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**keywords)

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def environment_int(name, default):
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


def say(text):
    """Prints a line for the user at once, also into a pipe."""
    print(text, flush=True)


def words(argv=None):
    """The words of a command line: those given, or those of the process."""
    return list(sys.argv[1:] if argv is None else argv)


def keras_verbosity():
    """Keras's progress bar on a terminal, one line per epoch elsewhere."""
    return 1 if sys.stdout.isatty() else 2


def run(main):
    """Runs an entry module's `main`; expected failures become one line and a status.

    Status 2: wrong input, nothing was begun. 1: the work failed on the way. 130:
    interrupted.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    if hasattr(sys.stdout, "reconfigure"):
        # A path may hold what the terminal's encoding does not know.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = main()
    except files.InputError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("interrupted; what was written so far is valid.", file=sys.stderr)
        status = 130
    except ArithmeticError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        status = 1
    except MemoryError as error:
        print(f"error: not enough memory ({one_line(error)}); smaller images or "
              "batches need less.", file=sys.stderr)
        status = 1
    except BrokenPipeError:
        sys.stderr.close()
        status = 1
    except OSError as error:
        print(f"error: {one_line(error)}; what was written before is valid.",
              file=sys.stderr)
        status = 1
    sys.exit(status or 0)


def one_line(error):
    """The message of an exception on a single line, of printable signs and bounded.

    It may quote a broken file, which can hold anything, such as a terminal's commands.
    """
    text = "".join(sign if sign.isprintable() else "?"
                   for sign in " ".join(str(error)[:100_000].split()))
    if len(text) <= LONGEST_LINE:
        return text
    return f"{text[:LONGEST_LINE // 2]} ... {text[-LONGEST_LINE // 2:]}"
