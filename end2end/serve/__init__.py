"""A local page on which mammograms are dropped and scored.

`end2end serve MODEL` opens it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
