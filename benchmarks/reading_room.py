"""A row about the local page: how long it takes to show what a reader does."""

import contextlib
import pathlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks import networks
from end2end.bench import tables

VIEWS = 40
TURNS = 24
# Seconds between two inputs: a wheel that is turned quickly.
PAUSE = 0.12
WINDOW = (1600, 1100)
# From the time that an input bears to the second picture of the screen after it; the
# first is the one that shows what the input did.
LISTEN = """
window.reactions = [];
for (const kind of ["keydown", "wheel", "pointermove"]) {
  addEventListener(kind, event => requestAnimationFrame(() => requestAnimationFrame(
    () => reactions.push(performance.now() - event.timeStamp))), true);
}
"""


def reaction() -> tables.Figure:
    """Wheel, drag, zoom and windows on a page with all views of `VIEWS` films, in
    Chromium without a graphics card."""
    with tempfile.TemporaryDirectory() as name, page(pathlib.Path(name)) as driver:
        width, height = WINDOW
        driver.set_window_size(width, height)
        shown = driver.execute_script(
            "return viewer.panes.filter(({visible}) => visible).length")
        driver.execute_script(LISTEN)
        figures = {name: measured(driver, act) for name, act in ACTS.items()}
    nothing = figures.pop("nothing")
    slowest = max(figures, key=lambda name: figures[name][1])
    return tables.Figure(
        figures[slowest][1], figures[slowest][0], "ms", limit=nothing[0],
        limit_way="a key that does nothing", notes=tuple(
            f"{name}: median {middle:.0f} ms, 95 % within {most:.0f} ms"
            for name, (middle, most) in figures.items()) + (
            f"{shown} of {VIEWS} views are on the screen; ours is the median of "
            f"{slowest}",))


@contextlib.contextmanager
def page(folder: pathlib.Path) -> Iterator[Any]:
    """A browser that shows the page with all views.

    The network is small, but its maps are of the size of the paper's.

    Args:
        folder: for films, model and browser.
    """
    from end2end import checkpoints, config
    from tests.helpers import browser, local_page, real_films

    films = real_films.paths()
    paths = [folder / f"{film.stem}-{number}.dcm" for number in range(
        VIEWS // len(films)) for film in films]
    for path, film in zip(paths, films * len(paths), strict=False):
        shutil.copy(film, path)
    classifier = networks.classifier(backbone="yaroslav", size=networks.SIZE)
    checkpoints.save_model(classifier.model, folder / "model.keras", dict(
        kind="whole_image", classes=("neg", "pos"), trained_on="nothing",
        images=config.to_dict(classifier.images)))
    with local_page.served(folder / "model.keras", folder, "--map-scale", "image"
                           ) as address, browser.chromium(folder) as driver:
        driver.get(address)
        local_page.until(lambda: local_page.find(driver, "body[data-ready]"))
        local_page.drop(driver, *paths, seconds=1800)
        driver.find_element("id", "all").click()
        local_page.until(lambda: driver.execute_script(
            "return viewer.panes.every(({visible, levels}) => levels || !visible)"))
        yield driver


def measured(driver: Any, act: Callable[[Any, int], None]) -> tuple[float, float]:
    """Median and 95th percentile of the reactions to an act, milliseconds.

    Args:
        driver: browser.
        act: gives the page one input; function of it and a number.
    """
    driver.execute_script("viewer.panes[0].node.focus(); viewer.fit(true)")
    mouse(driver, "mousePressed", 0)
    time.sleep(0.5)
    driver.execute_script("reactions.length = 0")
    for number in range(TURNS):
        act(driver, number)
        time.sleep(PAUSE)
    time.sleep(0.5)
    reactions = driver.execute_script("return reactions")
    mouse(driver, "mouseReleased", 0)
    return statistics.median(reactions), float(np.percentile(reactions, 95))


def mouse(driver: Any, kind: str, number: int, **further: Any) -> None:
    """An event of the mouse over the second view, to and fro with the number."""
    x, y = driver.execute_script(
        "const box = viewer.panes[1].node.getBoundingClientRect();"
        "return [box.left + box.width / 2, box.top + box.height / 2]")
    driver.execute_cdp_cmd("Input.dispatchMouseEvent", dict(
        dict(type=kind, x=x + 7 * abs(number % 8 - 4), y=y, button="left", buttons=1,
             clickCount=1), **further))


def key(driver: Any, letter: str) -> None:
    """A key on the view that has the focus."""
    for kind in ("keyDown", "keyUp"):
        driver.execute_cdp_cmd("Input.dispatchKeyEvent", dict(
            type=kind, key=letter, **dict(text=letter) if kind == "keyDown" else {}))


def drag(driver: Any, number: int) -> None:
    """A step of the mouse with its button down."""
    mouse(driver, "mouseMoved", number)


def drag_window(driver: Any, number: int) -> None:
    """The same with Shift, which changes the window."""
    mouse(driver, "mouseMoved", number, modifiers=8)


def wheel(driver: Any, number: int) -> None:
    """Two steps of the wheel towards the picture, two back."""
    mouse(driver, "mouseWheel", 0, deltaX=0, deltaY=-100 if number % 4 < 2 else 100,
          button="none", buttons=0)


ACTS: dict[str, Callable[[Any, int], None]] = {
    "nothing": lambda driver, number: key(driver, "q"),
    "wheel": wheel,
    "keys of zoom": lambda driver, number: key(driver, "++--"[number % 4]),
    "keys of windows": lambda driver, number: key(driver, "2345"[number % 4]),
    "drag": drag,
    "drag of the window": drag_window,
}
