"""The public sets: how each is found, read and labelled, and what is known of it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
