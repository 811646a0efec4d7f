"""The schedule as rows of stages, class weights, the loss."""

import dataclasses

import numpy as np
import pytest

from end2end import config
from end2end.training import schedule

TRAINING = config.TrainingOptions(
    optimizer="adam", learning_rate=0.001, first_until_epoch=3, top_until_epoch=13,
    all_until_epoch=50, all_rate_multiplier=0.01, late_weight_decay=0.02,
    late_dropout=0.3, workers=1)
MODEL = config.ModelOptions(weight_decay=0.01, dropout=0.5)


def quick(**changes):
    return dataclasses.replace(TRAINING, **changes)


def test_patch_training_has_the_three_stages_of_the_paper():
    rows = schedule.patch_stages(TRAINING, MODEL)
    assert [(row.first_trainable, row.until_epoch, row.weight_decay, row.dropout)
            for row in rows] == [("dense_1", 3, 0.01, 0.5),
                                 ("activation_46", 13, 0.02, 0.3),
                                 (None, 50, 0.02, 0.3)]
    np.testing.assert_allclose(
        [row.learning_rate for row in rows], [1e-3, 1e-4, 1e-5])


def test_patch_training_from_random_weights_has_one_stage_at_a_constant_rate():
    model = dataclasses.replace(MODEL, pretrained=False)
    [row] = schedule.patch_stages(TRAINING, model)
    assert (row.first_trainable, row.until_epoch, row.learning_rate) == (None, 3, 1e-3)


@pytest.mark.parametrize("ends", [(3, 13, 50), (3, 50, 13), (50, 3, 13)])
def test_yaroslav_with_default_flags_trains_in_one_stage_to_the_last_end_point(ends):
    model = dataclasses.replace(MODEL, backbone="yaroslav")
    options = quick(first_until_epoch=ends[0], top_until_epoch=ends[1],
                    all_until_epoch=ends[2])
    assert schedule.patch_stages(options, model) == [
        schedule.Stage("all layers", None, 50, 1e-3, 0.01, 0.5)]


@pytest.mark.parametrize("ends", [(3, 50), (50, 3)])
def test_a_whole_network_from_random_weights_trains_to_the_last_end_point(ends):
    options = quick(first_until_epoch=ends[0], all_until_epoch=ends[1])
    assert schedule.image_stages(options, MODEL, first_trainable=None) == [
        schedule.Stage("all layers", None, 50, 1e-3, 0.01, 0.5)]


def test_yaroslav_trains_in_three_stages_when_its_top_layers_are_named():
    model = dataclasses.replace(MODEL, backbone="yaroslav")
    rows = schedule.patch_stages(TRAINING, model, first_trainable="block5_conv1")
    assert [(row.name, row.first_trainable) for row in rows] == [
        ("last layer", "dense_1"), ("top layers", "block5_conv1"), ("all layers", None)]


def test_image_training_has_the_two_stages_of_the_paper():
    options = quick(learning_rate=1e-4, first_until_epoch=30, all_rate_multiplier=0.1,
                    late_weight_decay=0.01)
    model = dataclasses.replace(MODEL, weight_decay=0.001)
    rows = schedule.image_stages(options, model, first_trainable="top_conv")
    assert rows == [
        schedule.Stage("top layers", "top_conv", 30, 1e-4, 0.001, 0.5),
        schedule.Stage("all layers", None, 50, pytest.approx(1e-5), 0.01, 0.3)]


def test_cross_entropy_clips_at_1e_7_even_behind_a_softmax():
    import keras

    scores = keras.activations.softmax(keras.ops.convert_to_tensor([[-200.0, 200.0]]))
    loss = schedule.cross_entropy(np.array([[1.0, 0.0]], np.float32), scores)
    assert float(loss[0]) == pytest.approx(-np.log(1e-7))
    right = schedule.cross_entropy(np.array([[0.0, 1.0]], np.float32), scores)
    assert float(right[0]) == pytest.approx(-np.log(np.float32(1 - 1e-7)), rel=1e-3)


def test_class_weights_exist_for_two_and_three_classes_without_balancing(caplog):
    options = quick(balance_batches=False, positive_weight=3.0, negative_weight=2.0)
    assert schedule.class_weights(options, 2).tolist() == [1, 3]
    assert schedule.class_weights(options, 3).tolist() == [1, 3, 2]
    assert schedule.class_weights(quick(), 3) is None and caplog.messages == []
    for given, classes, most in ((options, 5, 3), (options, 3, 2),
                                 (quick(positive_weight=3.0), 2, 3),
                                 (quick(negative_weight=0.5), 2, 3)):
        caplog.clear()
        assert schedule.class_weights(given, classes, most=most) is None
        assert caplog.messages == [
            "class weights have no effect with batch balancing or more than "
            f"{most} classes (--pos-cls-weight, --neg-cls-weight)."]


def test_smoothed_labels_spread_their_share_over_all_classes():
    labels = np.array([[0, 1, 0], [1, 0, 0]], np.float32)
    scores = np.array([[0.2, 0.7, 0.1], [0.5, 0.25, 0.25]], np.float32)
    # 0.3 of a label is 0.1 for each of three classes.
    by_hand = [-(0.1 * np.log(0.2) + 0.8 * np.log(0.7) + 0.1 * np.log(0.1)),
               -(0.8 * np.log(0.5) + 0.2 * np.log(0.25))]
    np.testing.assert_allclose(
        np.asarray(schedule.smoothed(0.3)(labels, scores)), by_hand, rtol=1e-6)
    assert schedule.smoothed(0.0) is schedule.cross_entropy
