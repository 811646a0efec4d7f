"""Weights are found under the names that each age gave them, or refused by name."""

import types

import h5py
import numpy as np
import pytest
import recorded

from end2end.model_files import network_config, stored_weights
from end2end.utils import files

SHAPES = {"kernel": (2, 3), "bias": (3,)}
VALUES = {"kernel": np.arange(6, dtype="float32").reshape(2, 3),
          "bias": np.arange(3, dtype="float32")}
NORMAL = ("gamma", "beta", "moving_mean", "moving_variance")
# What one layer's two weights were called.
NAMES = [
    ("conv1/kernel:0", "conv1/bias:0"),      # Keras 2
    ("conv1_1/kernel:0", "conv1_1/bias:0"),  # TensorFlow 1, where the name was in use
    ("conv1/kernel", "conv1/bias"),          # Keras 3
    ("conv1_W:0", "conv1_b:0"),              # Keras 1
    ("conv1_W_1:0", "conv1_b_1:0"),
    ("Variable:0", "Variable_1:0"),          # in order, as Keras itself takes them
    ("a/b/conv1/kernel_2:0", "a/b/conv1/bias_2:0"),
]


def group_of(tmp_path, layers):
    """An open file of `{top layer: [(weight name, array)]}`."""
    file = h5py.File(tmp_path / "weights.h5", "w")
    file.attrs["layer_names"] = [name.encode() for name in layers]
    for name, arrays in layers.items():
        group = file.create_group(name)
        group.attrs["weight_names"] = np.array(
            [weight.encode() for weight, _ in arrays], "S")
        for weight, array in arrays:
            group[weight] = array
    return stored_weights.GroupedWeights(file, "weights.h5")


