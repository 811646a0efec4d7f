"""One network in the words of every age of Keras is read as the same rows."""

import copy
import functools
import itertools
import json

import deformed
import keras
import pytest
import recorded

from end2end.model_files import keras1_names, network_config
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


def test_tensors_in_lists_without_end_are_refused():
    call = {"args": [{"class_name": "__keras_tensor__", "config": {
        "keras_history": ["a", 0, 0]}}]}
    for _ in range(network_config.DEEPEST_NESTING - 2):
        call = {"args": [call["args"]]}
    assert network_config._read_call(call, "here") == [("a", 0, 0)]
    with pytest.raises(files.InputError, match="it has a malformed connection"):
        network_config._read_call({"args": [call["args"]]}, "here")


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


# Deformed at every place -----------------------------------------------------------


def sequential(*, first):
    """A network in a line; `first` says what tells the shape of its input."""
    convolution = layer("Conv2D", "conv/1", [], filters=4, kernel_size=[3, 2],
                        strides=[2, 1], padding="same", activation="relu")
    dense = layer("Dense", "dense", [], units=2, activation="softmax")
    layers = [convolution, layer("Flatten", "flat", []), dense]
    config = {"name": "line", "layers": layers}
    if first == "input":
        layers.insert(0, layer("InputLayer", "start", [],
                               batch_input_shape=[None, 9, 7, 3]))
    elif first == "layer":
        convolution["config"]["batch_input_shape"] = [None, 9, 7, 3]
    elif first == "build":
        config["build_input_shape"] = [None, 9, 7, 3]
    elif first == "nested":
        layers[0] = nested()
        layers[0]["name"] = "inner"
        del layers[1]
    return {"class_name": "Sequential", "config": layers if first == "bare" else config}


def slashed():
    """A network with two ends, slashes in its names, and a sum of two tensors."""
    return {"class_name": "Functional", "config": {
        "name": "two", "layers": [
            layer("InputLayer", "a", [], batch_shape=[None, 4], dtype="float32"),
            layer("InputLayer", "b_c", [], batch_input_shape=[None, 4]),
            layer("Add", "b/c", [["a", 0, 0, {}], ["b_c", 0, 0, {}]]),
            layer("GaussianNoise", "n/1", [["b/c", 0, 0, {}]], stddev=0.1),
            layer("RandomFlip", "turn", [["n/1", 0, 0, {}]])],
        "input_layers": {"x": ["a", 0, 0], "y": ["b_c", 0, 0]},
        "output_layers": [["turn", 0, 0], ["b/c", 0, 0]]}}


def modern():
    """A nested network as Keras 3 stores it, called twice."""
    stored = changed(changed(nested(), keras_3_calls), registered)
    trunk = stored["config"]["layers"][1]
    trunk["inbound_nodes"] = trunk["inbound_nodes"] * 2
    return stored


DESCRIPTIONS = {
    "nested": nested, "modern": modern, "slashed": slashed, **{
        f"line-{first}": functools.partial(sequential, first=first)
        for first in ("input", "layer", "build", "nested", "bare", "none")}}


@pytest.mark.parametrize("name", [name for name in DESCRIPTIONS
                                  if name != "line-nested"])
def test_a_network_deformed_at_any_place_is_read_or_refused_as_recorded(name):
    recorded.check(f"model-network-{name}", deformed.record(
        lambda stored: network_config.read(stored, "m.h5"), DESCRIPTIONS[name]()))


def test_a_network_in_a_line_that_begins_with_one_without_its_input_is_refused():
    stored = sequential(first="nested")
    stored["config"]["layers"][0]["config"]["layers"] = []
    with pytest.raises(files.InputError, match="a network lacks an end"):
        network_config.read(stored, "m.h5")


def test_networks_are_written_as_recorded():
    recorded.check("model-network-written", {
        name: network_config.write(network_config.read(make(), "m.h5"))
        for name, make in DESCRIPTIONS.items()
        if name not in ("line-none", "line-bare")})


