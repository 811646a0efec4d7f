import logging

import deformed
import pytest
import recorded

from end2end.model_files import layer_settings
from end2end.utils import files


def test_settings_are_taken_over_and_what_changes_nothing_is_left_out():
    assert layer_settings.checked("Dense", dict(
        units=3, activation="relu", use_bias=False, name="d", kernel_initializer={},
        ), "m.h5") == dict(units=3, activation="relu", use_bias=False)


def test_dropout_of_whole_samples_stays_so():
    config = {"rate": 0.2, "noise_shape": [None, 1, 1, 1], "name": "drop"}
    assert layer_settings.checked("Dropout", config, "here") == {
        "rate": 0.2, "noise_shape": [None, 1, 1, 1]}


def test_an_older_spelling_becomes_the_present_one():
    assert layer_settings.checked("LeakyReLU", dict(alpha=0.25), "m.h5") == dict(
        negative_slope=0.25)


def test_rates_of_float32_are_read_as_they_were_typed():
    stored = dict(class_name="L1L2", config=dict(l1=0.0, l2=0.0010000000474974513))
    settings = layer_settings.checked("Dense", dict(kernel_regularizer=stored), "m.h5")
    assert settings["kernel_regularizer"]["config"] == dict(l1=0.0, l2=0.001)


@pytest.mark.parametrize(("config", "sentence"), [
    (None, "no settings"),
    (dict(units=10 ** 9), "beyond reason"),
    (dict(units=float("nan")), "holds the number nan"),
    (dict(activation="run_me"), "expected one of"),
    (dict(surprise=3), "not understood"),
    (dict(dtype="int8"), "computes in"),
    (dict(data_format="channels_first"), "channels_first")])
def test_settings_that_are_not_understood_are_refused(config, sentence):
    with pytest.raises(files.InputError, match=sentence):
        layer_settings.checked("Dense", config, "m.h5")


def test_an_activation_that_is_a_layer_needs_its_settings():
    with pytest.raises(files.InputError, match=(
            "^m.h5 has the activation 'LeakyReLU' without its settings, whose defaults "
            "differ between versions of Keras")):
        layer_settings.checked("Dense", dict(activation="LeakyReLU"), "m.h5")


def test_a_regularizer_without_a_rate_is_none():
    assert layer_settings.checked("Dense", dict(kernel_regularizer=dict(
        class_name="L1L2", config=dict(l1=0, l2=0.0))), "m.h5") == dict(
            kernel_regularizer=None)


def test_a_constraint_is_left_out_and_that_is_logged(caplog):
    with caplog.at_level(logging.INFO):
        assert layer_settings.checked(
            "Dense", dict(kernel_constraint={"class_name": "MaxNorm"}), "m.h5") == {}
    assert "kernel_constraint acts in training only" in caplog.text


def test_a_setting_without_effect_is_not_logged(caplog):
    with caplog.at_level(logging.INFO):
        assert layer_settings.checked(
            "Dense", dict(kernel_constraint=None), "m.h5") == {}
    assert caplog.text == ""


@pytest.mark.parametrize(("value", "name"), [
    ("float32", None), (None, None), ("mixed_float16", "mixed_float16"),
    (dict(class_name="DTypePolicy", config=dict(name="mixed_bfloat16")),
     "mixed_bfloat16")])
def test_number_types_are_read_in_the_words_of_every_age(value, name):
    assert layer_settings.number_type(value, "m.h5") == name


def test_the_shape_of_an_input_loses_the_batch():
    assert layer_settings.shape([None, 7, None, 3], "m.h5") == (7, None, 3)


@pytest.mark.parametrize("side", [0, -1, 2.0, True, 10 ** 6])
def test_a_side_beyond_reason_is_refused(side):
    with pytest.raises(files.InputError, match=f"an input side of {side}"):
        layer_settings.shape([None, side, 3], "m.h5")


@pytest.mark.parametrize("policy", [
    dict(class_name="QuantizedDTypePolicy",
         config=dict(mode="int8", source_name="float32")),
    dict(class_name="DTypePolicyMap", config=dict(policy_map={})),
    dict(class_name="DTypePolicy", config=dict(name=None)), "float16", "bfloat16"])
def test_number_types_of_fewer_bits_are_refused(policy):
    with pytest.raises(files.InputError, match="limit of this program"):
        layer_settings.number_type(policy, "m.h5")


def test_an_array_as_setting_is_read_as_its_numbers():
    array = dict(class_name="__numpy__",
                 config=dict(value=[0.5, 1.0, 2.0], dtype="float64"))
    assert layer_settings.checked("Rescaling", dict(scale=array, offset=0.0), "m.h5"
                                  ) == dict(scale=[0.5, 1.0, 2.0], offset=0.0)


VALUES = [None, True, False, 0, 1, -1, 2.5, "same", "relu", "nearest", "area", "x",
          "y" * 90, 10**7, 10**7 + 1, -10**7 - 1, float("inf"), [], [3], [2, 3],
          [[1, 2], [3, 4]], [[10**8]], {}, {"l2": 1}, [{}],
          {"class_name": "L2", "config": {"l2": 0.01}},
          {"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0}},
          {"class_name": "l1", "config": {"l1": -1}},
          {"class_name": "L1", "config": {"l1": 10**7 + 1}},
          {"class_name": "L1", "config": {"l1": 10**7}},
          {"class_name": "L1", "config": {"l1": "x"}},
          {"class_name": "L3", "config": {}}, {"class_name": "L2"},
          {"class_name": "function", "config": "softmax_v2"},
          {"class_name": "ReLU", "config": {"max_value": 6.0}},
          {"class_name": "__numpy__", "config": {"value": [0.5]}},
          {"class_name": "__tensor__", "config": 3}]
KEYS = ("units", "activation", "kernel_regularizer", "axis", "interpolation", "dtype",
        "data_format", "renorm", "renorm_momentum", "groups", "seed", "surprise",
        "kernel_constraint", "fill_mode", "scale")


def test_every_value_of_every_kind_of_setting_is_read_as_recorded():
    rows = []
    for kind, key in [*(("Dense", key) for key in KEYS), ("Resizing", "interpolation"),
                      ("Resizing", "fill_mode"), ("Softmax", "axis"),
                      ("ReLU", "theta"), ("Conv2D", "kernel_size"),
                      ("Rescaling", "scale"), ("Conv2D", "groups")]:
        rows.append(f"== {kind} {key}")
        rows.append(deformed.grouped(
            read(kind), [(repr(value), {key: value}) for value in VALUES]))
    recorded.check("model-settings", "\n".join(rows))


def read(kind):
    return lambda config: layer_settings.checked(kind, config, "m.h5")


def test_the_settings_of_every_class_are_taken_over():
    for kind, keys in layer_settings.SETTINGS.items():
        config = {key: "relu" if key == "activation" else "bilinear"
                  if key == "interpolation" else None if "regularizer" in key else 3
                  for key in keys}
        assert layer_settings.checked(kind, config, "m.h5") == config
    assert layer_settings.shape([None, 100_000], "m.h5") == (100_000,)
    for sides, message in (([None], "the input shape is"),
                           ([None, 100_001], "an input side of 100001, which is")):
        with pytest.raises(files.InputError, match=message):
            layer_settings.shape(sides, "m.h5")
