import json
import pickle
import re
import time
import zipfile

import golden_models
import h5py
import keras
import numpy as np
import pytest

from end2end import checkpoints
from end2end.model_files import safe_loading
from end2end.utils import files


@pytest.fixture(scope="module")
def model():
    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(2, 3, padding="same", name="conv1")(image)
    x = keras.layers.BatchNormalization(name="bn_conv1")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(2, activation="softmax", name="output")(x)
    return keras.Model(image, x, name="small")


@pytest.fixture
def path(model, tmp_path):
    path = tmp_path / "small.h5"
    checkpoints.save_model(model, path, {})
    return path


@pytest.fixture
def archive(model, tmp_path):
    path = tmp_path / "small.keras"
    model.save(path)
    return path


def refusal(path):
    """The message with which a file is refused: one line that names the file."""
    with pytest.raises(files.InputError) as error:
        checkpoints.load_model(path)
    message = str(error.value)
    assert path.name in message and "\n" not in message
    return message


def refusal_here(path):
    """The same message, of this process too, without what it says in brackets."""
    with pytest.raises(files.InputError) as error:
        safe_loading.examine(path)
    assert refusal(path) == str(error.value)
    return re.sub(r" \(.*\)", " (...)", str(error.value))


def change(path, edit):
    """Edits the network description inside a .h5."""
    with h5py.File(path, "a") as file:
        description = json.loads(file.attrs["model_config"])
        edit({layer["name"]: layer for layer in description["config"]["layers"]})
        file.attrs["model_config"] = json.dumps(description)


def rewrite(archive, **members):
    """Replaces or adds members of a .keras archive."""
    with zipfile.ZipFile(archive) as old:
        content = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in (content | members).items():
            if data is not None:
                new.writestr(name, data)


@pytest.mark.parametrize("kind", ["Lambda", "TFOpLambda", "MyLayer"])
def test_code_in_a_file_is_refused_by_its_name(path, kind):
    change(path, lambda layers: layers["flatten"].update(class_name=kind))
    assert kind in refusal(path) and "'flatten'" in refusal(path)


def test_a_lambda_made_by_keras_never_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = keras.Input((4,))
    model = keras.Model(image, keras.layers.Lambda(
        lambda x: (open("marker", "w").close(), x)[1], output_shape=(4,))(image))
    marker = tmp_path / "marker"
    marker.unlink(missing_ok=True)
    for name in ("code.h5", "code.keras"):
        model.save(tmp_path / name)
        assert "Lambda" in refusal(tmp_path / name)
    assert not marker.exists()


@pytest.mark.parametrize(("settings", "expected"), [
    ({"activation": "my_function"}, "my_function"),
    ({"activation": {"class_name": "__lambda__", "config": {}}}, "__lambda__"),
    ({"kernel_regularizer": {"class_name": "Mine", "config": {}}}, "Mine"),
    ({"kernel_quantizer": {"class_name": "Int8"}}, "kernel_quantizer"),
    ({"units": 10**12}, "beyond reason"),
    ({"units": 3}, "shape"),
    ({"units": -2}, "shape"),
    ({"units": "many"}, "shape"),
    ({"units": [2]}, "shape"),
    ({"lora_rank": 4}, "lora_rank"),
])
def test_settings_that_are_not_understood_are_refused(path, settings, expected):
    change(path, lambda layers: layers["output"]["config"].update(settings))
    assert expected in refusal(path)


def test_classes_of_other_modules_are_refused_under_any_name(path):
    change(path, lambda layers: layers["output"].update(
        module="evil", registered_name="evil>Dense"))
    assert "evil>Dense" in refusal(path)


@pytest.mark.parametrize("shape", [[None, 10**9, 10**9, 1], [None, -8, 8, 1], [None]])
def test_absurd_input_sizes_are_refused(path, shape):
    change(path, lambda layers: layers["image"]["config"].update(
        batch_input_shape=shape))
    assert "input" in refusal(path)


