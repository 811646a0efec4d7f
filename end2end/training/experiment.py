"""The walk itself: class folders to a trained, tested and saved model.

Each of the runs is five calls: data, network, stages, training, report. Nothing is
imported from TensorFlow before folders and settings were found good.
"""

from __future__ import annotations

import contextlib
import json
import logging
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import end2end.training
from end2end import checkpoints, config, models
from end2end.data import breasts
from end2end.images import fit as fits
from end2end.training import devices, run_inputs
from end2end.training.run_inputs import NOSAVE, Settings
from end2end.utils import files

if TYPE_CHECKING:
    import keras

    from end2end.data import image_lists
    from end2end.training.loop import History
    from end2end.training.schedule import Stage

log = logging.getLogger(__name__)


def run_patch_experiment(
        folders: Sequence[str], images: config.ImageOptions, model: config.ModelOptions,
        training: config.TrainingOptions, *, say: Callable[[str], object] = log.info,
        verbose: int = 0) -> dict[str, Any]:
    """Trains a patch classifier, keeps the best by validation accuracy, tests it.

    Args:
        folders: (train, val, test), each with one folder per class, or a manifest.
        images: `ImageOptions`.
        model: `ModelOptions`.
        training: `TrainingOptions`; `best_model` says where results go.
        say, verbose: see `Settings`.

    Returns:
        dict: the content of `best.report.json`. Of several processes (docs/scale.md)
        the first returns it, the others an empty one.

    Raises:
        files.InputError: a folder, file or setting that cannot be used; nothing was
            begun then.
    """
    settings = run_inputs.with_inputs_of_backbone(
        Settings(images, model, training, say, verbose, devices.layout(training)))
    if not training.resume_from:
        models.check_patch_size(model.backbone, images.size)
    data, settings = run_inputs.open_data("patch", folders, settings)
    with run_inputs.outputs(settings), _begun("patch", data, settings) as settings:
        signature = run_inputs.run_signature("patch", data, settings)
        devices.agree(settings, signature)
        if earlier := run_inputs.earlier_report(signature, settings):
            return earlier if settings.layout.chief else {}
        network, stages, settings = end2end.training.starting.network_and_stages(
            "patch", settings)
        if len(stages) == 1:
            settings.say(
                f"one stage, of all layers, to epoch {stages[0].until_epoch}; the "
                "stages of last, top and all layers are for ImageNet weights and for "
                "--resume-from with --top-layer-nb.")
        parent = start_of(settings)
        history = fit("patch", network, stages, data, settings, signature, parent)
        return report("patch", network, history, data, settings, signature, parent)


def run_image_experiment(
        folders: Sequence[str], images: config.ImageOptions, model: config.ModelOptions,
        training: config.TrainingOptions, *, say: Callable[[str], object] = log.info,
        verbose: int = 0, not_asked: tuple[str, ...] = ()) -> dict[str, Any]:
    """Trains a whole-image classifier, keeps the best by validation AUROC, tests it.

    It starts from `model.patch_model_path`, from the whole-image model
    `training.resume_from` (which wins), or, with neither and `model.pretrained` off,
    from random weights.

    Args, returns and raises as `run_patch_experiment`; `not_asked` has the names of
    settings for which the program has no flag.
    """
    settings = Settings(images, model, training, say, verbose, devices.layout(training),
                        not_asked=not_asked)
    return _run_on_mammograms("whole_image", folders, settings)


def run_two_view_experiment(
        folders: Sequence[str], images: config.ImageOptions, model: config.ModelOptions,
        training: config.TrainingOptions, *, say: Callable[[str], object] = log.info,
        verbose: int = 0) -> dict[str, Any]:
    """Trains a classifier of breasts, CC and MLO together, on one device.

    It starts as `run_image_experiment`; `model.patch_model_path` may also be a
    whole-image classifier, whose trunk is taken. The images are joined to breasts by
    `data.breasts.paired`, which says how many have both views.

    Args, returns and raises as `run_patch_experiment`.
    """
    settings = Settings(images, model, training, say, verbose, devices.layout(training))
    if settings.layout.strategy != "none":
        raise files.InputError(
            "a network of two views is trained on one device; leave out "
            "NUM_GPU_DEVICES and TF_CONFIG.")
    return _run_on_mammograms("two_view", folders, settings)


