from . import breast_scores as breast_scores
from . import eight_bits as eight_bits
from . import engines as engines
from . import exam_bits as exam_bits
from . import flip_calls as flip_calls
from . import grouping as grouping
from . import identity_cells as identity_cells
from . import inputs as inputs
from . import pseudonyms as pseudonyms
from . import resuming as resuming
from . import score_files as score_files
from . import stored_networks as stored_networks
from .scoring import FLIPS as FLIPS
from .scoring import Mammogram as Mammogram
from .scoring import Prepared as Prepared
from .scoring import ScoredImage as ScoredImage
from .scoring import Scores as Scores
from .scoring import check_classes as check_classes
from .scoring import check_fit as check_fit
from .scoring import check_inputs as check_inputs
from .scoring import check_scores as check_scores
from .scoring import network_input as network_input
from .scoring import predict as predict
from .scoring import predict_flips as predict_flips
from .scoring import predict_inputs as predict_inputs
from .scoring import prepare as prepare
from .scoring import read_scores as read_scores
from .scoring import score_image as score_image
from .scoring import unfit_reasons as unfit_reasons
from .scoring import write_scores as write_scores

__all__ = [
    "FLIPS",
    "Mammogram",
    "Prepared",
    "ScoredImage",
    "Scores",
    "breast_scores",
    "check_classes",
    "check_fit",
    "check_inputs",
    "check_scores",
    "eight_bits",
    "engines",
    "exam_bits",
    "flip_calls",
    "grouping",
    "identity_cells",
    "inputs",
    "network_input",
    "predict",
    "predict_flips",
    "predict_inputs",
    "prepare",
    "pseudonyms",
    "read_scores",
    "resuming",
    "score_files",
    "score_image",
    "stored_networks",
    "unfit_reasons",
    "write_scores",
]
