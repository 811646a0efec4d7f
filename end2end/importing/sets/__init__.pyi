from . import cbis_ddsm as cbis_ddsm
from . import cbis_downloads as cbis_downloads
from . import cbis_tables as cbis_tables
from . import cmmd as cmmd
from . import inbreast as inbreast
from . import inbreast_tables as inbreast_tables
from . import mini_mias as mini_mias
from . import rsna as rsna
from . import vindr as vindr

__all__ = [
    "cbis_ddsm",
    "cbis_downloads",
    "cbis_tables",
    "cmmd",
    "inbreast",
    "inbreast_tables",
    "mini_mias",
    "rsna",
    "vindr",
]
