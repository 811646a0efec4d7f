"""Networks to scores: flips, engines, single images, and folders that can be gone on
with after a stop."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
