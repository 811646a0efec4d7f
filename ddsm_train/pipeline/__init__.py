"""The work of the programs of this folder: experiments, demo, heatmaps, two steps."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
