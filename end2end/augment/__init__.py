"""Augmentation of mammograms: `MammogramDataGenerator` and its random warps.

`end2end augment --show IMAGE --out samples.png` draws examples."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
