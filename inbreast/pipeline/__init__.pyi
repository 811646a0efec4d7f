from . import curve as curve
from . import steps as steps

__all__ = [
    "curve",
    "steps",
]
