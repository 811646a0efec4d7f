from . import cbis_ddsm as cbis_ddsm
from . import detector as detector
from . import drawing as drawing
from . import inbreast_layout as inbreast_layout
from . import unfit as unfit
from .writing import spoil as spoil
from .writing import write_cbis_ddsm as write_cbis_ddsm
from .writing import write_inbreast as write_inbreast

__all__ = [
    "cbis_ddsm",
    "detector",
    "drawing",
    "inbreast_layout",
    "spoil",
    "unfit",
    "write_cbis_ddsm",
    "write_inbreast",
]
