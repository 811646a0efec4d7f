from . import application as application
from . import scoring as scoring

__all__ = [
    "application",
    "scoring",
]