@pytest.mark.parametrize("names", NAMES)
def test_the_weights_of_one_layer_are_found_under_every_name(tmp_path, names):
    weights = group_of(tmp_path, {
        "conv1": list(zip(names, VALUES.values(), strict=True))})
    for found, expected in zip(
            weights.read(("conv1",), SHAPES), VALUES.values(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("pattern", [
    "{}/{}:0", "model_1/{}/{}:0", "{}_1/{}:0", "{}_{}:0"])
@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_weights_of_a_nested_trunk_are_found_in_any_order(tmp_path, pattern, frozen):
    roles = {"moving_mean": "running_mean", "moving_variance": "running_std"}
    draw = np.random.default_rng(0).normal
    values = {(layer, role): draw(size=4).astype("float32")
              for layer in ("bn2a", "bn2b", "bn2c") for role in NORMAL}
    # Keras 2 puts first what is trained, then the rest.
    order = sorted(values, key=lambda key: "moving" in key[1] or key[0] in (
        "bn2a", "bn2b")[:frozen])
    old = pattern == "{}_{}:0"
    weights = group_of(tmp_path, {"model_1": [
        (pattern.format(layer, roles.get(role, role) if old else role),
         values[layer, role]) for layer, role in order]})
    for layer in ("bn2a", "bn2b", "bn2c"):
        found = weights.read(("model_1", layer), dict.fromkeys(NORMAL, (4,)))
        for role, array in zip(NORMAL, found, strict=True):
            np.testing.assert_array_equal(array, values[layer, role])


def test_a_list_of_names_that_is_missing_is_said():
    with pytest.raises(files.InputError, match=(
            "^model m.h5: its list 'layer_names' is missing; the file is incomplete")):
        stored_weights._texts({"layer_names1": ["a"]}, "layer_names", "m.h5")


def test_long_lists_of_names_are_read_in_their_pieces(tmp_path):
    weights = group_of(tmp_path, {"conv1": [("conv1/kernel:0", VALUES["kernel"]),
                                            ("conv1/bias:0", VALUES["bias"])]})
    attributes = weights.group["conv1"].attrs
    names = attributes["weight_names"]
    del attributes["weight_names"]
    attributes["weight_names0"], attributes["weight_names1"] = names[:1], names[1:]
    assert set(weights.datasets(("conv1",), SHAPES)) == set(SHAPES)


@pytest.mark.parametrize(("arrays", "named"), [
    ([("conv1/kernel:0", VALUES["kernel"])], "'bias' is missing"),
    ([("conv1/kernel:0", VALUES["kernel"].T), ("conv1/bias:0", VALUES["bias"])],
     r"'kernel' has the shape \(3, 2\) in the file, but the network needs \(2, 3\)"),
    ([("conv1/kernel:0", VALUES["kernel"] * np.nan), ("conv1/bias:0", VALUES["bias"])],
     "not finite numbers"),
    ([("conv1/kernel:0", VALUES["kernel"].astype("S4")),
      ("conv1/bias:0", VALUES["bias"])], "expected plain numbers")])
def test_what_is_wrong_with_a_layer_is_said_with_its_name(tmp_path, arrays, named):
    with pytest.raises(files.InputError, match=named) as error:
        group_of(tmp_path, {"conv1": arrays}).read(("conv1",), SHAPES)
    assert "conv1" in str(error.value) and "weights.h5" in str(error.value)


def test_arrays_and_shapes_of_a_file_are_by_layer_and_role(tmp_path):
    weights = group_of(tmp_path, {
        "conv1": list(zip(("conv1/kernel:0", "conv1/bias:0"), VALUES.values(),
                          strict=True)),
        "trunk": [("inner/bn/gamma:0", np.arange(4.0))],
        "old": [("kernel:0", VALUES["kernel"])], "empty": []})
    assert weights.shapes() == {
        "conv1": {"conv1": SHAPES}, "trunk": {"bn": dict(gamma=(4,))},
        "old": {"old": dict(kernel=(2, 3))}, "empty": {}}
    arrays = weights.arrays()
    assert {name: list(roles) for name, roles in arrays.items()} == {
        "conv1": ["kernel", "bias"], "bn": ["gamma"], "old": ["kernel"]}
    assert arrays["bn"]["gamma"].tolist() == [0, 1, 2, 3]
    assert weights.weight_names() == [
        "conv1/kernel:0", "conv1/bias:0", "inner/bn/gamma:0", "kernel:0"]
    with pytest.raises(files.InputError, match="has 3 layers with weights, but .* 2;"):
        weights.rename(["a", "b"])
    weights.rename(["a", "b", "c"])
    assert weights.read(("b",), dict(gamma=(4,)))[0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("place", "reason"), [
    (None, "missing; the file is incomplete."),
    (("layers", "conv2d"), "missing; the file is incomplete, or two of its networks "
     "share the layer, which a .keras file stores once: save the model as .h5.")])
def test_a_layer_without_a_group_of_keras_3_is_named(tmp_path, place, reason):
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        weights = stored_weights.PathWeights(file, "weights.h5")
        if place:
            weights.places["trunk", "conv1"] = place
        with pytest.raises(files.InputError) as caught:
            weights.datasets(("trunk", "conv1"), SHAPES)
    assert str(caught.value) == (
        f"model weights.h5: the weights of layer 'trunk/conv1' are {reason}")


def test_a_layer_that_is_not_in_the_file_is_named(tmp_path):
    with pytest.raises(files.InputError, match="'conv2' are missing"):
        group_of(tmp_path, {"conv1": []}).read(("conv2",), SHAPES)


@pytest.mark.parametrize(("name", "group"), [
    ("Conv2D", "conv2d"), ("MaxPooling2D", "max_pooling2d"), ("Dense", "dense"),
    ("BatchNormalization", "batch_normalization"),
    ("SeparableConv2D", "separable_conv2d"), ("ReLU", "re_lu")])
def test_groups_are_named_as_keras_3_names_them(name, group):
    assert stored_weights._snake_case(name) == group


def test_a_depthwise_kernel_is_found_under_the_name_that_keras_3_gives_it(tmp_path):
    weights = group_of(tmp_path, {"conv1": [
        ("conv1/kernel", np.ones((3, 3, 2, 1))), ("conv1/bias", np.zeros(2))]})
    shapes = {"depthwise_kernel": (3, 3, 2, 1), "bias": (2,)}
    kernel, bias = weights.read(("conv1",), shapes)
    assert kernel.shape == (3, 3, 2, 1) and bias.shape == (2,)


def test_a_weight_that_its_class_does_not_have_is_refused(tmp_path):
    weights = group_of(tmp_path, {"dense": [
        *zip(("dense/kernel", "dense/bias"), VALUES.values(), strict=True),
        (f"dense/kernel_scale{'x' * 50}", np.ones(3))]})
    with pytest.raises(files.InputError) as caught:
        weights.read(("dense",), SHAPES)
    assert (f"has the weight 'kernel_scale{'x' * 48}' in the file, which its class "
            "does not have here (quantised models have such)") in str(caught.value)


@pytest.mark.parametrize(("stored", "sure"), [
    (("conv/kernel:0", "conv_1/kernel:0"), False),  # TensorFlow 1 numbered the second
    (("conv/kernel:0",), True),                     # both networks share the layer
    (("a/conv/kernel:0", "b/conv/kernel:0"), True)])
def test_layers_of_one_name_in_one_nested_network_are_told_apart_or_refused(
        tmp_path, stored, sure):
    weights = group_of(tmp_path, {"inner": [
        (name, np.full((2, 3), number, "float32"))
        for number, name in enumerate(stored)]})
    read = [weights.read(("inner", network, "conv"), {"kernel": (2, 3)})[0][0, 0]
            for network in ("a", "b")]
    if sure:
        weights.check_all_taken()
        assert read == ([0, 1] if len(stored) > 1 else [0, 0])
    else:
        with pytest.raises(files.InputError, match="a/conv and b/conv"):
            weights.check_all_taken()


def test_only_plain_numbers_that_the_file_holds_are_read(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["values"] = np.ones(3)
    layout = h5py.VirtualLayout((3,), "float32")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "values", (3,))
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        for name, settings in dict(
                real=dict(data=np.ones(3)), whole=dict(data=np.arange(3)),
                byte=dict(data=np.arange(3, dtype=np.uint8)),
                none=dict(data=np.zeros((0, 2))), text=dict(data=np.array([b"a"])),
                truth=dict(data=np.array([True])),
                gzip=dict(data=np.ones(900), compression="gzip"),
                lzf=dict(data=np.ones(900), compression="lzf"),
                promised=dict(shape=(900,), dtype="f4", chunks=(9,)),
                packed=dict(shape=(900,), dtype="f4", chunks=(9,), compression="gzip"),
                elsewhere=dict(shape=(3,), dtype="f4", external=str(
                    tmp_path / "bytes"))).items():
            file.create_dataset(name, **settings)
        file.create_dataset("half", (18,), "f4", chunks=(9,))[:9] = 1
        file.create_virtual_dataset("virtual", layout)
        file.create_group("group")
        lines = []
        for name, inside in file.items():
            plain = name != "group" and stored_weights.is_plain(inside)
            try:
                said = stored_weights._checked_dataset(inside, "m.h5") is inside
            except files.InputError as error:
                said = str(error)
            assert plain is (said is True)
            lines.append(f"{name}: {said}")
    recorded.check("model-datasets", "\n".join(lines))


def test_links_are_refused_with_their_target(tmp_path):
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["real"] = np.ones(3)
        file["far"] = h5py.ExternalLink("other.h5", "values")
        file["soft"] = h5py.SoftLink("/real")
        assert stored_weights.member(file, "real", "m.h5") == file["real"]
        for name, target in (("far", "'other.h5'"), ("soft", "'/real'")):
            with pytest.raises(files.InputError) as caught:
                stored_weights.member(file, name, "m.h5")
            assert str(caught.value) == (
                f"model m.h5: //{name} is a link to {target}; only weights inside the "
                "file itself are read.")


@pytest.mark.parametrize("twice", [True, False])
def test_layers_of_keras_3_files_are_numbered_by_class_and_network(tmp_path, twice):
    """tf.keras 2.12 and 2.13 counted layers with weights twice, in another group."""
    def row(kind, name, settings=None, **words):
        return network_config.Row(name, kind, settings or {}, [], **words)
    inner = types.SimpleNamespace(rows=[row("Dense", "a"), row("Dense", "b")])
    network = types.SimpleNamespace(rows=[
        row("Conv2D", "first"), row("ZeroPadding2D", "pad", stored_name=None),
        row("ReLU", "relu"), row("ReLU", "relu_2"), row("Conv2D", "second"),
        row("Functional", "trunk", inner), row("Conv2D", "third")])
    layers = stored_weights.OLD_LAYERS if twice else stored_weights.LAYERS
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        for place in ("conv2d/vars/0", "conv2d_2/vars/0", "functional/x",
                      f"functional/{layers}/dense/vars/0"):
            file[f"{layers}/{place}"] = [1.0]
        file.create_group(f"{layers}/re_lu/vars")
        # A link may lead anywhere, so what lies behind it counts for nothing.
        file[f"{layers}/re_lu/vars/0"] = h5py.SoftLink("/elsewhere")
        weights = stored_weights.PathWeights(file, "weights.h5")
        weights.number_layers(network)
        numbers = (0, 2, 4) if twice else (0, 1, 2)
        names = [f"conv2d_{number}" if number else "conv2d" for number in numbers]
        trunk = (layers, "functional")
        assert weights.places == {
            ("first",): (layers, names[0]), ("second",): (layers, names[1]),
            ("third",): (layers, names[2]), ("relu",): (layers, "re_lu"),
            ("relu_2",): (layers, "re_lu_1"), ("trunk",): trunk,
            ("trunk", "a"): (*trunk, layers, "dense"),
            ("trunk", "b"): (*trunk, layers, "dense_2" if twice else "dense_1")}
