"""SIGINT and SIGTERM: a line at once, then the command leaves its work in order.

The first signal raises `Interrupted` where the command stands, so that blocks are left
as after an error: what is half written goes, processes beside it end. A second one ends
the process where it stands, and the next call clears up.
"""

import contextlib
import os
import signal
import sys
import threading
import types

# What is said, by signal.
SENTENCES = {
    signal.SIGINT: "interrupted; what was written so far is valid.",
    signal.SIGTERM: "terminated; what was written so far is valid."}
_received: list[signal.Signals] = []


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end; its line is printed already.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


def install() -> None:
    """Lets both signals raise `Interrupted`; threads other than the main one cannot."""
    _received.clear()
    if threading.current_thread() is threading.main_thread():
        for number in SENTENCES:
            signal.signal(number, _interrupt)


def uninstall() -> None:
    """Lets both signals end the process at once: the command has come to its end."""
    if threading.current_thread() is threading.main_thread():
        for number in SENTENCES:
            signal.signal(number, signal.SIG_DFL)


def received() -> signal.Signals | None:
    """The signal that came since `install`, if there was one."""
    return _received[0] if _received else None


def _interrupt(number: int, frame: types.FrameType | None) -> None:
    """Says so and raises; the stream of Python may be in the middle of a line."""
    uninstall()
    _received.append(signal.Signals(number))
    # Native code of TensorFlow prints what became of the signal within it.
    sys.excepthook = sys.unraisablehook = _say_nothing
    with contextlib.suppress(OSError):  # nobody reads it
        os.write(2, f"{SENTENCES[_received[0]]}\n".encode())
    raise Interrupted(_received[0])


def _say_nothing(*_: object) -> None:
    """Takes the place of Python's hooks, which print a traceback."""