def _run_on_mammograms(kind, folders, settings):
    """A run on whole images or breasts, which are judged by AUROC."""
    run_inputs.check_start(settings)
    settings = run_inputs.with_inputs_of_backbone(
        run_inputs.with_scale_of_start(settings))
    data, settings = run_inputs.open_data(kind, folders, settings)
    if kind == "two_view":
        data = {split: breasts.paired(
            listed, say=lambda text, split=split: settings.say(f"{split}: {text}"))
            for split, listed in data.items()}
    run_inputs.check_both_classes(data["val"], "validation")
    with run_inputs.outputs(settings), _begun(kind, data, settings) as settings:
        signature = run_inputs.run_signature(kind, data, settings)
        devices.agree(settings, signature)
        if earlier := run_inputs.earlier_report(signature, settings):
            return earlier if settings.layout.chief else {}
        network, stages, settings = end2end.training.starting.network_and_stages(
            kind, settings)
        parent = start_of(settings)
        history = fit(kind, network, stages, data, settings, signature, parent)
        return report(kind, network, history, data, settings, signature, parent)


@contextlib.contextmanager
def _begun(kind, data, settings):
    """Inside, the devices of the run are up and it is known how it is computed."""
    # Before the devices: who has a GPU takes all of its memory.
    if settings.training.tune:
        settings = end2end.training.tuning.tuned(kind, data, settings)
    with devices.started(settings) as settings:
        yield settings


# So many training images tell the range of intensities and sizes.
MEASURED_IMAGES = 200


def fit(
        kind: str, network: keras.Model, stages: Sequence[Stage],
        data: Mapping[str, image_lists.ImageList], settings: Settings,
        signature: str, parent: dict) -> History:
    """Trains through the stages; see `loop.train` and, for `parent`, `start_of`."""
    best = settings.training.best_model
    statistics = None

    def save(model, logs):
        nonlocal statistics
        card = model_card(kind, data, settings, logs, model, parent)
        if kind != "patch":
            # Measured once; the images are the same at every save.
            statistics = statistics or training_statistics(data, settings)
            card["input_statistics"] = statistics
        checkpoints.save_model(model, best, card)

    output = end2end.training.loop.Output(
        save=None if best == NOSAVE or not settings.chief else save,
        history=run_inputs.beside(best, ".history.csv") if settings.chief else None,
        state=run_inputs.beside(best, ".state.npz"), signature=signature,
        say=settings.say, verbose=settings.verbose)
    train, val = (run_inputs.batches(kind, data, split, settings)
                  for split in ("train", "val"))
    return end2end.training.loop.train(
        network, stages, train, val, options=settings.training,
        watch="val_accuracy" if kind == "patch" else "val_auc", output=output)


def model_card(
        kind: str, data: Mapping[str, image_lists.ImageList], settings: Settings,
        logs: dict[str, Any], network: keras.Model, parent: dict,
        ) -> dict[str, Any]:
    """What travels with the weights: see `checkpoints.save_model`.

    Args:
        kind: `patch`, `whole_image` or `two_view`.
        data: image lists by split.
        settings: of the run.
        logs: metrics of the epoch.
        network: that is trained; it may differ from what the flags ask for, where
            training goes on from a saved model.
        parent: `lineage.parent` of the model that training started from, or {}.
    """
    found = data["train"]
    counts = ", ".join(f"{count} {name}" for name, count
                       in run_inputs.class_counts(found).items())
    unit = "breasts" if kind == "two_view" else "images"
    source = settings.training.trained_on or "source not stated (--trained-on)"
    return dict(
        kind=kind, classes=list(found.classes),
        images=config.to_dict(settings.images), model=checkpoints.lineage.network(
            network, settings.model),
        training=config.to_dict(settings.training),
        trained_on=f"{source}: {len(found)} {unit} ({counts})", metrics=logs,
        **_origin(parent))


def _origin(parent: dict) -> dict:
    """Parent and licence, as far as there are any."""
    licence = checkpoints.lineage.licence(parent)
    return (dict(parent=parent) if parent else {}) | (
        dict(licence=licence) if licence else {})


def start_of(settings: Settings) -> dict:
    """`lineage.parent` of the model that training starts from; {} of a new network.

    It is asked for before training, which may write over that very file. Where an
    earlier process of an interrupted run did so, the card in the file names the parent.
    """
    path = settings.training.resume_from or settings.model.patch_model_path
    if not path:
        return {}
    best = settings.training.best_model
    state = run_inputs.beside(best, ".state.npz")
    interrupted = state is not None and state.exists() and pathlib.Path(
        path).resolve() == pathlib.Path(best).resolve()
    parent = checkpoints.lineage.parent(path)
    return parent.get("parent", parent) if interrupted else parent


