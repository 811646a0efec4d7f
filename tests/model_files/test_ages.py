"""A file means what it meant to the Keras that wrote it."""

import deformed
import foreign_models
import h5py
import numpy as np
import pytest
import recorded
from keras import layers

from end2end import checkpoints
from end2end.model_files import ages, network_config
from end2end.utils import files


def predictions(path):
    return checkpoints.load_model(path).predict_on_batch(foreign_models.images())


@pytest.mark.parametrize(("version", "major"), [
    ("2.2.4", 2), ("2.3.0-tf", 2), ("3.15.1", 3), ("1.2.2", 1), ("", None),
    ("x", None)])
def test_the_age_is_the_first_number_of_the_version(version, major):
    assert ages.Age(version).major == major


@pytest.mark.parametrize(("version", "slope"), [("2.13.1", 0.2), ("3.8.0", 1 / 6)])
def test_hard_sigmoid_has_the_formula_of_its_age(tmp_path, version, slope):
    linear = foreign_models.network(*foreign_models.classifier_top(2, "linear"))
    model = foreign_models.network(*foreign_models.classifier_top(2, "hard_sigmoid"))
    path = foreign_models.save(model, tmp_path / "a.h5", version=version)
    expected = np.clip(
        slope * linear.predict_on_batch(foreign_models.images()) + 0.5, 0, 1)
    np.testing.assert_allclose(predictions(path), expected, atol=1e-6)
    # Saved here it keeps that meaning.
    checkpoints.save_model(checkpoints.load_model(path), tmp_path / "b.h5", {})
    np.testing.assert_allclose(predictions(tmp_path / "b.h5"), expected, atol=1e-6)


def test_hard_sigmoid_of_an_unknown_age_is_refused_and_sigmoid_is_not(tmp_path):
    for name, refused in (("hard_sigmoid", True), ("sigmoid", False)):
        path = foreign_models.save(
            foreign_models.network(*foreign_models.classifier_top(2, name)),
            tmp_path / f"{name}.h5", version="")
        if refused:
            with pytest.raises(files.InputError, match="does not say which Keras"):
                checkpoints.load_model(path)
        else:
            checkpoints.load_model(path)


def test_kernels_of_theano_are_turned_and_depthwise_ones_are_not(tmp_path):
    model = foreign_models.network(
        layers.Conv2D(3, (3, 2)), layers.SeparableConv2D(4, 3),
        *foreign_models.classifier_top())
    path = foreign_models.save(
        model, tmp_path / "a.h5", version="2.2.4", backend="theano")
    foreign_models.turn_kernels(path)
    np.testing.assert_allclose(
        predictions(path), model.predict_on_batch(foreign_models.images()), atol=1e-6)


def test_theano_pads_by_half_of_the_kernel(tmp_path):
    model = foreign_models.network(
        layers.Conv2D(3, 3, strides=2, padding="same"),
        *foreign_models.classifier_top(), shape=(8, 6, 1))
    padded = foreign_models.network(
        layers.ZeroPadding2D(1), layers.Conv2D(3, 3, strides=2),
        *foreign_models.classifier_top(), shape=(8, 6, 1))
    path = foreign_models.save(
        model, tmp_path / "a.h5", version="2.2.4", backend="theano")
    foreign_models.turn_kernels(path)
    image = foreign_models.images(shape=(8, 6, 1))
    expected = padded.predict_on_batch(image)
    assert np.abs(expected - model.predict_on_batch(image)).max() > 1e-3
    np.testing.assert_allclose(
        checkpoints.load_model(path).predict_on_batch(image), expected, atol=1e-6)


@pytest.mark.parametrize(("layer", "backend", "named"), [
    (layers.MaxPooling2D(2, padding="same"), "theano", "pools with padding"),
    (layers.Conv2DTranspose(2, 3, padding="same"), "theano", "transposed"),
    (layers.DepthwiseConv2D(3, depth_multiplier=2), "theano", "depth multiplier"),
    (layers.UpSampling2D(2, interpolation="bilinear"), "tensorflow", "bilinear"),
    (layers.Flatten(), "cntk", "cntk")])
