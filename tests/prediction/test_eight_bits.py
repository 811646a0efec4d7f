"""Eight-bit networks: what is measured, what is refused, and which layers stay."""

import dataclasses
import importlib.util
import types

import numpy as np
import pytest
import tiny_networks

from end2end.prediction import eight_bits, engines
from end2end.utils import files

# Ten of each class, in order; AUC 1.
LABELS = np.arange(20) // 10
SCORES = np.linspace(0.05, 0.95, 20, dtype=np.float32)


def trial(thresholds=None, labels=LABELS):
    return eight_bits.Trial(
        [None] * len(labels), labels, thresholds or {"plain": [0.5]})


def compared(moved, **how):
    return eight_bits.compared({"plain": SCORES}, {"plain": moved}, trial(**how))


def test_equal_scores_are_accepted():
    figures = compared(SCORES)
    assert (figures.change, figures.crossing, figures.move) == (0, 0, 0)
    assert figures.auc == {"plain": 1} and figures.excess == 0


@pytest.mark.parametrize("labels, change", [(LABELS, -0.01), (1 - LABELS, 0.01)])
def test_a_change_of_auc_is_refused_in_both_directions(labels, change):
    moved = SCORES.copy()
    moved[[9, 10]] = moved[[10, 9]]  # one of a hundred pairs changes its order
    figures = compared(moved, labels=labels, thresholds={"plain": [0.99]})
    assert figures.change == pytest.approx(change) and figures.excess > 1
    assert "AUC changes by" in figures.refusals[0] and not figures.crossing


def test_a_score_that_crosses_one_of_the_thresholds_is_counted_once():
    moved = SCORES.copy()
    moved[0] = 0.3  # over both, still the lowest but five
    figures = eight_bits.compared(
        {"plain": SCORES}, {"plain": moved}, trial({"plain": [0.08, 0.2]}))
    assert figures.crossing == 1 and figures.move == pytest.approx(0.25)
    assert "1 of 20 scores cross" in figures.refusals[-2]


def test_two_hundred_images_may_have_one_crossing_and_not_two():
    for crossing in 1, 2:
        figures = eight_bits.Figures(
            200, 80, {"plain": 0.9}, 0.0, crossing, 0, 0.1, layers=3)
        assert bool(figures.refusals) == (crossing == 2)


def test_an_image_on_a_threshold_has_no_side():
    moved = SCORES.copy()
    moved[10] = 0.5  # a score that comes down to the threshold does not cross it
    assert compared(moved).crossing == 0
    figures = compared(SCORES - 0.003, thresholds={"plain": [float(SCORES[7])]})
    assert (figures.crossing, figures.on_threshold) == (0, 1)
    near = compared(SCORES - 0.003, thresholds={"plain": [float(SCORES[7]) - 0.002]})
    assert (near.crossing, near.on_threshold) == (1, 0)


def test_averages_over_flips_are_held_to_their_own_thresholds():
    images = [np.full((4, 3, 1), value, np.float32) for value in SCORES]
    images[0][0, 0] = 0.45
    held = eight_bits.Trial(images, LABELS, {"plain": [], "flips": [0.5]}, position=0)

    def corner(inputs):
        return np.stack([image[:1, 0, 0] for image in inputs])

    scores = held.scores(lambda inputs: corner(np.asarray(inputs)))
    assert scores["plain"][0] == np.float32(0.45)
    assert scores["flips"][0] == pytest.approx((0.45 + 3 * SCORES[0]) / 4)
    assert held.scores(corner, [3])["plain"].tolist() == [SCORES[3]]


def test_what_is_slower_or_has_no_layer_in_eight_bits_is_refused():
    fine = dict(images=200, cancers=80, auc={"plain": 0.9}, change=0.0, crossing=0,
                on_threshold=0, move=0.01, layers=3)
    assert not eight_bits.Figures(**fine, seconds=(2.0, 1.0)).refusals
    for seconds in ((1.0, 1.1), (1.0, 1.0)):
        assert "not faster" in eight_bits.Figures(**fine, seconds=seconds).refusals[0]
    assert "no layer" in eight_bits.Figures(**fine, in_float32=3).refusals[0]
    assert eight_bits.Figures(**fine, seconds=(0.0, 1.0)).refusals == ()
    assert eight_bits.Figures(**fine, seconds=(2.0, 0.0)).speed == 0


