from . import blobs as blobs
from . import geometry as geometry
from . import patch_files as patch_files
from . import roi_table as roi_table
from . import sampling as sampling
from . import training_line as training_line

__all__ = [
    "blobs",
    "geometry",
    "patch_files",
    "roi_table",
    "sampling",
    "training_line",
]
