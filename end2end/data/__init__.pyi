from . import breasts as breasts
from . import conversion as conversion
from . import image_batches as image_batches
from . import image_lists as image_lists
from . import patches as patches
from . import rois as rois
from . import splits as splits

__all__ = [
    "breasts",
    "conversion",
    "image_batches",
    "image_lists",
    "patches",
    "rois",
    "splits",
]
