from . import columns as columns
from . import identity as identity
from . import image_names as image_names
from . import kinds as kinds
from . import manifests as manifests
from . import scores as scores
from . import vocabulary as vocabulary
from . import words as words

__all__ = [
    "columns",
    "identity",
    "image_names",
    "kinds",
    "manifests",
    "scores",
    "vocabulary",
    "words",
]
