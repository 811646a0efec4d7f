"""The optimizers follow the formulas of Keras 2.0.8, here written out in NumPy."""

import keras
import numpy as np
import pytest

from end2end.training import optimizers
from end2end.utils import files

RATE = 0.01
GRADIENTS = np.array([[0.5, -2.0, 1e-9], [0.1, 1.0, 1e-9], [-0.3, 0.5, 0.0],
                      [0.7, -0.1, 2e-9]], np.float32)
START = np.array([1.0, 2.0, 3.0], np.float32)
EPSILON = 1e-8


def sgd(p, gradients):
    velocity = 0
    for g in gradients:
        velocity = 0.9 * velocity - RATE * g
        p = p + 0.9 * velocity - RATE * g
    return p


def rmsprop(p, gradients):
    mean = 0
    for g in gradients:
        mean = 0.9 * mean + 0.1 * g**2
        p = p - RATE * g / (np.sqrt(mean) + EPSILON)
    return p


def adagrad(p, gradients):
    total = 0
    for g in gradients:
        total = total + g**2
        p = p - RATE * g / (np.sqrt(total) + EPSILON)
    return p


def adadelta(p, gradients):
    squares = deltas = 0
    for g in gradients:
        squares = 0.95 * squares + 0.05 * g**2
        update = g * np.sqrt(deltas + EPSILON) / np.sqrt(squares + EPSILON)
        p = p - RATE * update
        deltas = 0.95 * deltas + 0.05 * update**2
    return p


def adamax(p, gradients):
    m = u = 0
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + 0.1 * g
        u = np.maximum(0.999 * u, np.abs(g))
        p = p - RATE / (1 - 0.9**t) * m / (u + EPSILON)
    return p


def adam(p, gradients):
    m = v = 0
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        rate = RATE * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        p = p - rate * m / (np.sqrt(v) + EPSILON)
    return p


def nadam(p, gradients, first=1):
    m = v = 0
    product = 1
    for t, g in enumerate(gradients, start=first):
        now = 0.9 * (1 - 0.5 * 0.96 ** (0.004 * t))
        coming = 0.9 * (1 - 0.5 * 0.96 ** (0.004 * (t + 1)))
        product *= now
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        mixed = ((1 - now) * g / (1 - product)
                 + coming * m / (1 - product * coming))
        p = p - RATE * mixed / (np.sqrt(v / (1 - 0.999**t)) + EPSILON)
    return p


@pytest.mark.parametrize(
    "formula", [sgd, rmsprop, adagrad, adadelta, adamax, adam, nadam])
def test_four_steps_equal_the_formula_of_keras_2_0_8(formula):
    optimizer = optimizers.optimizer(formula.__name__, RATE)
    weight = keras.Variable(START)
    optimizer.build([weight])
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    expected = formula(START.astype(float), GRADIENTS.astype(float))
    np.testing.assert_allclose(weight.numpy(), expected, rtol=2e-5)


def test_the_momentum_of_nadam_grows_through_thousands_of_steps():
    optimizer = optimizers.optimizer("nadam", RATE)
    weight = keras.Variable(START)
    optimizer.build([weight])
    optimizer.iterations.assign(2999)
    for gradient in GRADIENTS[:2]:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    expected = nadam(START.astype(float), GRADIENTS[:2].astype(float), first=3000)
    np.testing.assert_allclose(weight.numpy()[:2], expected[:2], rtol=2e-5)


def test_steps_of_nadam_from_zero_are_exact():
    # From other numbers rounding hides by how much the momentum grows in one step.
    optimizer = optimizers.optimizer("nadam", RATE)
    weight = keras.Variable(np.zeros_like(START))
    optimizer.build([weight])
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    expected = nadam(np.zeros(START.shape), GRADIENTS.astype(float))
    np.testing.assert_allclose(weight.numpy(), expected, rtol=2e-5)


def test_accumulating_two_gradients_is_one_step_with_their_mean():
    optimizer = optimizers.optimizer("sgd", RATE, accumulate=2)
    weight = keras.Variable(START)
    optimizer.build([weight])
    for gradient in GRADIENTS[:2]:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    expected = sgd(START.astype(float), [GRADIENTS[:2].astype(float).mean(axis=0)])
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-6)


def test_adamw_takes_a_share_of_kernels_alone():
    optimizer = optimizers.optimizer("adamw", RATE, decay=0.5)
    kernel, bias = (keras.Variable(START, name=name) for name in ("kernel", "bias"))
    optimizer.build([kernel, bias])
    gradient = keras.ops.convert_to_tensor(GRADIENTS[0])
    optimizer.apply([gradient, gradient], [kernel, bias])
    step = adam(START.astype(float), GRADIENTS[:1].astype(float)) - START
    np.testing.assert_allclose(kernel.numpy(), START * (1 - RATE * 0.5) + step,
                               rtol=1e-5)
    np.testing.assert_allclose(bias.numpy(), START + step, rtol=1e-5)


def test_the_moving_average_starts_with_the_first_step_and_keeps_its_share():
    optimizer = optimizers.optimizer("sgd", RATE, average=0.75)
    weight = keras.Variable(START)
    optimizer.build([weight])
    steps = []
    for gradient in GRADIENTS[:3]:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
        steps.append(weight.numpy())
    optimizer.finalize_variable_values([weight])
    expected = 0.75 * (0.75 * steps[0] + 0.25 * steps[1]) + 0.25 * steps[2]
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-6)


def test_an_unknown_optimizer_is_refused_by_name():
    with pytest.raises(files.InputError, match="'sdg' is not known"):
        optimizers.optimizer("sdg", RATE)
