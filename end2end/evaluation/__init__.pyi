from . import cases as cases
from . import command as command
from . import detection as detection
from . import paper_panels as paper_panels
from . import refusals as refusals
from . import saliency_run as saliency_run
from .testing import EvaluationOptions as EvaluationOptions
from .testing import against_mean as against_mean
from .testing import compare as compare
from .testing import evaluate as evaluate
from .testing import model_names as model_names
from .testing import run as run
from .testing import summary as summary
from .testing import test_images as test_images
from .testing import write_files as write_files
from .testing import write_page as write_page

__all__ = [
    "EvaluationOptions",
    "against_mean",
    "cases",
    "command",
    "compare",
    "detection",
    "evaluate",
    "model_names",
    "paper_panels",
    "refusals",
    "run",
    "saliency_run",
    "summary",
    "test_images",
    "write_files",
    "write_page",
]
