"""Scores for images: plain or averaged over the four flips, from files on disk.

    classifier = checkpoints.load_classifier("best.h5")
    scores = prediction.predict(classifier, ["a.png", "b.dcm"], flips=True)[:, 1]
"""

import pathlib

import numpy as np

from end2end import datasets, scores

# Identity, left-right, up-down, both; the mean of their scores is the paper's A-AUC.
FLIPS = ((), (2,), (1,), (1, 2))

Scores = scores.Scores
read_scores = scores.read_scores
write_scores = scores.write_scores


def predict(classifier, paths, *, flips=False, batch_size=4, progress=None):
    """Class probabilities of images.

    Args:
        classifier: `checkpoints.Classifier`.
        paths: image files; or a `datasets.ImageList`, a folder or a manifest.
        flips: average over the image, its left-right and up-down flip, and both
            (Shen et al. 2019, augmented prediction).
        batch_size: images at once; does not change the result.
        progress: called with the number of images just done.

    Returns:
        float32 array `(n, num_classes)`, in the order of the images.

    Raises:
        files.InputError: an image cannot be read.
    """
    return predict_flips(
        classifier, paths, flips=FLIPS if flips else FLIPS[:1], batch_size=batch_size,
        progress=progress).mean(axis=1)


def predict_flips(classifier, paths, *, flips=FLIPS, batch_size=4, progress=None):
    """Class probabilities of images, for each flip.

    Returns:
        float32 array `(n, number of flips, num_classes)`; without flip first.
    """
    if isinstance(paths, (str, pathlib.Path)):
        paths = datasets.find_images(paths, classifier.classes)
    if not isinstance(paths, datasets.ImageList):
        paths = datasets.ImageList(tuple(map(pathlib.Path, paths)))
    if not len(paths):
        return np.zeros((0, len(flips), len(classifier.classes)), np.float32)
    # Images that keep their own aspect differ in size.
    batch_size = 1 if classifier.images.height is not None else batch_size
    batches = datasets.ImageBatches(paths, classifier.images, batch_size=batch_size)
    found = []
    for images, _, _ in batches.batches(workers=2):
        found.append(predict_inputs(classifier.model, images, flips=flips))
        if progress:
            progress(len(images))
    return np.concatenate(found)


def predict_inputs(model, images, *, flips=FLIPS[:1]):
    """Class probabilities of network inputs, for each flip.

    Args:
        model: `keras.Model`.
        images: float32 `(n, height, width, channels)`.
        flips: tuples of axes to reverse, rows of `FLIPS`.

    Returns:
        float32 array `(n, number of flips, num_classes)`.
    """
    return np.stack([
        np.asarray(model.predict_on_batch(
            np.ascontiguousarray(np.flip(images, axes))), np.float32)
        for axes in flips], axis=1)
