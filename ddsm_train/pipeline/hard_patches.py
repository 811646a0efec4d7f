"""The work of `ddsm_train.mine_patches`: a patch classifier as a source of patches."""

import threading

from end2end import checkpoints, config
from end2end.data.patches import hard_examples
from end2end.explanation import patch_maps
from end2end.utils import files


def replacement(
        patch: checkpoints.Classifier, path: str, options: config.SamplingOptions, *,
        share: float) -> hard_examples.HardExamples:
    """What puts the errors of a patch classifier in place of drawn patches.

    Args:
        patch: the classifier.
        path: file that it was read from.
        options: how patches are drawn.
        share: greatest share of them to replace, above 0 to 1.

    Raises:
        files.InputError: the share, the classes or the patch size do not fit.
    """
    hard_examples.check(options, share, patch.classes, patch.images.size)
    one_at_a_time = threading.Lock()

    def classify(picture):
        with one_at_a_time:
            return patch_maps.patch_map(
                patch, picture, config.ImageOptions(size=picture.shape))

    return hard_examples.HardExamples(
        classify, patch.classes, share,
        key=repr((files.sha256(path), patch.images, share)))
