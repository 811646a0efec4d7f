from . import curve as curve
from . import named as named
from . import steps as steps

__all__ = [
    "curve",
    "named",
    "steps",
]
