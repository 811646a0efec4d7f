import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import types
import zipfile

import cv2
import keras
import numpy as np
import pytest

from end2end import checkpoints, config, export, predict, prediction
from end2end.utils import files


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    image = keras.Input((64, 64, 1))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    trunk = keras.Model(image, keras.layers.BatchNormalization()(x))
    image = keras.Input((64, 64, 1))
    x = keras.layers.GlobalAveragePooling2D()(trunk(image))
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    path = tmp_path_factory.mktemp("models") / "best.h5"
    images = config.ImageOptions(size=(64, 64), intensity_scale=0.003891)
    checkpoints.save_model(model, path, {
        "kind": "whole_image", "classes": ["neg", "pos"],
        "images": config.to_dict(images), "trained_on": "nothing"})
    return path


@pytest.fixture(scope="module")
def image_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "image.png"
    image = np.random.default_rng(0).integers(0, 65535, (90, 80), dtype=np.uint16)
    cv2.imwrite(str(path), image)
    return path


@pytest.mark.parametrize("kind", export.FORMATS)
def test_an_exported_model_computes_what_keras_computes(
        model_path, image_path, tmp_path, kind, capsys):
    for package in export.FORMATS[kind].packages:
        pytest.importorskip(package)
    out = tmp_path / f"best{export.FORMATS[kind].suffix}"
    assert not export.main([str(model_path), "--to", kind, "--out", str(out),
                            "--image", str(image_path)])
    card = json.loads(export.settings_path(out).read_text())
    assert card["classes"] == ["neg", "pos"]
    assert card["images"]["intensity_scale"] == 0.003891
    assert card["exported"]["difference"] < 1e-5
    assert capsys.readouterr().out == (
        f"Exporting best to {out}\nWrote {out}; on 1 images it differs from Keras by "
        f"{card['exported']['difference']:.1e}.\nPrepare images as "
        f"{export.settings_path(out)} says.\n")
    classifier = checkpoints.load_classifier(model_path)
    array = export.inputs(classifier, [])[0]
    np.testing.assert_allclose(
        export.FORMATS[kind].run(out, array),
        classifier.model.predict_on_batch(array), atol=1e-5)


def test_an_export_that_differs_is_not_written(model_path, tmp_path, monkeypatch):
    wrong = export.Format("tf_saved_model", ".savedmodel", (),
                          lambda path, image: np.zeros((1, 2), "float32"))
    monkeypatch.setitem(export.FORMATS, "savedmodel", wrong)
    out = tmp_path / "best.savedmodel"
    assert export.main([str(model_path), "--to", "savedmodel", "--out", str(out)]) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_said_before_a_model_is_read(
        model_path, tmp_path, monkeypatch):
    with pytest.raises(files.InputError, match="ends in .onnx"):
        export.main([str(model_path), "--to", "onnx", "--out", "best.pb"])
    with pytest.raises(files.InputError, match="does not exist"):
        export.main([str(tmp_path / "absent.h5"), "--to", "tflite"])
    with pytest.raises(files.InputError, match="^image absent.png does not exist"):
        export.main([str(model_path), "--to", "keras", "--image", "absent.png"])
    (tmp_path / "best.savedmodel").mkdir()
    with pytest.raises(files.InputError, match="exists already"):
        export.main([str(model_path), "--to", "savedmodel", "--out",
                     str(tmp_path / "best.savedmodel")])
    monkeypatch.setattr(export.distribution.importlib.util, "find_spec",
                        lambda name: None)
    for kind, package, extra in (("onnx", "tf2onnx", "export"),
                                 ("openvino", "openvino", "fast")):
        with pytest.raises(files.InputError) as caught:
            export.main([str(model_path), "--to", kind])
        assert str(caught.value) == (
            f"--to {kind} needs the package {package}; install it with pip install "
            f'"end2end-mammography[{extra}]".')


PLAIN = """
import sys, keras, numpy
model = keras.models.load_model(sys.argv[1], compile=False)
arrays = numpy.load(sys.argv[2])
print(abs(model.predict(arrays["x"], verbose=0) - arrays["y"]).max() < 1e-6,
      [name for name in sys.modules if name.startswith("end2end")])
"""