def test_figures_are_said_in_full_and_refused_for_each_reason():
    figures = eight_bits.Figures(
        400, 90, dict(plain=0.91234, flips=0.9), -0.00312, 3, 5, 0.04567, layers=9,
        in_float32=2, seconds=(0.03125, 0.0125))
    said = figures.sentences()
    assert said == [
        "400 images, 90 with cancer; AUC in float32 0.9123 (plain), 0.9000 (flips)",
        "AUC changes by -0.0031; 3 scores cross a threshold, 5 lie on one; scores move "
        "by at most 0.0457", "7 of 9 layers in eight bits, 2 in float32",
        "12.5 ms per image, 2.50 times as fast as float32 (31.2 ms), on this processor"]
    assert figures.refusals == (
        "AUC changes by -0.0031, more than 0.002",
        "3 of 400 scores cross a threshold, more than 0.5 %")
    assert figures.excess == pytest.approx(1.56)
    assert dataclasses.replace(figures, crossing=6).excess == 3
    none = dataclasses.replace(
        figures, crossing=0, change=0.002, seconds=(1.0, 1.0))
    assert none.sentences()[1] == (
        "AUC changes by +0.0020; 0 scores cross a threshold (so, with 95 % confidence, "
        "less than 0.75 % of all), 5 lie on one; scores move by at most 0.0457")
    assert none.refusals == ("it is not faster than float32 on this processor",)
    assert none.excess == 1
    assert dataclasses.replace(none, in_float32=9).refusals == (
        "no layer keeps the scores",)


def test_of_several_schemes_the_greatest_change_counts_and_limits_are_of_each():
    moved = SCORES.copy()
    moved[[9, 10]] = moved[[10, 9]]
    far = SCORES.copy()
    far[[8, 11]] = far[[11, 8]]
    figures = eight_bits.compared(
        dict(plain=SCORES, flips=SCORES), dict(plain=moved, flips=far),
        trial(dict(plain=[0.5, float(SCORES[3])], flips=[0.5])))
    assert figures == eight_bits.Figures(
        20, 10, dict(plain=1.0, flips=1.0), pytest.approx(-0.03), 4, 1,
        pytest.approx(float(SCORES[11] - SCORES[8])))


def test_networks_take_turns_and_the_median_counts(monkeypatch):
    clock, calls = [0.0], []

    def network(name, seconds):
        times = iter(seconds)
        return lambda inputs: (calls.append((name, inputs)),
                               clock.__setitem__(0, clock[0] + next(times)))
    monkeypatch.setattr(eight_bits.time, "perf_counter", lambda: clock[0])
    first = network("a", [9, 1, 1, 2, 2, 2, 3, 3, 3])
    second = network("b", [0.5] * 5 + [0.25] * 4)
    assert eight_bits.alternating("x", first, second) == (2, 0.5)
    assert calls == [("a", "x"), ("b", "x")] * 9


@pytest.mark.parametrize("points, expected", [
    ([], {"plain": [0.5]}),
    ([dict(threshold=0.3), dict(threshold=0.4, scheme="plain")], {"plain": [0.3, 0.4]}),
    ([dict(threshold=0.2, scheme="flips")], {"plain": [], "flips": [0.2]})])
def test_the_thresholds_are_those_of_the_card(points, expected):
    assert eight_bits.thresholds({"operating_points": points}) == expected


@pytest.mark.parametrize("labels, message", [
    (None, "not every image has a label; expected a manifest with the column label, or "
           "the folders neg and pos."),
    (np.array([0, 1, -1] * 10),
     "not every image has a label; expected a manifest with the column label, or the "
     "folders neg and pos."),
    (LABELS[:-1], "19 images of 2 classes; expected 20 or more, with and without "
                  "cancer. Give more images."),
    (np.zeros(30, int), "30 images of 1 classes; expected 20 or more, with and without "
                        "cancer. Give more images.")])
def test_images_that_decide_nothing_are_refused(labels, message):
    with pytest.raises(files.InputError) as caught:
        eight_bits.check_labels(labels, "validation")
    assert str(caught.value) == f"--eight-bits validation: {message}"


def test_enough_images_of_both_classes_are_taken():
    eight_bits.check_labels(LABELS, "validation")


