import copy

import deformed
import pytest
import recorded

from end2end.model_files import keras1_names, layer_settings, network_config
from end2end.utils import files

CONVOLUTION = {
    "name": "conv1", "nb_filter": 4, "nb_row": 3, "nb_col": 5, "init": "he_normal",
    "activation": "relu", "border_mode": "same", "subsample": [2, 1],
    "dim_ordering": "tf", "bias": False, "input_dtype": "float32",
    "W_regularizer": {"name": "L1L2Regularizer", "l1": 0.0, "l2": 0.5},
    "b_regularizer": None, "W_constraint": None}


def translated(kind, config):
    kind, settings = keras1_names.layer(kind, config, "here")
    return kind, layer_settings.checked(kind, settings, "here")


def test_a_convolution_of_keras_1_has_the_settings_of_keras_2():
    before = copy.deepcopy(CONVOLUTION)
    kind, settings = translated("Convolution2D", CONVOLUTION)
    assert (kind, CONVOLUTION) == ("Conv2D", before)
    assert settings == {
        "filters": 4, "kernel_size": [3, 5], "activation": "relu", "padding": "same",
        "strides": [2, 1], "use_bias": False, "bias_regularizer": None,
        "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}}


def test_old_words_are_understood_under_new_classes_too():
    assert translated("Conv2D", CONVOLUTION) == translated(
        "Convolution2D", CONVOLUTION)
    assert translated("Dense", {"output_dim": 5, "input_dim": 8}) == (
        "Dense", {"units": 5})
    assert translated("Dropout", {"p": 0.25}) == ("Dropout", {"rate": 0.25})
    assert translated("ZeroPadding2D", {"padding": [1, 2, 3, 4]})[1] == {
        "padding": [[1, 2], [3, 4]]}


@pytest.mark.parametrize(("mode", "kind"), keras1_names.MERGES.items())
def test_a_merge_becomes_the_layer_of_its_mode(mode, kind):
    config = {"name": "merge_1", "mode": mode, "mode_type": "raw", "concat_axis": 3,
              "dot_axes": -1, "arguments": {}}
    assert translated("Merge", config) == (
        kind, {"axis": 3} if mode == "concat" else {})


@pytest.mark.parametrize(("kind", "config", "named"), [
    ("Merge", {"mode": "4wEAAAA=", "mode_type": "lambda"}, "4wEAAAA="),
    ("Merge", {"mode": "dot"}, "dot"),
    ("BatchNormalization", {"mode": 1, "axis": 3}, "mode 1"),
    ("Conv2D", {"nb_filter": 4, "dim_ordering": "th"}, "channels_first"),
    ("BatchNormalization", {"mode": 2, "axis": 3}, "mode 2"),
    ("Dense", {"output_dim": 2, "W_noise": {"name": "binary"}}, "binary")])
def test_what_would_compute_otherwise_or_run_code_is_refused(kind, config, named):
    with pytest.raises(files.InputError, match=named):
        translated(kind, config)


def test_an_unknown_class_of_keras_1_is_refused_by_its_name():
    entry = {"name": "a", "class_name": "MaxoutDense", "config": {"output_dim": 2}}
    with pytest.raises(files.InputError, match="MaxoutDense"):
        network_config.read({"class_name": "Model", "config": {
            "name": "m", "layers": [entry], "input_layers": [["a", 0, 0]],
            "output_layers": [["a", 0, 0]]}}, "model x.h5")


@pytest.mark.parametrize(("name", "expected"), [
    ("conv1_W:0", "conv1/kernel"), ("res2a_branch2a_b:0", "res2a_branch2a/bias"),
    ("dense_1_W_1:0", "dense_1/kernel"), ("bn_running_std:0", "bn/moving_variance"),
    ("sep_depthwise_kernel:0", "sep/depthwise_kernel"), ("kernel:0", None)])
def test_a_weight_is_known_by_its_name(name, expected):
    assert keras1_names.weight(name) == expected


OLD = [("Convolution2D", CONVOLUTION), ("ZeroPadding2D", {"padding": [1, 2, 3, 4]}),
       ("Merge", {"mode": "concat", "concat_axis": 1, "name": "m", "mode_type": "raw"}),
       ("Merge", {"mode": "sum"}), ("BatchNormalization", {"mode": 0, "axis": 3}),
       ("Dense", {"output_dim": 3, "W_regularizer": {"class_name": "L2", "l2": 1},
                  "b_regularizer": {"name": "WeightRegularizer", "l2": 0.25}})]


def test_old_layers_deformed_at_any_place_are_read_or_refused_as_recorded():
    rows = []
    for kind, config in OLD:
        rows += [f"== {kind}", deformed.record(
            lambda stored, kind=kind: keras1_names.layer(kind, stored, "m.h5"), config)]
    rows += [f"{name} {keras1_names.weight(name)}" for name in (
        "conv1_W:0", "conv1_W_1:0", "a_b_b:0", "n_gamma", "n_beta_2", "n_running_std:0",
        "n_running_mean:0", "s_depthwise_kernel:0", "s_pointwise_kernel", "c/kernel",
        "W:0", "_W", "conv1_w:0", "conv1_W_x")]
    rows += [str(keras1_names.layer("Convolution2D", None, "m.h5"))]
    recorded.check("model-keras1", "\n".join(rows))
