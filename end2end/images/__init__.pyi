from . import accounting as accounting
from . import belonging as belonging
from . import depths as depths
from . import fit as fit
from . import geometry as geometry
from . import input_checks as input_checks
from . import kinds as kinds
from . import unfit as unfit
from . import warps as warps
from .pectoral import pectoral_muscle as pectoral_muscle
from .pectoral import remove_pectoral as remove_pectoral
from .reading import Mammogram as Mammogram
from .reading import decoded as decoded
from .reading import identify as identify
from .reading import read as read
from .reading import read_image as read_image
from .scaling import breast_box as breast_box
from .scaling import grey_mean as grey_mean
from .scaling import intensities as intensities
from .scaling import resized as resized
from .scaling import scaled as scaled
from .scaling import scaled_channels as scaled_channels
from .scaling import to_input as to_input
from .segmentation import segment_breast as segment_breast

__all__ = [
    "Mammogram",
    "accounting",
    "belonging",
    "breast_box",
    "decoded",
    "depths",
    "fit",
    "geometry",
    "grey_mean",
    "identify",
    "input_checks",
    "intensities",
    "pectoral_muscle",
    "read",
    "kinds",
    "read_image",
    "remove_pectoral",
    "resized",
    "scaled",
    "scaled_channels",
    "segment_breast",
    "to_input",
    "unfit",
    "warps",
]