def test_what_keras_3_cannot_do_is_refused_as_a_limit_and_not_as_damage(
        tmp_path, layer, backend, named):
    model = foreign_models.network(layers.Conv2D(1, 3), layer, layers.Reshape((-1,)),
                                   layers.Dense(2, activation="softmax"))
    path = foreign_models.save(
        model, tmp_path / "a.h5", version="2.2.4", backend=backend)
    with pytest.raises(files.InputError, match=named) as error:
        checkpoints.load_model(path)
    assert "limit of this program" in str(error.value)


def test_a_layer_that_is_called_for_training_is_refused(tmp_path):
    import keras
    image = keras.Input((4, 4, 1))
    x = layers.Flatten()(layers.Dropout(0.5)(image, training=True))
    model = keras.Model(image, layers.Dense(2, activation="softmax")(x))
    path = foreign_models.save(model, tmp_path / "a.h5", version="3.8.0")
    with pytest.raises(files.InputError, match="training=True"):
        checkpoints.load_model(path)


def test_theano_files_of_keras_1_are_known_by_the_names_of_their_weights(tmp_path):
    from end2end.model_files import safe_loading, stored_weights
    for colon, backend in (("", "theano"), (":0", "")):
        with h5py.File(tmp_path / f"w{colon}.h5", "w") as file:
            file.attrs["layer_names"] = [b"conv1"]
            group = file.create_group("conv1")
            group.attrs["weight_names"] = [f"conv1_W{colon}".encode()]
            group[f"conv1_W{colon}"] = np.zeros((3, 3, 1, 2), "float32")
            assert safe_loading._backend(
                stored_weights.GroupedWeights(file, "x")) == backend


def test_no_average_of_theano_with_padding_is_loaded(tmp_path):
    path = foreign_models.save(foreign_models.network(
        layers.AveragePooling2D(3, strides=1, padding="same"),
        *foreign_models.classifier_top()), tmp_path / "a.h5",
        version="2.0.8", backend="theano")
    with pytest.raises(files.InputError, match="pools with padding"):
        checkpoints.load_model(path)


@pytest.mark.parametrize(("layer", "older", "first"), [
    (layers.Activation("gelu"), "2.3.1", "2.4.0"),
    (layers.Conv2D(2, 3, activation="exponential"), "2.0.8", "2.2.4"),
    (layers.GroupNormalization(1), "2.2.4", "2.13.1"),
    (layers.LayerNormalization(), "2.3.1", "2.2.4-tf"),
    (layers.RandomFlip(), "2.2.4", "2.3.0-tf"),
    (layers.Activation("celu"), "2.15.0", "3.8.0"),
    (layers.Softmax(), "2.0.8", "2.2.4"),
    (layers.Conv2D(2, 3, activation=layers.Softmax(axis=1)), "2.0.8", "2.8.0"),
    (layers.Activation("gelu"), "2.2.4", "")])
def test_a_name_that_its_age_did_not_have_is_the_authors_and_refused(
        layer, older, first):
    network = network_config.of_model(foreign_models.network(
        layer, *foreign_models.classifier_top()), "here")
    with pytest.raises(files.InputError, match="did not have: what its author"):
        ages.check_names(network, ages.Age(older), "here")
    ages.check_names(network, ages.Age(first), "here")


def test_a_file_of_an_older_age_with_a_newer_name_is_not_loaded(tmp_path):
    path = foreign_models.save(foreign_models.network(
        layers.Activation("gelu"), *foreign_models.classifier_top()),
        tmp_path / "a.h5", version="2.2.4")
    with pytest.raises(files.InputError, match="'gelu', which Keras 2.2.4"):
        checkpoints.load_model(path)


def test_what_was_saved_here_may_use_names_newer_than_the_layout(tmp_path):
    model = foreign_models.network(
        layers.Activation("celu"), *foreign_models.classifier_top())
    checkpoints.save_model(model, tmp_path / "a.h5", {})
    np.testing.assert_allclose(
        predictions(tmp_path / "a.h5"),
        model.predict_on_batch(foreign_models.images()), atol=1e-6)


