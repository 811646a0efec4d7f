from . import card_fields as card_fields
from . import cards as cards
from . import isolated_trials as isolated_trials
from . import lineage as lineage
from . import outputs as outputs
from . import published as published
from . import saved_models as saved_models
from . import trials as trials
from . import weights_only as weights_only
from .classifiers import Classifier as Classifier
from .classifiers import load_classifier as load_classifier
from .saved_models import config_path as config_path
from .saved_models import existing_model as existing_model
from .saved_models import is_model as is_model
from .saved_models import load_model as load_model
from .saved_models import load_weights as load_weights
from .saved_models import save_model as save_model
from .saved_models import software as software

__all__ = [
    "Classifier",
    "card_fields",
    "cards",
    "config_path",
    "existing_model",
    "is_model",
    "isolated_trials",
    "lineage",
    "load_classifier",
    "load_model",
    "load_weights",
    "outputs",
    "published",
    "save_model",
    "saved_models",
    "software",
    "trials",
    "weights_only",
]
