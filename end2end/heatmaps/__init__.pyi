from . import heatmap_files as heatmap_files
from . import regions as regions
from . import two_step as two_step
from .sliding import agreement as agreement
from .sliding import convolutional_heatmap as convolutional_heatmap
from .sliding import network as network
from .sliding import predict as predict
from .sliding import region_features as region_features
from .sliding import sliding_heatmap as sliding_heatmap
from .sliding import spread as spread
from .sliding import window_preparation as window_preparation
from .sliding import windows_of_cells as windows_of_cells

__all__ = [
    "agreement",
    "convolutional_heatmap",
    "heatmap_files",
    "network",
    "predict",
    "region_features",
    "regions",
    "sliding_heatmap",
    "spread",
    "two_step",
    "window_preparation",
    "windows_of_cells",
]
