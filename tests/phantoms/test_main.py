"""`end2end phantoms`: which layout is written how, what is said, what comes next."""

import pathlib

import pytest
import recorded

from end2end import phantoms
from end2end.phantoms import __main__ as program
from end2end.utils import files, programs

FLAGS = ("--patients", "3", "--seed", "7", "--difficulty", "0.5", "--one-view", "0.25",
         "--size", "60", "44", "--workers", "2")


@pytest.fixture
def calls(monkeypatch):
    """What the writers were asked for; they write nothing."""
    asked = []
    for name in ("write_inbreast", "write_cbis_ddsm", "write_layout"):
        monkeypatch.setattr(phantoms, name, lambda out, name=name, **words: (
            asked.append(f"{name} {out.name} {words}")))
    monkeypatch.setattr(phantoms, "spoil", lambda out: [
        ("cut off", "a.dcm"), ("empty", "b.dcm")])
    monkeypatch.setattr(programs, "_command", ["end2end"])
    return asked


def test_each_layout_is_written_as_asked_for_and_its_import_comes_next(
        calls, tmp_path, capsys):
    for layout in program.LAYOUTS:
        program.main([str(tmp_path / "out"), "--layout", layout, *FLAGS])
        calls.append(capsys.readouterr().out)
    program.main([str(tmp_path / "out"), "--defects", "--patients", "1", "--workers",
                  "1"])
    recorded.check("phantoms-command", "\n".join([*calls, capsys.readouterr().out]),
                   dict(FOLDER=tmp_path))


def test_only_files_of_the_classic_layout_are_spoilt(calls):
    with pytest.raises(files.InputError, match="--layout classic, not kaggle"):
        program.main(["out", "--defects", "--layout", "kaggle"])
    assert not calls and not pathlib.Path("out").exists()
