"""The training loop: stage by stage, epoch by epoch, and going on after a stop."""

import dataclasses
import logging
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from end2end import config
from end2end.training import (
    callbacks,
    freezing,
    optimizers,
    rates,
    remat,
    replicas,
    run_inputs,
    schedule,
)

log = logging.getLogger(__name__)


@dataclasses.dataclass
class History:
    """What a run did: one row per epoch, and the best epoch.

    Attributes:
        rows: dicts with epoch (from 1), stage, learning_rate, loss, accuracy, val_loss,
            val_accuracy and, for whole images, val_auc.
        watch: name of the value by which the best model is chosen.
        best, best_epoch: that value and its epoch; None where no epoch was run.
        only_epoch: the last epoch, where its model is kept whatever the value.
        seconds: of each stage in this process, by its name.
        resumed_at: number of epochs that an earlier process had done.
    """

    rows: list
    watch: str
    best: float | None = None
    best_epoch: int | None = None
    only_epoch: int | None = None
    best_logs: dict = dataclasses.field(default_factory=dict)
    seconds: dict = dataclasses.field(default_factory=dict)
    resumed_at: int = 0


@dataclasses.dataclass(frozen=True)
class Output:
    """Where results and messages of a run go; as it is by default, nowhere.

    Attributes:
        save: called with the model and its logs for each better model.
        history: CSV file.
        state: file from which an interrupted run goes on.
        signature: of settings and data; a state with another one is not used.
        say: takes a line of text for the user.
        verbose: of Keras: 0 silent, 1 progress bar, 2 one line per epoch.
    """

    save: Callable | None = None
    history: pathlib.Path | None = None
    state: pathlib.Path | None = None
    signature: str = ""
    say: Callable = log.info
    verbose: int = 0


def train(
        model: keras.Model, stages: Sequence[schedule.Stage],
        batches: run_inputs.Batches, validation: run_inputs.Batches, *,
        options: config.TrainingOptions, watch: str = "val_auc",
        output: Output | None = None) -> History:
    """Trains stage by stage, keeping the best model, from the start or going on.

    Batch b of a run is `batches.batch(b)`: an epoch has N // batch_size + 1 of them, as
    in the original, so that every image is seen once per sweep.

    Args:
        model: `keras.Model`, images to class probabilities. Built in the scope of a
            strategy of `tf.distribute` it is trained on all replicas of that.
        stages: list of `Stage`; a stage whose end is reached already does nothing.
        batches, validation: `image_batches.ImageBatches`.
        options: `TrainingOptions`.
        watch: `val_auc` or `val_accuracy`, by which the best model is chosen.
        output: `Output`.

    Returns:
        `History`. The model has the weights of the last epoch.

    Raises:
        callbacks.Diverged: the loss became infinite or undefined.
        files.InputError: the layer from which a stage trains is not there.
    """
    for stage in stages:  # before the stages that come first take hours
        freezing.position(model, stage.first_trainable)
    run = _Run(model, stages, batches, validation, options, output or Output(), watch)
    return run.through()


def first_steps(
        model: keras.Model, stage: schedule.Stage, batches: run_inputs.Batches, *,
        options: config.TrainingOptions, watch: str = "val_auc",
        count: int = 4) -> Iterator[float]:
    """Trains the first batches as a run of this stage would, to measure it.

    The batches are read before the first step, and nothing is validated.

    Args:
        model, batches, options, watch: as of `train`; the model is changed.
        stage: that is trained.
        count: of steps.

    Yields:
        the loss of each step.
    """
    run = _Run(model, [stage], batches, batches, options, Output(), watch)
    yield from run.first_steps(count)


