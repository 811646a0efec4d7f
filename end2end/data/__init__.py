"""Sets of images: lists, batches, splits by patient, conversion, outlined lesions."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