@pytest.mark.slow
def test_an_exported_keras_file_loads_in_a_program_that_has_keras_alone(
        model_path, tmp_path):
    out = tmp_path / "best.keras"
    assert not export.main([str(model_path), "--to", "keras", "--out", str(out)])
    classifier = checkpoints.load_classifier(model_path)
    x = export.inputs(classifier, [])[0]
    np.savez(tmp_path / "a.npz", x=x, y=classifier.model.predict_on_batch(x))
    printed = subprocess.run(
        [sys.executable, "-I", "-c", PLAIN, out, tmp_path / "a.npz"], cwd=tmp_path,
        capture_output=True, text=True, timeout=300).stdout
    assert printed == "True []\n"


def test_a_keras_file_is_read_here_again_with_its_card(model_path, tmp_path):
    out = tmp_path / "best.keras"
    assert not export.main([str(model_path), "--to", "keras", "--out", str(out)])
    classifier = checkpoints.load_classifier(out)
    assert classifier.classes == ("neg", "pos")
    assert classifier.images.intensity_scale == 0.003891
    array = export.inputs(classifier, [])[0]
    np.testing.assert_allclose(
        classifier.model.predict_on_batch(array),
        checkpoints.load_classifier(model_path).model.predict_on_batch(array),
        atol=1e-6)


def test_what_json_does_not_know_is_text_in_a_keras_file_too(model_path, tmp_path):
    classifier = checkpoints.load_classifier(model_path)
    classifier = dataclasses.replace(classifier, card=classifier.card | dict(
        trained_on=tmp_path))
    export.export(classifier, "keras", tmp_path / "a.keras",
                  export.inputs(classifier, [])[:1])
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        card = json.loads(archive.read("end2end.json"))
    assert card["trained_on"] == str(tmp_path) and card["name"] == "best"


def copied(model_path, folder):
    for path in (model_path, checkpoints.config_path(model_path)):
        shutil.copy(path, folder)
    return folder / model_path.name


def scores(out):
    with open(out, encoding="utf-8") as stream:
        return [float(row["score"]) for row in csv.DictReader(stream)]


def test_predict_uses_the_converted_network_and_does_not_load_that_of_keras(
        model_path, image_path, tmp_path, monkeypatch, capsys):
    pytest.importorskip("openvino", reason="needs the extra fast (openvino)")
    model = copied(model_path, tmp_path)
    assert not export.main([str(model), "--to", "openvino"])
    call = [str(model), str(image_path), "--out"]
    assert not predict.main([*call, str(tmp_path / "plain.csv")])

    def refuse(*_, **__):
        raise AssertionError("the model of Keras was loaded")

    monkeypatch.setattr(checkpoints, "load_classifier", refuse)
    assert not predict.main([*call, str(tmp_path / "fast.csv"), "--fast"])
    assert "best.openvino" in capsys.readouterr().out
    assert scores(tmp_path / "fast.csv") == pytest.approx(
        scores(tmp_path / "plain.csv"), abs=1e-3)
    with pytest.raises(AssertionError, match="was loaded"):
        predict.main([*call, str(tmp_path / "other.csv")])


def test_eight_bits_are_stored_if_and_only_if_the_gate_lets_them_pass(
        model_path, tmp_path, capsys):
    for package in ("openvino", "nncf"):
        pytest.importorskip(package, reason="needs the extra fast")
    model = copied(model_path, tmp_path)
    rng = np.random.default_rng(1)
    for number in range(24):
        folder = tmp_path / "validation" / ("neg", "pos")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 40_000 + 20_000 * (number % 2), (70, 60))
        cv2.imwrite(str(folder / f"{number}.png"), image.astype(np.uint16))
    status = export.main([str(model), "--to", "openvino", "--eight-bits",
                          str(tmp_path / "validation")])
    record = json.loads((tmp_path / "best.openvino" / "record.json").read_text())
    assert record["eight_bits"]["accepted"] == (status == 0)
    assert (tmp_path / "best.openvino" / "eight_bits.xml").exists() == (status == 0)
    assert record["eight_bits"]["images"] == 24
    printed = capsys.readouterr().out
    assert "24 images, 12 with cancer" in printed
    assert ("Eight bits are refused" in printed) == (status == 1)


def test_eight_bits_are_for_openvino(model_path, tmp_path):
    with pytest.raises(files.InputError, match="--eight-bits is for --to openvino"):
        export.main([str(model_path), "--to", "keras", "--out",
                     str(tmp_path / "best.keras"), "--eight-bits", str(tmp_path)])