@pytest.mark.parametrize("inbound", [
    [[["output", 0, 0, {}]]], [[["nowhere", 0, 0, {}]]], [[["flatten", 7, 0, {}]]],
    [["flatten"]], [[[1, 2, 3]]], [[["flatten", 0, 0, {"mask": {"a": 1}}]]], 7])
def test_malformed_connections_are_refused(path, inbound):
    change(path, lambda layers: layers["output"].update(inbound_nodes=inbound))
    refusal(path)


@pytest.mark.parametrize("text", [
    "", "{", "[]", "null", "{}", '{"class_name": "Functional"}',
    '{"class_name": "Sequential", "config": []}', "[" * 100_000,
    '{"class_name": "MyModel", "config": {"layers": []}}'])
def test_damaged_descriptions_are_refused(path, text):
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = text
    refusal(path)


def test_a_missing_weight_is_named(path):
    with h5py.File(path, "a") as file:
        del file["model_weights/bn_conv1/bn_conv1/moving_mean:0"]
    assert "moving_mean" in refusal(path)


def test_a_misshapen_weight_is_named_with_both_shapes(path):
    with h5py.File(path, "a") as file:
        group = file["model_weights/conv1/conv1"]
        del group["kernel:0"]
        group["kernel:0"] = np.zeros((5, 5, 1, 2), "float32")
    message = refusal(path)
    assert "(5, 5, 1, 2)" in message and "(3, 3, 1, 2)" in message


def test_weights_that_are_not_numbers_are_refused(path):
    with h5py.File(path, "a") as file:
        file["model_weights/conv1/conv1/kernel:0"][0] = np.nan
    assert "not finite numbers" in refusal(path)


def replace_kernel(path, make):
    with h5py.File(path, "a") as file:
        group = file["model_weights/conv1/conv1"]
        del group["kernel:0"]
        make(group)


@pytest.mark.parametrize("make", [
    lambda group: group.__setitem__("kernel:0", h5py.ExternalLink("other.h5", "/a")),
    lambda group: group.__setitem__("kernel:0", h5py.SoftLink("/elsewhere")),
    lambda group: group.create_dataset(
        "kernel:0", (3, 3, 1, 2), "f4", external=[("secret.bin", 0, 72)]),
    lambda group: group.create_virtual_dataset(
        "kernel:0", h5py.VirtualLayout((3, 3, 1, 2), "f4")),
    lambda group: group.create_dataset("kernel:0", data=np.zeros((3, 3, 1, 2), "S9")),
    lambda group: group.create_dataset("kernel:0", (3, 3, 1, 2), "f4"),
    lambda group: group.create_group("kernel:0"),
])
def test_weights_that_are_not_inside_the_file_are_refused(path, make):
    replace_kernel(path, make)
    refusal(path)


def test_declared_sizes_that_the_file_does_not_hold_take_no_memory(path):
    change(path, lambda layers: layers["conv1"]["config"].update(
        filters=9_000_000, kernel_size=[300, 300]))
    replace_kernel(path, lambda group: group.create_dataset(
        "kernel:0", (300, 300, 1, 9_000_000), "f4", chunks=(300, 300, 1, 1)))
    assert "declares" in refusal(path)


@pytest.mark.parametrize(("content", "expected"), [
    (b"", "empty"),
    (pickle.dumps({"a": 1}), "pickle"),
    (b"version https://git-lfs.github.com/spec/v1", "LFS"),
    (b"<!DOCTYPE html><html>", "web page"),
    (b"not a model at all", "no model file"),
    (b"\x89HDF", "cut off"),
    (b"\x89HDF\r\n\x1a\n" + bytes(100), "damaged"),
    (b"PK\x03\x04 and nothing more", "archive"),
])
def test_files_that_are_no_model_are_named_for_what_they_are(
        tmp_path, content, expected):
    (tmp_path / "file.h5").write_bytes(content)
    assert expected in refusal(tmp_path / "file.h5")


