"""Synthetic mammograms, and the layouts of CBIS-DDSM and INbreast around them.

`end2end phantoms OUT` writes them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
