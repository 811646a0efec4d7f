"""Scores for images: plain or averaged over the four flips, from files on disk.

    classifier = checkpoints.load_classifier("best.h5")
    scores = prediction.predict(classifier, ["a.png", "b.dcm"], flips=True)[:, 1]
    one = prediction.score_image("a.dcm", classifier)   # with flags, notes, side, view
"""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from end2end import config, images
from end2end.data import breasts, image_batches, image_lists
from end2end.images import depths, fit, kinds, unfit
from end2end.metrics import recalibration
from end2end.prediction import flip_calls
from end2end.tables import scores
from end2end.tables.identity import Identity
from end2end.utils import files

if TYPE_CHECKING:
    from end2end.checkpoints import Classifier

log = logging.getLogger(__name__)

# Identity, left-right, up-down, both; the mean of their scores is the paper's A-AUC.
FLIPS = ((), (2,), (1,), (1, 2))

Scores = scores.Scores
read_scores = scores.read_scores
write_scores = scores.write_scores


def predict(
        classifier: Classifier,
        paths: image_lists.ImageList | Sequence[files.Path] | files.Path, *,
        flips: bool = False, batch_size: int = 4,
        progress: Callable[[int], object] | None = None) -> NDArray[np.float32]:
    """Class probabilities of images.

    Args:
        classifier: `checkpoints.Classifier`.
        paths: image files; or a `image_lists.ImageList`, a folder or a manifest.
        flips: average over the image, its left-right and up-down flip, and both
            (Shen et al. 2019, augmented prediction).
        batch_size: images at once; does not change the result.
        progress: called with the number of images just done.

    Returns:
        float32 array `(n, num_classes)`, in the order of the images; of a model of two
        views, in the order of the breasts (`data.breasts.paired`).

    Raises:
        files.InputError: an image cannot be read or holds no finite numbers.
    """
    return predict_flips(
        classifier, paths, flips=FLIPS if flips else FLIPS[:1], batch_size=batch_size,
        progress=progress).mean(axis=1)


def predict_flips(
        classifier: Classifier,
        paths: image_lists.ImageList | Sequence[files.Path] | files.Path, *,
        flips: Sequence[tuple[int, ...]] = FLIPS, batch_size: int = 4,
        progress: Callable[[int], object] | None = None) -> NDArray[np.float32]:
    """Class probabilities of images, for each flip.

    Returns:
        float32 array `(n, number of flips, num_classes)`; without flip first.
    """
    if isinstance(paths, (str, pathlib.Path)):
        paths = image_lists.find_images(paths, classifier.classes)
    if not isinstance(paths, image_lists.ImageList):
        paths = image_lists.ImageList(tuple(map(pathlib.Path, paths)))
    if classifier.takes_breasts and not paths.partner:
        paths = breasts.paired(paths)
    if not len(paths):
        return np.zeros((0, len(flips), len(classifier.classes)), np.float32)
    # Images that keep their own aspect differ in size.
    batch_size = 1 if classifier.images.height is not None else batch_size
    batches = image_batches.ImageBatches(
        paths, classifier.images, batch_size=batch_size)
    probabilities = []
    for b, (inputs, _, _) in enumerate(batches.batches(workers=2)):
        for view in inputs if isinstance(inputs, tuple) else (inputs,):
            check_inputs(view, paths.paths[b * batch_size:])
        probabilities.append(predict_inputs(classifier.model, inputs, flips=flips))
        check_scores(probabilities[-1], paths.paths[b * batch_size:])
        if progress:
            progress(len(probabilities[-1]))
    return np.concatenate(probabilities)


def check_inputs(inputs: NDArray[np.float32], names: Iterable[object]) -> None:
    """Refuses what is no number, which pooling can hide; warns of plain images.

    Raises:
        files.InputError: see above.
    """
    least, most = inputs.min(axis=(1, 2, 3)), inputs.max(axis=(1, 2, 3))
    for name, low, high in zip(names, least, most, strict=False):
        if not np.isfinite((low, high)).all():
            raise files.InputError(
                f"image {name} holds values that are not finite; export it "
                "again.")
        if low == high:
            log.warning("image %s has one value everywhere; its score says nothing.",
                        name)


