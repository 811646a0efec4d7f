"""Whole-image breast cancer classifiers for screening mammograms (Shen et al. 2019).

The modules, in the order in which data walks through them: `dicom`, `images`,
`patches`, `augment`, `datasets`, `backbones`, `top_layers`, `models`, `checkpoints`,
`training`, `metrics`, `prediction`, `heatmaps`, `saliency`, `figures`, `report`;
`experiment` holds the whole walk, `config` every setting. Importing this package
imports no TensorFlow.

Research software: it is not a medical device and no score of it is a diagnosis.
"""

__version__ = "0.1.0"
