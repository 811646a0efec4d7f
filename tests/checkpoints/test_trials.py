"""A network is tried before it is used."""

import importlib
import os
import subprocess
import sys
import types

import foreign_models
import keras
import pytest
from keras import layers

from end2end import checkpoints
from end2end.checkpoints import trials
from end2end.utils import files, isolated


def test_an_ordinary_network_passes_and_one_of_open_size_too():
    trials.check(foreign_models.network(
        layers.Conv2D(8, 3), *foreign_models.classifier_top()), "m")
    trials.check(foreign_models.network(
        layers.Conv2D(8, 3), *foreign_models.classifier_top(), shape=(None, None, 1)),
        "m", (40, 30))


def test_a_small_network_that_takes_all_memory_is_refused():
    model = foreign_models.network(
        layers.UpSampling2D(3000), layers.GlobalAveragePooling2D())
    with pytest.raises(files.InputError, match="bytes of memory"):
        trials.check(model, "m")


def test_a_network_of_too_many_multiplications_is_refused():
    image = keras.Input((256, 192, 128))
    x = image
    for _ in range(12):
        x = layers.Conv2D(128, 15, padding="same", kernel_initializer="zeros")(x)
    with pytest.raises(files.InputError, match="multiplications"):
        trials.check(keras.Model(image, layers.GlobalMaxPooling2D()(x)), "m")


def test_a_limit_is_called_one_of_this_program_and_can_be_raised(monkeypatch):
    model = foreign_models.network(
        layers.UpSampling2D(170), layers.GlobalAveragePooling2D(), shape=(64, 48, 1))
    with pytest.raises(files.InputError, match="limit of this program.*END2END_MOD"):
        trials.check(model, "m")
    monkeypatch.setenv("END2END_MODEL_LIMITS", "4")
    trials.check(model, "m")
    monkeypatch.setenv("END2END_MODEL_LIMITS", "much")
    with pytest.raises(files.InputError, match="whole number"):
        trials.check(model, "m")


def test_weights_do_not_count_as_memory_of_a_step(monkeypatch):
    monkeypatch.setattr(trials, "LARGEST_STEP", (2000, 0))
    trials.check(foreign_models.network(layers.Flatten(), layers.Dense(100)), "m")
    with pytest.raises(files.InputError, match="bytes of memory in one step"):
        trials.check(foreign_models.network(layers.Conv2D(20, 1)), "m")


def test_what_does_not_fit_into_memory_is_no_fault_of_the_network(monkeypatch):
    def fail(*rest):
        raise MemoryError

    monkeypatch.setattr(trials, "_check_costs", fail)
    with pytest.raises(files.InputError, match="within the memory allowed. This is"):
        trials.check(foreign_models.network(layers.Flatten()), "m")


def test_what_cannot_be_computed_is_refused_with_the_size():
    model = foreign_models.network(
        layers.Conv2D(2, 9), *foreign_models.classifier_top(), shape=(None, None, 1))
    with pytest.raises(files.InputError, match="for an image of 5x4"):
        trials.check(model, "m", (5, 4))


def foreign(path, *stack, shape=(64, 48, 1)):
    """The file of a network that another program saved."""
    foreign_models.network(*stack, shape=shape).save(path)
    return path


def test_a_foreign_network_is_tried_in_another_process_when_it_is_loaded(tmp_path):
    path = foreign(tmp_path / "m.h5", layers.Conv2D(4, 3),
                   *foreign_models.classifier_top())
    checkpoints.load_model(path)
    assert trials._process.process.poll() is None
    bomb = foreign(tmp_path / "b.keras", layers.UpSampling2D(3000),
                   *foreign_models.classifier_top())
    with pytest.raises(files.InputError, match="bytes of memory"):
        checkpoints.load_model(bomb)


def test_a_network_of_open_size_is_tried_at_the_size_of_the_images(tmp_path):
    path = foreign(tmp_path / "m.h5", layers.Conv2D(2, 9),
                   *foreign_models.classifier_top(), shape=(None, None, 1))
    typed = dict(intensity_scale=1.0, pixel_mean=0.0)
    checkpoints.load_classifier(path, typed=dict(typed, size=(12, 10)))
    with pytest.raises(files.InputError, match="for an image of 5x4"):
        checkpoints.load_classifier(path, typed=dict(typed, size=(5, 4)))


