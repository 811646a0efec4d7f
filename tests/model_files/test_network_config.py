"""One network in the words of every age of Keras is read as the same rows."""

import copy
import itertools

import pytest

from end2end.model_files import network_config
from end2end.utils import files

OLD_WORDS = {"filters": "nb_filter", "padding": "border_mode", "strides": "subsample",
             "data_format": "dim_ordering", "units": "output_dim", "rate": "p",
             "use_bias": "bias", "kernel_initializer": "init"}


def layer(kind, name, calls, **config):
    return {"class_name": kind, "name": name, "inbound_nodes": [calls] if calls else [],
            "config": {"name": name, "trainable": True, **config}}


def network(name, layers, last):
    return {"class_name": "Model", "config": {
        "name": name, "layers": layers, "input_layers": [[layers[0]["name"], 0, 0]],
        "output_layers": [list(last)]}}


def nested():
    """A trunk inside a classifier, as Keras 2.0.8 stores it."""
    trunk = network("model_1", [
        layer("InputLayer", "input_1", [], batch_input_shape=[None, None, None, 3],
              dtype="float32", sparse=False),
        layer("Conv2D", "conv1", [["input_1", 0, 0, {}]], filters=4, kernel_size=[3, 3],
              strides=[2, 2], padding="same", data_format="channels_last",
              activation="relu", use_bias=False, kernel_initializer="glorot_uniform"),
    ], ("conv1", 0, 0))
    return network("model_2", [
        layer("InputLayer", "input_2", [], batch_input_shape=[None, 8, 8, 3],
              dtype="float32", sparse=False),
        trunk | {"name": "model_1", "inbound_nodes": [[["input_2", 0, 0, {}]]]},
        layer("Flatten", "flatten_1", [["model_1", 1, 0, {}]]),
        layer("Dropout", "dropout_1", [["flatten_1", 0, 0, {}]], rate=0.5),
        layer("Dense", "dense_1", [["dropout_1", 0, 0, {}]], units=2,
              activation="softmax"),
    ], ("dense_1", 0, 0))


def changed(entry, edit):
    """A copy with `edit` applied to every layer, nested ones too."""
    entry = copy.deepcopy(entry)
    for one in entry["config"]["layers"]:
        if one["class_name"] in network_config.MODEL_CLASSES:
            one["config"] = changed(one, edit)["config"]
        edit(one)
    return entry


def old_words(one):
    config = one["config"]
    for new, old in OLD_WORDS.items():
        if new in config:
            config[old] = config.pop(new)
    if "kernel_size" in config:
        config["nb_row"], config["nb_col"] = config.pop("kernel_size")
    if "dim_ordering" in config:
        config["dim_ordering"] = "tf"


def functional(one):
    if one["class_name"] == "Model":
        one["class_name"] = "Functional"


def registered(one):
    kind = one["class_name"]
    one |= {"module": "keras.layers", "registered_name": None, "build_config": {}}
    if kind in network_config.MODEL_CLASSES:
        one |= {"module": "keras.src.engine.functional", "registered_name": kind}


def policies(one):
    if one["class_name"] not in network_config.MODEL_CLASSES:
        one["config"]["dtype"] = {
            "module": "keras", "class_name": "DTypePolicy",
            "config": {"name": "float32"}, "registered_name": None}


def batch_shape(one):
    if "batch_input_shape" in one["config"]:
        one["config"]["batch_shape"] = one["config"].pop("batch_input_shape")


def wrapped_activation(one):
    if one["config"].get("activation") == "relu":
        one["config"]["activation"] = {
            "module": "builtins", "class_name": "function", "config": "relu",
            "registered_name": "function"}


def no_arguments(one):
    one["inbound_nodes"] = [
        [item[:3] for item in call] for call in one["inbound_nodes"]]


def bare_connections(one):
    """One input without its list, as tf.keras 2.15 stores it."""
    one["inbound_nodes"] = [
        call[0] if len(call) == 1 else call for call in one["inbound_nodes"]]