def training_statistics(
        data: Mapping[str, image_lists.ImageList],
        settings: Settings) -> dict[str, Any]:
    """What `fit.flags` compares other images with, of at most 200 training images."""
    images = data["train"].arrays or data["train"].paths
    return fits.input_statistics(
        images[::max(1, -(-len(images) // MEASURED_IMAGES))], settings.images)


def report(
        kind: str, network: keras.Model, history: History,
        data: Mapping[str, image_lists.ImageList], settings: Settings,
        signature: str, parent: dict) -> dict[str, Any]:
    """Tests the best model, writes and returns the report, says what came out.

    Without a best model on disk the network as it is now is tested.
    """
    training, say = settings.training, settings.say
    if not settings.chief:
        return {}
    if training.final_model != NOSAVE:
        logs = history.rows[-1] if history.rows else {}
        card = model_card(kind, data, settings, {
            name: value for name, value in logs.items() if name != "stage"},
            network, parent)
        checkpoints.save_model(network, training.final_model, card)
        say(f"model of the last epoch: {training.final_model}")
    say(summary(history))
    if training.best_model != NOSAVE and history.best_epoch is not None:
        network = checkpoints.load_model(training.best_model)
        say(f"best model: {training.best_model}")
    started = time.monotonic()
    result = test(kind, network, data, settings)
    content = dict(
        kind=kind, model=training.best_model, signature=signature,
        best=dict(epoch=history.best_epoch, watched=history.watch, value=history.best),
        epochs=len(history.rows), resumed_at=history.resumed_at, test=result,
        history=history.rows, seconds=dict(
            history.seconds, test=round(time.monotonic() - started, 1)),
        data={split: dict(images=len(listed), classes=run_inputs.class_counts(listed))
              for split, listed in data.items()},
        images=config.to_dict(settings.images), model_options=config.to_dict(
            settings.model), training=config.to_dict(training),
        software=checkpoints.software())
    content = json.loads(json.dumps(content))
    if training.best_model != NOSAVE:
        path = run_inputs.beside(training.best_model, ".report.json")
        files.write_json(path, content)
        run_inputs.beside(training.best_model, ".state.npz").unlink(missing_ok=True)
        say(f"history: {run_inputs.beside(training.best_model, '.history.csv')}\n"
            f"report: {path}")
    return content


def summary(history: History) -> str:
    """What the epochs came to, in two lines."""
    if not history.rows:
        return "no epoch was run: every stage's end point had been reached"
    lowest = min(history.rows, key=lambda row: row["val_loss"])
    kept = (f"Best {history.watch}: {history.best:.4f} in epoch {history.best_epoch}; "
            "that model is kept.")
    if history.only_epoch:
        kept = (f"The model of epoch {history.only_epoch}, the last, is kept; its "
                f"{history.watch} is {history.best:.4f}.")
    return (
        f"\n{len(history.rows)} epochs. Lowest validation loss "
        f"{lowest['val_loss']:.4f} in epoch {lowest['epoch']}, with a validation "
        f"accuracy of {lowest['val_accuracy']:.4f} in that epoch.\n{kept}")


def test(
        kind: str, network: keras.Model, data: Mapping[str, image_lists.ImageList],
        settings: Settings) -> dict[str, Any]:
    """Scores the test set.

    Returns:
        dict with images, loss, accuracy and, for whole images, auc (by class name;
        None where the test set has one class only) and mean_auc.
    """
    say, images = settings.say, data["test"]
    say(f"testing on {len(images)} images")
    batches = run_inputs.batches(kind, data, "test", settings)
    labels, scores = end2end.training.callbacks.predict_batches(
        network, batches, workers=settings.training.workers)
    loss, accuracy = end2end.training.callbacks.loss_and_accuracy(labels, scores)
    result = dict(images=len(images), loss=loss, accuracy=accuracy)
    if kind == "patch":
        say(f"test loss {loss:.4f}, accuracy {accuracy:.4f}")
        return result
    aucs = end2end.training.callbacks.class_aucs(labels, scores)
    defined = [value for value in aucs if value == value]
    result["auc"] = {name: value if value == value else None
                     for name, value in zip(images.classes, aucs, strict=True)}
    result["mean_auc"] = sum(defined) / len(defined) if defined else None
    if not defined:
        log.warning("the test set has images of one class only, so it has no AUROC.")
    say(f"test AUROC by class: {end2end.training.callbacks.shown(aucs)}")
    return result
