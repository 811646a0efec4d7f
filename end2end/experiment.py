"""The walk itself: class folders to a trained, tested and saved model.

Each of the two runs is five calls: data, network, stages, training, report. Nothing is
imported from TensorFlow before folders and settings were found good.
"""

import dataclasses
import json
import logging
import time

from end2end import augment, config, datasets, files, run_inputs
from end2end.run_inputs import NOSAVE, Settings

log = logging.getLogger(__name__)


def run_patch_experiment(folders, images, model, training, *, say=log.info, verbose=0):
    """Trains a patch classifier, keeps the best by validation accuracy, tests it.

    Args:
        folders: (train, val, test), each with one folder per class, or a manifest.
        images: `ImageOptions`.
        model: `ModelOptions`.
        training: `TrainingOptions`; `best_model` says where results go.
        say, verbose: see `Settings`.

    Returns:
        dict: the content of `best.report.json`.

    Raises:
        files.InputError: a folder, file or setting that cannot be used; nothing was
            begun then.
    """
    settings = Settings(images, model, training, say, verbose)
    data, settings = run_inputs.open_data("patch", folders, settings)
    signature = run_inputs.run_signature("patch", data, settings)
    if done := run_inputs.earlier_report(signature, settings):
        return done
    from end2end import training as schedule

    network, settings = patch_network(settings)
    stages = schedule.patch_stages(training, settings.model, **boundaries(
        network, settings))
    history = fit(network, stages, data, settings, "val_accuracy", signature)
    return report("patch", network, history, data, settings, signature)


def run_image_experiment(folders, images, model, training, *, say=log.info, verbose=0):
    """Trains a whole-image classifier, keeps the best by validation AUROC, tests it.

    It starts from `model.patch_model_path`, from the whole-image model
    `training.resume_from` (which wins), or, with neither and `model.pretrained` off,
    from random weights.

    Args, returns and raises as `run_patch_experiment`.
    """
    settings = Settings(images, model, training, say, verbose)
    run_inputs.check_start(settings)
    data, settings = run_inputs.open_data("whole_image", folders, settings)
    run_inputs.check_both_classes(data["val"], "validation")
    signature = run_inputs.run_signature("whole_image", data, settings)
    if done := run_inputs.earlier_report(signature, settings):
        return done
    from end2end import training as schedule

    network, settings = image_network(settings)
    stages = schedule.image_stages(
        training, settings.model, first_top=first_top(network, settings))
    history = fit(network, stages, data, settings, "val_auc", signature)
    return report("whole_image", network, history, data, settings, signature)


