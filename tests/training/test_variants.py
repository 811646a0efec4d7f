"""Ways to compute: names, what a machine and a run allow, and bounds."""

import pytest
import tensorflow as tf

from end2end import config
from end2end.training import remat, variants
from end2end.utils import processes

FREE = config.TrainingOptions(deterministic=False)
ALL = variants.Machine(1, frozenset(remat.PRECISIONS))


def test_all_combinations_are_there_plain_float32_first():
    names = [variant.name for variant in variants.VARIANTS]
    assert names[:4] == ["float32", "float32, channels-last", "float32, XLA",
                         "float32, XLA, channels-last"]
    assert len(set(names)) == 12
    assert variants.BOUNDS.keys() == set(remat.PRECISIONS)


@pytest.mark.parametrize("variant, options, host, more, reason", [
    (dict(precision="mixed_float16"), FREE, variants.Machine(1, frozenset({"float32"})),
     {}, "no device here computes in float16"),
    (dict(precision="mixed_float16"), FREE, ALL, dict(devices=2), "one device only"),
    (dict(xla=True), config.TrainingOptions(), ALL, {}, "--no-deterministic allows"),
    (dict(xla=True), FREE, ALL, dict(devices=2), "XLA works on one device only"),
    (dict(xla=True), FREE, ALL, dict(one_size=False), "images of one size"),
    (dict(data_format="channels-last"), FREE, variants.Machine(0, ALL.precisions), {},
     "a processor has that order anyway")])
def test_what_a_machine_or_a_run_does_not_allow_has_a_reason(
        variant, options, host, more, reason):
    variant = variants.Variant(**variant)
    assert reason in variants.why_not(variant, options, host=host, **more)
    assert variants.why_not(variant, FREE, host=ALL) == ""


def test_options_of_a_run_and_its_way_to_compute_are_one():
    for variant in variants.VARIANTS:
        assert variants.of(variants.applied(FREE, variant)) == variant
    assert variants.of(config.TrainingOptions()) == variants.PLAIN


def test_a_difference_is_the_greatest_share_of_a_value():
    assert variants.difference([0.55, -4.2, 0.0], [0.5, -4.0, 0.0]) == pytest.approx(
        0.1)
    assert variants.difference([float("nan"), 1.0], [1.0, 1.0]) != pytest.approx(0)


@pytest.mark.parametrize("flags, half", [
    ({"avx2", "avx512_bf16"}, True), ({"amx_bf16"}, True), ({"avx2", "fma"}, False)])
def test_a_processor_has_half_precision_where_it_says_so(monkeypatch, flags, half):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(variants.flip_calls, "processor_features", lambda: flags)
    assert variants.machine() == variants.Machine(
        0, frozenset({"float32", *["mixed_bfloat16"] * half}))


@pytest.mark.parametrize("capabilities, halves", [
    ([(8, 6), (9, 0)], {"mixed_float16", "mixed_bfloat16"}),
    ([(8, 6), (7, 5)], {"mixed_float16"}), ([(6, 1)], set()), ([None], set()),
    # V100 and A100.
    ([(7, 0)], {"mixed_float16"}), ([(8, 0)], {"mixed_float16", "mixed_bfloat16"})])
def test_the_weakest_gpu_tells_and_what_it_does_not_tell_it_has_not(
        monkeypatch, capabilities, halves):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: capabilities)
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details",
        lambda gpu: dict(compute_capability=gpu) if gpu else {})
    assert variants.machine() == variants.Machine(
        len(capabilities), frozenset({"float32", *halves}))


def test_the_order_in_memory_is_set_and_set_back():
    def layout():
        return tf.config.optimizer.get_experimental_options().get(
            "layout_optimizer", True)

    variants.set_data_format("channels-last")
    assert layout() is False
    variants.set_data_format("automatic")
    assert layout() is True


def first_move(variant):
    """How the first step of plain descent moves the weights: the gradient."""
    import numpy as np
    import tiny_networks

    from end2end.training import loop, schedule

    model = tiny_networks.nested_network()
    before = [weight.numpy() for weight in model.trainable_weights]
    options = variants.applied(config.TrainingOptions(
        optimizer="sgd", deterministic=False, workers=1), variant)
    stage = schedule.Stage("all", None, 1, 0.01, 0.01, 0.0)
    list(loop.first_steps(
        model, stage, tiny_networks.ArrayBatches(), options=options, count=1))
    return np.concatenate([
        (weight.numpy() - start).ravel() for weight, start
        in zip(model.trainable_weights, before, strict=True)])


@pytest.mark.slow
def test_ways_to_compute_have_the_gradients_of_plain_float32():
    """In processes of their own, as tests before ask TensorFlow for repeatable sums,
    with which it leaves XLA out in silence."""
    import numpy as np

    plain, xla, half = (processes.alone(first_move, variant, seconds=300)
                        for variant in (variants.PLAIN, variants.Variant(xla=True),
                                        variants.Variant("mixed_bfloat16")))
    for move, most in ((xla, 1e-4), (half, 0.03)):
        assert 0 < np.linalg.norm(move - plain) / np.linalg.norm(plain) < most
