from . import manifests as manifests
from . import scores as scores
from . import vocabulary as vocabulary

__all__ = [
    "manifests",
    "scores",
    "vocabulary",
]
