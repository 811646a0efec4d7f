"""Whole-image breast cancer classifiers for screening mammograms (Shen et al. 2019).

The names that most users need can be taken from here: `load_classifier`, `predict`,
`load_model`, `patch_classifier`, `whole_image_classifier`, `MammogramDataGenerator`,
`read_image`, `auc`. The folders, from what knows nothing to what knows all: `utils`,
`model_files`, `models`, `config`, `tables`, `metrics`, `phantoms`, `dicom`, `images`,
`checkpoints`, `data`, `augment`, `prediction`, `saliency`, `heatmaps`, `explanation`,
`training`, `reports`, `evaluation`, `archive`, `serve`. Everything is imported when it
is first used, so importing this package imports no TensorFlow.

Research software: it is not a medical device and no score of it is a diagnosis.
"""

import os
import sys


def _leave_out_working_folder():
    """Takes the folder in which a command is called off the import path.

    `python -m end2end.predict` puts it first, so that a file beside a model, such as
    `json.py`, would be run. While `-m` looks for its module, `sys.argv[0]` is `-m`. A
    checkout that is used from its root stays importable, and so does what PYTHONPATH
    names.
    """
    here = os.path.realpath(".")
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    safe = getattr(sys.flags, "safe_path", False)
    if sys.argv[:1] == ["-m"] and not safe and sys.path and \
            os.path.realpath(sys.path[0]) == here != package:
        del sys.path[0]
        # Processes started by this one find the package as it did.
        os.environ["PYTHONSAFEPATH"] = "1"


_leave_out_working_folder()

import lazy_loader  # noqa: E402

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
