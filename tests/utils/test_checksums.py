"""Checksums of outputs: what is recorded, what is left out, what a later look finds."""

import json
import os
import subprocess
import sys

import pytest

from end2end.utils import checksums, files, locks


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch):
    """Outputs of other tests are not of this process."""
    monkeypatch.setattr(locks, "_written", {})


def written_folder(folder, words=("prepare", "IN", "OUT"), status=0):
    with locks.output_folder(folder):
        (folder / "a").mkdir(exist_ok=True)
        (folder / "a/x.png").write_bytes(b"picture")
        (folder / "table.csv").write_text("path,score\nx,0.5\n")
        (folder / ".hidden").write_text("h")
    checksums.record(words, status)
    return checksums.of(folder)


def test_every_file_of_an_output_folder_is_recorded_but_hidden_ones(tmp_path):
    output = written_folder(tmp_path / "out")
    content = checksums.read(output)
    assert list(content["files"]) == ["a/x.png", "table.csv"]
    assert content["files"]["a/x.png"]["size"] == 7
    assert content["files"]["a/x.png"]["sha256"] == files.sha256(
        tmp_path / "out/a/x.png")
    assert content["calls"][0]["words"] == ["prepare", "IN", "OUT"]
    assert content["calls"][0]["outputs"] == [str(tmp_path / "out")]
    assert checksums.compare(output, content) == checksums.Comparison(
        ["a/x.png", "table.csv"], [], [], [])


def test_changed_missing_and_extra_files_are_told_apart(tmp_path):
    output = written_folder(tmp_path / "out")
    (tmp_path / "out/a/x.png").write_bytes(b"PICTURE")
    (tmp_path / "out/table.csv").unlink()
    (tmp_path / "out/new.txt").write_text("n")
    assert checksums.compare(output, checksums.read(output)) == checksums.Comparison(
        [], ["a/x.png"], ["table.csv"], ["new.txt"])


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path):
    output = written_folder(tmp_path / "out")
    path = tmp_path / "out/a/x.png"
    status = path.stat()
    path.write_bytes(b"Picture")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert checksums.compare(output, checksums.read(output)).changed == ["a/x.png"]


def test_beside_an_output_file_all_that_is_named_after_it_is_recorded(tmp_path):
    out = tmp_path / "scores.csv"
    with locks.output_file(out):
        for name in ("scores.csv", "scores.run.json", "scores2.csv", "other.csv"):
            (tmp_path / name).write_text(name)
    checksums.record(["predict", "m.h5", "--out", str(out)], 1)
    content = checksums.read(checksums.of(out))
    assert list(content["files"]) == ["scores.csv", "scores.run.json"]
    assert content["calls"][0]["status"] == 1
    assert (tmp_path / ".scores.csv.checksums.json").is_file()


def test_files_that_the_words_name_are_inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.h5").write_bytes(b"weights")
    (tmp_path / "list.csv").write_text("path\n")
    output = written_folder(tmp_path / "out", ["x", "model.h5", "--list=list.csv", "7"])
    inputs = checksums.read(output)["calls"][0]["inputs"]
    assert inputs == {"model.h5": files.sha256("model.h5"),
                      "list.csv": files.sha256("list.csv")}


def test_words_that_are_too_long_or_too_many_to_be_read_are_left_out(
        tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checksums, "MOST_INPUT_BYTES", 5)
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_text("abc")
    output = written_folder(tmp_path / "out", ["x" * 5000, "a.csv", "b.csv", "c.csv"])
    assert list(checksums.read(output)["calls"][0]["inputs"]) == ["a.csv"]


def test_a_working_folder_that_is_gone_is_a_warning(tmp_path, monkeypatch, caplog):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    written_folder(tmp_path / "out")
    assert "no checksums were written" in caplog.text
    monkeypatch.chdir(tmp_path)


def test_a_second_call_is_added_and_an_equal_one_takes_the_place_of_the_first(tmp_path):
    for words in (["a"], ["b"], ["a"]):
        output = written_folder(tmp_path / "out", words)
    assert [call["words"] for call in checksums.read(output)["calls"]] == [["b"], ["a"]]


def test_in_a_folder_that_holds_inputs_only_what_the_process_wrote_is_recorded(
        tmp_path, monkeypatch):
    folder = tmp_path / "out"
    (folder / "mine").mkdir(parents=True)
    (folder / "mine/letter.txt").write_text("before")
    monkeypatch.setattr(
        checksums, "STARTED", (folder / "mine/letter.txt").stat().st_ctime_ns + 1)
    while True:  # the clock of the file system has ticks
        (folder / "clock").write_text("")
        if (folder / "clock").stat().st_ctime_ns > checksums.STARTED:
            break
    (folder / "clock").unlink()
    own = written_folder(folder)
    assert "mine/letter.txt" in checksums.read(own)["files"]
    own.record.unlink()
    monkeypatch.chdir(folder)
    assert list(checksums.read(written_folder(folder))["files"]) == [
        "a/x.png", "table.csv"]