def test_layers_and_depth_are_counted_up_to_their_limits(monkeypatch):
    monkeypatch.setattr(network_config, "MOST_LAYERS", 7)
    network_config.read(nested(), "m.h5")
    monkeypatch.setattr(network_config, "MOST_LAYERS", 6)
    with pytest.raises(files.InputError, match="more than 6 layers"):
        network_config.read(nested(), "m.h5")
    monkeypatch.undo()
    monkeypatch.setattr(network_config, "DEEPEST_NESTING", 1)
    network_config.read(nested(), "m.h5")
    monkeypatch.setattr(network_config, "DEEPEST_NESTING", 0)
    with pytest.raises(files.InputError, match="nested deeper than 0"):
        network_config.read(nested(), "m.h5")
    # Networks beside each other are not within each other.
    twins = nested()
    twins["config"]["layers"].insert(2, dict(twins["config"]["layers"][1], name="m"))
    monkeypatch.setattr(network_config, "DEEPEST_NESTING", 1)
    assert len(network_config.read(twins, "m.h5").rows) == 6


CALL = {"class_name": "__keras_tensor__", "config": {"keras_history": ["a", 1, 2]}}


CALLS_OF_LAYERS = [
    ["a", 0, 0], [["a", 0, 0], ["b", 1, 2, {}]], [], ["a", 0], ["a", -1, 0],
    ["a", 0, 0.5], ["a", True, 0], [["a", 0, 0, {"training": True}]],
    [["a", 0, 0, {"training": False}]], [["a", 0, 0, {"mask": None}]],
    [["a", 0, 0, {"mask": [1]}]], [["a", 0, 0, {"scale": 2}]], "a", None,
    {"args": [CALL]}, {"args": [[CALL, CALL]]}, {"args": []}, {"args": [3]},
    {"args": [CALL, None]}, {"args": [CALL], "kwargs": {"training": True}},
    {"args": [CALL], "kwargs": [1]}, {"args": [{"class_name": "x"}]},
    {"args": [dict(CALL, config=3)]}]


def test_calls_are_read_or_refused_as_recorded():
    rows = [f"{json.dumps(call)} {passing}: " + deformed.outcome(
        lambda stored, passing=passing: network_config._read_call(
            stored, "m.h5", passing=passing), call)
        for call in CALLS_OF_LAYERS for passing in (False, True)]
    recorded.check("model-calls", "\n".join(rows))


def test_what_older_keras_leaves_out_is_taken_from_the_layers(monkeypatch):
    inner = keras.Sequential([
        keras.Input((4, 3, 2)), keras.layers.Conv2DTranspose(
            3, 3, strides=2, output_padding=1, name="up")], name="inner")
    image = keras.Input((4, 3, 2), name="image")
    model = keras.Model(image, inner(image), name="outer")
    whole = json.dumps(network_config.write(network_config.of_model(model, "here")))

    def without(part):
        if isinstance(part, list):
            return list(map(without, part))
        return part if not isinstance(part, dict) else {
            key: without(value) for key, value in part.items()
            if key != "output_padding"}

    text = json.dumps(without(json.loads(model.to_json())))
    assert text != model.to_json()
    monkeypatch.setattr(model, "to_json", lambda: text)
    completed = network_config.write(network_config.of_model(model, "here"))
    assert json.loads(json.dumps(completed)) == json.loads(whole)


LONG = "y" * 99


@pytest.mark.parametrize(("read", "words"), [
    (lambda: network_config._kind(
        dict(class_name="Dense", module=LONG, registered_name=LONG), "here"),
     f"here: class '{LONG[:60]}' of module '{LONG[:60]}' is not one of Keras; custom "
     "classes are not loaded."),
    (lambda: network_config._read_call([["a", 0, 0, {LONG: 1}]], "here"),
     f"here has the call argument '{LONG[:40]}', which is not understood"),
    (lambda: keras1_names._merge(dict(mode=LONG), "here"),
     f"here merges by '{LONG[:60]}'; expected one of sum, "),
    (lambda: keras1_names._check_mode(LONG, "here"),
     f"here normalises in mode {LONG[:20]} of Keras 1, which later versions do not "
     "have")])
def test_of_a_long_word_the_beginning_is_said(read, words):
    with pytest.raises(files.InputError) as caught:
        read()
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(("settings", "written"), [
    (dict(keepdims=False), {}), (dict(keepdims=True), dict(keepdims=True)),
    (dict(use_bias=False), dict(use_bias=False))])
def test_kept_axes_are_written_where_there_are_some(settings, written):
    row = network_config.Row("a", "GlobalAveragePooling2D", settings, [])
    assert network_config._written(row) == {
        "class_name": "GlobalAveragePooling2D", "config": {
            "name": "a", "dtype": "float32", "trainable": True, **written}}
