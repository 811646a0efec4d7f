from . import blobs as blobs
from . import geometry as geometry
from . import hard_examples as hard_examples
from . import patch_files as patch_files
from . import roi_table as roi_table
from . import sampling as sampling
from . import training_line as training_line

__all__ = [
    "blobs",
    "geometry",
    "hard_examples",
    "patch_files",
    "roi_table",
    "sampling",
    "training_line",
]