@pytest.mark.parametrize(("layer", "backend", "refused"), [
    (layers.Conv2DTranspose(2, 3, strides=2, output_padding=1), "", True),
    (layers.Conv2DTranspose(2, 3, strides=2), "", False),
    (layers.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1), "",
     False),
    (layers.SeparableConv2D(2, 3, dilation_rate=2, padding="same"), "", False),
    (layers.Conv1D(2, 4, padding="same"), "theano", True),
    (layers.Conv1D(2, 4), "theano", False),
    (layers.Conv1D(2, 3, padding="same"), "theano", False)])
def test_padding_is_taken_over_where_every_keras_agrees_on_it(layer, backend, refused):
    shape = (63, 1) if isinstance(layer, layers.Conv1D) else (9, 7, 1)
    network = network_config.of_model(
        foreign_models.network(layer, layers.Flatten(), shape=shape), "here")
    if refused:
        with pytest.raises(files.InputError, match="limit of this program"):
            ages.in_words_of_keras_3(network, ages.Age("2.2.4", backend), "here")
    else:
        ages.in_words_of_keras_3(network, ages.Age("2.2.4", backend), "here")


@pytest.mark.parametrize(("version", "strides", "stored", "refused"), [
    ("3.8.0", 2, False, True), ("2.15.0", [1, 2], False, True),
    ("3.15.1", 2, True, False), ("3.8.0", 1, False, False),
    ("2.2.4", 2, False, False), ("2.0.8", 2, False, False)])
def test_an_output_padding_that_was_not_stored_is_refused(
        version, strides, stored, refused):
    network = network_config.of_model(foreign_models.network(
        layers.Conv2DTranspose(2, 3, strides=strides), shape=(9, 7, 1)), "here")
    row = next(row for row in network.rows if row.kind == "Conv2DTranspose")
    if not stored:
        del row.settings["output_padding"]
    if refused:
        with pytest.raises(files.InputError, match="output_padding is not in the file"):
            ages.in_words_of_keras_3(network, ages.Age(version), "here")
    else:
        ages.in_words_of_keras_3(network, ages.Age(version), "here")


def test_settings_that_keras_leaves_out_are_those_of_the_layers(monkeypatch):
    inner = foreign_models.network(
        layers.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=0),
        shape=(9, 7, 1))
    model = foreign_models.network(inner, layers.Conv2DTranspose(2, 3), shape=(9, 7, 1))
    usual = layers.Conv2DTranspose.get_config

    def without(layer):  # as of Keras 3.0 to 3.14
        return {name: value for name, value in usual(layer).items()
                if name != "output_padding"}
    monkeypatch.setattr(layers.Conv2DTranspose, "get_config", without)
    assert "output_padding" not in model.to_json()
    read = network_config.of_model(model, "here")
    nested = next(row.settings for row in read.rows
                  if isinstance(row.settings, network_config.Network))
    paddings = [row.settings["output_padding"] for rows in (nested.rows, read.rows)
                for row in rows if row.kind == "Conv2DTranspose"]
    assert paddings == [(0, 0), None]


@pytest.mark.parametrize(("version", "rate", "refused"), [
    ("2.0.8", 2, True), ("2.0.8", 1, False), ("2.2.4", 2, False)])
def test_a_dilation_that_its_age_left_out_is_refused(version, rate, refused):
    network = network_config.of_model(foreign_models.network(
        layers.SeparableConv2D(2, 3, dilation_rate=rate, padding="same")), "here")
    if refused:
        with pytest.raises(files.InputError, match="without the dilation"):
            ages.in_words_of_keras_3(network, ages.Age(version), "here")
    else:
        ages.in_words_of_keras_3(network, ages.Age(version), "here")