def test_labelled_images_of_a_folder_are_inputs_of_the_network(monkeypatch):
    classifier = types.SimpleNamespace(
        classes=["pos", "neg"], images="options", card={"operating_points": [
            dict(threshold=0.25, scheme="flips")]})
    listed = types.SimpleNamespace(paths=list(range(20)), labels=LABELS)
    checked = []
    monkeypatch.setattr(eight_bits.scoring, "check_classes", checked.append)
    monkeypatch.setattr(eight_bits, "check_labels", lambda *what: checked.append(what))
    monkeypatch.setattr(eight_bits.image_lists, "find_images", lambda source, classes: (
        listed if (source, classes) == ("folder", ["pos", "neg"]) else None))
    monkeypatch.setattr(eight_bits.images, "read", lambda path: path + 100)
    monkeypatch.setattr(eight_bits.scoring, "network_input", lambda pixels, options: (
        (pixels, options), None))
    found = eight_bits.trial(classifier, "folder")
    assert found.inputs == [(100 + number, "options") for number in range(20)]
    # Of the classes the first is that of cancer.
    assert found.labels.tolist() == [1] * 10 + [0] * 10 and found.position == 0
    assert found.thresholds == {"plain": [], "flips": [0.25]}
    assert checked[0] is classifier and checked[1] == (LABELS, "folder")


def test_without_the_packages_the_reader_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(files.InputError) as caught:
        eight_bits.check()
    assert str(caught.value) == (
        "--eight-bits needs the package openvino; install it with pip install "
        '"end2end-mammography[fast]".')


@pytest.mark.parametrize("permitted", [0, 1, 4, 8, 9])
def test_as_many_groups_as_are_permitted_are_in_eight_bits(permitted):
    counts = []

    def first(count):
        counts.append(count)
        figures = eight_bits.Figures(
            1000, 400, {"plain": 0.9}, 0.0, 5 if count <= permitted else 6, 0, 0.1)
        return count, figures

    assert eight_bits._most(first, 9)[0] == permitted
    assert len(counts) <= 6


# With OpenVINO and NNCF ---------------------------------------------------------------


def labelled_inputs(model, count=24, *, contrast=1.0):
    rng = np.random.default_rng(3)
    labels = np.arange(count) % 2
    shape = model.input_shape[1:]
    return [(rng.normal(size=shape) + contrast * label).astype(np.float32)
            for label in labels], labels


def quantized(model, inputs, labels, threshold=0.99):
    for package in ("openvino", "nncf"):
        pytest.importorskip(package, reason="needs the extra fast")
    return eight_bits.quantized(engines.converted(model), eight_bits.Trial(
        inputs, labels, {"plain": [threshold], "flips": [threshold]}))


def test_a_network_in_eight_bits_gives_nearly_the_scores_of_float32():
    model = tiny_networks.nested_network()
    # Scores so far apart that their order stays.
    inputs, labels = labelled_inputs(model, contrast=8.0)
    graph, figures = quantized(model, inputs, labels)
    assert figures.layers == 4 and figures.in_float32 < 4
    rounded = engines.Network(graph, "f32", name=engines.EIGHT_BITS)
    scores = np.concatenate([rounded(image[None]) for image in inputs])
    expected = model.predict_on_batch(np.stack(inputs))
    assert 0 < np.abs(scores - expected).max() <= 1.01 * figures.move < 0.1
    assert figures.images == 24 and figures.cancers == 12
    assert min(figures.seconds) > 0
    assert set(figures.auc) == {"plain", "flips"}


def test_layers_that_move_the_scores_across_a_threshold_stay_in_float32():
    """A shift of 1000 before the last convolution leaves eight bits no step for what
    tells the images apart."""
    import keras

    keras.utils.set_random_seed(2)
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu")(image)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="offset",
                            bias_initializer=keras.initializers.Constant(1000))(x)
    x = keras.layers.Conv2D(2, 1, name="inner")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.BatchNormalization()(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    inputs, labels = labelled_inputs(model)
    before = keras.Model(image, model.layers[-3].output).predict_on_batch(
        np.stack(inputs))
    normal = model.layers[-2]
    normal.moving_mean.assign(before.mean(axis=0))
    normal.moving_variance.assign(before.var(axis=0))
    scores = model.predict_on_batch(np.stack(inputs))[:, 1]
    _, figures = quantized(model, inputs, labels, float(np.median(scores)))
    assert figures.in_float32 >= 1
    assert figures.excess <= 1 or figures.refusals