def check_scores(values: Sequence | NDArray, names: Iterable[object]) -> None:
    """Refuses scores that are not finite.

    Args:
        values: array `(n, ...)`.
        names: of the images, n or more.

    Raises:
        files.InputError: see above.
    """
    for name, value in zip(names, values, strict=False):
        if not np.isfinite(value).all():
            raise files.InputError(
                f"{name or 'the image'} gave a score that is not finite; check "
                "the model and the rescale factor.")


def predict_inputs(
        model: Callable, inputs: image_batches.Images, *,
        flips: Sequence[tuple[int, ...]] = FLIPS[:1]) -> NDArray[np.float32]:
    """Class probabilities of network inputs, for each flip.

    Args:
        model: `keras.Model`, or a function such as `engines.fast` returns.
        inputs: float32 `(n, height, width, channels)`, or a pair of such, CC and MLO.
        flips: tuples of axes to reverse, rows of `FLIPS`.

    Returns:
        float32 array `(n, number of flips, num_classes)`.
    """
    call = getattr(model, "predict_on_batch", model)
    if isinstance(inputs, tuple):
        return np.stack([np.asarray(call([
            np.ascontiguousarray(np.flip(view, axes)) for view in inputs]), np.float32)
            for axes in flips], axis=1)
    flipped = [np.flip(inputs, axes) for axes in flips]
    if len(inputs) > 1:
        return np.stack([np.asarray(call(np.ascontiguousarray(view)), np.float32)
                         for view in flipped], axis=1)
    flipped = [image for (image,) in flipped]
    return (model(flipped) if call is model
            else flip_calls.predict(model, flipped))[None]


# One image with everything known about it ------------------------------------------


Mammogram = images.Mammogram


@dataclasses.dataclass(frozen=True)
class ScoredImage:
    """The score of one image with everything known about it.

    Attributes:
        path, patient, laterality, view, notes: as in `Mammogram`.
        identity: `tables.identity.Identity`, who and what it shows.
        score: of class `pos` (cancer), 0-1, mean of the models (and flips).
        models: score of each model, in their order.
        calibrated: mean of the calibrated scores, None unless each model carries a
            calibration for this scheme (plain or flip-averaged).
        points: operating points whose threshold the score reaches, sentences; only of
            a single model, since thresholds are its own.
        flags: why the image may not fit a model, sentences; empty where it fits.
    """

    path: str
    score: float
    models: tuple
    patient: str = ""
    laterality: str = ""
    view: str = ""
    calibrated: float | None = None
    points: tuple = ()
    flags: tuple = ()
    notes: tuple = ()
    identity: Identity = Identity()


def network_input(
        mammogram: Mammogram, options: config.ImageOptions
) -> tuple[NDArray[np.float32], config.ImageOptions, tuple[str, ...]]:
    """One image as a network takes it, and the notes and flags of that.

    Args:
        mammogram: `Mammogram`.
        options: `ImageOptions`; the rescale factor `auto` follows the bits of the
            image (`images.depths`).

    Returns:
        float32 array `(height, width, channels)`, `ImageOptions` with a number for the
        factor, notes.

    Raises:
        files.InputError: the pixels are not finite numbers.
    """
    pixels, notes = mammogram.pixels, ()
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise files.InputError(
            f"{mammogram.path or 'the image'} holds values that are not finite; "
            "export it again.")
    if options.intensity_scale == "auto":
        bits = depths.depth(pixels, mammogram.bits)
        factor = depths.scale(bits)
        options = dataclasses.replace(options, intensity_scale=factor)
        notes = (f"rescale factor {factor or 1:.4g}, for {bits} bits",)
    return images.to_input(pixels, options), options, notes


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """One image as the networks take it.

    Attributes:
        image: `Mammogram`, with notes on what was done for the networks too; its
            pixels may be None to save memory.
        inputs: per model, float32 `(height, width, channels)`; one array for models
            with the same settings.
        options: per model, `ImageOptions` with a number for the rescale factor.
        flags: why the image may not fit a model, sentences.
    """

    image: Mammogram
    inputs: tuple
    options: tuple
    flags: tuple


