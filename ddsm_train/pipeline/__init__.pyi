from . import demo_report as demo_report
from . import hard_patches as hard_patches
from . import heatmap_scoring as heatmap_scoring
from . import named as named
from . import steps as steps
from . import two_step_run as two_step_run
from . import walk as walk

__all__ = [
    "demo_report",
    "hard_patches",
    "heatmap_scoring",
    "named",
    "steps",
    "two_step_run",
    "walk",
]
