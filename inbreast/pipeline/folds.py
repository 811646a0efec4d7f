"""The epoch at which fine-tuning ends, chosen without setting women apart.

The women are dealt into folds. Each fold in turn is watched while the others train; the
epoch of the highest mean AUC over the folds is chosen, and all women train up to it.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import end2end.training
from end2end import config
from end2end.data import image_lists
from end2end.utils import files
from inbreast.dataset import subsets
from inbreast.pipeline import curve


def dealt(images: image_lists.ImageList, count: int, *, seed: int
          ) -> list[tuple[image_lists.ImageList, image_lists.ImageList]]:
    """Deals the patients into folds, those with and without a positive image apart.

    Args:
        images: with patients.
        count: of folds, 2 or more; fewer where a class has not as many patients.
        seed: of the order.

    Returns:
        list of (the others, the fold); every patient is in one fold.
    """
    groups = subsets.groups_of(images, seed=seed)
    count = min(count, *map(len, groups))
    members = [set().union(*(group[fold::count] for group in groups))
               for fold in range(count)]
    everybody = set().union(*members)
    return [(subsets.of_patients(images, everybody - fold),
             subsets.of_patients(images, fold)) for fold in members]


def best_epoch(histories: Sequence[Sequence[Mapping[str, Any]]]) -> int:
    """The first epoch of the highest mean `val_auc` over folds.

    Args:
        histories: rows of the epochs of each fold (`loop.History`); epochs that some
            fold did not come to do not count.
    """
    epochs = min(map(len, histories))
    means = np.mean([[row["val_auc"] for row in rows[:epochs]] for rows in histories],
                    axis=0)
    return int(means.argmax()) + 1


def run(folders: Sequence[str], options: Sequence[Any], count: int, *,
        say: Callable[[str], object], verbose: int = 0,
        not_asked: tuple[str, ...] = ()) -> dict[str, Any]:
    """Chooses the epoch by folds, then trains all women up to it.

    Args:
        folders: (train, val, test); all women of `train` are trained on, and `val` is
            not read.
        options: `ImageOptions`, `ModelOptions`, `TrainingOptions`.
        count: of folds.
        say, verbose, not_asked: see `run_inputs.Settings`.

    Returns:
        the report of the last training.

    Raises:
        files.InputError: the patients are not known, or too few.
    """
    images, model, training = options
    if training.best_model == end2end.training.run_inputs.NOSAVE:
        raise files.InputError("--folds needs --best-model, to keep what folds found.")
    listed = image_lists.find_images(folders[0], training.class_list)
    folder, histories = pathlib.Path(training.best_model).parent / "folds", []
    for number, parts in enumerate(dealt(listed, count, seed=training.seed), start=1):
        manifests = [curve.write_manifest(part, folder, f"{number}-{name}")
                     for part, name in zip(parts, ("train", "val"), strict=True)]
        say(f"\nfold {number}: {len(set(parts[1].patients))} women are watched")
        fold = dataclasses.replace(
            training, keep_epoch="best",
            best_model=str(folder / f"{number}.h5"))
        report = end2end.training.experiment.run_image_experiment(
            (*manifests, folders[2]), images, model, fold, say=say, verbose=verbose,
            not_asked=not_asked)
        histories.append(report["history"])
        if training.tune:   # once for all
            choice = end2end.training.variants.of(
                config.from_dict(config.TrainingOptions, report["training"]))
            training = end2end.training.variants.applied(
                dataclasses.replace(training, tune=False), choice)
    epoch = best_epoch(histories)
    say(f"\nepoch {epoch} has the highest mean AUC over {len(histories)} folds; all "
        "women train up to it")
    fixed = dataclasses.replace(
        training, keep_epoch="last", all_until_epoch=epoch,
        first_until_epoch=min(training.first_until_epoch, epoch))
    return end2end.training.experiment.run_image_experiment(
        (folders[0], folders[0], folders[2]), images, model, fixed, say=say,
        verbose=verbose, not_asked=not_asked)
