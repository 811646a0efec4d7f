from . import importing as importing
from . import subsets as subsets
from . import tables as tables

__all__ = [
    "importing",
    "subsets",
    "tables",
]
