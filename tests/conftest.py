"""Fixtures that several tests share: a tiny synthetic download, and its import."""

import signal

import pytest

from ddsm_train import prepare
from end2end import phantoms
from end2end.reports import figures
from end2end.utils import interruption

TINY_SIZE = (256, 192)
EMPTY_FIGURE = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture(scope="session")
def tiny_download(tmp_path_factory):
    """A CBIS-DDSM of 14 synthetic women as downloaded (classic layout), plain to see.
    Read only."""
    folder = tmp_path_factory.mktemp("tiny_download")
    phantoms.write_cbis_ddsm(
        folder, patients=14, seed=5, difficulty=0.1, size=TINY_SIZE)
    return folder


@pytest.fixture(scope="session")
def tiny_prepared(tiny_download, tmp_path_factory):
    """What `ddsm_train.prepare` made of `tiny_download` at 256x192. Read only."""
    folder = tmp_path_factory.mktemp("tiny_prepared")
    prepare.main([str(tiny_download), str(folder), "--workers", "1",
                  "--size", *map(str, TINY_SIZE)])
    return folder


@pytest.fixture
def light_figures(monkeypatch):
    """Figures are drawn and written as empty files: each takes seconds to encode."""
    monkeypatch.setattr(figures, "encoded", lambda figure, kind: EMPTY_FIGURE)


@pytest.fixture(autouse=True)
def _usual_signals():
    """Signals are those of the process of tests again where a test ran a command."""
    before = {number: signal.getsignal(number) for number in interruption.SENTENCES}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
