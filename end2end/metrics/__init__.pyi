from . import bootstrap as bootstrap
from . import calibration as calibration
from . import clusters as clusters
from . import delong as delong
from . import ensembles as ensembles
from . import localization as localization
from . import net_benefit as net_benefit
from . import precision as precision
from . import readers as readers
from . import reading as reading
from . import recalibration as recalibration
from . import sample_size as sample_size
from . import screening as screening
from . import shares as shares
from . import statistics as statistics
from . import subgroups as subgroups
from .roc import auc as auc
from .roc import auc_difference_interval as auc_difference_interval
from .roc import auc_interval as auc_interval
from .roc import auc_of_draws as auc_of_draws
from .roc import check as check
from .roc import confusion_matrix as confusion_matrix
from .roc import placements as placements
from .roc import roc_curve as roc_curve
from .roc import sensitivity_at_specificity as sensitivity_at_specificity
from .roc import (
    sensitivity_at_specificity_interval as sensitivity_at_specificity_interval,
)
from .roc import sensitivity_specificity as sensitivity_specificity
from .roc import share_interval as share_interval
from .roc import specificity_at_sensitivity as specificity_at_sensitivity
from .roc import (
    specificity_at_sensitivity_interval as specificity_at_sensitivity_interval,
)
from .roc import threshold_at_sensitivity as threshold_at_sensitivity
from .roc import threshold_at_specificity as threshold_at_specificity

__all__ = [
    "auc",
    "auc_difference_interval",
    "auc_interval",
    "auc_of_draws",
    "bootstrap",
    "calibration",
    "check",
    "clusters",
    "confusion_matrix",
    "delong",
    "ensembles",
    "localization",
    "net_benefit",
    "placements",
    "precision",
    "readers",
    "reading",
    "recalibration",
    "roc_curve",
    "sample_size",
    "screening",
    "sensitivity_at_specificity",
    "sensitivity_at_specificity_interval",
    "sensitivity_specificity",
    "share_interval",
    "shares",
    "specificity_at_sensitivity",
    "specificity_at_sensitivity_interval",
    "statistics",
    "subgroups",
    "threshold_at_sensitivity",
    "threshold_at_specificity",
]