def start_repeatably(training):
    """Seeds new weights and dropout, and asks TensorFlow for repeatable sums."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(training.seed)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()


def patch_network(settings):
    """A new or loaded patch classifier, and the settings with its channels.

    Returns:
        model, `Settings`.
    """
    from end2end import checkpoints, models

    training, options = settings.training, settings.model
    start_repeatably(training)
    if training.resume_from:
        network = checkpoints.load_model(training.resume_from)
        check_outputs(network, training, training.resume_from)
    else:
        row = models.backbone_row(options.backbone)
        weights = None
        if options.pretrained and row.top_start is None:
            settings.say(f"{options.backbone} has no ImageNet weights; it starts from "
                         "random weights and is trained in one stage.")
        elif options.pretrained:
            weights = options.pretrained_weights or "imagenet"
        # A dropout that acts from the second stage on needs its layer from the first.
        dropout = options.dropout
        if training.semantics == "corrected":
            dropout = dropout or training.late_dropout
        network = models.patch_classifier(
            options.backbone, len(training.class_list), dropout=dropout,
            weight_decay=options.weight_decay, weights=weights)
    return network, with_channels(network, settings)


def with_channels(network, settings):
    """The settings, with as many image channels as the network takes."""
    from end2end import models

    channels = models.input_channels(network)
    return dataclasses.replace(
        settings, images=dataclasses.replace(settings.images, channels=channels))


def check_outputs(network, training, path):
    """Refuses a loaded model whose outputs are not the classes."""
    outputs = network.output_shape[-1]
    if outputs != len(training.class_list):
        raise files.InputError(
            f"model {path} has {outputs} outputs, but --class-list names "
            f"{len(training.class_list)} classes; correct one of them.")


def boundaries(network, settings):
    """Names of the layers at which the stages of patch training begin to train."""
    from end2end import models

    wanted = settings.training.first_trainable
    if wanted is not None and str(wanted).isdigit():
        wanted = models.layer_at_original_index(network, int(wanted))
    return dict(head=models.patch_head(network).name, top_start=wanted)


def image_network(settings):
    """A new or loaded whole-image classifier, and the settings with its channels.

    Returns:
        model, `Settings`.
    """
    from end2end import checkpoints, models

    training, options = settings.training, settings.model
    start_repeatably(training)
    if training.resume_from:
        network = checkpoints.load_model(training.resume_from)
        check_outputs(network, training, training.resume_from)
        return network, with_channels(network, settings)
    if options.patch_model_path:
        patch_model = checkpoints.load_model(options.patch_model_path)
    else:
        # Five classes as in the paper; the head is cut off.
        patch_model = models.patch_classifier(
            options.backbone, 5, dropout=0.5, weight_decay=options.weight_decay)
    network = models.whole_image_classifier(
        patch_model, options, size=settings.images.size,
        num_classes=len(training.class_list), semantics=training.semantics)
    return network, with_channels(network, settings)


def first_top(network, settings):
    """Name of the first layer trained in stage one; None where all start at random."""
    from end2end import models

    training, options = settings.training, settings.model
    wanted = training.first_trainable
    if not training.resume_from:
        if wanted is not None:
            log.warning("--top-layer-nb has no effect on a network made from a patch "
                        "model: its new layers are trained first.")
        if not options.patch_model_path:
            return None
    elif wanted is not None:
        return (models.layer_at_original_index(network, int(wanted))
                if str(wanted).isdigit() else wanted)
    return models.first_top_layer(network, semantics=training.semantics)


class Preprocessed:
    """Batches with the ImageNet preprocessing of a backbone."""

    def __init__(self, made, preprocess):
        self.made, self.preprocess = made, preprocess

    def __getattr__(self, name):
        return getattr(self.made, name)

    def __len__(self):
        return len(self.made)

    def batch(self, b):
        images, *rest = self.made.batch(b)
        return self.preprocess(images), *rest

    def batches(self, *arguments, **keywords):
        for images, *rest in self.made.batches(*arguments, **keywords):
            yield self.preprocess(images), *rest


def batches(kind, data, split, settings):
    """Batches of one set; only those for training are drawn at random.

    Patches that are not mean-centred get the ImageNet preprocessing of their backbone;
    whole images never do, as in the original.
    """
    from end2end import models

    made = _batches(data, split, settings)
    if settings.images.center:
        return made
    if kind == "whole_image":
        log.warning("without --featurewise-center whole images enter the network as "
                    "they are; no ImageNet preprocessing is applied.")
        return made
    preprocess = models.backbone_row(settings.model.backbone).preprocess
    return Preprocessed(made, preprocess) if preprocess else made


def _batches(data, split, settings):
    training = settings.training
    if split == "train":
        return datasets.ImageBatches(
            data["train"], settings.images,
            batch_size=run_inputs.train_batch_size(training), seed=training.seed,
            shuffle=True, balance=training.balance_batches,
            augment=(augment.training_generator() if settings.images.augment else None),
            cache=training.cache_train)
    return datasets.ImageBatches(
        data[split], settings.images, batch_size=training.batch_size,
        cache=split == "val" and training.cache_validation)


def fit(network, stages, data, settings, watch, signature):
    """Trains through the stages; see `training.train`."""
    from end2end import checkpoints
    from end2end import training as schedule

    best = settings.training.best_model
    kind = "patch" if watch == "val_accuracy" else "whole_image"

    def save(model, logs):
        checkpoints.save_model(model, best, model_card(kind, data, settings, logs))

    output = schedule.Output(
        save=None if best == NOSAVE else save,
        history=run_inputs.beside(best, ".history.csv"),
        state=run_inputs.beside(best, ".state.npz"), signature=signature,
        say=settings.say, verbose=settings.verbose)
    return schedule.train(
        network, stages, batches(kind, data, "train", settings),
        batches(kind, data, "val", settings), options=settings.training, watch=watch,
        output=output)


def model_card(kind, data, settings, logs):
    """What travels with the weights: see `checkpoints.save_model`."""
    found = data["train"]
    counts = ", ".join(f"{count} {name}" for name, count
                       in run_inputs.class_counts(found).items())
    source = settings.training.trained_on or "source not stated (--trained-on)"
    return dict(
        kind=kind, classes=list(found.classes),
        images=config.to_dict(settings.images), model=config.to_dict(settings.model),
        training=config.to_dict(settings.training),
        trained_on=f"{source}: {len(found)} images ({counts})", metrics=logs)


def report(kind, network, history, data, settings, signature):
    """Tests the best model, writes and returns the report, says what came out.

    Without a best model on disk the network as it is now is tested.
    """
    from end2end import checkpoints

    training, say = settings.training, settings.say
    if training.final_model != NOSAVE:
        logs = history.rows[-1] if history.rows else {}
        card = model_card(kind, data, settings, {
            name: value for name, value in logs.items() if name != "stage"})
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
        data={split: dict(images=len(found), classes=run_inputs.class_counts(found))
              for split, found in data.items()},
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


def summary(history):
    """What the epochs came to, in two lines."""
    if not history.rows:
        return "no epoch was run: every stage's end point had been reached"
    lowest = min(history.rows, key=lambda row: row["val_loss"])
    return (
        f"\n{len(history.rows)} epochs. Lowest validation loss "
        f"{lowest['val_loss']:.4f} in epoch {lowest['epoch']}, with a validation "
        f"accuracy of {lowest['val_accuracy']:.4f} in that epoch.\nBest "
        f"{history.watch}: {history.best:.4f} in epoch {history.best_epoch}; that "
        "model is kept.")


def test(kind, network, data, settings):
    """Scores the test set.

    Returns:
        dict with images, loss, accuracy and, for whole images, auc (by class name;
        None where the test set has one class only) and mean_auc.
    """
    from end2end import callbacks

    say, found = settings.say, data["test"]
    say(f"testing on {len(found)} images")
    made = batches(kind, data, "test", settings)
    labels, scores = callbacks.predict_batches(
        network, made, workers=settings.training.workers)
    loss, accuracy = callbacks.loss_and_accuracy(labels, scores)
    result = dict(images=len(found), loss=loss, accuracy=accuracy)
    if kind == "patch":
        say(f"test loss {loss:.4f}, accuracy {accuracy:.4f}")
        return result
    aucs = callbacks.class_aucs(labels, scores)
    defined = [value for value in aucs if value == value]
    result["auc"] = {name: value if value == value else None
                     for name, value in zip(found.classes, aucs, strict=True)}
    result["mean_auc"] = sum(defined) / len(defined) if defined else None
    if not defined:
        log.warning("the test set has images of one class only, so it has no AUROC.")
    say(f"test AUROC by class: {callbacks.shown(aucs)}")
    return result
