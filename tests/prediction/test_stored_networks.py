"""Converted networks beside their models: when they are used, and when not."""

import dataclasses
import json
import shutil
import sys
import types

import numpy as np
import pytest
import tiny_networks

from end2end import checkpoints, config, prediction
from end2end.config import model_flags
from end2end.prediction import engines, stored_networks
from end2end.utils import files, programs

CARD = {"name": "tiny", "classes": ["neg", "pos"],
        "images": config.to_dict(config.ImageOptions(size=(8, 6), channels=1))}


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model file with a folder of texts in place of graphs."""
    path = tmp_path / "best.h5"
    path.write_bytes(b"a model")
    path.with_suffix(".config.json").write_text("{}")

    def save_model(graph, path, compress_to_fp16):
        assert not compress_to_fp16  # half precision would move scores
        path.write_text(graph)
        path.with_suffix(".bin").write_text("weights")

    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "openvino", types.SimpleNamespace(
            save_model=save_model))
        patched.setattr(engines, "capabilities", lambda: ["FP32"])
        stored_networks.write(
            stored_networks.folder(path), path, {"float32": "<net/>"}, card=CARD,
            precision="f32", eight_bits=None)
    return path


@pytest.fixture
def warnings(monkeypatch):
    """What is warned of, whatever other packages did to the loggers."""
    said = []
    monkeypatch.setattr(stored_networks.log, "warning",
                        lambda text, *values: said.append(text % values))
    return said


def test_a_folder_of_this_model_is_used(model, warnings):
    stored = stored_networks.find(model)
    assert not warnings
    assert stored.folder == model.with_name("best.openvino")
    assert stored.images.size == (8, 6) and stored.graph == "float32"
    assert stored.digest() is None


def test_without_a_folder_there_is_nothing(tmp_path):
    (tmp_path / "best.h5").write_bytes(b"a model")
    assert stored_networks.find(tmp_path / "best.h5") is None


@pytest.mark.parametrize("name", [
    "best.h5", "best.config.json", "best.openvino/float32.bin",
    "best.openvino/float32.xml"])
@pytest.mark.parametrize("change", ["edited", "removed"])
def test_what_changed_afterwards_is_not_used(model, name, change, warnings):
    path = model.parent / name
    if change == "edited" or path == model:
        path.write_bytes(b"another")
    else:
        path.unlink()
    assert stored_networks.find(model) is None
    what = {"best.h5": "model", "best.config.json": "card"}.get(name, path.name)
    assert warnings == [
        f"{model.with_name('best.openvino')} is not used, since {what} changed after "
        "it was written; remove it, then: " + programs.line(
            "end2end.export", model, "--to", "openvino")]


def test_another_version_of_openvino_does_not_use_it(model, monkeypatch, warnings):
    monkeypatch.setattr(stored_networks.distribution, "installed",
                        lambda: {"openvino": "2099.1"})
    assert stored_networks.find(model) is None
    assert "since openvino changed after" in warnings[0]
    (model.with_name("best.openvino") / "float32.bin").unlink()
    assert stored_networks.find(model) is None
    assert "since openvino and float32.bin changed after" in warnings[1]


def test_typed_settings_hold_and_a_typed_size_needs_keras(model, monkeypatch):
    said = []
    monkeypatch.setattr(stored_networks.log, "info",
                        lambda text, *values: said.append(text % values))
    stored = stored_networks.find(model, {"pixel_mean": 7.0})
    assert stored.images.pixel_mean == 7
    assert stored_networks.find(model, {"size": (9, 9)}) is None
    assert stored_networks.find(
        model, outputs=model_flags.OutputOptions(("pos", "neg"))) is None
    assert said == [f"{model.with_name('best.openvino')} is left aside: size or "
                    "outputs are typed."] * 2


def test_eight_bits_are_used_only_where_they_were_accepted(model):
    path = model.with_name("best.openvino") / "record.json"
    record = json.loads(path.read_text())
    for suffix in ".xml", ".bin":
        record["files"][f"eight_bits{suffix}"] = record["files"][f"float32{suffix}"]
        shutil.copy(path.with_name(f"float32{suffix}"),
                    path.with_name(f"eight_bits{suffix}"))
    for accepted, graph in (True, "eight_bits"), (False, "float32"):
        path.write_text(json.dumps(record | {"eight_bits": {"accepted": accepted}}))
        stored = stored_networks.find(model)
        assert stored.graph == graph
        assert (stored.digest() is not None) == accepted


@pytest.mark.parametrize("damage", [
    [], {"key": 1}, {"precision": "f16"}, {"files": {}}, {"card": {"name": "a"}},
    {"eight_bits": True}, {"eight_bits": {"accepted": True}}])
def test_a_damaged_record_is_named(model, damage):
    path = model.with_name("best.openvino") / "record.json"
    record = json.loads(path.read_text()) | damage if damage else damage
    path.write_text(json.dumps(record))
    with pytest.raises(files.InputError) as caught:
        stored_networks.find(model)
    assert str(caught.value) == (
        f"{path} is no record of a converted network; remove {path.parent}.")


@pytest.mark.parametrize(("eight", "capabilities", "expected"), [
    (dict(accepted=True), ["BF16"], (
        "eight_bits.xml", "f32", dict(name="eight-bit integers"))),
    (None, ["BF16"], ("float32.xml", "bf16", {})),
    (dict(accepted=False), ["FP32"], ("float32.xml", "f32", {}))])
def test_a_stored_network_computes_as_was_tried_on_this_processor(
        tmp_path, monkeypatch, eight, capabilities, expected):
    monkeypatch.setitem(sys.modules, "openvino", types.SimpleNamespace(
        Core=lambda: types.SimpleNamespace(read_model=lambda path: path.name)))
    monkeypatch.setattr(engines, "capabilities", lambda: capabilities)
    monkeypatch.setattr(engines, "Network", lambda *what, **how: (*what, how))
    options = config.ImageOptions(size=(8, 6))
    card = dict(name="tiny", cautions=["old"], classes=["pos", "neg"])
    stored = stored_networks.Stored(tmp_path, dict(
        eight_bits=eight, capabilities=["BF16"], precision="bf16", card=card), options)
    assert stored.classifier() == checkpoints.Classifier(
        expected, options, ("pos", "neg"), "tiny", card, ("old",))
    del card["classes"], card["cautions"]
    plain = stored.classifier()
    assert (plain.classes, plain.cautions) == (("neg", "pos"), ())


def test_without_a_stored_network_that_of_keras_is_made_fast(monkeypatch):
    classifier = checkpoints.Classifier("keras", "options", ("neg", "pos"), "tiny", {})
    monkeypatch.setattr(engines, "fast", lambda *asked: ("fast", *asked))
    assert stored_networks.fast(classifier, None) == dataclasses.replace(
        classifier, model=("fast", "keras", "options"))


def test_a_stored_network_gives_the_scores_of_keras(tmp_path):
    pytest.importorskip("openvino", reason="needs the extra fast (openvino)")
    network = tiny_networks.nested_network(size=(12, 9))
    path = tmp_path / "best.h5"
    checkpoints.save_model(network, path, {
        "kind": "whole_image", "classes": ["neg", "pos"], "name": "tiny",
        "images": config.to_dict(config.ImageOptions(size=(12, 9), channels=1))})
    expected = checkpoints.load_classifier(path)
    graph = engines.converted(expected.model)
    assert graph.inputs[0].get_names() == {"image"}
    stored_networks.write(
        stored_networks.folder(path), path, {"float32": graph},
        card=dict(expected.card, name="tiny"), precision="f32", eight_bits=None)
    classifier = stored_networks.find(path).classifier()
    assert classifier.images == expected.images
    assert classifier.classes == expected.classes
    assert classifier.model.name == "float32"
    image = np.random.default_rng(0).integers(0, 255, (30, 20)).astype(np.uint8)
    assert prediction.score_image(image, classifier).score == pytest.approx(
        prediction.score_image(image, expected).score, abs=1e-6)
    np.testing.assert_allclose(
        stored_networks.exact(stored_networks.folder(path))(
            np.ones((1, 12, 9, 1), np.float32)),
        expected.model.predict_on_batch(np.ones((1, 12, 9, 1), np.float32)), atol=1e-6)
