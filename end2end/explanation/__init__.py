"""What moved a score: saliency maps, heatmaps of patch classifiers, overlays."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
