from . import cbis_ddsm as cbis_ddsm
from . import cmmd_layout as cmmd_layout
from . import detector as detector
from . import drawing as drawing
from . import inbreast_layout as inbreast_layout
from . import mammography_file as mammography_file
from . import mini_mias_layout as mini_mias_layout
from . import rsna_layout as rsna_layout
from . import unfit as unfit
from . import vindr_layout as vindr_layout
from .writing import spoil as spoil
from .writing import write_cbis_ddsm as write_cbis_ddsm
from .writing import write_inbreast as write_inbreast
from .writing import write_layout as write_layout

__all__ = [
    "cbis_ddsm",
    "cmmd_layout",
    "detector",
    "drawing",
    "inbreast_layout",
    "mammography_file",
    "mini_mias_layout",
    "rsna_layout",
    "spoil",
    "unfit",
    "vindr_layout",
    "write_cbis_ddsm",
    "write_inbreast",
    "write_layout",
]
