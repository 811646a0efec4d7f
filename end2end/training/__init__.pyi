from . import callbacks as callbacks
from . import devices as devices
from . import experiment as experiment
from . import freezing as freezing
from . import loop as loop
from . import optimizers as optimizers
from . import rates as rates
from . import remat as remat
from . import replicas as replicas
from . import run_inputs as run_inputs
from . import schedule as schedule
from . import starting as starting
from . import tuning as tuning
from . import variants as variants

__all__ = [
    "callbacks",
    "devices",
    "experiment",
    "freezing",
    "loop",
    "optimizers",
    "rates",
    "remat",
    "replicas",
    "run_inputs",
    "schedule",
    "starting",
    "tuning",
    "variants",
]
