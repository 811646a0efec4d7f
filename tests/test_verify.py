"""`end2end verify`: a real run is as written, is changed, is repeated."""

import os
import subprocess
import sys

import pytest

from end2end import repeating, verify
from end2end.utils import files


def start(*words, folder):
    return subprocess.run(
        [sys.executable, "-m", "end2end", *map(str, words)], cwd=folder, text=True,
        capture_output=True, timeout=600,
        env=dict(os.environ, PYTHONPATH=str(verify.checksums.programs.ROOT)))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Phantoms that a real command wrote."""
    folder = tmp_path_factory.mktemp("run")
    result = start("phantoms", "out", "--patients", 1, "--size", 64, 64, "--workers", 1,
                   folder=folder)
    assert result.returncode == 0, result.stderr
    return folder / "out"


def test_a_run_is_as_written_until_a_file_changes(run, capsys):
    assert verify.main([str(run)]) == 0
    said = capsys.readouterr().out
    assert "written by: end2end phantoms out" in said and "0 changed" in said
    table = run / "mass_case_description_train_set.csv"
    before = table.read_bytes()
    table.write_bytes(before + b"\n")
    (run / "extra.txt").write_text("e")
    try:
        assert verify.main([str(run)]) == 1
        said = capsys.readouterr().out
        assert "changed: mass_case_description_train_set.csv" in said
        assert "not of this run: extra.txt" in said
    finally:
        table.write_bytes(before)
        (run / "extra.txt").unlink()


@pytest.mark.slow
def test_a_repeated_run_is_equal_and_leaves_the_old_one_alone(run, tmp_path, capsys):
    assert verify.main([str(run), "--repeat", "--into", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out
    assert f"repeating: end2end phantoms {tmp_path}/new/out" in said
    assert "equal" in said and "different" not in said
    assert (tmp_path / "new/out/phantoms.json").is_file()
    with pytest.raises(files.InputError, match="is not empty"):
        verify.main([str(run), "--repeat", "--into", str(tmp_path / "new")])


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(files.InputError, match="does not exist"):
        verify.main([str(tmp_path / "none")])
    with pytest.raises(files.InputError, match="has no checksums"):
        verify.main([str(tmp_path)])
    with pytest.raises(files.InputError, match="--into is for --repeat"):
        verify.main([str(tmp_path), "--into", "x"])


def test_other_packages_and_inputs_are_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "m.h5").write_bytes(b"a")
    call = dict(folder=str(tmp_path), inputs={"m.h5": "0", "gone.csv": "0"},
                software=dict(verify.checksums.software(), keras="2.0.8"))
    said = verify.differences(call)
    assert said[0] == "input m.h5 is another file now"
    assert said[1] == "input gone.csv is missing"
    assert len(said) == 3 and said[2].startswith("keras: 2.0.8 then")
    monkeypatch.setattr(verify.checksums, "read", lambda output: dict(
        files={}, calls=[dict(call, words=["x"]), dict(call, words=["y", "z"])]))
    assert verify.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "written by: end2end y z", f"in {tmp_path}, ended unknown", *said,
        "0 files as written", "0 changed", "0 missing", "1 not of this run",
        "  not of this run: m.h5"]
    with pytest.raises(files.InputError, match=f"^{tmp_path} is not empty; give a new"):
        verify.repeated(verify.output_of(tmp_path), dict(calls=[dict(
            call, words=["x"])]), str(tmp_path))


@pytest.mark.parametrize(("count", "end"), [
    (0, "0 changed"), (20, "  changed: 19"), (21, "  and 1 more"),
    (25, "  and 5 more")])
def test_of_many_files_twenty_are_named_and_the_others_counted(count, end):
    names = [f"{number}" for number in range(count)]
    text = verify.lines(verify.checksums.Comparison(["a", "b"], names, ["c"], []))
    assert text[:2] == ["2 files as written", f"{count} changed"]
    assert text[-4:] == [end, "1 missing", "  missing: c", "0 not of this run"]
    assert [line for line in text if "  changed" in line] == [
        f"  changed: {name}" for name in names[:20]]


@pytest.mark.parametrize(("rows", "said", "status"), [
    ([("a", repeating.EQUAL, ""), ("b", repeating.EQUAL, "")],
     ["repeated: 2 equal"], 0),
    ([("a", repeating.EQUAL, ""), ("b", repeating.WITHIN, "greatest difference 1"),
      ("c", repeating.OF_ONE_CALL, "")],
     [f"  b: {repeating.WITHIN}, greatest difference 1",
      f"  c: {repeating.OF_ONE_CALL}",
      f"repeated: 1 equal, 1 {repeating.WITHIN}, 1 {repeating.OF_ONE_CALL}"], 0),
    ([("a", repeating.DIFFERENT, "greatest difference 9"), ("b", repeating.EQUAL, "")],
     [f"  a: {repeating.DIFFERENT}, greatest difference 9",
      "repeated: 1 equal, 1 different"], 1),
    ([("a", repeating.MISSING, "")], [f"  a: {repeating.MISSING}",
                                      f"repeated: 1 {repeating.MISSING}"], 1)])
@pytest.mark.parametrize("into", [None, "new"])
def test_what_a_repeated_call_gives_is_said_by_file(
        tmp_path, monkeypatch, capsys, rows, said, status, into):
    out, calls = tmp_path / "out", []
    out.mkdir()
    (out / "a.txt").write_text("a")
    monkeypatch.setattr(verify.checksums, "read", lambda output: dict(
        files={"a.txt": dict(size=1, sha256=files.sha256(out / "a.txt"))},
        calls=[dict(words=["x", "out"], folder="here", inputs={}, software={})]))
    monkeypatch.setattr(repeating, "only_call", lambda content: content["calls"][0])
    monkeypatch.setattr(repeating, "redirected", lambda call, folder: (
        calls.append(folder), (["x", "other"], dict(place=folder)))[1])
    monkeypatch.setattr(repeating, "run", lambda call, words: calls.append(
        (words, calls[0].is_dir())))
    monkeypatch.setattr(repeating, "compare", lambda output, content, places: [
        repeating.Row(*row) for row in rows] if places["place"] == calls[0] else None)
    words = ["--into", str(tmp_path / into)] if into else []
    assert verify.main([str(out), "--repeat", *words]) == status
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == ["written by: end2end x out", "in here, ended unknown"]
    assert printed[printed.index("repeating: end2end x other") + 1:] == said
    assert calls[1] == (["x", "other"], True)
    assert calls[0].is_dir() == bool(into)
