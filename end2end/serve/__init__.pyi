from . import application as application
from . import browsers as browsers
from . import downloads as downloads
from . import scoring as scoring
from . import session as session
from . import uploads as uploads

__all__ = [
    "application",
    "browsers",
    "downloads",
    "scoring",
    "session",
    "uploads",
]
