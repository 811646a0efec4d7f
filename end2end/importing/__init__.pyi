from . import catalogue as catalogue
from . import converting as converting
from . import faults as faults
from . import file_names as file_names
from . import joining as joining
from . import known_tables as known_tables
from . import machine as machine
from . import outputs as outputs
from . import own_table as own_table
from . import public_sets as public_sets
from . import records as records
from . import regions as regions
from . import sets as sets
from . import spreadsheets as spreadsheets
from . import store as store
from . import understanding as understanding
from . import vendors as vendors

__all__ = [
    "catalogue",
    "converting",
    "faults",
    "file_names",
    "joining",
    "known_tables",
    "machine",
    "outputs",
    "own_table",
    "public_sets",
    "records",
    "regions",
    "sets",
    "spreadsheets",
    "store",
    "understanding",
    "vendors",
]