def test_the_folder_has_the_name_that_predict_looks_for():
    suffix = export.FORMATS[export.OPENVINO].suffix
    assert suffix == prediction.stored_networks.SUFFIX


# To OpenVINO, on a stand-in: the package is an extra --------------------------------


@pytest.fixture
def converter(monkeypatch):
    """Stands in for the conversion; notes what is written and what is tried."""
    notes = dict(written=[], trials=[])

    def write(place, **facts):
        place.mkdir()
        notes["written"].append(facts)
    figures = prediction.eight_bits.Figures(
        24, 11, {"plain": 0.75}, 0.001, 0, 1, 0.25, 7, 2, (0.03, 0.01))
    notes["figures"] = figures
    for module, name, value in (
            (prediction.engines, "converted", lambda model: f"graph of {model.name}"),
            (prediction.engines, "quickest", lambda graph, model, images: (
                types.SimpleNamespace(precision=f"bf16 of {graph}"))),
            (prediction.eight_bits, "check", lambda: notes.update(checked=True)),
            (prediction.eight_bits, "trial", lambda classifier, source: (
                notes["trials"].append((classifier.name, source)) or "trial")),
            (prediction.eight_bits, "quantized", lambda graph, trial: (
                f"rounded {graph}", notes["figures"])),
            (prediction.stored_networks, "write", write),
            (prediction.stored_networks, "exact", lambda place: (
                lambda image: np.asarray(notes["model"](image)) + notes["move"])),
            (export, "check", lambda kind, out: None)):
        monkeypatch.setattr(module, name, value)
    return notes


@pytest.mark.parametrize(("validation", "change", "status"), [
    (None, 0, 0), ("validation", 0, 0), ("validation", 0.1, 1)])
def test_a_converted_network_is_stored_with_what_was_tried(
        model_path, tmp_path, capsys, converter, validation, change, status):
    model = copied(model_path, tmp_path)
    converter["figures"] = dataclasses.replace(converter["figures"], change=change)
    converter.update(move=5e-5, model=checkpoints.load_classifier(model).model)
    name = converter["model"].name
    words = ["--eight-bits", str(tmp_path / validation)] if validation else []
    assert export.main([str(model), "--to", "openvino", *words]) == status
    out = tmp_path / "best.openvino"
    (facts,) = converter["written"]
    assert facts["precision"] == f"bf16 of graph of {name}" and out.is_dir()
    assert facts["model"] == model and facts["card"]["classes"] == ("neg", "pos")
    graphs = {"float32": f"graph of {name}"}
    if validation and not change:
        graphs["eight_bits"] = f"rounded graph of {name}"
    assert facts["graphs"] == graphs
    printed = capsys.readouterr().out
    assert f"Wrote {out}; on random input it differs from Keras by 5.0e-05" in printed
    if validation:
        assert converter["trials"] == [("best", tmp_path / validation)]
        assert converter["checked"] and facts["eight_bits"]["images"] == 24
        assert facts["eight_bits"]["accepted"] is not bool(change)
        sentences = ".\n  ".join(converter["figures"].sentences())
        assert f"Eight bits: {sentences}.\n" in printed
        refused = "Eight bits are refused, float32 is kept: AUC changes by +0.1000, "
        assert (refused in printed) == bool(change)
    else:
        assert facts["eight_bits"] is None and "Eight bits" not in printed
    assert json.loads(export.settings_path(out).read_text())["exported"] == {
        "format": "openvino", "difference": pytest.approx(5e-5, rel=0.01),
        "checked_images": 2}


def test_a_network_that_computes_something_else_leaves_no_folder(
        model_path, tmp_path, converter, capsys):
    model = copied(model_path, tmp_path)
    converter.update(move=0.01, model=checkpoints.load_classifier(model).model)
    assert export.main([str(model), "--to", "openvino"]) == 1
    assert "more than 0.0001; nothing is written" in capsys.readouterr().out
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".h5", ".json"]


