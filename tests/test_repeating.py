"""A repeated run: its words, and what counts as the same result."""

import io
import json
import math
import os
import subprocess
import zipfile

import cv2
import dicom_writer
import h5py
import numpy as np
import pytest

from end2end import repeating
from end2end.reports import report
from end2end.utils import checksums, files, programs


def call(tmp_path, words, outputs):
    return dict(words=words, folder=str(tmp_path), status=0, environment={}, inputs={},
                outputs=[str(tmp_path / output) for output in outputs], software={})


def test_the_words_that_name_outputs_name_new_places(tmp_path):
    words, places = repeating.redirected(
        call(tmp_path, ["ddsm", "sample-patches-combined", "in.csv", "out/train",
                        "--x=out/val", "out/other"], ["out/train", "out/val"]),
        tmp_path / "new")
    assert words == ["ddsm", "sample-patches-combined", "in.csv",
                     f"{tmp_path}/new/train", f"--x={tmp_path}/new/val", "out/other"]
    assert places == {f"{tmp_path}/out/{name}": tmp_path / "new" / name
                      for name in ("train", "val")}


def test_outputs_of_one_name_get_places_of_their_own(tmp_path):
    _, places = repeating.redirected(
        call(tmp_path, ["x", "a/out", "b/out"], ["a/out", "b/out"]), tmp_path / "new")
    assert [str(place.relative_to(tmp_path)) for place in places.values()] == [
        "new/0/out", "new/1/out"]


def test_json_of_predictions_goes_where_its_table_goes(tmp_path):
    words, _ = repeating.redirected(
        call(tmp_path, ["predict", "m.h5", "--out", "s.json"], ["s.csv"]),
        tmp_path / "new")
    assert words[-1] == f"{tmp_path}/new/s.json"


def test_an_output_that_the_program_chose_is_named_by_its_flag(tmp_path):
    words, _ = repeating.redirected(
        call(tmp_path, ["predict", "m.h5", "in"], ["scores.csv"]), tmp_path / "new")
    assert words == ["predict", "m.h5", "in", "--out", f"{tmp_path}/new/scores.csv"]
    with pytest.raises(files.InputError, match="does not name its output"):
        repeating.redirected(call(tmp_path, ["phantoms"], ["x"]), tmp_path / "new")


def test_an_output_of_several_commands_is_not_repeated(tmp_path):
    first, second = (call(tmp_path, [name, "out"], ["out"]) for name in "ab")
    assert repeating.only_call(dict(calls=[first])) is first
    later = call(tmp_path / "later", ["a", "out"], ["out"])
    assert repeating.only_call(dict(calls=[first, later])) is later
    with pytest.raises(files.InputError, match="2 wrote this output: end2end a out"):
        repeating.only_call(dict(calls=[first, second]))


@pytest.mark.parametrize(("old", "new", "expected"), [
    (dict(a=0.5), dict(a=0.5), 0), (dict(a=0.5), dict(a=0.75), 0.25),
    ([100.0], [101.0], 0.01), ("0.5", "0.25", 0.25), ("x", "y", math.inf),
    ([1], [1, 2], math.inf), (dict(a=1), {}, math.inf), (True, False, math.inf),
    (float("nan"), float("nan"), 0), (1.0, float("nan"), math.inf),
    (dict(seconds=3, b=1), dict(seconds=9, b=1), 0), (None, 0.0, math.inf),
    ({}, {}, 0), ([], [], 0), (dict(id=1), {}, 0), ({}, dict(a=1), math.inf),
    (-100.0, -101.0, 0.01), (0.0, 0.75, 0.75), (8.0, 2.0, 0.75), (True, 1.5, math.inf),
    ("1", 1.0, 0), (dict(a=[0.5, 1]), dict(a=[0.5, 1.5]), 0.5), ([1], {}, math.inf),
    (float("inf"), 1.0, math.inf), (1e308, 1.5e308, 0.5)])
def test_numbers_are_compared_and_all_else_must_be_equal(old, new, expected):
    assert repeating.difference(old, new) == pytest.approx(expected)


