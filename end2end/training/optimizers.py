"""The seven optimizers with the constants and formulas of Keras 2.0.8, and AdamW.

Today's Keras differs in them: epsilon 1e-7 for 1e-8, Nadam without the slow schedule,
Adagrad from 0.1 instead of 0, and epsilon inside the root of Adagrad and RMSprop
(docs/differences.md).
"""

from typing import Any

import keras
from keras import ops

from end2end.utils import files

EPSILON = 1e-8


class Adagrad(keras.optimizers.Adagrad):
    """Adagrad that divides by `sqrt(sum of squares) + epsilon`, from a sum of 0."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        total = self._accumulators[self._get_variable_index(variable)]
        self.assign_add(total, ops.square(gradient))
        self.assign_sub(variable, rate * gradient / (ops.sqrt(total) + self.epsilon))


class RMSprop(keras.optimizers.RMSprop):
    """RMSprop that divides by `sqrt(mean of squares) + epsilon`."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        mean = self._velocities[self._get_variable_index(variable)]
        self.assign(mean, self.rho * mean + (1 - self.rho) * ops.square(gradient))
        self.assign_sub(variable, rate * gradient / (ops.sqrt(mean) + self.epsilon))


class Nadam(keras.optimizers.Nadam):
    """Nadam whose momentum is `beta_1 (1 - 0.5 * 0.96 ** (0.004 t))` in step t."""

    schedule_decay = 0.004

    def _momentum(self, step):
        power = ops.power(ops.cast(0.96, step.dtype), self.schedule_decay * step)
        return self.beta_1 * (1 - 0.5 * power)

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        step = ops.cast(self.iterations + 1, self._u_product.dtype)
        self.assign(self._u_product, self._u_product * self._momentum(step))
        # Past Keras's own Nadam, which would multiply by its own momentum once more.
        super(keras.optimizers.Nadam, self)._backend_update_step(
            grads, trainable_variables, learning_rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        step = ops.cast(self.iterations + 1, variable.dtype)
        now, coming = self._momentum(step), self._momentum(step + 1)
        product = ops.cast(self._u_product, variable.dtype)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        mixed = (coming * m / (1 - product * coming)
                 + (1 - now) * gradient / (1 - product))
        spread = ops.sqrt(v / (1 - ops.power(self.beta_2, step))) + self.epsilon
        self.assign_sub(variable, rate * mixed / spread)


OPTIMIZERS = {
    "sgd": (keras.optimizers.SGD, dict(momentum=0.9, nesterov=True)),
    "rmsprop": (RMSprop, dict(rho=0.9, epsilon=EPSILON)),
    "adagrad": (Adagrad, dict(initial_accumulator_value=0.0, epsilon=EPSILON)),
    "adadelta": (keras.optimizers.Adadelta, dict(rho=0.95, epsilon=EPSILON)),
    "adamax": (keras.optimizers.Adamax, dict(epsilon=EPSILON)),
    "adam": (keras.optimizers.Adam, dict(epsilon=EPSILON)),
    "nadam": (Nadam, dict(epsilon=EPSILON)),
    # Loshchilov and Hutter 2019; Keras 2.0.8 had none.
    "adamw": (keras.optimizers.AdamW, dict(epsilon=EPSILON)),
}
# What AdamW does not decay: it shifts and scales, which a small size does not simplify.
NOT_DECAYED = ["bias", "gamma", "beta"]


def optimizer(
        name: str,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule, *,
        accumulate: int = 1, decay: float = 0.0,
        average: float = 0.0) -> keras.optimizers.Optimizer:
    """Makes one optimizer with the settings of Keras 2.0.8.

    Args:
        name: key of `OPTIMIZERS`.
        learning_rate: step size, or a schedule of it.
        accumulate: batches whose gradients are averaged for one step.
        decay: share of each weight, times the rate, that AdamW takes off in a step;
            biases, gammas and betas excepted.
        average: share that the moving average of the weights keeps of itself in a step,
            by Keras's `use_ema`; 0 for no average.

    Raises:
        files.InputError: unknown name.
    """
    if name not in OPTIMIZERS:
        raise files.InputError(
            f"optimizer {name!r} is not known; expected one of "
            f"{', '.join(OPTIMIZERS)} (--optimizer).")
    make, settings = OPTIMIZERS[name]
    if average:
        settings = settings | dict(use_ema=True, ema_momentum=average)
    if name == "adamw":
        settings = settings | dict(weight_decay=decay)
    steps = accumulate if accumulate > 1 else None
    optimizer = make(learning_rate=learning_rate, gradient_accumulation_steps=steps,
                     **settings)
    if name == "adamw":
        optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return optimizer
