"""What the columns, labels, sides and views of any table of mammograms mean, once:
manifests, score files and tables of lesions are read through it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
