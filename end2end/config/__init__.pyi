from . import flags as flags
from . import image_flags as image_flags
from . import patch_flags as patch_flags
from . import sampling_command as sampling_command
from . import training_command as training_command
from .flags import DEAD_FLAGS as DEAD_FLAGS
from .flags import add_dead_flags as add_dead_flags
from .flags import add_draws as add_draws
from .flags import add_options as add_options
from .flags import add_refuse_unfit as add_refuse_unfit
from .flags import option as option
from .options import BOOTSTRAP_RUNS as BOOTSTRAP_RUNS
from .options import BOOTSTRAP_SEED as BOOTSTRAP_SEED
from .options import GROUPS as GROUPS
from .options import SCRIPT_DEFAULTS as SCRIPT_DEFAULTS
from .options import TRAINING_GROUPS as TRAINING_GROUPS
from .options import ImageOptions as ImageOptions
from .options import ModelOptions as ModelOptions
from .options import Options as Options
from .options import SamplingOptions as SamplingOptions
from .options import TrainingOptions as TrainingOptions
from .options import as_flags as as_flags
from .options import as_lines as as_lines
from .options import fill as fill
from .options import from_dict as from_dict
from .options import from_flags as from_flags
from .options import script_defaults as script_defaults
from .options import to_dict as to_dict

__all__ = [
    "BOOTSTRAP_RUNS",
    "BOOTSTRAP_SEED",
    "DEAD_FLAGS",
    "GROUPS",
    "ImageOptions",
    "ModelOptions",
    "Options",
    "SCRIPT_DEFAULTS",
    "SamplingOptions",
    "TRAINING_GROUPS",
    "TrainingOptions",
    "add_dead_flags",
    "add_draws",
    "add_options",
    "add_refuse_unfit",
    "as_flags",
    "as_lines",
    "fill",
    "flags",
    "from_dict",
    "from_flags",
    "image_flags",
    "option",
    "patch_flags",
    "sampling_command",
    "script_defaults",
    "to_dict",
    "training_command",
]
