"""AUC, intervals, comparisons, calibration and operating points of scores.

`end2end metrics SCORES.csv` prints them for score files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
