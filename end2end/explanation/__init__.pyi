from . import drawing as drawing
from . import maps as maps
from . import methods as methods
from . import overlays as overlays
from . import patch_maps as patch_maps

__all__ = [
    "drawing",
    "maps",
    "methods",
    "overlays",
    "patch_maps",
]
