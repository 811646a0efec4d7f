from . import backbones as backbones
from . import imagenet as imagenet
from . import resnets as resnets
from . import top_layers as top_layers
from . import two_views as two_views
from .builders import backbone_row as backbone_row
from .builders import check_image_size as check_image_size
from .builders import check_patch_size as check_patch_size
from .builders import first_top_layer as first_top_layer
from .builders import has_heatmap as has_heatmap
from .builders import heatmap_model as heatmap_model
from .builders import input_channels as input_channels
from .builders import layer_at_original_index as layer_at_original_index
from .builders import patch_classifier as patch_classifier
from .builders import patch_features as patch_features
from .builders import patch_head as patch_head
from .builders import random_input as random_input
from .builders import whole_image_classifier as whole_image_classifier
from .features import layer_features as layer_features
from .two_views import two_view_classifier as two_view_classifier

__all__ = [
    "backbone_row",
    "backbones",
    "check_image_size",
    "check_patch_size",
    "first_top_layer",
    "has_heatmap",
    "heatmap_model",
    "imagenet",
    "input_channels",
    "layer_at_original_index",
    "layer_features",
    "patch_classifier",
    "patch_features",
    "patch_head",
    "random_input",
    "resnets",
    "top_layers",
    "two_view_classifier",
    "two_views",
    "whole_image_classifier",
]
