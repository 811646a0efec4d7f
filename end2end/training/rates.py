"""Learning rates that follow the steps of a stage: warm-up, then cosines."""

from typing import Any

import keras
from keras import ops

from end2end import config


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Rises evenly to a rate, which then stays or follows a schedule of Keras.

    Args:
        peak: rate in the last of the steps of the warm-up.
        steps: of the warm-up; 0 for none.
        after: `LearningRateSchedule` that begins behind the warm-up; None: `peak`.
    """

    def __init__(
            self, peak: float, *, steps: int,
            after: keras.optimizers.schedules.LearningRateSchedule | None = None,
            ) -> None:
        super().__init__()
        self.peak, self.steps, self.after = peak, steps, after

    def __call__(self, step: Any) -> Any:
        """The rate of a step, counted from 0."""
        step = ops.cast(step, "float32")
        rising = self.peak * (step + 1) / max(self.steps, 1)
        later = self.peak if self.after is None else self.after(
            step - self.steps)
        return ops.where(step < self.steps, rising, later)

    def get_config(self) -> dict[str, Any]:
        """Its arguments, as Keras asks of a schedule."""
        return dict(peak=self.peak, steps=self.steps, after=self.after)


def rate(
        peak: float, *, epochs: int, steps: int, options: config.TrainingOptions
        ) -> float | WarmUp:
    """The rate of a stage: constant, or a schedule where the options ask for one.

    Args:
        peak: learning rate of the stage.
        epochs: of the stage.
        steps: training batches of an epoch.
        options: `TrainingOptions`; `warmup_epochs`, and `rate_cycle`, the share of the
            epochs of the stage that one cosine from `peak` to 0 takes. A cosine that
            the end of the stage would cut off ends there.
    """
    if not follows_steps(options):
        return peak
    warm_up = min(options.warmup_epochs, epochs) * steps
    after = None
    if options.rate_cycle:
        left = max(epochs * steps - warm_up, 1)
        cycle = round(options.rate_cycle * epochs * steps)
        after = keras.optimizers.schedules.CosineDecayRestarts(
            peak, min(max(cycle, 1), left), t_mul=1.0)
    return WarmUp(peak, steps=warm_up, after=after)


def follows_steps(options: config.TrainingOptions) -> bool:
    """Whether the rate follows a schedule, so that no plateau may halve it."""
    return bool(options.warmup_epochs or options.rate_cycle)
