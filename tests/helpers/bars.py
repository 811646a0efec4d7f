"""What the progress bars of a command are made with, which only a terminal shows."""

import io

import tqdm


def noted(monkeypatch):
    """A list that gets total and unit of each bar from now on, and whether it is drawn
    elsewhere than on a terminal."""
    made, original = [], tqdm.tqdm

    def bar(*rows, **how):
        made.append((how.get("total"), how.get("unit"), how.get("disable", False)))
        return original(*rows, **how)
    monkeypatch.setattr(tqdm, "tqdm", bar)
    return made


def drawn(monkeypatch):
    """A list that gets each bar from now on; all are drawn, into a text."""
    made, original = [], tqdm.tqdm

    def bar(*rows, **how):
        made.append(original(*rows, **how | dict(disable=False, file=io.StringIO())))
        return made[-1]
    monkeypatch.setattr(tqdm, "tqdm", bar)
    return made
