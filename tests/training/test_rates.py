"""Rates that follow the steps: warm-up and cosines, by arithmetic."""

import dataclasses
import math

import numpy as np
import pytest

from end2end import config
from end2end.training import rates

PLAIN = config.TrainingOptions()


def values(steps, **changes):
    options = dataclasses.replace(PLAIN, **changes)
    rate = rates.rate(0.4, epochs=10, steps=2, options=options)
    return np.array([float(rate(step)) for step in range(steps)])


def test_without_options_a_rate_is_a_number():
    assert rates.rate(0.4, epochs=10, steps=2, options=PLAIN) == 0.4
    assert not rates.follows_steps(PLAIN)
    assert float(rates.WarmUp(0.25, steps=1)(0)) == 0.25
    assert rates.WarmUp(0.4, steps=3).get_config() == dict(
        peak=0.4, steps=3, after=None)


def test_the_rate_rises_evenly_through_the_warm_up_and_stays():
    np.testing.assert_allclose(
        values(7, warmup_epochs=2), [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4], rtol=1e-6)


def test_a_cosine_takes_a_share_of_the_epochs_and_starts_again():
    # 4 epochs of 2 steps: half of (1 + cos) of 0, 1/8, ... of the way to pi.
    cosine = [0.2 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]
    np.testing.assert_allclose(
        values(18, rate_cycle=0.4), cosine + cosine + cosine[:2], rtol=1e-5)


def test_cosines_begin_behind_the_warm_up_and_end_with_the_stage():
    # 16 of the 20 steps are left, fewer than one cycle would take.
    expected = [0.1, 0.2, 0.3, 0.4] + [
        0.2 * (1 + math.cos(math.pi * step / 16)) for step in range(16)]
    np.testing.assert_allclose(
        values(20, warmup_epochs=2, rate_cycle=1.0), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("changes", [
    dict(warmup_epochs=99), dict(warmup_epochs=99, rate_cycle=0.5),
    dict(rate_cycle=0.001)])
def test_every_setting_gives_finite_rates_up_to_that_of_the_stage(changes):
    steps = values(20, **changes)
    assert (steps >= 0).all() and (steps <= 0.4 + 1e-6).all()
    if "warmup_epochs" not in changes:      # a cosine in each step
        np.testing.assert_allclose(steps, 0.4, rtol=1e-6)