@pytest.fixture
def pair(tmp_path):
    """An old output with its checksums, and the place of a new one."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()

    def verdict(name):
        output = checksums.Output(old, True)
        content = dict(files={name: dict(sha256=files.sha256(old / name))},
                       calls=[call(tmp_path, ["x", "--out=old"], ["old"])])
        row, = repeating.compare(output, content, {str(old): new})
        return row.verdict
    return old, new, verdict


def test_tables_agree_within_the_bound_and_by_the_place_of_the_output(pair):
    old, new, verdict = pair
    table = "path,score\n{}/a.png,{}\n"
    (old / "s.csv").write_text(table.format(old, 0.5))
    (new / "s.csv").write_text(table.format(new, 0.5))
    assert verdict("s.csv") == repeating.SAME_CONTENT
    (new / "s.csv").write_text(table.format(new, 0.5 + repeating.BOUND / 2))
    assert verdict("s.csv") == repeating.WITHIN
    (new / "s.csv").write_text(table.format(new, 0.5 + repeating.BOUND * 2))
    assert verdict("s.csv") == repeating.DIFFERENT
    (new / "s.csv").write_text(table.format(old.parent / "b", 0.5))
    assert verdict("s.csv") == repeating.DIFFERENT
    (new / "s.csv").unlink()
    assert verdict("s.csv") == repeating.MISSING


def test_places_in_json_may_be_absolute_or_as_they_were_typed(pair):
    old, new, verdict = pair
    for place, folder in ((old, "old/best.h5"), (new, f"{new}/best.h5")):
        (place / "r.json").write_text(json.dumps(dict(
            best=folder, log=f"{place}/log", seconds=str(place))))
    assert verdict("r.json") == repeating.SAME_CONTENT
    (new / "r.json").write_text((old / "r.json").read_text().replace("best", "last"))
    assert verdict("r.json") == repeating.DIFFERENT


def test_texts_may_have_other_signs_than_utf_8(pair):
    old, new, verdict = pair
    for folder in (old, new):
        (folder / "r.txt").write_bytes(b"J\xfcrgen " + bytes(folder))
    assert verdict("r.txt") == repeating.SAME_CONTENT


def test_of_a_page_the_marked_cells_and_the_places_may_differ(pair):
    old, new, verdict = pair

    def write(folder, seconds, auc, place):
        report.write_report(folder / "r.html", [report.Table(("setting", "value"), [
            ("model", f"{place}/best.h5"), ("seconds", report.OfOneCall(seconds)),
            ("AUC", auc)])], trained_on="nothing", title="Page")
    write(old, 7.5, 0.8, "old")
    write(new, 11.25, 0.8, new)
    assert verdict("r.html") == repeating.SAME_CONTENT
    write(new, 11.25, 0.9, new)
    assert verdict("r.html") == repeating.DIFFERENT


def test_pseudonyms_may_be_other_names_of_the_same_women(pair):
    old, new, verdict = pair

    def write(folder, *names):
        (folder / "s.csv").write_text("path,patient,exam\n" + "".join(
            f"patient {name}_L,patient {name},exam {name[::-1]}\n" for name in names))
    write(old, "txbegbgkml", "txbegbgkml", "2abcdefgh3")
    write(new, "3333333333", "3333333333", "7777777777")
    assert verdict("s.csv") == repeating.SAME_CONTENT
    write(new, "3333333333", "7777777777", "7777777777")
    assert verdict("s.csv") == repeating.DIFFERENT


def test_dicom_results_may_differ_in_their_dates_and_identifiers(pair):
    old, new, verdict = pair

    def write(folder, **tags):
        dicom_writer.write(folder / "r.dcm", np.arange(12, dtype=np.uint16).reshape(
            4, 3), **dict(PatientID="w", ImageLaterality="L") | tags)
    write(old, SOPInstanceUID="1.2.3", ContentTime="101010")
    write(new, SOPInstanceUID="1.2.4", ContentTime="111111")
    assert verdict("r.dcm") == repeating.SAME_CONTENT
    write(new, SOPInstanceUID="1.2.4", ContentTime="111111", ImageLaterality="R")
    assert verdict("r.dcm") == repeating.DIFFERENT
    (new / "r.dcm").write_bytes(b"no DICOM")
    assert verdict("r.dcm") == repeating.DIFFERENT


def test_weights_and_arrays_and_pictures_are_compared_by_their_numbers(pair):
    old, new, verdict = pair
    for folder, shift in ((old, 0.0), (new, 1e-6)):
        with h5py.File(folder / "m.h5", "w") as file:
            file.attrs["id"] = str(folder)
            file["a/w"] = np.arange(6.0).reshape(2, 3) + shift
        np.savez(folder / "h.npz", a=np.ones(3) + shift * 100, b=["x"])
        grey = np.full((4, 3), 9 + round(shift * 1e6), np.uint8)
        cv2.imwrite(str(folder / "p.png"), grey)
    assert verdict("m.h5") == repeating.WITHIN
    assert verdict("h.npz") == repeating.DIFFERENT
    assert verdict("p.png") == repeating.WITHIN
    cv2.imwrite(str(new / "p.png"), np.full((4, 3), 11, np.uint8))
    assert verdict("p.png") == repeating.DIFFERENT
    cv2.imwrite(str(new / "p.png"), np.full((3, 4), 9, np.uint8))
    assert verdict("p.png") == repeating.DIFFERENT


def test_archives_of_keras_are_compared_by_their_members(pair):
    old, new, verdict = pair
    for folder, shift, date in ((old, 0.0, "monday"), (new, 0.0, "tuesday")):
        weights = io.BytesIO()
        with h5py.File(weights, "w") as file:
            file["w"] = np.arange(3.0) + shift
        with zipfile.ZipFile(folder / "m.keras", "w") as archive:
            archive.writestr("model.weights.h5", weights.getvalue())
            archive.writestr("metadata.json", json.dumps(dict(date_saved=date)))
    assert verdict("m.keras") == repeating.SAME_CONTENT
    with zipfile.ZipFile(new / "m.keras", "a") as archive:
        archive.writestr("more.txt", "x")
    assert verdict("m.keras") == repeating.DIFFERENT
    (new / "m.keras").write_bytes(b"no archive")
    assert verdict("m.keras") == repeating.DIFFERENT


def test_files_of_one_call_and_unknown_files_are_not_read(pair):
    old, new, verdict = pair
    for name in ("s.run.json", "step.log.txt", "x.bin", "d.json"):
        for folder in (old, new):
            (folder / name).write_text(json.dumps(dict(key=str(folder))))
    assert verdict("s.run.json") == repeating.OF_ONE_CALL
    assert verdict("step.log.txt") == repeating.OF_ONE_CALL
    assert verdict("x.bin") == repeating.DIFFERENT
    assert verdict("d.json") == repeating.SAME_CONTENT
    (new / "d.json").write_text("{")
    assert verdict("d.json") == repeating.DIFFERENT


def test_a_call_in_a_folder_that_is_gone_is_refused(tmp_path):
    with pytest.raises(files.InputError, match="which is gone"):
        repeating.run(call(tmp_path / "none", ["doctor"], []), ["doctor"])


@pytest.fixture
def started(monkeypatch):
    """Commands that were called, with folder and environment; they end with 0."""
    calls = []

    def run(command, **facts):
        calls.append((command[1:], facts))
        return subprocess.CompletedProcess(command, 0, "said\nlast", "")
    monkeypatch.setattr(repeating.subprocess, "run", run)
    return calls


def test_a_command_is_called_in_its_folder_and_its_environment(
        started, tmp_path, monkeypatch):
    monkeypatch.setenv("RANDOM_SEED", "4")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("PYTHONPATH", "further")
    again = call(tmp_path, ["x", "a"], []) | dict(environment=dict(RANDOM_SEED="9"))
    repeating.run(again, ["x", "b"])
    ((command, facts),) = started
    assert command == ["-m", "end2end", "x", "b"]
    assert facts["cwd"] == tmp_path and facts["text"] and facts["capture_output"]
    environment = facts["env"]
    assert environment["RANDOM_SEED"] == "9" and "OMP_NUM_THREADS" not in environment
    assert environment["PYTHONPATH"] == f"{programs.ROOT}{os.pathsep}further"
    monkeypatch.delenv("PYTHONPATH")
    repeating.run(again, ["x"])
    assert started[1][1]["env"]["PYTHONPATH"] == str(programs.ROOT)


def test_a_command_that_ends_otherwise_or_has_no_folder_is_named(started, tmp_path):
    with pytest.raises(files.InputError, match="status 0, not 1: last$"):
        repeating.run(call(tmp_path, ["x"], []) | dict(status=1), ["x"])
    with pytest.raises(files.InputError, match="gone, which is gone; restore it"):
        repeating.run(call(tmp_path / "gone", ["x"], []), ["x"])
    assert len(started) == 1


def test_of_a_file_that_is_gone_only_the_checksum_is_compared(tmp_path):
    old, new = tmp_path / "gone.csv", tmp_path / "new.csv"
    new.write_text("a\n1\n")
    digest = files.sha256(new)
    assert repeating.verdict("n", old, new, [], digest=digest) == repeating.Row(
        "n", repeating.EQUAL)
    assert repeating.verdict("n", old, new, [], digest="0") == repeating.Row(
        "n", repeating.DIFFERENT,
        "the old file is gone, only its checksum is known")


@pytest.mark.parametrize(("move", "verdict", "detail"), [
    (1, repeating.WITHIN, "greatest difference 1"), (0, repeating.EQUAL, ""),
    (40, repeating.DIFFERENT, "greatest difference 40")])
def test_pictures_may_differ_by_the_greys_of_another_processor(
        tmp_path, move, verdict, detail):
    picture = np.arange(20, dtype=np.uint8).reshape(5, 4)
    paths = [tmp_path / f"{name}.png" for name in "ab"]
    cv2.imwrite(str(paths[0]), picture)
    picture[3, 1] += move
    cv2.imwrite(str(paths[1]), picture)
    assert repeating.verdict("p", *paths, []) == repeating.Row("p", verdict, detail)


def test_contents_of_other_shapes_kinds_and_names_are_different(tmp_path):
    picture = np.arange(20, dtype=np.uint8).reshape(5, 4)
    for number, other in enumerate((picture.T, picture.astype(np.uint16), None)):
        paths = [tmp_path / f"{number}{name}.png" for name in "ab"]
        cv2.imwrite(str(paths[0]), picture)
        paths[1].write_bytes(b"none")
        if other is not None:
            cv2.imwrite(str(paths[1]), other)
        assert repeating.verdict("p", *paths, []).verdict == repeating.DIFFERENT
    arrays = dict(a=picture, words=np.array(["x", "y"]))
    for number, (change, verdict) in enumerate((
            (dict(a=picture + 1e-9), repeating.WITHIN), ({}, repeating.SAME_CONTENT),
            (dict(words=np.array(["x", "z"])), repeating.DIFFERENT),
            (dict(a=picture[:4]), repeating.DIFFERENT),
            (dict(b=picture), repeating.DIFFERENT))):
        paths = [tmp_path / f"{number}{name}.npz" for name in "ab"]
        np.savez(paths[0], **arrays)
        np.savez_compressed(paths[1], **arrays | change)
        assert repeating.verdict("n", *paths, []).verdict == verdict, change
    members = [dict(a="1", b="2"), dict(a="1", c="2"), dict(a="1", b="3")]
    paths = [tmp_path / f"{number}.keras" for number in range(3)]
    for path, member in zip(paths, members, strict=True):
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in member.items():
                archive.writestr(name, text)
    for path in paths[1:]:
        assert repeating.verdict("k", paths[0], path, []).verdict == (
            repeating.DIFFERENT)
    with zipfile.ZipFile(paths[1], "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members[0].items():
            archive.writestr(name, text)
    assert repeating.verdict("k", *paths[:2], []).verdict == repeating.SAME_CONTENT


def test_the_error_of_a_repeated_command_is_its_last_line(monkeypatch, tmp_path):
    for error, said, last in ((" first\nsecond \n", "said", "second"),
                              (" ", "a\nb\n", "b"), ("", "", "nothing said")):
        monkeypatch.setattr(repeating.subprocess, "run", lambda command, error=error,
                            said=said, **how: subprocess.CompletedProcess(
                                command, 3, said, error))
        with pytest.raises(files.InputError) as caught:
            repeating.run(call(tmp_path, ["x"], []), ["x"])
        assert str(caught.value) == (
            f"the repeated command ended with status 3, not 0: {last}")


def test_places_are_known_in_each_way_in_which_they_were_typed(tmp_path):
    first, second = str(tmp_path / "a"), str(tmp_path / "b")
    texts = repeating.spelled(
        dict(folder=str(tmp_path), words=["x", "a", "--to=b", "--a", "", "c", "b"]),
        {first: tmp_path / "new/a", second: tmp_path / "new/b"})
    new = [str(tmp_path / "new" / name) for name in "ab"]
    assert texts == [(new[0], (first, "a")), (new[1], (second, "b", "b"))]
    for old, same in ((f"a {new[0]}", False), (f"{first}/m {second}", True),
                      ("a/m b", True), (f"a/m {second}", False)):
        assert (repeating.difference(old, f"{new[0]}/m {new[1]}", texts) == 0) is same
    # A place that was typed in one way only keeps it.
    assert repeating.difference("a/m B", f"{new[0]}/m N", [
        (new[0], (first, "a")), ("N", ("B",))]) == 0
    assert repeating.difference("x", "x", ()) == 0


def test_outputs_without_a_word_go_behind_the_flag_only_where_there_is_one(tmp_path):
    with pytest.raises(files.InputError) as caught:
        repeating.redirected(call(
            tmp_path, ["predict", "m.h5", "a.csv"], ["a.csv", "b.csv"]), tmp_path / "n")
    assert str(caught.value) == (
        f"the command does not name its output {tmp_path / 'b.csv'}; call it again "
        "with the place of its output as a word.")


def test_a_single_file_is_compared_with_the_last_call_that_wrote_it(tmp_path):
    (tmp_path / "old.csv").write_text("a\nold.csv\n")
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "old.csv").write_text(f"a\n{tmp_path}/n/old.csv\n")
    output = checksums.Output(tmp_path / "old.csv", False)
    calls = [call(tmp_path, ["x", words], ["old.csv"]) for words in ("none", "old.csv")]
    content = dict(files={"old.csv": dict(sha256=files.sha256(tmp_path / "old.csv"))},
                   calls=calls)
    places = {str(tmp_path / "old.csv"): tmp_path / "n" / "old.csv"}
    assert repeating.compare(output, content, places) == [
        repeating.Row("old.csv", repeating.SAME_CONTENT)]
    content["calls"] = calls[::-1]
    assert repeating.compare(output, content, places) == [
        repeating.Row("old.csv", repeating.DIFFERENT)]


def test_empty_arrays_files_and_nested_weights_are_compared(tmp_path):
    assert repeating._gap(np.zeros((0, 2)), np.zeros((0, 2))) == 0
    assert repeating._gap(np.uint8([1, 9]), np.uint8([4, 9])) == 3
    assert repeating._gap(np.array([True]), np.array([False])) == math.inf
    assert repeating._gap(np.array(["x"]), np.array(["x"])) == 0
    paths = [tmp_path / f"{name}.h5" for name in "abc"]
    for path, value in zip(paths, (None, 1.0, 1.5), strict=True):
        with h5py.File(path, "w") as file:
            if value:
                file.create_group("model/layer")["w"] = [value, 2]
    assert repeating._of_models(paths[0], paths[0], ()) == 0
    assert repeating._of_models(paths[1], paths[2], ()) == 0.5
