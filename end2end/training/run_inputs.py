"""What a run is given: folders and settings, checked before any work, and batches.

Nothing is imported from TensorFlow here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tqdm
from numpy.typing import NDArray

import end2end.training
from end2end import augment, checkpoints, config, models
from end2end.data import image_batches, image_lists
from end2end.images import accounting, input_checks
from end2end.utils import commands, files, locks

if TYPE_CHECKING:
    import tensorflow as tf

    from end2end.training.devices import Layout

log = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
NOSAVE = "NOSAVE"


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings of one run, and where its messages go.

    Attributes:
        images, model, training: `ImageOptions`, `ModelOptions`, `TrainingOptions`.
        say: takes a line of text for the user.
        verbose: of Keras: 0 silent, 1 progress bar, 2 one line per epoch.
        layout: `devices.Layout`, the devices and hosts asked for; None for one device.
        strategy: of `tf.distribute`, once it is up; None for one device.
        not_asked: names of settings for which the program has no flag.
    """

    images: config.ImageOptions
    model: config.ModelOptions
    training: config.TrainingOptions
    say: Callable[[str], object] = log.info
    verbose: int = 0
    layout: Layout | None = None
    strategy: tf.distribute.Strategy | None = None
    not_asked: tuple[str, ...] = ()

    @property
    def chief(self) -> bool:
        """Whether this process writes files."""
        return self.layout is None or self.layout.chief

    @property
    def replicas(self) -> int:
        """Number of devices that train, of all processes."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1


def check_start(settings: Settings) -> None:
    """Refuses a whole-image run that has nothing to start from."""
    model, training = settings.model, settings.training
    start = training.resume_from or model.patch_model_path
    if start:
        checkpoints.existing_model(start)
    elif model.pretrained:
        raise files.InputError(
            "no model to start from; expected --patch-model-state FILE (a patch "
            "classifier), --resume-from FILE (a whole-image model), or "
            "--no-use-pretrained for random weights.")


def check_both_classes(images: image_lists.ImageList, what: str) -> None:
    """Refuses a set in which only one class has images, which has no AUROC."""
    present = set(images.labels)
    if len(present) < 2:
        [label] = present
        raise files.InputError(
            f"the {what} set has images of the class "
            f"{images.classes[label]!r} only; AUROC needs two. Put images into "
            "the other class folders.")


def open_data(
        kind: str, folders: Sequence[str | os.PathLike],
        settings: Settings) -> tuple[dict[str, image_lists.ImageList], Settings]:
    """Lists and reads the images of all sets once, so that nothing fails later.

    Returns:
        dict of `image_lists.ImageList` by `train`, `val`, `test`, and `Settings` with
        the rescale factor found from the images where it was `auto`.

    Raises:
        files.InputError: a folder, class or image that cannot be used, or images too
            small for the network.
    """
    training, say = settings.training, settings.say
    check_settings(settings)
    data = {}
    for split, folder in zip(SPLITS, folders, strict=True):
        data[split] = _labelled(folder, training.class_list, split)
    places = {str(pathlib.Path(folder).resolve()) for folder in folders}
    if len(places) < len(looked_at(data, training)):
        log.warning("the same folder is given twice; a result on images that chose or "
                    "trained the model says nothing.")
    for split, folder in zip(SPLITS, folders, strict=True):
        counts = class_counts(data[split])
        shown = ", ".join(f"{count} {name}" for name, count in counts.items())
        say(f"{split}: {folder}: {commands.counted(len(data[split]), 'image')} "
            f"({shown})")
    say("settings, as flags:\n"
        + config.as_lines(settings.images, settings.model, training,
                          leave_out=settings.not_asked))
    if kind == "whole_image":
        end2end.training.starting.check_image_size(settings)
    return data, look_at_images(kind, data, settings)


def looked_at(
        data: Mapping[str, image_lists.ImageList],
        training: config.TrainingOptions) -> dict[str, image_lists.ImageList]:
    """The sets, without a validation set that is the training set once more where the
    last epoch is kept, so that nobody chooses it."""
    watched = training.keep_epoch == "last" and "val" in data and (
        data["val"].paths == data["train"].paths)
    return {name: images for name, images in data.items()
            if not (watched and name == "val")}


def _labelled(folder, classes, split):
    images = image_lists.find_images(folder, classes)
    if images.labels is None:
        raise files.InputError(
            f"{split} folder {folder} has none of the class folders "
            f"{', '.join(classes)}; expected one per class. Check the path and "
            "--class-list.")
    absent = [name for name in classes
              if name not in class_counts(images, at_least=1)]
    if absent and split == "train":
        raise files.InputError(
            f"train folder {folder} has no images of the class {absent[0]!r}; expected "
            f"some of each of {', '.join(classes)}. Check --class-list.")
    if absent:
        log.warning("%s folder %s has no images of %s; its figures say nothing of "
                    "%s.", split, folder, " or ".join(absent),
                    "it" if len(absent) == 1 else "them")
    return images


def class_counts(images: image_lists.ImageList, at_least: int = 0) -> dict[str, int]:
    """Number of images by class name, those with fewer than `at_least` left out."""
    counts = np.bincount(images.labels, minlength=len(images.classes)).tolist()
    return {name: count for name, count in zip(images.classes, counts, strict=True)
            if count >= at_least}


def check_settings(settings: Settings) -> None:
    """Refuses settings that cannot work together, and an output that cannot be."""
    training = settings.training
    if train_batch_size(training) < 1:
        raise files.InputError(
            f"--batch-size {training.batch_size} times --train-bs-multiplier "
            f"{training.train_batch_multiplier:g} gives no training batch; expected at "
            "least one image.")
    if len(set(training.class_list)) != len(training.class_list) or len(
            training.class_list) < 2:
        raise files.InputError(
            f"--class-list {' '.join(training.class_list)}: expected two or more "
            "different class names.")
    if settings.layout is not None and settings.layout.strategy != "none":
        for flag, value in (("--mixup", training.mixup),
                            ("--weight-average", training.weight_average)):
            if value:
                raise files.InputError(
                    f"{flag} works on one device; leave it out, or NUM_GPU_DEVICES and "
                    "TF_CONFIG.")
    _check_xla(settings)
    for path in (training.best_model, training.final_model):
        if path != NOSAVE and pathlib.Path(path).suffix not in (".h5", ".hdf5"):
            raise files.InputError(
                f"model file {path} should end in .h5 (or be {NOSAVE}).")
        if path != NOSAVE:
            files.writable_folder(pathlib.Path(path).parent)
    if training.resume_from:
        checkpoints.existing_model(training.resume_from)


def _check_xla(settings):
    if not settings.training.xla:
        return
    if settings.training.deterministic:
        # TensorFlow would go on without it.
        raise files.InputError(
            "--xla is not repeatable bit for bit; add --no-deterministic, or leave it "
            "out.")
    if settings.images.height is not None:
        raise files.InputError(
            "--xla needs images of one size; give --img-size in place of --img-height, "
            "or leave it out.")


@contextlib.contextmanager
def outputs(settings: Settings) -> Iterator[None]:
    """Keeps other calls from the models that this one writes, and removes what killed
    calls left of them; of several processes the first does it.

    Raises:
        files.InputError: another call writes them.
        files.VanishedError: they were removed meanwhile.
    """
    training = settings.training
    with contextlib.ExitStack() as stack:
        for path in dict.fromkeys((training.best_model, training.final_model)):
            if path != NOSAVE and settings.chief:
                stack.enter_context(locks.output_file(path))
        yield


def train_batch_size(training: config.TrainingOptions) -> int:
    """Images of a training batch."""
    return int(training.batch_size * training.train_batch_multiplier)


# What matters for patches too, which are neither breasts nor upright.
PATCH_FINDINGS = ("too dark", "too bright", "constant", "in two splits")


def look_at_images(
        kind: str, data: Mapping[str, image_lists.ImageList],
        settings: Settings) -> Settings:
    """Reads every image once; warns of what is odd, stops at what cannot be used.

    Returns:
        `Settings`, a rescale factor or mean `auto` replaced by what suits the images.

    Raises:
        files.InputError: an image cannot be read, or not be equalised.
    """
    options = settings.images
    sets = looked_at(data, settings.training)
    _account(kind, sets, settings)
    if len(sets) < len(data):
        settings.say("the training images stand for those of validation, whose values "
                     "therefore say nothing; the last epoch is kept.")
    check = input_checks.check_images(
        sets, options, workers=settings.training.workers,
        progress=lambda iterable: tqdm.tqdm(
            iterable, desc="looking at the images", unit="", disable=None, leave=False))
    for finding in check.findings:
        if finding.kind == "unreadable":
            raise files.InputError(finding.message)
        if finding.kind == input_checks.SHARED_PATIENTS:
            check_shared_patients(finding, settings.training)
            continue
        if kind != "patch" or finding.kind in PATCH_FINDINGS:
            log.warning("%s", finding.message)
    if options.intensity_scale == "auto":
        options = dataclasses.replace(options, intensity_scale=check.intensity_scale)
        settings.say(f"rescale factor found from the images: {check.intensity_scale}")
    if options.pixel_mean == "auto":
        options = dataclasses.replace(options, pixel_mean=round(check.pixel_mean, 2))
        settings.say(f"mean grey value of the training images: {options.pixel_mean}")
    greatest = max(image.top for split in check.statistics.values() for image in split)
    if kind != "patch":
        check_range(greatest * (options.intensity_scale or 1))
    if options.equalize_histogram and greatest * (options.intensity_scale or 1) > 1023:
        raise files.InputError(
            "histogram equalisation needs intensities of 0-255, but the images reach "
            f"{greatest * (options.intensity_scale or 1):.0f}; scale them (--img-scale "
            "255 or --rescale-factor 0.003891), or turn it off (--no-equalize-hist).")
    return dataclasses.replace(settings, images=options)


# Twelve bits; scaled images have 0 to 255.
GREATEST_INPUT = 4095


def check_range(greatest: float) -> None:
    """Refuses images of 16 bits that would enter a network as they are.

    Args:
        greatest: value of all images, after scaling.

    Raises:
        files.InputError: see above.
    """
    if greatest > GREATEST_INPUT:
        raise files.InputError(
            f"the images reach {greatest:.0f} where networks of this method expect 0 "
            "to 255; give --rescale-factor auto (and --featurewise-mean auto), or "
            "those of the model that training starts from.")


def with_scale_of_start(settings: Settings) -> Settings:
    """Takes rescale factor and mean from the model that training starts from.

    Only where neither a factor nor another scaling is asked for; a mean that is typed
    stays.
    """
    images, training = settings.images, settings.training
    start = training.resume_from or settings.model.patch_model_path
    if not start or images.intensity_scale is not None or images.stretch_max_to:
        return settings
    stored = _card_of_start(settings).get("images") or {}
    if stored.get("intensity_scale") is None:
        return settings
    changes = dict(intensity_scale=stored["intensity_scale"])
    if images.pixel_mean == config.ImageOptions().pixel_mean and "pixel_mean" in stored:
        changes["pixel_mean"] = stored["pixel_mean"]
    mean = (f" --featurewise-mean {changes['pixel_mean']:g}"
            if "pixel_mean" in changes else "")
    settings.say(f"no --rescale-factor is given; --rescale-factor "
                 f"{changes['intensity_scale']:g}{mean} of {start} is used.")
    return dataclasses.replace(settings, images=dataclasses.replace(images, **changes))


def _card_of_start(settings):
    """What stands beside the model that training starts from; {} for nothing."""
    start = settings.training.resume_from or settings.model.patch_model_path
    return checkpoints.saved_models.card_beside(start, None) if start else {}


def prepares_images(settings: Settings) -> bool:
    """Whether the trunk, that of the start where there is one, prepares images."""
    stated = (_card_of_start(settings).get("model") or {}).get("backbone")
    row = models.backbones.BACKBONES.get(stated or settings.model.backbone)
    return row is not None and row.prepares


def with_inputs_of_backbone(settings: Settings) -> Settings:
    """Gives a trunk that prepares images itself what it expects: 0 to 255."""
    if not settings.images.center or not prepares_images(settings):
        return settings
    settings.say("the trunk prepares images itself, from grey values of 0 to 255: no "
                 "mean is subtracted before it (--no-featurewise-center).")
    return dataclasses.replace(
        settings, images=dataclasses.replace(settings.images, center=False))


def _account(kind, data, settings):
    """Says what became of all images and files; of patches, which are no views of a
    breast, how many there are and what was not looked at."""
    sets = {name: images for name, images in data.items() if images.arrays is None}
    paths = {str(path) for images in sets.values() for path in images.paths}
    if kind != "patch" and sets:
        for line in accounting.lines_of_sets(sets, paths):
            settings.say(line)
        if kind == "whole_image":
            settings.say(
                "images that do not vote for a breast are trained on all the same")
    elif sets:
        settings.say(f"patches: {len(paths)} found")
        settings.say(accounting.not_looked_at(list(dict.fromkeys(
            pair for images in sets.values() for pair in images.left))))


def check_shared_patients(
        finding: input_checks.Finding, training: config.TrainingOptions) -> None:
    """Stops a training whose splits share patients, unless that is allowed.

    Args:
        finding: `input_checks.Finding`.
        training: `TrainingOptions`.

    Raises:
        files.InputError: see above.
    """
    if not training.allow_shared_patients:
        raise files.InputError(
            f"{finding.message} To train all the same: --allow-shared-patients.")
    log.warning("%s", finding.message)


def run_signature(
        kind: str, data: Mapping[str, image_lists.ImageList],
        settings: Settings) -> str:
    """Hash of all that determines a run: settings, image files, starting models."""
    training = {name: value for name, value
                in config.to_dict(settings.training).items()
                if name not in ("workers", "tensorboard", "allow_shared_patients")}
    if settings.replicas > 1:
        training["replicas"] = settings.replicas
    starts = [settings.model.patch_model_path, settings.training.resume_from]
    stamps = [[str(path), *_stamp(path)] for path in starts if path]
    for split in SPLITS:
        images = data[split]
        stamps += [[str(path), *_stamp(path), int(label)] for path, label
                   in zip(images.paths, images.labels, strict=True)]
        if images.partner:
            stamps += [[str(path), *_stamp(path)] for path in images.partner.paths]
    text = json.dumps([kind, config.to_dict(settings.images),
                       config.to_dict(settings.model), training, stamps])
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp(path):
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def beside(best_model: str, ending: str) -> pathlib.Path | None:
    """Path of a file beside the best model (`.history.csv`); None for NOSAVE."""
    return None if best_model == NOSAVE else pathlib.Path(best_model).with_suffix(
        ending)


def earlier_report(signature: str, settings: Settings) -> dict[str, Any] | None:
    """The report of this very run where it was finished before, else None."""
    path = beside(settings.training.best_model, ".report.json")
    if path is None or not path.exists() or not path.with_name(
            pathlib.Path(settings.training.best_model).name).exists():
        return None
    earlier = files.read_json(path, "report")
    if not isinstance(earlier, dict) or earlier.get("signature") != signature:
        return None
    settings.say(f"this run was finished before; its results are in {path}. Remove "
                 "that file to train again.")
    return earlier


class Preprocessed:
    """Batches with the ImageNet preprocessing of a backbone."""

    def __init__(
            self, plain: image_batches.ImageBatches,
            preprocess: Callable[[NDArray], NDArray]) -> None:
        self.plain, self.preprocess = plain, preprocess

    def __getattr__(self, name):
        return getattr(self.plain, name)

    def __len__(self):
        return len(self.plain)

    def batch(self, b: int) -> image_batches.Batch:
        """As `ImageBatches.batch`."""
        images, *rest = self.plain.batch(b)
        return self.preprocess(images), *rest

    def shared(self, share: Callable[[int], NDArray]) -> Preprocessed:
        """As `ImageBatches.shared`."""
        return Preprocessed(self.plain.shared(share), self.preprocess)

    def batches(
            self, *arguments: Any, **keywords: Any) -> Iterator[image_batches.Batch]:
        """As `ImageBatches.batches`."""
        for images, *rest in self.plain.batches(*arguments, **keywords):
            yield self.preprocess(images), *rest


Batches = image_batches.ImageBatches | Preprocessed


def batches(
        kind: str, data: Mapping[str, image_lists.ImageList], split: str,
        settings: Settings) -> Batches:
    """Batches of one set; only those for training are drawn at random.

    Patches that are not mean-centred get the ImageNet preprocessing of their backbone;
    whole images never do, as in the original. A trunk that prepares images itself needs
    neither.
    """
    plain = _batches(data, split, settings)
    if settings.images.center or prepares_images(settings):
        return plain
    if kind != "patch":
        log.warning("without --featurewise-center whole images enter the network as "
                    "they are; no ImageNet preprocessing is applied.")
        return plain
    preprocess = models.backbone_row(settings.model.backbone).preprocess
    return Preprocessed(plain, preprocess) if preprocess else plain


def augmentation(options: config.ImageOptions) -> augment.MammogramDataGenerator | None:
    """The generator that `ImageOptions` ask for, or None."""
    if not options.augment:
        return None
    changes = {} if options.shear else {"shear_range": 0.0}
    return augment.training_generator(
        options.augmentation_recipe, shared_channel_shift=options.shared_shift,
        **changes)


def _batches(data, split, settings):
    training = settings.training
    if split == "train":
        return image_batches.ImageBatches(
            data["train"], settings.images,
            batch_size=train_batch_size(training) * settings.replicas,
            seed=training.seed, shuffle=True,
            balance_batches=training.balance_batches,
            generator=augmentation(settings.images), mixup=training.mixup,
            cache=training.cache_train)
    return image_batches.ImageBatches(
        data[split], settings.images, batch_size=training.batch_size,
        cache=split == "val" and training.cache_validation)
