from . import commands as commands
from . import files as files
from . import image_headers as image_headers
from . import isolated as isolated
from . import memory as memory
from . import processes as processes
from . import steps as steps

__all__ = [
    "commands",
    "files",
    "image_headers",
    "isolated",
    "memory",
    "processes",
    "steps",
]
