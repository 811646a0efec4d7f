"""INbreast as downloaded: its table and outlines, their import, subsets of women."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
