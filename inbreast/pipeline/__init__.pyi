from . import curve as curve
from . import folds as folds
from . import named as named
from . import steps as steps

__all__ = [
    "curve",
    "folds",
    "named",
    "steps",
]