PICKLE = "it is a pickle, which can run code and is never loaded; {}"


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.h5", b"", "the file is empty; {}"),
    ("a.h5", b"\x80\x02}q\x00.", PICKLE), ("a.h5", b"\x80\x05", PICKLE),
    ("a.joblib", b"ZF", PICKLE), ("a.pkl", b"(dp0", PICKLE), ("a.pickle", b"]", PICKLE),
    ("a.h5", b"\x80\x06", r"it begins with b'\x80\x06' and is no model file; {}"),
    ("a.h5", b"\x89HDF\r\n\x1a", "the file is cut off; {} Copy it again."),
    ("a.h5", b"x" * 505 + b"git-lfs", "it is a Git LFS pointer and not the model "
     "itself; {}"),
    ("a.h5", b"x" * 506 + b"git-lfs",
     "it begins with b'xxxxxxxx' and is no model file; {}"),
    ("a.h5", b" \n<html>", "it is a web page and not a model; {} Download it again.")])
def test_what_begins_otherwise_is_named_in_a_sentence(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(files.InputError) as caught:
        safe_loading.existing_model(tmp_path / name)
    assert str(caught.value) == f"model {tmp_path / name}: " + words.format(
        "expected a .h5 or .keras file written by Keras.")


@pytest.mark.parametrize(("name", "content", "meant"), [
    ("a.h5", None, True), ("a.HDF5", None, True), ("a.hdf", None, True),
    ("a.keras", b"", True), ("a.txt", None, False), ("a", None, False),
    ("a", safe_loading.HDF5_START, True), ("a.bin", safe_loading.HDF5_START, True),
    ("a", safe_loading.HDF5_START[:7], False), ("a", "zip", True),
    ("a.zip", "zip", False)])
def test_a_model_is_meant_by_its_suffix_or_its_content(tmp_path, name, content, meant):
    path = tmp_path / name
    if content == "zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a", "b")
    elif content is not None:
        path.write_bytes(content)
    assert safe_loading.is_model(path) is meant


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused(path, archive, share):
    for file in (path, archive):
        data = file.read_bytes()
        file.write_bytes(data[:int(len(data) * share)])
        refusal(file)


def test_an_image_archive_or_folder_is_no_model(tmp_path):
    with h5py.File(tmp_path / "images.h5", "w") as file:
        file["images"] = np.zeros(3)
    assert refusal_here(tmp_path / "images.h5") == (
        "model images.h5: an HDF5 file without Keras weights; expected groups "
        "'model_weights' or 'layers'. Is it a model?")
    with zipfile.ZipFile(tmp_path / "torch.zip", "w") as file:
        file.writestr("model/data.pkl", b"x")
    assert "pickle" in refusal(tmp_path / "torch.zip")
    (tmp_path / "folder").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder")
    assert "does not exist" in refusal(tmp_path / "absent.h5")


@pytest.mark.parametrize(("name", "words"), [
    *((name, f"the archive member {name!r} leads out of the archive; it is not loaded.")
      for name in ("../evil", "/etc/evil", "a\\evil", "a/../evil", "c:evil")),
    ("extra.py", "unexpected archive member 'extra.py'; expected config.json and "
     "model.weights.h5 of a .keras file.")])
def test_archive_members_that_lead_elsewhere_are_refused(archive, name, words):
    rewrite(archive, **{name: b"x"})
    assert refusal_here(archive) == f"model small.keras: {words}"


def test_archive_members_that_unpack_to_absurd_sizes_are_refused(archive):
    rewrite(archive, **{"config.json": b" " * (65 << 20)})
    assert refusal_here(archive) == (
        f"model small.keras: the archive member 'config.json' declares {65 << 20} "
        "bytes, which is absurd for this file.")


