"""Model files of every Keras age, read as data: network descriptions and weights.

No code of a file is run, and Keras is needed only to build a network of it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
