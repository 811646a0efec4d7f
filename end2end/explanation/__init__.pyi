from . import breast_maps as breast_maps
from . import drawing as drawing
from . import lines as lines
from . import maps as maps
from . import methods as methods
from . import overlays as overlays
from . import patch_maps as patch_maps
from . import scales as scales

__all__ = [
    "breast_maps",
    "drawing",
    "lines",
    "maps",
    "methods",
    "overlays",
    "patch_maps",
    "scales",
]
