"""SIGINT and SIGTERM: a line at once, then the command leaves its work in order.

The first signal raises `Interrupted` where the command stands, so that blocks are left
as after an error: what is half written goes, processes beside it end. A second one ends
the process where it stands, and the next call clears up.

Native code may swallow what is raised within it: TensorFlow, where it asks Python for a
type, takes it for a no and goes on, perhaps for ever. An `Interrupted` that is gone
before the command has ended is therefore raised again.
"""

import contextlib
import os
import signal
import sys
import threading
import types
import weakref

# What is said, by signal.
SENTENCES = {
    signal.SIGINT: "interrupted; what was written so far is valid.",
    signal.SIGTERM: "terminated; what was written so far is valid."}
# Until a swallowed signal is sent once more; what swallowed it has returned by then.
SECONDS_TO_RAISE = 0.05
_received: list[signal.Signals] = []
# The error that is on its way, if any; once the command has ended it is nobody's.
_raised: list[weakref.ref] = []


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
    _raised.clear()
    _use_default_handlers()


def _use_default_handlers():
    if threading.current_thread() is threading.main_thread():
        for number in SENTENCES:
            signal.signal(number, signal.SIG_DFL)


def received() -> signal.Signals | None:
    """The signal that came since `install`, if there was one."""
    return _received[0] if _received else None


def _interrupt(number: int, frame: types.FrameType | None) -> None:
    """Says so and raises; the stream of Python may be in the middle of a line."""
    _use_default_handlers()
    _received.append(signal.Signals(number))
    # Native code of TensorFlow prints what became of the signal within it.
    sys.excepthook = sys.unraisablehook = _say_nothing
    with contextlib.suppress(OSError):  # nobody reads it
        os.write(2, f"{SENTENCES[_received[0]]}\n".encode())
    _raise_watched()


def _raise_watched():
    """Raises the error; no name here may keep it, or it would not be seen to go."""
    raise _watched(Interrupted(_received[0]))


def _watched(error):
    _raised[:] = [weakref.ref(error, _swallowed)]
    return error


def _swallowed(reference):
    """Has the signal come again soon, since what is raised here goes nowhere."""
    if reference in _raised and (
            threading.current_thread() is threading.main_thread()):
        signal.signal(_received[0], _raise_once_more)
        timer = threading.Timer(SECONDS_TO_RAISE, _send_once_more,
                                (reference, threading.get_ident()))
        timer.daemon = True
        timer.start()


def _send_once_more(reference, main_thread):
    if reference in _raised:  # the command has not ended meanwhile
        # To the main thread, whose waiting ends by it; Windows has no such function.
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(main_thread, _received[0])
        else:
            signal.raise_signal(_received[0])


def _raise_once_more(number, frame):
    _use_default_handlers()
    _raise_watched()


def _say_nothing(*_: object) -> None:
    """Takes the place of Python's hooks, which print a traceback."""