def test_all_that_is_written_beside_groups_is_read(tmp_path, monkeypatch):
    values, read = h5py.AttributeManager.values, []
    monkeypatch.setattr(h5py.AttributeManager, "values", lambda attributes: (
        read.append(sorted(attributes)), values(attributes))[1])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["age"] = file.create_group("a").attrs["names"] = "text"
        safe_loading._read_all(file, "a.h5", set())
    assert read == [["age"], ["names"]]


def test_links_out_of_a_file_are_not_followed_when_all_of_it_is_read(tmp_path):
    places = set()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = h5py.ExternalLink("none.h5", "/x")
        file["b"] = h5py.SoftLink("/none")
        file.create_group("c/d")
        safe_loading._read_all(file, "a.h5", places)
    assert len(places) == 3


def test_of_long_words_on_a_damaged_archive_the_beginning_is_said(
        archive, monkeypatch):
    def fail(path):
        raise ValueError("long \n" + "x" * 100)
    monkeypatch.setattr(safe_loading.zipfile, "ZipFile", fail)
    with pytest.raises(files.InputError) as error, safe_loading._archive(archive):
        pass
    assert str(error.value) == (
        "model small.keras: the archive is cut off or damaged (long "
        f"{'x' * 95}); copy it again.")


def test_only_texts_are_limited_in_their_bytes_and_all_in_their_ratio(
        archive, monkeypatch):
    with zipfile.ZipFile(archive) as stored:
        sizes = {member.filename: member.file_size for member in stored.infolist()}
    ratio = sizes["model.weights.h5"] / archive.stat().st_size
    longest = sizes["config.json"]
    for most, limit, name in ((longest, ratio, ""), (longest - 1, ratio, "config.json"),
                              (longest, ratio * 0.99, "model.weights.h5")):
        monkeypatch.setattr(safe_loading, "LONGEST_TEXT", most)
        monkeypatch.setattr(safe_loading.stored_weights, "GREATEST_RATIO", limit)
        if not name:
            safe_loading.examine(archive)
            continue
        with pytest.raises(files.InputError, match=(
                f"archive member '{name}' declares {sizes[name]} bytes")):
            safe_loading.examine(archive)


def test_an_archive_without_its_parts_is_refused(archive):
    rewrite(archive, **{"config.json": None})
    assert refusal_here(archive) == (
        "model small.keras: a zip archive without 'config.json'; expected a .keras "
        "file.")


