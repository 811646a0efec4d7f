"""Tests of end2end.evidence.parsers."""

import argparse
import re

import constants
import pytest
import recorded

from end2end import evidence
from end2end.evidence import parsers
from end2end.metrics import __main__ as program


@pytest.mark.parametrize("name", parsers.COMMANDS)
def test_each_command_has_a_help_and_a_module_that_runs_it(name, capsys):
    with pytest.raises(SystemExit) as stop:
        program.main([name, "--help"])
    assert stop.value.code == 0
    assert f"end2end.metrics {name}" in capsys.readouterr().out
    assert callable(getattr(evidence, parsers.COMMANDS[name].module).run)


def test_the_help_of_the_program_names_all_commands(capsys):
    with pytest.raises(SystemExit):
        program.main(["--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in parsers.COMMANDS)


def test_a_file_with_the_name_of_a_command_is_a_file(tmp_path, monkeypatch, capsys):
    import evidence_tables

    monkeypatch.chdir(tmp_path)
    evidence_tables.write(tmp_path / "plan", evidence_tables.scored(40))
    program.main(["plan", "--runs", "50"])
    assert "operating points" in capsys.readouterr().out.lower()


DEFAULT = re.compile(r"\(default: ([^)]*)\)")


@pytest.mark.parametrize("name", parsers.COMMANDS)
def test_the_help_of_each_flag_names_its_default(name):
    parser = argparse.ArgumentParser()
    parsers.COMMANDS[name].add(parser)
    named = [(action, match[1]) for action in parser._actions
             if action.default and (match := DEFAULT.search(action.help or ""))
             and isinstance(action.default, (int, float, list))
             and not isinstance(action.default, bool)]
    for action, text in named:
        default = action.default if isinstance(action.default, list) else [
            action.default]
        shown = text.replace("%(default)s", " ".join(map(str, default)))
        assert [float(word) for word in re.findall(r"[\d.]+", shown)] == list(
            map(float, default)), action.option_strings


def test_the_flags_of_the_commands_are_as_recorded():
    rows = [f"{name} {flag} = {value}" for name in parsers.COMMANDS
            for flag, value in constants.options(parsers.parser(name)).items()]
    recorded.check("evidence-flags", "\n".join([parsers.overview(), *rows]))