def prepare(
        image: str | pathlib.Path | NDArray | Mammogram,
        classifiers: Sequence[Classifier], *, frame: int | None = None,
        refuse_unfit: bool = False, bits: dict[str, int] | None = None,
        identities: dict[str, Identity] | None = None) -> Prepared:
    """Reads one mammogram and makes the inputs of networks; no network is run.

    Args:
        image: path, array `(rows, columns)` or `Mammogram`.
        classifiers: sequence of `checkpoints.Classifier`.
        frame: see `images.read`.
        refuse_unfit: refuse pictures that are no basis for a score (`images.unfit`).
        bits: by path, bits of the images of an exam (`exam_bits.shared_bits`).
        identities: by path, who and what images show where a manifest tells it; else
            what the file itself tells.

    Returns:
        `Prepared`.

    Raises:
        files.InputError: the image cannot be read, holds no finite numbers, or is
            refused as unfit.
    """
    if isinstance(image, np.ndarray):
        image = Mammogram("", image)
    elif not isinstance(image, Mammogram):
        image = images.read(image, frame=frame)
    if bits and image.path in bits:
        image = dataclasses.replace(image, bits=bits[image.path])
    if identities and image.path in identities:
        image = dataclasses.replace(image, identity=identities[image.path])
    prepared, notes = {}, list(image.notes)
    for classifier in classifiers:
        if classifier.images not in prepared:
            prepared[classifier.images] = network_input(image, classifier.images)
            notes += prepared[classifier.images][2]
    chosen = [prepared[classifier.images] for classifier in classifiers]
    reasons = unfit_reasons(image)
    if refuse_unfit:
        check_fit(image, reasons)
    flags = [reason.sentence for reason in reasons]
    for classifier in classifiers:
        flags += classifier.cautions
    if not unfit.meaningless(reasons):
        flags += misfit_flags(image, [options for _, options, _ in chosen], classifiers)
    return Prepared(
        dataclasses.replace(image, notes=tuple(dict.fromkeys(notes))),
        tuple(inputs for inputs, _, _ in chosen),
        tuple(options for _, options, _ in chosen),
        tuple(dict.fromkeys(flags)))


def unfit_reasons(image: Mammogram) -> tuple[unfit.Reason, ...]:
    """Why a picture is no basis for a score: by its tags, by the kind that a manifest
    or its name tells, and by what is seen."""
    tellers = dict.fromkeys(image.tagged, unfit.TAGS_SAY)
    tellers.setdefault(image.identity.kind, image.identity.teller("kind"))
    return unfit.reasons(image.pixels, laterality=image.laterality, tellers=tellers)


def check_fit(image: Mammogram, reasons: tuple[unfit.Reason, ...]) -> None:
    """Refuses a picture that is no basis for a score.

    Args:
        image: the picture.
        reasons: from `images.unfit.reasons`.

    Raises:
        files.InputError: one of the reasons takes the score away.
    """
    refusing = [reason for reason in reasons if reason.refuses]
    if refusing:
        raise files.InputError(
            f"{image.path or 'the image'} gets no score (--refuse-unfit): "
            f"{refusing[0].sentence.removeprefix(unfit.ADVICE)}.")


