from . import cbis_ddsm as cbis_ddsm
from . import drawing as drawing
from . import inbreast_layout as inbreast_layout
from .writing import spoil as spoil
from .writing import write_cbis_ddsm as write_cbis_ddsm
from .writing import write_inbreast as write_inbreast

__all__ = [
    "cbis_ddsm",
    "drawing",
    "inbreast_layout",
    "spoil",
    "write_cbis_ddsm",
    "write_inbreast",
]
