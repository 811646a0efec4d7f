from . import archive as archive
from . import augment as augment
from . import bench as bench
from . import checkpoints as checkpoints
from . import completion as completion
from . import config as config
from . import data as data
from . import dicom as dicom
from . import doctor as doctor
from . import evaluation as evaluation
from . import experiments as experiments
from . import explanation as explanation
from . import export as export
from . import heatmaps as heatmaps
from . import images as images
from . import importing as importing
from . import metrics as metrics
from . import model_files as model_files
from . import models as models
from . import phantoms as phantoms
from . import predict as predict
from . import prediction as prediction
from . import reports as reports
from . import saliency as saliency
from . import serve as serve
from . import tables as tables
from . import training as training
from . import utils as utils
from .augment import MammogramDataGenerator as MammogramDataGenerator
from .checkpoints import load_classifier as load_classifier
from .checkpoints import load_model as load_model
from .checkpoints import save_model as save_model
from .config import ImageOptions as ImageOptions
from .config import ModelOptions as ModelOptions
from .config import TrainingOptions as TrainingOptions
from .images import read_image as read_image
from .images import segment_breast as segment_breast
from .images import to_input as to_input
from .metrics import auc as auc
from .metrics import auc_interval as auc_interval
from .models import patch_classifier as patch_classifier
from .models import whole_image_classifier as whole_image_classifier
from .prediction import score_image as score_image
from .saliency import saliency_map as saliency_map

__version__: str

__all__ = [
    "ImageOptions",
    "MammogramDataGenerator",
    "ModelOptions",
    "TrainingOptions",
    "archive",
    "auc",
    "auc_interval",
    "augment",
    "bench",
    "checkpoints",
    "completion",
    "config",
    "data",
    "dicom",
    "doctor",
    "evaluation",
    "experiments",
    "explanation",
    "export",
    "heatmaps",
    "images",
    "importing",
    "load_classifier",
    "load_model",
    "metrics",
    "model_files",
    "models",
    "patch_classifier",
    "phantoms",
    "predict",
    "prediction",
    "read_image",
    "reports",
    "saliency",
    "saliency_map",
    "save_model",
    "score_image",
    "segment_breast",
    "serve",
    "tables",
    "to_input",
    "training",
    "utils",
    "whole_image_classifier",
]
