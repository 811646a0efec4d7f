from . import importing as importing
from . import subsets as subsets

__all__ = [
    "importing",
    "subsets",
]
