"""Clocks: what is timed, and the rate of matrix products."""

import types

import numpy as np
import pytest

from end2end.utils import clocks


@pytest.fixture
def ticking(monkeypatch):
    """A clock that work moves by hand."""
    now = [0.0]
    monkeypatch.setattr(clocks, "CLOCK", lambda: now[0])
    return now


def test_each_result_of_an_iterator_is_timed_by_itself(ticking):
    def results():
        for seconds in (4.0, 1.0, 2.5):
            ticking[0] += seconds
            yield seconds * 10

    assert clocks.timed(results()) == ([4.0, 1.0, 2.5], [40.0, 10.0, 25.0])
    assert clocks.timed(iter(())) == ([], [])


def test_the_fastest_call_counts_and_the_first_only_warms_up():
    lengths, now = iter([1.0, 5.0, 3.0, 4.0]), [0.0]

    def work():
        now[0] += next(lengths)

    assert clocks.fastest(work, runs=3, clock=lambda: now[0]) == 3.0


def test_works_take_turns():
    order = []
    times = clocks.interleaved(
        lambda: order.append("a"), lambda: order.append("b"), rounds=2)
    assert order == ["a", "b"] * 3 and times.shape == (2, 2)


def test_a_ratio_is_the_median_of_those_within_a_turn():
    assert clocks.ratio(np.array([2.0, 9.0, 30.0]), np.array([1.0, 3.0, 5.0])) == 3


def test_a_product_of_matrices_counts_two_operations_for_each_multiplication():
    multiply, operations = clocks.product(8, "bfloat16")
    assert operations == 2 * 8 * 8 * 8
    assert multiply().dtype == "bfloat16" and multiply().shape == (8, 8)


def test_the_rate_of_the_machine_is_that_of_the_faster_product(monkeypatch):
    monkeypatch.setattr(clocks, "product", lambda size: ("of TensorFlow", 2 * size**3))
    monkeypatch.setattr(np.random, "default_rng", lambda seed: types.SimpleNamespace(
        normal=lambda size: np.array([[1.0 + seed, 2.0], size])))
    (numpy_product, other), operations = clocks.product_works()
    assert other == "of TensorFlow" and operations == 2**34
    assert numpy_product().dtype == np.float32
    assert numpy_product().tolist() == [[4097, 4098], [2048 * 2049, 2048 * 2050]]
    monkeypatch.setattr(clocks, "fastest", lambda work, runs: work / runs)
    for works in ((40.0, 5.0), (5.0, 8.0)):
        monkeypatch.setattr(clocks, "product_works", lambda works=works: (works, 300))
        assert clocks.matrix_product_rate() == 600
