"""DICOM mammograms as grey levels, with side, view, patient and what was done."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
