from . import acquisition as acquisition
from . import appearance as appearance
from . import grey_levels as grey_levels
from . import identity as identity
from . import kinds as kinds
from . import known_values as known_values
from . import parsing as parsing
from .reading import Mammogram as Mammogram
from .reading import pixel_hash as pixel_hash
from .reading import read_dicom as read_dicom
from .reading import read_identity as read_identity
from .reading import read_shape as read_shape
from .reading import read_stored as read_stored

__all__ = [
    "Mammogram",
    "acquisition",
    "appearance",
    "grey_levels",
    "identity",
    "kinds",
    "known_values",
    "parsing",
    "pixel_hash",
    "read_dicom",
    "read_identity",
    "read_shape",
    "read_stored",
]