def keras_3_calls(one):
    one["inbound_nodes"] = [{"args": [{
        "class_name": "__keras_tensor__", "config": {
            "shape": [None, 8], "dtype": "float32",
            # Keras 3 counts the calls of nested networks from 0.
            "keras_history": [item[0], 0, item[2]]}} for item in call], "kwargs": {
                "training": None}} for call in one["inbound_nodes"]]


def convolution_groups(one):
    if one["class_name"] == "Conv2D":
        one["config"]["groups"] = 1


DIALECTS = (old_words, functional, registered, policies, batch_shape,
            wrapped_activation, no_arguments, convolution_groups)
CALLS = (lambda one: None, bare_connections, keras_3_calls)


def rows(network):
    found = []
    for row in network.rows:
        inner = isinstance(row.settings, network_config.Network)
        kept = {key: value for key, value in dict(row.settings).items()
                if key != "groups"} if isinstance(row.settings, dict) else row.settings
        found.append((row.name, row.kind if not inner else "network",
                      rows(row.settings) if inner else kept, row.calls))
    return found, network.inputs, network.outputs


EXPECTED = rows(network_config.read(nested(), "here"))


@pytest.mark.parametrize("calls", CALLS)
def test_every_mixture_of_dialects_gives_the_same_rows(calls):
    for chosen in itertools.product((False, True), repeat=len(DIALECTS)):
        stored = nested()
        for edit in (*itertools.compress(DIALECTS, chosen), calls):
            stored = changed(stored, edit)
        assert rows(network_config.read(stored, "here")) == EXPECTED


def test_what_is_written_is_read_again():
    network = network_config.read(nested(), "here")
    assert rows(network_config.read(network_config.write(network), "here")) == EXPECTED


def test_a_nested_network_is_called_from_0_whatever_the_file_counts():
    found = network_config.read(nested(), "here")
    assert found.rows[2].calls == [[("model_1", 0, 0)]]


@pytest.mark.parametrize("kind", ["Lambda", "MyLayer", "TimeDistributed"])
def test_an_unknown_class_is_refused_by_its_name_in_a_nested_network_too(kind):
    def rename(one):
        if one["name"] == "conv1":
            one["class_name"] = kind
    with pytest.raises(files.InputError, match=f"'conv1'.*{kind}"):
        network_config.read(changed(nested(), rename), "here")


def test_nesting_without_end_is_refused():
    stored = nested()
    for _ in range(network_config.DEEPEST_NESTING + 1):
        stored = network("m", [stored | {"name": "n", "inbound_nodes": []}],
                         ("n", 0, 0))
    with pytest.raises(files.InputError, match="nested deeper"):
        network_config.read(stored, "here")


def test_the_stored_default_of_an_inactive_layer_is_no_call_for_training():
    call = {"args": [{"class_name": "__keras_tensor__", "config": {
        "keras_history": ["a", 0, 0]}}], "kwargs": {"training": True}}
    assert network_config._read_call(call, "here", passing=True) == [("a", 0, 0)]
    with pytest.raises(files.InputError, match="training=True"):
        network_config._read_call(call, "here")


@pytest.mark.parametrize("kind", ["Rescaling", "StochasticDepth"])
def test_a_class_that_keras_3_marks_as_not_its_own_is_refused(kind):
    with pytest.raises(files.InputError, match="custom classes"):
        network_config._kind({"class_name": kind, "module": None,
                              "registered_name": kind}, "here")


@pytest.mark.parametrize(("name", "refused"), [
    ("convnext_tiny_stage_0_block_1_stochastic_depth", False),
    ("stochastic_depth", True)])
def test_a_stochastic_depth_that_is_not_of_convnext_is_refused(name, refused):
    entry = {"class_name": "StochasticDepth", "name": name,
             "config": {"name": name, "drop_path_rate": 0.1}}
    reading = network_config._Reading("here")
    if refused:
        with pytest.raises(files.InputError, match="another program than Keras"):
            network_config._read_row(entry, reading)
    else:
        assert network_config._read_row(entry, reading).kind == "Activation"
