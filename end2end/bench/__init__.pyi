from . import device_rows as device_rows
from . import tables as tables
from . import works as works
from .tables import Row as Row

__all__ = [
    "Row",
    "device_rows",
    "tables",
    "works",
]
