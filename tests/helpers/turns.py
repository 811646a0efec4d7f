"""What takes so long that it is done in turn: one thing a day, as in `.ci/run`."""

import os
import time
from collections.abc import Sequence


def of_day(things: Sequence, day: int | None = None):
    """The one of several things whose turn it is.

    Each has its turn also where only every so many days are asked for, whatever their
    distance: after each round the order moves on by one.

    Args:
        things: at least one.
        day: number of the day; default that of `DAY`, or today's.
    """
    if day is None:
        day = int(os.environ.get("DAY") or time.time() // 86400)
    return things[(day + day // len(things)) % len(things)]