@pytest.mark.slow
def test_what_ends_the_process_of_trials_is_told_and_the_file_is_not_called_damaged(
        tmp_path, monkeypatch):
    path = foreign(tmp_path / "m.h5", *foreign_models.classifier_top())
    monkeypatch.setattr(isolated, "START", isolated.START.replace(
        "isolated.main", "isolated.SECONDS_OF_PROCESSOR = 0.001; isolated.main"))
    monkeypatch.setattr(trials, "_process", isolated.Reader(
        trials._process.refusal, trials.SECONDS))
    with pytest.raises(files.InputError, match="trial of its network took") as error:
        checkpoints.load_model(path)
    assert "damaged" not in str(error.value) and "a limit of this" in str(error.value)


def test_models_saved_here_and_published_ones_need_no_process_of_trials(
        tmp_path, monkeypatch):
    def fail(*rest):
        raise AssertionError

    monkeypatch.setattr(trials, "in_isolation", fail)
    model, tried = foreign_models.network(*foreign_models.classifier_top()), []
    check = trials.check
    monkeypatch.setattr(trials, "check", lambda *words: tried.append(
        words[1:]) or check(*words))
    checkpoints.save_model(model, tmp_path / "best.h5", {})
    checkpoints.load_model(tmp_path / "best.h5")
    checkpoints.load_classifier(
        tmp_path / "best.h5", typed=dict(size=foreign_models.SHAPE[:2]))
    assert tried == [("best.h5",), ("best.h5", foreign_models.SHAPE[:2])]
    model.save(tmp_path / "ddsm_vgg16_s10_512x1.h5")
    checkpoints.load_model(tmp_path / "ddsm_vgg16_s10_512x1.h5")
    model.save(tmp_path / "other.h5")
    with pytest.raises(AssertionError):
        checkpoints.load_model(tmp_path / "other.h5")


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from end2end import checkpoints
print(checkpoints.load_model(sys.argv[1]).output_shape)
"""


@pytest.mark.slow
def test_under_a_hard_limit_of_address_space_a_foreign_network_loads(tmp_path):
    path = foreign(tmp_path / "m.h5", *foreign_models.classifier_top())
    output = subprocess.run([sys.executable, "-c", LIMITED, path], timeout=300,
                            capture_output=True, text=True).stdout
    assert output == "(None, 2)\n"


@pytest.mark.parametrize(("layer", "multiplications"), [
    # Outputs of 7x5 cells and 6 channels, from kernels of 3x3 over 4 channels; the
    # bias is one more for each output.
    (layers.Conv2D(6, 3), 7 * 5 * 6 * (9 * 4 + 1)),
    (layers.Conv2D(6, 3, strides=2, use_bias=False), 4 * 3 * 6 * 9 * 4),
    (layers.DepthwiseConv2D(3, use_bias=False), 7 * 5 * 4 * 9),
    # Each of the 9x7 cells of 4 channels gives 3x3 cells of 6.
    (layers.Conv2DTranspose(6, 3, use_bias=False), 9 * 7 * 4 * 9 * 6),
    (keras.Sequential([layers.Flatten(), layers.Dense(6, use_bias=False)]),
     9 * 7 * 4 * (6 + 1))])
def test_multiplications_are_counted(layer, multiplications):
    image = keras.Input((9, 7, 4))
    assert costs(keras.Model(image, layer(image))) == pytest.approx(
        multiplications, rel=0.02)


def costs(model, pixels=63):
    import tensorflow as tf

    function = tf.function(lambda array: model(array, training=False), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec((1, 9, 7, 4), tf.float32))
    return trials._check_costs(graph.graph, pixels, "m.h5")


@pytest.mark.parametrize(("limit", "value", "words"), [
    # The input, 9x7 numbers of 4 channels and 4 bytes, and the output of 7x5x6.
    ("LARGEST_STEP", 4 * (9 * 7 * 4 + 7 * 5 * 6), "bytes of memory in one step"),
    ("ALL_STEPS", 4 * 7 * 5 * 6, "bytes of memory"),
    ("OPERATIONS", 7 * 5 * 6 * 9 * 4, "multiplications")])
def test_a_limit_is_reached_at_its_number_and_grows_with_the_image(
        monkeypatch, limit, value, words):
    image = keras.Input((9, 7, 4))
    model = keras.Model(image, layers.Conv2D(6, 3, use_bias=False)(image))
    monkeypatch.setattr(trials, limit, (value - 101, 1))
    with pytest.raises(files.InputError) as caught:
        costs(model, pixels=100)
    assert str(caught.value) == (
        f"model m.h5 needs {value:.1e} {words} for an image of 100 pixels; at most "
        f"{value - 1:.1e} are allowed. {isolated.LIMIT_IS_OURS} A smaller --img-size "
        "needs less.")
    costs(model, pixels=101)


def test_arrays_of_unknown_size_and_resources_count_no_bytes():
    import tensorflow as tf

    for shape, kind, size in (((2, 3), "float32", 24), ((2, 3), "float16", 12),
                              ((None, 3), "float32", 0), (None, "float32", 0),
                              ((), "float64", 8), ((), "resource", 0)):
        assert trials._bytes(tf.TensorSpec(shape, kind)) == size


def test_arrays_of_unknown_size_count_no_multiplications():
    import tensorflow as tf

    def operation(kind, *inputs, output=(2, 3)):
        return types.SimpleNamespace(
            type=kind, inputs=[tf.TensorSpec(shape) for shape in inputs],
            outputs=[] if output == "none" else [tf.TensorSpec(output)])

    for counted, expected in (
            (operation("Relu"), 6), (operation("Relu", output=(None, 3)), 0),
            (operation("Relu", output=None), 0), (operation("Relu", output="none"), 0),
            (operation("MatMul", (2, 5), (5, 3)), 30),
            (operation("MatMul", (2, 5), (None, 3)), 0),
            (operation("MatMul", (2, 0), (0, 0)), 0)):
        assert trials._multiplications(counted) == expected


class Network:
    """Of one image; notes how it is called, and when what it gives is computed."""

    def __init__(self):
        self.inputs = [types.SimpleNamespace(shape=(None, None, None, 1))]
        self.calls, self.computed = [], []

    def __call__(self, image, training):
        import tensorflow as tf

        self.calls.append((tuple(image.shape), training))

        def computed(array):
            self.computed.append((array.min() >= 0, array.max() > 250))
            return array
        return tf.numpy_function(computed, [image * 1.0], tf.float32)


def test_a_network_is_tried_as_it_predicts_and_computed_only_where_that_is_quick(
        monkeypatch):
    network = Network()
    trials.check(network, "m", (40, 30))
    assert network.calls == [((1, 40, 30, 1), False)]
    assert network.computed == [(True, True)]
    # It takes one multiplication for each of its pixels.
    for quick, computed in ((1200, 1), (1201, 2)):
        monkeypatch.setattr(trials, "QUICK", quick)
        trials.check(network, "m", (40, 30))
        assert len(network.computed) == computed
    trials.check(network, "m")
    assert network.calls[-1] == ((1, 256, 192, 1), False)


def test_a_forked_process_asks_another_process_of_trials(monkeypatch):
    monkeypatch.setattr(trials._process, "process", "of the parent")
    child = os.fork()
    if child == 0:
        os._exit(7 if trials._process.process is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_the_process_of_trials_gets_the_size_and_as_much_time_as_is_allowed(
        monkeypatch):
    started, asked = [], []
    monkeypatch.setattr(trials.threading, "Thread", lambda target, args, daemon: (
        started.append((target, args, daemon)), types.SimpleNamespace(
            start=lambda: started.append("started")))[1])
    process = types.SimpleNamespace(ask=lambda *words, **more: asked.append(
        (process.seconds, words, more)))
    monkeypatch.setattr(trials, "_process", process)
    monkeypatch.setenv("END2END_MODEL_LIMITS", "3")
    trials.in_isolation("m.h5", (12, 10))
    assert started == [(importlib.import_module, ("keras",), True), "started"]
    assert asked == [(3 * trials.SECONDS, ("network", "m.h5"), dict(size=(12, 10)))]