def test_models_of_two_views_are_compared_on_random_views_of_both(
        tmp_path, monkeypatch, image_path):
    views = [keras.Input((8, 6, 1), name=name) for name in ("cc", "mlo")]
    x = keras.layers.Concatenate()([
        keras.layers.GlobalAveragePooling2D()(view) for view in views])
    model = keras.Model(views, keras.layers.Dense(2, activation="softmax")(x))
    path = tmp_path / "two.h5"
    checkpoints.save_model(model, path, dict(
        kind="two_view", classes=["neg", "pos"], images=config.to_dict(
            config.ImageOptions(size=(8, 6), channels=1))))
    classifier = checkpoints.load_classifier(path, breasts=True)
    batches = export.inputs(classifier, [])
    assert [[view.shape for view in batch] for batch in batches] == (
        [[(1, 8, 6, 1)] * 2] * 2)
    assert len({float(view[0, 0, 0, 0]) for batch in batches for view in batch}) == 4
    monkeypatch.setattr(export, "check", lambda kind, out: None)
    with pytest.raises(files.InputError, match="random input. Leave out --image"):
        export.main([str(path), "--to", "keras", "--image", str(image_path)])
    with pytest.raises(files.InputError, match="of one image. Take onnx"):
        export.main([str(path), "--to", "openvino"])
    wrong = export.FORMATS["keras"]
    monkeypatch.setitem(export.FORMATS, "keras", dataclasses.replace(
        wrong, run=lambda path, views: np.full((1, 2), 7.0)))
    assert export.main([str(path), "--to", "keras"]) == 1
    # Neither the file nor its part is left.
    assert not [path.name for path in tmp_path.iterdir() if ".keras" in path.name]


def test_onnx_is_called_with_each_view_by_name(monkeypatch):
    class Session:
        def __init__(self, path, providers):
            assert (path, providers) == ("a.onnx", ["CPUExecutionProvider"])

        def get_inputs(self):
            return [types.SimpleNamespace(name=name) for name in ("cc", "mlo")]

        def run(self, outputs, views):
            assert outputs is None
            return [f"{views['cc']} {views['mlo']}", "other"]
    monkeypatch.setitem(sys.modules, "onnxruntime", types.SimpleNamespace(
        InferenceSession=Session))
    assert export.FORMATS["onnx"].run("a.onnx", [3, 4]) == "3 4"


def test_a_file_or_folder_takes_its_place_whole_or_leaves_nothing(tmp_path):
    out = tmp_path / "new" / "deep" / "a.bin"
    for content in (b"1", b"2"):
        with export._replacing(out) as part:
            assert part.name == f".a.{os.getpid()}.part.bin"
            part.write_bytes(content)
        assert out.read_bytes() == content
    for write in (lambda part: part.write_bytes(b"3"), lambda part: part.mkdir(),
                  lambda part: None):
        with pytest.raises(KeyError), export._replacing(out) as part:
            write(part)
            raise KeyError
        assert [path.name for path in out.parent.iterdir()] == ["a.bin"]


def test_classes_that_nobody_named_are_no_fact_of_the_card():
    images = config.ImageOptions(size=(8, 6))
    classifier = types.SimpleNamespace(
        cautions=(), classes=("neg", "pos"), card=dict(kind="whole_image", name="old"),
        images=images, name="m")
    settled = dict(kind="whole_image", name="m", images=dataclasses.asdict(images))
    assert export.settled_card(classifier) == settled | dict(classes=("neg", "pos"))
    classifier.cautions = ("of unknown classes",)
    assert export.settled_card(classifier) == settled | dict(
        cautions=("of unknown classes",))


def test_given_images_are_prepared_and_others_are_drawn_two_at_a_time(
        model_path, image_path):
    classifier = checkpoints.load_classifier(model_path)
    (given,) = export.inputs(classifier, [image_path])
    assert given.shape == (1, 64, 64, 1) and given.max() > 100
    size = config.ImageOptions(size=(5, 4))
    for channels, breasts in ((1, False), (3, True)):
        free = types.SimpleNamespace(inputs=[
            types.SimpleNamespace(shape=(None, None, None, channels))] * (1 + breasts))
        arrays = export.inputs(types.SimpleNamespace(
            model=free, images=size, takes_breasts=breasts), [])
        assert [array.shape for array in (arrays[1] if breasts else arrays)] == [
            (1, 5, 4, channels)] * 2
    first, second = export.inputs(classifier, [])
    assert first.shape == second.shape == given.shape and (first != second).any()
