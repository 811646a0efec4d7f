from . import maps as maps
from . import overlays as overlays
from . import patch_maps as patch_maps

__all__ = [
    "maps",
    "overlays",
    "patch_maps",
]
