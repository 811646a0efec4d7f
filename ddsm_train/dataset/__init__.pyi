from . import downloads as downloads
from . import importing as importing
from . import tables as tables

__all__ = [
    "downloads",
    "importing",
    "tables",
]
