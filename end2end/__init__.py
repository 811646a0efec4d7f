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

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
