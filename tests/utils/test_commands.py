"""What commands share: one line for a failure, its status, and printable lines."""

import io
import logging
import pathlib
import re
import types

import pytest

from end2end.utils import commands, files

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(("error", "status", "line"), [
    (files.InputError("no\x1b[2J such\nfile"), 2, "error: no?[2J such file\n"),
    (files.VanishedError("out was removed"), 1, "error: out was removed\n"),
    (ZeroDivisionError("by zero"), 1, "error: by zero\n"),
    (OSError("disk"), 1, "error: disk; what was written before is valid.\n"),
    (KeyboardInterrupt(), 130, "interrupted; what was written so far is valid.\n")])
def test_a_failure_is_one_line_and_its_status(error, status, line, capsys):
    def main():
        raise error
    with pytest.raises(SystemExit) as caught:
        commands.run(main)
    assert caught.value.code == status
    assert capsys.readouterr().err == line


def test_too_little_memory_says_what_helps(capsys):
    def main():
        raise MemoryError("8 GB")
    with pytest.raises(SystemExit) as caught:
        commands.run(main)
    assert caught.value.code == 1
    assert "smaller images or batches" in capsys.readouterr().err


def test_the_status_of_main_is_that_of_the_command():
    for status, code in ((None, 0), (0, 0), (1, 1)):
        with pytest.raises(SystemExit) as caught:
            commands.run(lambda status=status: status)
        assert caught.value.code == code


def test_lines_for_the_user_have_printable_signs_only(capsys):
    commands.say("images\nM\u00fcller\x1b]0;x\x07\u202e")
    assert capsys.readouterr().out == "images\nM\u00fcller?]0;x??\n"


def test_tabulators_of_tables_stay(capsys):
    commands.say("a\tb", "c")
    assert capsys.readouterr().out == "a\tb\nc\n"


def test_programs_print_nothing_else_but_pages_and_where_no_package_is_at_hand():
    places = {
        path.relative_to(ROOT).as_posix() for package in (
            "end2end", "ddsm_train", "inbreast")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"(?<![\w.])print\(", path.read_text(encoding="utf-8"))}
    assert places == {
        "end2end/utils/commands.py", "end2end/config/__main__.py",
        "end2end/completion.py", "ddsm_train/model_table.py", "end2end/offline_use.py"}


def test_log_lines_have_printable_signs_only():
    record = logging.LogRecord(
        "a", logging.WARNING, "", 0, "image %s", ("\x1b[2J",), None)
    line = commands._PrintableFormatter("%(levelname)s: %(message)s").format(record)
    assert line == "WARNING: image ?[2J"


def test_a_message_is_bounded():
    line = commands.one_line("a" * 200_000)
    assert len(line) < 1100 and " ... " in line


def test_abbreviated_flags_are_errors_of_status_2(capsys):
    parser = commands.Parser(prog="p")
    parser.add_argument("--workers")
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--work", "1"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_number_of_the_environment_is_checked(monkeypatch):
    monkeypatch.setenv("E", "3")
    assert commands.environment_int("E", 1) == 3
    assert commands.environment_int("MISSING_E", 1) == 1
    monkeypatch.setenv("E", "three")
    with pytest.raises(files.InputError, match="whole number"):
        commands.environment_int("E", 1)


def test_only_the_packages_of_this_distribution_log_what_they_do(monkeypatch, capfd):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    quiet = []
    monkeypatch.setattr(commands.quiet, "install", lambda: quiet.append(1))

    def work():
        for name in ("end2end.anything", "ddsm_train.anything", "fontTools.subset"):
            logging.getLogger(name).info("%s works", name)
        logging.getLogger("fontTools.subset").warning("it is told")

    with pytest.raises(SystemExit):
        commands.run(work)
    assert capfd.readouterr().err.splitlines() == [
        "INFO: end2end.anything works", "INFO: ddsm_train.anything works",
        "WARNING: it is told"]
    assert quiet == [1]


