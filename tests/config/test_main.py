"""The page of flags."""

import logging
import pathlib

import pytest

from end2end.config import __main__ as program

HERE = pathlib.Path(__file__).parents[1]


def test_the_page_of_flags_is_what_the_code_prints(monkeypatch):
    monkeypatch.delenv("RANDOM_SEED", raising=False)
    monkeypatch.delenv("NUM_CPU_CORES", raising=False)
    logging.disable()
    try:
        text = program.document()
    finally:
        logging.disable(logging.NOTSET)
    written = (HERE.parent / "docs" / "flags.md").read_text(encoding="utf-8")
    assert written == text, "run: end2end config > docs/flags.md"


def test_the_program_prints_the_page_and_takes_no_flag(monkeypatch, capsys):
    monkeypatch.setattr(program, "document", lambda: "the page\n")
    program.main([])
    assert capsys.readouterr().out == "the page\n"
    with pytest.raises(SystemExit):
        program.main(["--all"])
