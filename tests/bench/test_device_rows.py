"""Rows of devices: which, what each is held against, and one measured here."""

import dataclasses
import types

import keras
import pytest
import tiny_networks

from end2end.bench import device_rows, works
from end2end.training import tuning, variants

STEP = next(work for work in works.WORKS if work.name == "image-step")
HOST = variants.Machine(2, frozenset(variants.remat.PRECISIONS))
XLA = variants.Variant(xla=True)


def case(variant=variants.PLAIN, *, count=1, kind="CPU", work=STEP):
    return device_rows.Case(works.Place(kind, count=count), work, variant, "smoke")


def test_all_ways_are_measured_on_a_gpu_that_has_them_plain_float32_first():
    cases, missing = device_rows.planned(
        [works.Place("GPU", 1)], [STEP], scale="smoke", host=HOST)
    assert [case.variant for case in cases] == list(variants.VARIANTS)
    assert cases[0].variant == variants.PLAIN and missing == []
    assert cases[1].name == "gpu-1 image-step float32+channels-last"


def test_ways_that_devices_together_or_a_processor_lack_are_said_once():
    cases, missing = device_rows.planned(
        [works.Place("GPU", count=2)], [STEP], scale="smoke", host=HOST)
    assert not any(case.variant.xla for case in cases) and len(missing) == 2
    # A processor has no order of channels of its own, whatever lies beside it.
    cases, _ = device_rows.planned([works.Place("CPU")], [STEP], scale="smoke",
                                   host=HOST)
    assert {case.variant.data_format for case in cases} == {
        variants.PLAIN.data_format}
    cases, missing = device_rows.planned(
        [works.Place("CPU")], [STEP], scale="smoke",
        host=variants.Machine(0, frozenset({"float32"})))
    assert [case.variant.name for case in cases] == ["float32", "float32, XLA"]
    half = "{0}; {0}, channels-last; {0}, XLA; {0}, XLA, channels-last"
    assert missing == [
        "processor, a processor has that order anyway: "
        "float32, channels-last; float32, XLA, channels-last",
        "processor, no device here computes in bfloat16: "
        + half.format("mixed_bfloat16"),
        "processor, no device here computes in float16: "
        + half.format("mixed_float16")]


def table(monkeypatch, *trials, rate=1e9):
    """A table whose processes answer at once: operations first, then trials."""
    answers = iter([2_000_000, *((trial, rate) for trial in trials)])

    def alone(function, *arguments, seconds):
        assert seconds == tuning.LONGEST
        answer = next(answers)
        if isinstance(answer, tuple) and isinstance(answer[0], str):
            raise ChildProcessError(answer[0])
        return answer

    monkeypatch.setattr(device_rows.processes, "alone", alone)
    return device_rows.Table()


def test_plain_float32_is_held_against_matrix_products_by_hand(monkeypatch):
    rows = table(monkeypatch, tuning.Trial(0.02, 300, (1.0, 2.0)))
    row, figure = rows.row(case())
    # Two images in 0.02 s; two million operations at a billion per second: 2 of 10 ms.
    assert figure["ours"] == pytest.approx(0.01)
    assert (figure["limit"], figure["value"]) == (
        pytest.approx(0.002), pytest.approx(20))
    assert (row.target, figure["reached"], figure["simple"]) == (55, False, None)


def test_another_way_and_several_devices_are_held_against_one_plain(monkeypatch):
    rows = table(monkeypatch, tuning.Trial(0.02, 300, (1.0, 2.0)),
                 tuning.Trial(0.01, 300, (1.0, 2.01)), tuning.Trial(0.025, 300, (9.0,)))
    rows.row(case())
    row, figure = rows.row(case(XLA))
    assert (figure["value"], row.unit, figure["reached"]) == (
        pytest.approx(2), "x", True)
    assert "losses differ from those of float32 by 0.5 %, beyond" in figure["notes"][1]
    row, figure = rows.row(case(count=2))
    # Twice the images in 1.25 times the time of one device.
    assert figure["value"] == pytest.approx(80) and row.unit == "%"
    assert figure["limit"] == pytest.approx(0.001)


def test_a_row_that_fails_says_why_and_the_next_is_measured(monkeypatch):
    rows = table(monkeypatch, "no memory", tuning.Trial(0.02, 300, (1.0,)))
    assert rows.row(case())[1]["error"] == "no memory"
    # Without plain float32 there is only the limit to hold it against.
    assert rows.row(case(XLA))[1]["simple"] is None