def test_an_output_that_another_process_writes_is_left_to_it(tmp_path):
    folder, later = tmp_path / "out", tmp_path / "later"
    for out in (folder, later):
        with locks.output_folder(out):
            (out / "x.txt").write_text("x")
    hold = ("import sys\nfrom end2end.utils import locks\n"
            "with locks.output_folder(sys.argv[1]):\n"
            "    print(flush=True)\n    sys.stdin.readline()")
    with subprocess.Popen([sys.executable, "-c", hold, str(folder)], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        checksums.record(["a"], 0)
        assert not checksums.of(folder).record.exists()
        assert checksums.of(later).record.exists()
        other.communicate("\n")
    checksums.record(["a"], 0)
    assert checksums.of(folder).record.exists()


def test_an_output_that_is_gone_is_not_made_again(tmp_path):
    with locks.output_file(tmp_path / "a.csv"):
        pass
    checksums.record(["a"], 0)
    assert not list(tmp_path.iterdir())


def test_checksums_that_cannot_be_written_are_a_warning(tmp_path, monkeypatch, caplog):
    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_text", full)
    written_folder(tmp_path / "out")
    assert caplog.messages == [f"the checksums of {tmp_path / 'out'} were not written: "
                               "[Errno 28] No space left on device"]


@pytest.mark.parametrize("damage", [
    lambda content: [], lambda content: content | dict(format=2),
    lambda content: content | dict(files={"a": 3}),
    lambda content: content | dict(calls=[dict(words=3)])])
def test_damaged_checksums_are_refused(tmp_path, damage):
    output = written_folder(tmp_path / "out")
    content = json.loads(output.record.read_text())
    output.record.write_text(json.dumps(damage(content)))
    with pytest.raises(files.InputError, match="call the command"):
        checksums.read(output)


def test_an_output_without_checksums_is_refused(tmp_path):
    for output, record in ((tmp_path, ".checksums.json"),
                           (tmp_path / "a.csv", ".a.csv.checksums.json")):
        with pytest.raises(files.InputError) as caught:
            checksums.read(checksums.of(output))
        assert str(caught.value).startswith(
            f"{output} has no checksums ({record}): it is no output of a command or a ")


def test_the_words_of_a_module_are_those_of_the_one_command(monkeypatch):
    import ddsm_train.prepare
    import end2end.importing.__main__ as importing
    monkeypatch.setattr(sys, "argv", [ddsm_train.prepare.__file__, "IN", "OUT"])
    assert checksums.typed_words() == ["ddsm", "prepare", "IN", "OUT"]
    monkeypatch.setattr(sys, "argv", [importing.__file__, "sets"])
    assert checksums.typed_words() == ["importing", "sets"]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/end2end", "predict", "x"])
    assert checksums.typed_words() == ["predict", "x"]


def test_inputs_of_words_are_read_up_to_a_sum_of_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, size in (("a", 40), ("b", 30), ("c", 31), ("d", 5), ("out.csv", 3)):
        (tmp_path / name).write_bytes(bytes(size))
    monkeypatch.setattr(checksums, "MOST_INPUT_BYTES", 70)
    outputs = [checksums.Output(tmp_path / "out.csv", False)]
    words = ["x", "--model=a", "-b", "b", "out.csv", str(tmp_path / "out.csv"), "--d"]
    assert checksums._inputs(words, outputs) == {
        "a": files.sha256("a"), "b": files.sha256("b")}
    assert list(checksums._inputs(["a", "c", "d"], [])) == ["a"]


def test_software_is_named_with_its_versions(monkeypatch):
    monkeypatch.setattr(checksums.metadata, "version", lambda name: (
        "1.2" if name != "scipy" else missing(name)))

    def missing(name):
        raise checksums.metadata.PackageNotFoundError(name)
    monkeypatch.setattr(checksums.platform, "processor", lambda: "")
    known = checksums.software()
    assert list(known) == [
        "python", "system", "processor", "end2end-mammography", "tensorflow", "keras",
        "numpy", "opencv-python-headless", "pydicom"]
    assert known["processor"] == checksums.platform.machine()
    assert known["keras"] == "1.2"


def test_a_file_of_the_same_size_and_time_is_not_read_again(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"xy")
    state = checksums._state(path, None)
    assert state == dict(size=2, time_ns=path.stat().st_mtime_ns,
                         sha256=files.sha256(path))
    kept = dict(state, sha256="kept")
    assert checksums._state(path, kept) is kept
    for change in (dict(size=3), dict(time_ns=1)):
        assert checksums._state(path, kept | change) == state


def test_an_empty_output_has_no_checksums(tmp_path):
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "a").touch()
    output = checksums.of(tmp_path)
    checksums._write(output, dict(words=["x"], folder="/", inputs={}))
    assert not output.record.exists()


def test_a_call_is_kept_with_its_place_surroundings_and_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in checksums.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RANDOM_SEED", "5")
    monkeypatch.setattr(checksums.time, "gmtime", lambda: (
        2026, 1, 2, 3, 4, 5, 4, 2, 0))
    output = written_folder(tmp_path / "out", ["a", "--b"], 1)
    text = output.record.read_text()
    content = json.loads(text)
    assert text == json.dumps(content, indent=1) + "\n"
    assert content["format"] == checksums.FORMAT
    assert content["calls"] == [dict(
        words=["a", "--b"], folder=str(tmp_path), status=1,
        outputs=[str(tmp_path / "out")], environment=dict(RANDOM_SEED="5"), inputs={},
        software=checksums.software(), ended="2026-01-02T03:04:05Z")]