def test_what_is_wrong_with_a_container_is_said_in_one_sentence(path, archive):
    data = path.read_bytes()
    path.write_bytes(data[:len(data) * 9 // 10])
    assert refusal_here(path) == (
        "model small.h5: the file is cut off (...); copy it again.")
    path.write_bytes(safe_loading.HDF5_START + bytes(100))
    assert refusal_here(path) == (
        "model small.h5: the file is damaged (...); copy it again.")
    path.write_bytes(data)
    with pytest.raises(files.InputError, match=(
            r"^model m.h5: the file is damaged or cut off \(a b\); copy it again.$")), \
            safe_loading._hdf5(path, "m.h5"):
        raise OSError("a\n b")
    archive.write_bytes(archive.read_bytes()[:1000])
    assert refusal_here(archive) == (
        "model small.keras: the archive is cut off or damaged (...); copy it again.")


def test_a_frozen_trunk_of_the_original_is_read_by_name(tmp_path):
    """Tensors of a nested trunk stand in the order of what was frozen."""
    name = "yaroslav_heatmap_fc16-8_shortcut"
    source = golden_models.unpacked(
        golden_models.GOLDEN / f"{name}.image.h5.gz", tmp_path)
    expected = checkpoints.load_model(source).get_weights()
    with h5py.File(source, "a") as file:
        group = file["model_weights/model_1"]
        group.attrs["weight_names"] = group.attrs["weight_names"][::-1]
    for ours, theirs in zip(
            checkpoints.load_model(source).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("links", ["thrice", "back"])
def test_groups_of_several_names_are_refused_at_once(tmp_path, links):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        top = group = file.create_group("layers")
        for _ in range(12):
            inner = group.create_group("a")
            if links == "back":
                inner["up"] = top
            else:
                group["b"], group["c"] = inner, inner
            group = inner
        group["kernel"] = np.zeros((3, 2), np.float32)
    start = time.process_time()
    with pytest.raises(files.InputError, match="another name of a group"):
        safe_loading.examine(tmp_path / "a.h5")
    assert time.process_time() - start < 2


def test_a_description_beyond_any_length_is_no_model(monkeypatch):
    text = '{"a": 1}'
    assert safe_loading._json(text, "m.h5", "network") == dict(a=1)
    assert safe_loading._json(text.encode(), "m.h5", "network") == dict(a=1)
    assert safe_loading._json(None, "m.h5", "network") is None
    monkeypatch.setattr(safe_loading, "LONGEST_TEXT", len(text))
    assert safe_loading._json(text, "m.h5", "network") == dict(a=1)
    monkeypatch.setattr(safe_loading, "LONGEST_TEXT", len(text) - 1)
    for wrong, reason in ((text, "not a text of reasonable length"),
                          (3, "not a text of reasonable length"), ("[1]", "not an obj"),
                          (b"\xff", ".utf-8. codec"), ("{", "Expecting")):
        with pytest.raises(files.InputError, match=f"its network is damaged .{reason}"):
            safe_loading._json(wrong, "m.h5", "network")


@pytest.mark.parametrize("name", ["weights.pkl", "a.pickle"])
def test_a_pickle_in_an_archive_is_named_as_what_it_is(archive, name):
    rewrite(archive, **{name: b"x"})
    assert refusal_here(archive) == (
        f"model small.keras: the archive holds the pickle {name!r}, which can run "
        "code; it is not loaded.")


def test_a_folder_is_meant_as_a_model_where_tensorflow_saved_it(tmp_path, archive):
    assert not safe_loading.is_model(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    assert safe_loading.is_model(tmp_path)
    with pytest.raises(files.InputError, match="is a SavedModel folder"):
        safe_loading.existing_model(tmp_path)
    assert safe_loading.is_model(archive.rename(tmp_path / "without"))
    assert not safe_loading.is_model(tmp_path / "absent")


@pytest.mark.parametrize(("text", "words"), [
    (b"[1]", "description is damaged (not an object)"), (b"\xff", "is damaged ("),
    (b"{", "is damaged (Expecting")])
def test_a_text_of_an_archive_that_is_no_object_is_named(archive, text, words):
    rewrite(archive, **{"config.json": text})
    assert words in refusal(archive)


def test_texts_of_a_file_are_short():
    assert safe_loading._text("3." + "1" * 50) == "3." + "1" * 38
    assert safe_loading._text(b"2.2.4\xff") == "2.2.4\ufffd"
    assert safe_loading._text(3) == safe_loading._text(None) == ""


def test_of_long_words_on_a_damaged_file_the_beginning_is_said(path, monkeypatch):
    def fail(*words):
        raise OSError("long \n" + "x" * 130)
    said = f"(long {'x' * 115}); copy it again."
    with pytest.raises(files.InputError) as error, safe_loading._hdf5(path, "m.h5"):
        fail()
    assert str(error.value) == f"model m.h5: the file is damaged or cut off {said}"
    monkeypatch.setattr(safe_loading.h5py, "File", fail)
    with pytest.raises(files.InputError) as error, safe_loading._hdf5(path, "m.h5"):
        pass
    assert str(error.value) == f"model m.h5: the file is damaged {said}"

    def wrong(text):
        raise ValueError("x" * 130)
    monkeypatch.setattr(safe_loading.json, "loads", wrong)
    with pytest.raises(files.InputError) as error:
        safe_loading._json("{}", "m.h5", "card")
    assert str(error.value) == (
        f"model m.h5: its card is damaged ({'x' * 100}); get a new copy of the "
        "file.")
    assert safe_loading._text(b"x" * 41) == "x" * 40
