"""Pages whose pictures are not what is tested."""

import pytest

from end2end.reports import figures

EMPTY = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture
def light_figures(monkeypatch):
    """Figures are drawn and written as empty files: each takes seconds to encode."""
    monkeypatch.setattr(figures, "encoded", lambda figure, kind: EMPTY)