def test_scores_within_the_bound_are_said_to_be(monkeypatch):
    trial = tuning.Trial(1, 1, (0.5, 0.5001))
    work = dataclasses.replace(STEP, measure="scores")
    assert device_rows.agreement(
        case(XLA, work=work), trial, tuning.Trial(1, 1, (0.5, 0.5))) == (
        "scores differ from those of float32 by 0.02 %, within 0.03 %")
    bound = variants.BOUNDS["float32"]
    for gap, word in ((bound, "within"), (1.01 * bound, "beyond")):
        monkeypatch.setattr(variants, "difference", lambda *values, gap=gap: gap)
        assert f" %, {word} 0.03 %" in device_rows.agreement(case(XLA), trial, trial)


def test_operations_of_a_network_count_its_convolutions_by_hand():
    image = keras.Input((8, 6, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    x = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))
    expected = 2 * 3 * 3 * 3 * 4 * (4 * 3) + 2 * 4 * 2
    model = keras.Model(image, x)
    assert device_rows.operations(model, (8, 6, 3)) == expected
    outside = keras.Input((8, 6, 3))
    nested = keras.Model(outside, keras.layers.Dense(5)(model(outside)))
    assert device_rows.operations(nested, (8, 6, 3)) == expected + 2 * 2 * 5


@pytest.fixture
def eager(monkeypatch):
    """A trunk of one convolution, and no graphs to compile."""
    import tensorflow as tf

    tiny_networks.use_tiny_trunk(monkeypatch)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize(("place", "seen"), [
    (works.Place("GPU", 1), "b"), (works.Place("GPU", count=2), "ab"),
    (works.Place("CPU", count=2), "")])
def test_a_process_sees_the_gpus_of_its_row_alone(monkeypatch, place, seen):
    shown = []
    monkeypatch.setattr(device_rows.tf.config, "list_physical_devices",
                        {"GPU": list("abc")}.__getitem__)
    monkeypatch.setattr(device_rows.tf.config, "set_visible_devices",
                        lambda *words: shown.append(words))
    for name, value in (("trial", "the trial"), ("product_rate", 2.5)):
        monkeypatch.setattr(device_rows.tuning if name == "trial" else device_rows,
                            name, lambda *_, value=value: value)
    row = dataclasses.replace(case(), place=place)
    assert device_rows.measured(row) == ("the trial", 2.5)
    assert shown == [(list(seen), "GPU")]


# One of each kind of network and of each kind of work.
@pytest.mark.parametrize("work", works.WORKS[1:3], ids=lambda work: work.name)
def test_a_case_is_measured_on_the_processor(eager, work):
    trial, rate = device_rows.measured(case(work=work))
    assert trial.seconds > 0 and trial.megabytes > 1 and rate > 0
    steps, classes = tuning.STEPS, len(device_rows.CLASSES[work.kind])
    assert len(trial.values) == (
        steps if work.measure == "step" else work.batch * classes)


def test_a_case_is_a_run_in_the_settings_of_the_paper():
    settings = device_rows.settings_of(case(variants.Variant(xla=True), count=2))
    scale, training = works.SCALES["smoke"], settings.training
    assert settings.layout == device_rows.devices.Layout("devices", 2)
    assert device_rows.settings_of(case()).layout == device_rows.devices.Layout()
    assert settings.images == device_rows.config.ImageOptions(
        size=scale.sizes["whole_image"], augment=False)
    assert settings.model == device_rows.config.ModelOptions(
        backbone="yaroslav", pretrained=False, top_filters=(4,), top_repeats=(1,),
        expansion=2, dropout=0.5)
    assert training == dataclasses.replace(
        variants.applied(device_rows.config.TrainingOptions(), variants.Variant(
            xla=True)), class_list=("neg", "pos"), optimizer="adam", batch_size=2,
        train_batch_multiplier=1, deterministic=False,
        best_model=device_rows.run_inputs.NOSAVE, first_until_epoch=1)
    images = device_rows.images_of(case(count=2))
    assert len(images) == 2 * 2 * tuning.STEPS and images.classes == ("neg", "pos")
    assert images.labels.tolist()[:3] == [0, 1, 0]
    assert images.read(0).shape == scale.sizes["whole_image"]


