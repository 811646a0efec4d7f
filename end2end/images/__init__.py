"""The one reader of mammograms, scaling to network inputs, and checks of images.

`end2end images DIR|CSV [DIR ...]` checks images before training: what is
odd about them, and the `--rescale-factor` and `--featurewise-mean` to use."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