def misfit_flags(
        image: Mammogram, options: Sequence[config.ImageOptions],
        classifiers: Sequence[Classifier]) -> list[str]:
    """Why an image may not fit each model; see `fit.flags`.

    Args:
        image: `Mammogram`.
        options: per model, `ImageOptions` with a number for the rescale factor.
        classifiers: sequence of `checkpoints.Classifier`.
    """
    kind = kinds.UNKNOWN
    if any(fit.usual_kind(classifier.card) != kinds.UNKNOWN
           for classifier in classifiers):
        kind = kinds.kind(image.pixels, tagged=image.acquisition)
    return [flag for settled, classifier in zip(options, classifiers, strict=True)
            for flag in fit.flags(
                image.pixels, settled, classifier.card, kind=kind,
                auto=classifier.images.intensity_scale == "auto")]


def score_image(
        image: str | pathlib.Path | NDArray | Mammogram | Prepared,
        classifiers: Classifier | Sequence[Classifier], *, flips: bool = False,
        frame: int | None = None) -> ScoredImage:
    """Scores one mammogram with one or several models.

    Args:
        image: path, array `(rows, columns)`, `Mammogram` or `Prepared`.
        classifiers: `checkpoints.Classifier` or a sequence of them, of the classes
            `neg` and `pos`.
        flips: average over the four flips.
        frame: see `images.read`.

    Returns:
        `ScoredImage`.

    Raises:
        files.InputError: the image cannot be read, a model is of other classes, or a
            score is not finite.
    """
    if hasattr(classifiers, "model"):
        classifiers = (classifiers,)
    if not isinstance(image, Prepared):
        image = prepare(image, classifiers, frame=frame)
    chosen = FLIPS if flips else FLIPS[:1]
    return scored(image, classifiers, [
        predict_inputs(classifier.model, inputs[None], flips=chosen)[0].mean(axis=0)
        for classifier, inputs in zip(classifiers, image.inputs, strict=True)
    ], flips=flips)


def scored(
        prepared: Prepared, classifiers: Sequence[Classifier],
        probabilities: Sequence[NDArray[np.float32]], *, flips: bool = False
) -> ScoredImage:
    """Joins what networks said of one image with what is known of it.

    Args:
        prepared: `Prepared`.
        classifiers: sequence of `checkpoints.Classifier`.
        probabilities: per model, float32 `(2,)`.
        flips: whether these are means over the flips.

    Returns:
        `ScoredImage`.

    Raises:
        files.InputError: see `score_image`.
    """
    model_scores, image = [], prepared.image
    for classifier, values in zip(classifiers, probabilities, strict=True):
        check_classes(classifier)
        model_scores.append(float(values[list(classifier.classes).index("pos")]))
    check_scores([model_scores], [image.path])
    scheme = "flips" if flips else "plain"
    calibrations = [recalibration.stored(classifier.card, scheme)
                    for classifier in classifiers]
    calibrated, notes = None, image.notes
    if all(calibrations):
        calibrated = float(np.mean([
            stored.applied(score) for score, stored
            in zip(model_scores, calibrations, strict=True)]))
        notes = tuple(dict.fromkeys((*notes, *(
            stored.note for stored in calibrations if stored.note))))
    score = float(np.mean(model_scores))
    return ScoredImage(
        image.path, score, tuple(model_scores), image.patient, image.laterality,
        image.view, calibrated, points_passed(score, classifiers, scheme),
        prepared.flags, notes, image.identity)


def check_classes(classifier: Classifier) -> None:
    """Raises files.InputError unless a model tells `neg` from `pos`."""
    if set(classifier.classes) != {"neg", "pos"}:
        raise files.InputError(
            f"model {classifier.name} tells apart {', '.join(classifier.classes)}; "
            "expected neg and pos. Give a model of whole images.")


def points_passed(
        score: float, classifiers: Sequence[Classifier], scheme: str
) -> tuple[str, ...]:
    """Sentences on the operating points of a single model that a score reaches."""
    if len(classifiers) != 1:
        return ()
    (classifier,) = classifiers
    rows = classifier.card.get("operating_points") or ()
    return tuple(
        f"above the threshold for {100 * row[row['at']]:.1f} % {row['at']} on its "
        "validation set"
        for row in rows
        if row.get("scheme", "plain") == scheme and score >= row["threshold"])
