from . import application as application
from . import scoring as scoring
from . import session as session
from . import uploads as uploads

__all__ = [
    "application",
    "scoring",
    "session",
    "uploads",
]
