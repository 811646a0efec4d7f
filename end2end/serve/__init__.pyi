from . import application as application
from . import scoring as scoring
from . import uploads as uploads

__all__ = [
    "application",
    "scoring",
    "uploads",
]
