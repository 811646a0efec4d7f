"""Failures that a command reports in one line, and the exit status of each."""


class InputError(ValueError):
    """A file, folder, column or value given by the user that cannot be used.

    The message is one line: what happened, what was expected, what to do. Commands
    print it and end with exit status 2 (`commands.run`).
    """


class VanishedError(OSError):
    """An output that was removed while it was written; exit status 1."""
