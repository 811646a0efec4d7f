"""What happens at the end of an epoch: validate, stop, slow down, keep, log.

The counts of early stopping and of the plateau are those of Keras 2.0.8, one epoch
later than today's Keras (docs/differences.md). Callbacks that must go on after an
interruption have `state()` and `restore(state)`.
"""

import json
import logging
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from end2end import metrics
from end2end.training import run_inputs
from end2end.utils import files

log = logging.getLogger(__name__)

CLIP = 1e-7


class Diverged(ArithmeticError):
    """The loss became infinite or undefined; the message says what was tried."""


def predict_batches(
        model: keras.Model, batches: run_inputs.Batches, *,
        workers: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Predicts one sweep of batches.

    Args:
        model: `keras.Model`.
        batches: `image_batches.ImageBatches`, unshuffled.
        workers: reading threads.

    Returns:
        one-hot labels and probabilities, float32 `(num_images, num_classes)` each.
    """
    labels, scores = [], []
    for images, one_hot, _ in batches.batches(0, len(batches), workers=workers):
        labels.append(one_hot)
        scores.append(np.asarray(model.predict_on_batch(images), np.float32))
    return np.concatenate(labels), np.concatenate(scores)


def loss_and_accuracy(
        labels: NDArray[np.float32],
        scores: NDArray[np.float32]) -> tuple[float, float]:
    """Mean cross-entropy, probabilities clipped at 1e-7, and share of right answers."""
    clipped = np.clip(scores.astype(np.float64), CLIP, 1 - CLIP)
    loss = -np.sum(labels * np.log(clipped), axis=1).mean()
    return float(loss), float((labels.argmax(1) == scores.argmax(1)).mean())


def class_aucs(labels: NDArray[np.float32], scores: NDArray[np.float32]) -> list[float]:
    """AUROC of each class against the others.

    Args:
        labels: one-hot `(n, classes)`.
        scores: probabilities `(n, classes)`.

    Returns:
        one float per class; NaN for a class that has all images or none.
    """
    return [metrics.auc(labels[:, c].astype(int), scores[:, c])
            if 0 < labels[:, c].sum() < len(labels) else float("nan")
            for c in range(labels.shape[1])]


class AveragedWeights(keras.callbacks.SwapEMAWeights):
    """Has the moving average of the weights in the model between two epochs.

    So it is validated, saved, and the model of a finished stage; what has to see it
    comes later in the list of callbacks. Averages of batch normalisation are not
    averaged once more.

    Args:
        in_model: whether the model holds the average before the first epoch, as after
            an interruption.
    """

    def __init__(self, *, in_model: bool) -> None:
        super().__init__(swap_on_epoch=True)
        self._ema_weights_in_model = in_model

    def keep_where_stopped(self) -> None:
        """Keeps the average in the model, which Keras does after a last epoch only."""
        if self.model.stop_training:
            self._finalize_ema_values()


class Validation(keras.callbacks.Callback):
    """Scores the whole validation set once and adds the results to the logs.

    Adds `val_loss` (weight penalties included), `val_accuracy` and, with `auc`,
    `val_auc` (mean over the classes). `aucs` holds the last AUROC of each class.
    `predict` scores one sweep, as `predict_batches` does.
    """

    def __init__(
            self, batches: run_inputs.Batches, *, auc: bool, workers: int = 1,
            predict: Callable[..., tuple[NDArray, NDArray]] = predict_batches) -> None:
        super().__init__()
        self.batches, self.auc, self.workers = batches, auc, workers
        self.predict = predict
        self.aucs = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds loss, accuracy and AUROC of the validation set to the logs."""
        labels, scores = self.predict(
            self.model, self.batches, workers=self.workers)
        loss, logs["val_accuracy"] = loss_and_accuracy(labels, scores)
        logs["val_loss"] = loss + float(sum(self.model.losses))
        if self.auc:
            self.aucs = class_aucs(labels, scores)
            logs["val_auc"] = float(np.nanmean(self.aucs))


class StopOnNan(keras.callbacks.Callback):
    """Ends a run whose loss became infinite or undefined.

    Args:
        attempt: what to say about the settings.
        kept: function of no arguments; whether a best model was written before.
    """

    def __init__(
            self, attempt: str, kept: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self.attempt, self.kept, self.epoch = attempt, kept, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch + 1

    def on_train_batch_end(
            self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._check(float(logs["loss"]), f"batch {batch + 1} of epoch {self.epoch}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for name in ("loss", "val_loss"):
            self._check(logs[name], f"epoch {epoch + 1} ({name})")

    def _check(self, loss, where):
        if not np.isfinite(loss):
            best = "; the best model so far is kept" if self.kept() else ""
            raise Diverged(
                f"the loss became {loss} in {where}; {self.attempt}{best}")


class EarlyStopping(keras.callbacks.Callback):
    """Ends a stage where `val_loss` falls no more.

    That is at the (stop_patience + 1)-th epoch in a row without a lower one.

    Every stage starts its own count.
    """

    def __init__(self, stop_patience: int) -> None:
        super().__init__()
        self.stop_patience, self.pending = stop_patience, None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.best, self.wait = self.pending or (np.inf, 0)
        self.pending = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs["val_loss"] < self.best:
            self.best, self.wait = logs["val_loss"], 0
            return
        if self.wait >= self.stop_patience:
            self.model.stop_training = True
        self.wait += 1

    def state(self) -> tuple[float, int]:
        """Lowest loss and epochs since, to go on with after an interruption."""
        return self.best, self.wait

    def restore(self, state: Sequence) -> None:
        """Takes up what `state` gave, at the beginning of the next stage."""
        self.pending = state


class ReduceRateOnPlateau(keras.callbacks.Callback):
    """Halves the learning rate where `val_loss` does not fall by more than 1e-4.

    First at the (rate_patience + 1)-th such epoch in a row, then every `rate_patience`
    epochs.
    Every stage starts its own count.
    """

    def __init__(self, rate_patience: int) -> None:
        super().__init__()
        self.rate_patience, self.pending = rate_patience, None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.best, self.wait = self.pending or (np.inf, 0)
        self.pending = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs["val_loss"] < self.best - 1e-4:
            self.best, self.wait = logs["val_loss"], 0
            return
        if self.wait >= self.rate_patience:
            rate = self.model.optimizer.learning_rate
            rate.assign(rate * 0.5)
            self.wait = 0
        self.wait += 1

    def state(self) -> tuple[float, int]:
        """Lowest loss and epochs since, to go on with after an interruption."""
        return self.best, self.wait

    def restore(self, state: Sequence) -> None:
        """Takes up what `state` gave, at the beginning of the next stage."""
        self.pending = state


class BestCheckpoint(keras.callbacks.Callback):
    """Calls `save(model, logs)` whenever the watched value strictly exceeds the best,
    or after one epoch alone.

    The best value survives across the stages of a run.

    Args:
        watch: name of the value.
        save: called with the model and the logs.
        only_epoch: number, from 1, of the only epoch that is kept; None for the best.
    """

    def __init__(
            self, watch: str,
            save: Callable[[keras.Model, dict[str, Any]], object], *,
            only_epoch: int | None = None) -> None:
        super().__init__()
        self.watch, self.save, self.only_epoch = watch, save, only_epoch
        self.best, self.best_epoch, self.best_logs = -1.0, None, {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if (logs[self.watch] > self.best if self.only_epoch is None
                else epoch + 1 == self.only_epoch):
            self.best, self.best_epoch = logs[self.watch], epoch + 1
            self.best_logs = dict(logs)
            self.save(self.model, dict(logs, epoch=epoch + 1))

    def state(self) -> tuple:
        """Best value, its epoch and its logs."""
        return self.best, self.best_epoch, self.best_logs

    def restore(self, state: Sequence) -> None:
        """Takes up what `state` gave."""
        self.best, self.best_epoch, self.best_logs = state


class AucCheckpoint(BestCheckpoint):
    """Keeps the model of the highest mean AUROC over the whole validation set.

    Says the AUROC of each class after each epoch, and the best after each stage.

    Args:
        save: called with the model and the logs.
        validation: `Validation` with `auc`, earlier in the list of callbacks.
        say: takes a line of text.
        only_epoch: see `BestCheckpoint`.
    """

    def __init__(
            self, save: Callable[[keras.Model, dict[str, Any]], object], *,
            validation: Validation, say: Callable[[str], object],
            only_epoch: int | None = None) -> None:
        super().__init__("val_auc", save, only_epoch=only_epoch)
        self.validation, self.say = validation, say
        self.best_aucs = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        aucs = self.validation.aucs
        if self.best_epoch == epoch + 1:
            self.best_aucs = aucs
        self.say(f"epoch {epoch + 1}: validation AUROC {shown(aucs)}, "
                 f"mean {logs['val_auc']:.4f}")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.best_epoch is None:
            self.say("no epoch was scored" if self.only_epoch is None else
                     f"the model of epoch {self.only_epoch} will be kept")
        else:
            self.say(f"best mean validation AUROC so far {self.best:.4f} in epoch "
                     f"{self.best_epoch}: {shown(self.best_aucs)}")

    def state(self) -> tuple:
        """As `BestCheckpoint.state`, with the AUROC of each class."""
        return *super().state(), self.best_aucs

    def restore(self, state: Sequence) -> None:
        """Takes up what `state` gave."""
        *earlier, self.best_aucs = state
        super().restore(earlier)


class TimeLeft(keras.callbacks.Callback):
    """Says after each epoch how long the rest of the whole run takes at its pace.

    Args:
        until: last epoch of the last stage.
        say: takes a line of text.
    """

    def __init__(self, until: int, say: Callable[[str], object]) -> None:
        super().__init__()
        self.until, self.say = until, say

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.monotonic() - self.started
        left = (self.until - epoch - 1) * seconds
        self.say(f"epoch {epoch + 1} of {self.until} took {duration(seconds)}; "
                 f"at most about {duration(left)} left of the run")


def duration(seconds: float) -> str:
    """A time as a user reads it: `45 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class HistoryLog(keras.callbacks.Callback):
    """Adds one row per epoch to `rows` and writes them as CSV after each.

    Args:
        rows: list of dicts, added to.
        path: CSV file, or None.
        stage: name of the present stage.
    """

    def __init__(
            self, rows: list[dict[str, Any]], path: str | os.PathLike | None,
            stage: str) -> None:
        super().__init__()
        self.rows, self.path, self.stage = rows, path, stage

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.rate = learning_rate(self.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        row = dict(epoch=epoch + 1, stage=self.stage, learning_rate=self.rate, **logs)
        self.rows.append(row)
        if self.path:
            files.write_csv(self.path, list(row), self.rows)


class TensorBoardLog(keras.callbacks.Callback):
    """Writes the values of each epoch for TensorBoard, which need not be installed.

    Args:
        folder: of the event files.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        super().__init__()
        self.folder = str(folder)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        import tensorflow as tf

        self.writer = tf.summary.create_file_writer(self.folder)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        import tensorflow as tf

        kind = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"))
        rate = learning_rate(self.model)
        with self.writer.as_default(step=epoch + 1):
            for name, value in (*logs.items(), ("learning_rate", rate)):
                tf.summary.write(name, float(value), metadata=kind)
        self.writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.writer.close()


class StateLog(keras.callbacks.Callback):
    """Writes everything needed to go on, atomically, after each epoch.

    Args:
        path: file beside the best model.
        meta: function of no arguments; what else to write, as JSON can hold it.
    """

    def __init__(
            self, path: str | os.PathLike, meta: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self.path, self.meta = path, meta

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        write_state(self.path, self.model, self.meta())


def learning_rate(model: keras.Model) -> float:
    """The present rate of a compiled model, on one device or several."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def variables(model: keras.Model) -> list[keras.Variable]:
    """All variables that training changes: weights, random states, optimizer."""
    return [*model.variables, *model.optimizer.variables]


def write_state(
        path: str | os.PathLike, model: keras.Model, meta: dict[str, Any]) -> None:
    """Writes the variables of a compiled model and `meta`, atomically."""
    arrays = {f"v{i}": np.asarray(keras.ops.convert_to_numpy(variable))
              for i, variable in enumerate(variables(model))}
    with files.replacing(path) as part:
        np.savez(part, meta=np.array(json.dumps(meta)), **arrays)


def read_meta(path: str | os.PathLike) -> dict[str, Any] | None:
    """What `write_state` was given as `meta`; None where there is no whole file."""
    try:
        with np.load(path, allow_pickle=False) as state:
            return json.loads(str(state["meta"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def restore_variables(path: str | os.PathLike, model: keras.Model) -> None:
    """Gives a compiled model, its optimizer built, the variables of `write_state`.

    Raises:
        files.InputError: the file is of another network.
    """
    with np.load(path, allow_pickle=False) as state:
        targets = variables(model)
        shapes = [tuple(variable.shape) for variable in targets]
        if shapes != [state[f"v{i}"].shape for i in range(len(state.files) - 1)]:
            raise files.InputError(
                f"{path} holds the state of another network; remove it to start again.")
        for i, variable in enumerate(targets):
            variable.assign(state[f"v{i}"])


def shown(values: Sequence[float]) -> str:
    """Floats as a user reads them: `[0.7512 0.7512]`."""
    return "[" + " ".join(f"{value:.4f}" for value in values) + "]"
