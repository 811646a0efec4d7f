from . import cells as cells
from . import checksums as checksums
from . import clocks as clocks
from . import commands as commands
from . import distribution as distribution
from . import errors as errors
from . import files as files
from . import image_headers as image_headers
from . import image_tags as image_tags
from . import isolated as isolated
from . import locks as locks
from . import processes as processes
from . import programs as programs
from . import quiet as quiet
from . import steps as steps
from . import temporary as temporary

__all__ = [
    "cells",
    "checksums",
    "clocks",
    "commands",
    "distribution",
    "errors",
    "files",
    "image_headers",
    "image_tags",
    "isolated",
    "locks",
    "processes",
    "programs",
    "quiet",
    "steps",
    "temporary",
]