class _Run:
    """One run through all stages; its attributes are what the stages share."""

    def __init__(self, model, stages, batches, validation, options, output, watch):
        self.model, self.stages, self.batches = model, stages, batches
        self.options, self.output, self.say = options, output, output.say
        self.watch = watch
        self.devices = replicas.of(model)
        self.chief = self.devices is None or self.devices.chief
        predict = (self.devices or callbacks).predict_batches
        images = watch == "val_auc"
        self.validation = callbacks.Validation(
            validation, auc=images, workers=options.workers, predict=predict)
        self.weights = schedule.class_weights(
            options, model.output_shape[1], most=2 if images else 3)
        self.steps = batches.num_images // batches.batch_size + 1
        self.rows, self.error = [], None
        self.loss = schedule.smoothed(options.label_smoothing)
        if options.precision != "float32":
            remat.set_precision(model, options.precision)

    def through(self):
        only = (max(stage.until_epoch for stage in self.stages)
                if self.options.keep_epoch == "last" else None)
        if self.watch == "val_auc":
            self.best = callbacks.AucCheckpoint(
                self._save, validation=self.validation, say=self._beside_the_bar,
                only_epoch=only)
        else:
            self.best = callbacks.BestCheckpoint(
                self.watch, self._save, only_epoch=only)
        state = self._earlier_state()
        history = History(
            self.rows, self.watch, resumed_at=len(self.rows), only_epoch=only)
        height = self.batches.options.height
        warning = freezing.too_few_values(
            self.model, (height, height) if height else self.batches.options.size,
            self.batches.batch_size)
        if warning:
            log.warning("%s", warning)
        for number, stage in enumerate(self.stages):
            if state and number < state["stage"]:
                continue
            started = time.monotonic()
            self.number = number
            with self.model.distribute_strategy.scope():
                self._stage(number, stage, state)
            state = None
            history.seconds[stage.name] = round(time.monotonic() - started, 1)
        history.best, history.best_epoch = self.best.best, self.best.best_epoch
        history.best_logs = self.best.best_logs
        if history.best_epoch is None:
            history.best = None
        return history

    def first_steps(self, count):
        """Losses of the first steps of the first stage, one by one."""
        with self.model.distribute_strategy.scope():
            self._compile(self.stages[0])
        step, batches = self._stepper(), []
        workers = self.options.workers
        if self.devices:
            batches = [parts for _, parts in self.devices.parts(
                self.batches, 0, count, workers=workers, weighted=self._weighted)]
        else:
            batches = [self._weighted(*batch) for batch in self.batches.batches(
                0, count, workers=workers)]
        with self._computing():
            for batch in batches:
                yield step(batch)

    def _stepper(self):
        """A function that trains on a batch, or its parts, and returns the loss."""
        if self.devices is None:
            def step(batch):
                images, labels, weights = batch
                self.model.reset_metrics()
                return float(self.model.train_on_batch(
                    images, labels, sample_weight=weights)[0])
            return step
        on_all = self.devices.stepper(self.model, self.loss)
        return lambda parts: float(on_all(self.devices.spread(
            [tuple(map(tf.constant, part)) for part in parts]))[0])

    def _computing(self):
        return remat.computing(self.model, recompute=self.options.remat,
                               xla=self.options.xla)

    def _beside_the_bar(self, text):
        """Says something at the end of an epoch, when a progress bar has the line."""
        self.say(f"\n{text}" if self.output.verbose == 1 else text)

    def _save(self, model, logs):
        if self.output.save:
            stage = self.stages[self.number]
            with freezing.written_penalties(model, stage, self.options.semantics):
                self.output.save(model, logs)

    def _earlier_state(self):
        path = self.output.state
        state = path and path.exists() and callbacks.read_meta(path)
        if not state:
            return None
        if state["signature"] != self.output.signature:
            self.say(f"settings or data changed since {path} was written; training "
                     "starts from the beginning")
            return None
        self.rows += state["rows"]
        self.best.restore(state["best"])
        self.say(f"going on after epoch {len(self.rows)}, from {path}")
        return state

    def _stage(self, number, stage, state):
        """Freezes, compiles and fits one stage, or the rest of it."""
        fixed = self.options.keep_epoch == "last"
        stoppers = [] if fixed else [
            callbacks.EarlyStopping(self.options.stop_patience)]
        if self.options.optimizer == "sgd" and not rates.follows_steps(self.options):
            stoppers.append(callbacks.ReduceRateOnPlateau(self.options.rate_patience))
        names = self._compile(stage)
        if state:
            callbacks.restore_variables(self.output.state, self.model)
            for stopper, earlier in zip(stoppers, state["stoppers"], strict=True):
                stopper.restore(earlier)
        epochs_before = len(self.rows)
        if epochs_before >= stage.until_epoch or (state and state["stopped"]):
            self.say(f"\nstage {number + 1} of {len(self.stages)}, {stage.name!r}: its "
                     f"end, epoch {stage.until_epoch}, is reached")
            return
        self._announce(number, stage, names)
        self._fit(number, stage, stoppers, resumed=state is not None)
        ran = len(self.rows) - epochs_before
        early = ", stopped early" if len(self.rows) < stage.until_epoch else ""
        self.say(f"stage {stage.name!r} done: {ran} epochs{early}")

    def _compile(self, stage):
        names = freezing.train_from(
            self.model, stage.first_trainable,
            freeze_statistics=self.options.freeze_statistics,
            normalisation=stage.normalisation)
        if self.options.statistics_momentum is not None:
            freezing.set_momentum(self.model, self.options.statistics_momentum)
        if self.options.semantics == "corrected":
            freezing.set_penalties(self.model, weight_decay=stage.weight_decay,
                                   dropout=stage.dropout, seed=self.options.seed)
        self.model.compile(
            self._optimizer(stage), self.loss, jit_compile=self.options.xla,
            metrics=None if self.devices else ["accuracy"])
        # Not `optimizer`, which Keras wraps to scale the loss of half precision.
        self.model.optimizer.build(self.model.trainable_variables)
        if self.devices:
            return names
        # Else the first step makes the variables of the metrics, and is traced twice.
        example = np.zeros((1, self.model.output_shape[1]), np.float32)
        self.model.compute_metrics(None, example, example, np.ones(1, np.float32))
        return names

    def _optimizer(self, stage):
        options = self.options
        # Of a stage that goes on, some of the epochs are in the rows.
        before = sum(row["stage"] != stage.name for row in self.rows)
        return optimizers.optimizer(
            options.optimizer, rates.rate(
                stage.learning_rate, epochs=stage.until_epoch - before,
                steps=self.steps, options=options),
            accumulate=options.accumulate, decay=options.decoupled_decay,
            average=options.weight_average)

    def _announce(self, number, stage, names):
        count = sum(int(np.prod(weight.shape)) for weight in
                    self.model.trainable_weights)
        which = (f"from {stage.first_trainable} on" if stage.first_trainable
                 else "all layers") + ", normalisation too" * stage.normalisation
        self.say(
            f"\nstage {number + 1} of {len(self.stages)}, {stage.name!r}: epochs "
            f"{len(self.rows) + 1} to {stage.until_epoch}, learning rate "
            f"{stage.learning_rate:g}, weight decay {stage.weight_decay:g}, dropout "
            f"{stage.dropout:g}\ntrained: {which}; {len(names)} layers, {count:,} of "
            f"{self.model.count_params():,} weights")

    def _averages(self, resumed):
        """What puts the moving average of the weights into the model, and keeps it
        there at the end; nothing without an average."""
        if not self.options.weight_average:
            return []
        average = callbacks.AveragedWeights(in_model=resumed)
        return [average, keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: average.keep_where_stopped())]

    def _fit(self, number, stage, stoppers, *, resumed):
        epochs_before = len(self.rows)
        meta = dict(signature=self.output.signature, stage=number)
        averages = self._averages(resumed)
        followers = [
            *averages[:1], self.validation,
            callbacks.StopOnNan(self._tried(stage), self._best_is_kept),
            callbacks.HistoryLog(self.rows, self.output.history, stage.name),
            *stoppers, self.best, *averages[1:]]
        if self.output.state and self.chief:
            followers.append(callbacks.StateLog(self.output.state, lambda: dict(
                meta, rows=self.rows, best=self.best.state(),
                stoppers=[stopper.state() for stopper in stoppers],
                stopped=bool(self.model.stop_training))))
        if self.options.tensorboard and self.chief:
            followers.append(callbacks.TensorBoardLog(self.options.tensorboard))
        if self.chief:
            followers.append(callbacks.TimeLeft(
                self.stages[-1].until_epoch, self._beside_the_bar))
        try:
            with self._computing():
                if self.devices:
                    self._fit_on_all(epochs_before, stage.until_epoch, followers)
                else:
                    self.model.fit(
                        self._dataset(epochs_before * self.steps,
                                      stage.until_epoch * self.steps),
                        steps_per_epoch=self.steps, initial_epoch=epochs_before,
                        epochs=stage.until_epoch, callbacks=followers,
                        verbose=self.output.verbose, shuffle=False)
        except Exception:
            # TensorFlow wraps what a reading thread raised; the cause says more.
            if self.error:
                raise self.error from None
            raise

    def _fit_on_all(self, start, end, followers):
        parts = self.devices.parts(
            self.batches, start * self.steps, end * self.steps,
            workers=self.options.workers, weighted=self._weighted)
        self.devices.fit(
            self.model, parts, loss=self.loss, steps=self.steps,
            epochs=(start, end), followers=followers, verbose=self.output.verbose)

    def _tried(self, stage):
        options = self.options
        return (f"tried: stage {stage.name!r}, {options.optimizer} at learning rate "
                f"{stage.learning_rate:g}, weight decay {stage.weight_decay:g}, batch "
                f"{self.batches.batch_size}. Lower --init-learningrate, or check the "
                "images (--rescale-factor, --featurewise-mean)")

    def _best_is_kept(self):
        return self.best.best_epoch is not None and self.output.save is not None

    def _dataset(self, start, stop):
        """Batches `start` to `stop` as a `tf.data.Dataset`.

        Keras's own adapters start again or lose batches between epochs; this one yields
        each batch once, whatever the number of threads.
        """
        def generate():
            try:
                for batch in self.batches.batches(
                        start, stop, workers=self.options.workers):
                    yield self._weighted(*batch)
            except Exception as error:
                self.error = error
                raise

        example = self._weighted(*self.batches.batch(start))
        free = self.batches.options.height is not None
        signature = tf.nest.map_structure(
            lambda array: tf.TensorSpec(
                (None, *((None, None, array.shape[3]) if free and array.ndim == 4
                         else array.shape[1:])), tf.float32), example)
        return tf.data.Dataset.from_generator(
            generate, output_signature=signature).prefetch(2)

    def _weighted(self, images, labels, weights):
        if weights is None:
            weights = (np.ones(len(labels), np.float32) if self.weights is None
                       else labels @ self.weights)
        return images, labels, weights