ROWS = [
    ("Dense", dict(units=2, activation="hard_sigmoid")),
    ("Dense", dict(units=2, activation="elu")), ("Conv2D", dict(
        filters=4, kernel_size=[3, 5], padding="same", strides=[2, 1])),
    ("Conv2D", dict(filters=4, kernel_size=[4, 4], padding="same")),
    ("Conv2D", dict(filters=4, kernel_size=[3, 5], padding="same")),
    ("Conv2D", dict(filters=4, kernel_size=3, padding="valid", dilation_rate=2)),
    ("Conv2D", dict(filters=4, kernel_size=[3, 3], padding="same", strides=[2, 2],
                    dilation_rate=[2, 2], groups=2)),
    ("DepthwiseConv2D", dict(kernel_size=[3, 3], strides=[1, 2], padding="same")),
    ("DepthwiseConv2D", dict(kernel_size=[3, 3], depth_multiplier=2)),
    ("SeparableConv2D", dict(filters=4, kernel_size=[3, 4], padding="same")),
    ("SeparableConv2D", dict(filters=4, kernel_size=[3, 5], padding="same")),
    ("SeparableConv2D", dict(filters=4, kernel_size=3, padding="same",
                             depth_multiplier=2)),
    ("Conv2DTranspose", dict(filters=4, kernel_size=[3, 2], padding="same")),
    ("MaxPooling2D", dict(pool_size=[3, 5], strides=[1, 1], padding="same")),
    ("Conv1D", dict(filters=4, kernel_size=[4], padding="same")),
    ("SeparableConv2D", dict(filters=4, kernel_size=[3, 3], dilation_rate=[1, 2])),
    ("Conv2DTranspose", dict(filters=4, kernel_size=[3, 2], strides=[2, 2])),
    ("MaxPooling2D", dict(pool_size=[3, 2], strides=[2, 2], padding="same")),
    ("AveragePooling2D", dict(pool_size=[2, 2], padding="same")),
    ("UpSampling2D", dict(size=[2, 3], interpolation="bilinear")),
    ("UpSampling2D", dict(size=2, interpolation="nearest")),
    ("Resizing", dict(height=3, width=5, interpolation="bilinear")),
    ("ELU", dict(alpha=0.5)), ("ELU", {}), ("Activation", dict(activation="gelu")),
    ("Activation", dict(activation="hard_sigmoid")),
    ("Activation", dict(activation="leaky_relu")),
    ("Dense", dict(units=3, activation=("LeakyReLU", dict(negative_slope=0.1)))),
    ("BatchNormalization", dict(axis=1)), ("Rescaling", dict(scale=2.0)),
    ("GroupNormalization", dict(groups=2))]
AGES = [("", ""), ("1.2.2", "theano"), ("2.2.4", "theano"), ("2.2.5", "tensorflow"),
        ("2.3.0", "tensorflow"), ("2.3.0-tf", "tensorflow"), ("2.13.1", "tensorflow"),
        ("3.5.0", "jax"), ("3.9.1", "tensorflow"), ("2.2.4", "cntk")]


@pytest.mark.parametrize("read", [ages.in_words_of_keras_3, ages.check_names])
def test_every_layer_of_every_age_is_read_or_refused_as_recorded(read):
    rows = []
    for kind, settings in ROWS:
        def network(age, kind=kind, settings=settings):
            row = network_config.Row("x/1", kind, dict(settings), [[("in", 0, 0)]])
            after = network_config.Row("y", "Flatten", {}, [[("x/1", 0, 0)]])
            return read(network_config.Network(
                "m", [row, after], [("in", 0, 0)], [("x/1", 0, 0), ("y", 0, 0)]),
                ages.Age(*age), "m.h5")
        rows += [f"== {kind} {settings}", deformed.grouped(
            network, [(" ".join(age), age) for age in AGES])]
    rows += [f"{age}: {ages.Age(*age).major} {ages.Age(*age).place} "
             f"{ages.Age(*age).old_resizing}" for age in AGES]
    recorded.check(f"model-ages-{read.__name__}", "\n".join(rows))


@pytest.mark.parametrize(("settings", "refused"), [
    (dict(strides=[1, 1]), True), (dict(strides=[1, 1], pool_size=3), False),
    (dict(pool_size=[3, 3]), True), (dict(strides=[1, 1], pool_size=[3, 4]), True)])
def test_a_pooling_of_theano_has_windows_of_two_where_it_says_none(settings, refused):
    row = network_config.Row("p", "MaxPooling2D", settings | dict(padding="same"), [])
    if not refused:
        assert ages._of_theano(row, "here") == []
        return
    with pytest.raises(files.InputError, match="^here pools with padding 'same' of Th"):
        ages._of_theano(row, "here")