def test_an_error_of_the_command_line_is_one_printable_line(capsys):
    parser = commands.Parser(prog="p")
    with pytest.raises(SystemExit):
        parser.parse_args(["a\x1b[2J\nb" + "x" * 5000])
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.rstrip("\n").isprintable()
    assert "a?[2J b" in said and len(said) < 1200


def test_a_command_that_ended_leaves_checksums_and_one_that_failed_none(
        tmp_path, monkeypatch):
    from end2end.utils import locks
    monkeypatch.setattr(locks, "_written", {})
    out = tmp_path / "out"

    def main():
        with locks.output_folder(out):
            (out / "a.txt").write_text("a")
            if not ended:
                raise OSError("full")

    for ended in (False, True):
        with pytest.raises(SystemExit):
            commands.run(main)
        assert (out / ".checksums.json").exists() == ended


@pytest.mark.parametrize(("terminal", "verbose"), [(True, 1), (False, 2)])
def test_keras_draws_bars_on_terminals_only(monkeypatch, terminal, verbose):
    monkeypatch.setattr("sys.stdout", types.SimpleNamespace(isatty=lambda: terminal))
    assert commands.keras_verbosity() == verbose


def test_a_reader_that_left_ends_the_command_in_silence(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)

    def main():
        raise BrokenPipeError
    with pytest.raises(SystemExit) as caught:
        commands.run(main)
    assert caught.value.code == 1 and said.closed


@pytest.mark.parametrize(("status", "recorded"), [
    (None, [0]), (0, [0]), (1, [1]), (2, []), (3, [])])
def test_checksums_are_of_commands_that_did_their_work(monkeypatch, status, recorded):
    calls = []
    monkeypatch.setattr(commands.checksums, "record",
                        lambda words, status: calls.append(status))
    with pytest.raises(SystemExit) as caught:
        commands.run(lambda: status)
    assert calls == recorded and caught.value.code == (status or 0)


def test_counts_and_words():
    assert [commands.counted(number, "woman", "women") for number in (0, 1, 2)] == [
        "0 women", "1 woman", "2 women"]
    assert [commands.counted(number, "image") for number in (1, -1)] == [
        "1 image", "-1 images"]
    assert commands.words(("a", "b")) == ["a", "b"]


def test_two_versions_of_this_program_are_a_warning(monkeypatch, capsys):
    monkeypatch.setattr(commands.distribution, "clashes",
                        lambda installed, package: ["two of it."])
    with pytest.raises(SystemExit):
        commands.run(lambda: 3)
    assert capsys.readouterr().err == "warning: two of it.\n"


def test_of_a_long_message_both_ends_are_kept():
    whole = "a" * 499 + "b" * 501
    assert commands.one_line(whole) == whole
    assert commands.one_line(f"{whole}c") == f"{'a' * 499}b ... {'b' * 499}c"


def test_what_the_encoding_of_a_terminal_lacks_is_printed_by_its_number(monkeypatch):
    monkeypatch.setattr(commands.quiet, "install", lambda: None)
    written = io.BytesIO()
    for stream in (types.SimpleNamespace(), io.TextIOWrapper(written, "ascii")):
        monkeypatch.setattr("sys.stdout", stream)
        commands._prepare_streams()
    commands.say("M\u00fcller")
    assert written.getvalue() == b"M\\xfcller\n"


def test_the_description_of_a_program_keeps_its_lines():
    parser = commands.Parser(program="end2end.predict", description="a\n    b")
    assert "\n\na\n    b\n\n" in parser.format_help()
    assert parser.prog.endswith(" -m end2end.predict")


def test_lines_for_the_user_do_not_wait_in_a_pipe(monkeypatch):
    done = []
    monkeypatch.setattr("sys.stdout", types.SimpleNamespace(
        write=done.append, flush=lambda: done.append("flushed")))
    commands.say("a", "b")
    assert "".join(done) == "a\nb\nflushed"
