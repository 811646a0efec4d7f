"""The one command: it lists the programs and calls the one that is named."""

import sys
import types

import pytest

import end2end
from end2end import __main__ as program
from end2end.utils import checksums, programs


@pytest.fixture
def called(monkeypatch):
    """Modules and words that were passed on; the programs themselves return 7."""
    calls = []

    def load(module):
        return types.SimpleNamespace(
            main=lambda words: calls.append((module, words)) or 7)
    monkeypatch.setattr(programs, "load", load)
    return calls


def test_the_program_gets_its_words_and_gives_its_status(called):
    assert program.main(["ddsm", "prepare", "in", "--size", "3"]) == 7
    assert called == [("ddsm_train.prepare", ["in", "--size", "3"])]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_without_a_program_all_are_listed(words, called, capsys):
    with pytest.raises(SystemExit) as raised:
        program.main(words)
    printed = capsys.readouterr().out
    assert raised.value.code == 0 and not called
    assert printed.startswith("usage: end2end [-h] [--version] PROGRAM ...\n")
    assert programs.listing() in printed and "SUPPRESS" not in printed
    assert "not a medical device" in printed


def test_the_version_is_printed_and_other_flags_are_refused(called, capsys):
    with pytest.raises(SystemExit) as raised:
        program.main(["--version"])
    assert capsys.readouterr().out.split()[-1] == end2end.__version__
    assert raised.value.code == 0
    with pytest.raises(SystemExit) as raised:
        program.main(["--verbose"])
    assert raised.value.code == 2 and "--verbose" in capsys.readouterr().err
    assert not called


def test_the_console_script_names_itself_and_ends_with_the_status(called, monkeypatch):
    monkeypatch.setattr(programs, "_command", [])
    monkeypatch.setattr(sys, "argv", ["/opt/x/end2end", "predict", "a.h5"])
    monkeypatch.setattr(checksums, "record", lambda words, status: None)
    with pytest.raises(SystemExit) as raised:
        program.run()
    assert raised.value.code == 7 and called == [("end2end.predict", ["a.h5"])]
    assert programs.call("end2end.predict") == "/opt/x/end2end predict"
