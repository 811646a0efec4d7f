"""A patch classifier over whole mammograms: heatmaps, their regions, and the two-step
baseline made of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
