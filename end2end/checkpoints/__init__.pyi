from . import cards as cards
from . import published as published
from . import weights_only as weights_only
from .saved_models import Classifier as Classifier
from .saved_models import config_path as config_path
from .saved_models import load_classifier as load_classifier
from .saved_models import load_model as load_model
from .saved_models import load_weights as load_weights
from .saved_models import save_model as save_model
from .saved_models import software as software

__all__ = [
    "Classifier",
    "cards",
    "config_path",
    "load_classifier",
    "load_model",
    "load_weights",
    "published",
    "save_model",
    "software",
    "weights_only",
]