@pytest.mark.parametrize(("name", "factor"), [("image-step", 3), ("image-scores", 1)])
def test_a_step_has_three_times_the_operations_of_a_score(monkeypatch, name, factor):
    image, hidden = keras.Input((None, None, 3)), []
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    monkeypatch.setattr(device_rows.tf.config, "set_visible_devices",
                        lambda *words: hidden.append(words))
    monkeypatch.setattr(device_rows.starting, "network_and_stages",
                        lambda kind, settings: hidden.append((kind, settings.layout)
                                                             ) or (model, (), settings))
    height, width = works.SCALES["smoke"].sizes["whole_image"]
    assert device_rows.operations_of(case(count=3, work=next(
        work for work in works.WORKS if work.name == name))) == (
            factor * 2 * 3 * 2 * height * width)
    assert hidden == [([], "GPU"), ("whole_image", device_rows.devices.Layout())]


@pytest.mark.slow
def test_operations_of_a_step_are_three_times_those_of_scores(eager):
    scores = next(work for work in works.WORKS if work.name == "image-scores")
    assert device_rows.operations_of(case()) == 3 * device_rows.operations_of(
        case(work=scores)) > 0


def test_rows_say_what_they_are_and_what_they_are_held_against():
    half = variants.Variant("mixed_bfloat16", xla=True)
    rows = [device_rows.described(row) for row in (
        case(), case(half), case(half, count=3, kind="GPU"))]
    step = "training step of whole images, all layers, 2 at once"
    assert [dataclasses.astuple(row) for row in rows] == [
        ("processor image-step float32",
         f"processor: {step}, float32, share of the matrix-product rate", "", 55, False,
         "%"),
        ("processor image-step mixed_bfloat16+XLA",
         f"processor: {step}, mixed_bfloat16, XLA, times as fast as float32", "", 1,
         False, "x"),
        ("3-gpus image-step mixed_bfloat16+XLA",
         f"3 GPUs: {step}, mixed_bfloat16, XLA, share of 3 times the rate of one", "",
         80, False, "%")]


def test_figures_have_their_simple_way_limit_and_notes(monkeypatch):
    rows = table(monkeypatch, *(tuning.Trial(seconds, 300, (1.0, 2.0))
                                for seconds in (0.02, 0.01, 0.025, 0.02)))
    figures = [rows.row(one)[1] for one in (
        case(), case(XLA), case(count=2), case(XLA, count=2))]
    assert [(figure["simple"], figure["simple_way"]) for figure in figures] == [
        (None, ""), (0.01, "float32 on the same device"),
        (0.01, "one of these devices"), (0.005, "one of these devices")]
    assert [figure["limit"] for figure in figures] == pytest.approx(
        [0.002, 0.002, 0.001, 0.001])
    assert [figure["value"] for figure in figures] == pytest.approx([20, 2, 80, 50])
    assert [figure["notes"] for figure in figures] == [
        ("300 MB",), ("300 MB", "losses differ from those of float32 by 0 %, within "
                      "0.03 %"), ("300 MB",), ("300 MB",)]
    assert figures[0] | dict(notes=()) == dict(
        what=device_rows.described(case()).what, target=55, most=False, target_unit="%",
        reached=False, value=pytest.approx(20), ours=0.01, unit="s per image",
        simple=None, simple_way="", limit=pytest.approx(0.002), notes=(), peers={},
        limit_way="the network's operations at the rate of matrix products")


@pytest.mark.parametrize(("gpus", "names"), [
    ((), "no GPU"), (("a", "b"), "Fast a, /device:b")])
def test_the_head_of_a_table_names_devices_and_versions(monkeypatch, gpus, names):
    config = device_rows.tf.config
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: [
        types.SimpleNamespace(name=f"/device:{name}") for name in gpus
        if kind == "GPU"])
    monkeypatch.setattr(config.experimental, "get_device_details", lambda gpu: (
        dict(device_name="Fast a") if gpu.name == "/device:a" else {}))
    monkeypatch.setattr(device_rows.os, "cpu_count", lambda: 7)
    assert device_rows.about() == (
        f"{names}; processor with 7 cores; TensorFlow {device_rows.tf.__version__}, "
        f"Keras {keras.__version__}")


def test_the_rate_of_products_is_that_of_the_number_format_of_the_case(monkeypatch):
    asked = []
    monkeypatch.setattr(device_rows.clocks, "product", lambda *words: (
        asked.append(words), ("multiply", 600))[1])
    monkeypatch.setattr(device_rows.clocks, "fastest", {"multiply": 4.0}.get)
    for variant, name in ((variants.PLAIN, "float32"),
                          (variants.Variant("mixed_bfloat16"), "bfloat16")):
        assert device_rows.product_rate(case(variant)) == 150
        assert asked.pop() == (works.SCALES["smoke"].product["CPU"], name)
