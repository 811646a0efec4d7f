"""The program of the local page: what it serves, where, and when it is refused."""

import socket
import sys
import types

import pytest
import tiny_classifier

from end2end import serve
from end2end.serve import __main__ as program
from end2end.utils import files


@pytest.fixture
def served(monkeypatch):
    """What the program hands to the server, which does not run."""
    calls = {}

    class Server:
        def __init__(self, settings):
            calls["settings"] = settings

        def run(self, sockets):
            calls["address"] = sockets[0].getsockname()
            calls["folder"] = calls["scorer"].folder.is_dir()
            sockets[0].close()
    fake = types.SimpleNamespace(
        Server=Server, Config=lambda app, **more: (app, more), __spec__="there")
    monkeypatch.setitem(sys.modules, "uvicorn", fake)
    monkeypatch.setattr(serve.application, "application", lambda scorer: (
        calls.update(scorer=scorer), "the page")[1])
    monkeypatch.setattr(program.webbrowser, "open",
                        lambda address: calls.update(opened=address))
    monkeypatch.setattr(program.gc, "freeze", lambda: calls.update(frozen=True))
    return calls


@pytest.mark.parametrize(("flags", "screen", "opened"), [
    ((), True, True), (("--no-browser",), True, False), ((), False, False)])
def test_the_page_is_served_with_what_was_asked_for(
        tmp_path, monkeypatch, capsys, served, flags, screen, opened):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if screen:
        monkeypatch.setenv("WAYLAND_DISPLAY", "w")
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_bytes(b"k" * 32)
    models = [str(tiny_classifier.save(tmp_path / f"{name}.h5")) for name in "ab"]
    loaded, load = [], program.prediction.score_files.load
    monkeypatch.setattr(program.prediction.score_files, "load", lambda paths, **how: (
        loaded.append(how), load(paths, **how))[1])
    program.main([*models, "--port", "0", "--flips", "--refuse-unfit", "--map-scale",
                  "image", "--pseudonym-key", str(tmp_path / "key"), "--class-list",
                  "neg", "pos", *flags])
    assert loaded == [dict(output_options=program.model_flags.OutputOptions(
        ("neg", "pos")))]
    host, port = served["address"]
    address = f"http://127.0.0.1:{port}/"
    assert host == "127.0.0.1" and served.get("opened") == (address if opened else None)
    assert capsys.readouterr().out.splitlines() == [
        "Research use only: no medical device, not for diagnosis.",
        *(f"{model} was trained on: random weights, no data" for model in models),
        f"open {address} in a browser; end with Ctrl-C"]
    assert served["settings"] == ("the page", dict(
        log_level="warning", access_log=False, server_header=False))
    scorer = served["scorer"]
    assert [classifier.name for classifier in scorer.classifiers] == ["a", "b"]
    assert (scorer.flips, scorer.refuse_unfit, scorer.map_scale, scorer.patch) == (
        True, True, "image", None)
    assert scorer.session._names("x") == serve.session.pseudonyms.Pseudonyms(
        b"k" * 32)("x")
    assert served["frozen"] and served["folder"] and not scorer.folder.exists()


def test_a_missing_model_and_a_taken_port_are_refused_before_a_model_is_read(
        tmp_path, served):
    with pytest.raises(files.InputError, match=r"model .*none\.h5 does not exist"):
        program.main([str(tmp_path / "none.h5"), "--port", "0"])
    (tmp_path / "a.h5").write_bytes(b"no model")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(files.InputError, match=f"port {port} cannot be used"):
            program.main([str(tmp_path / "a.h5"), "--port", str(port)])
    with pytest.raises(files.InputError, match="port 70000 cannot be used"):
        program.bound(70000)
    assert not served


def test_the_page_takes_over_a_port_and_keeps_those_waiting_that_are_early():
    with program.bound(0) as listening:
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        socket.create_connection(listening.getsockname(), 5).close()


@pytest.mark.parametrize(("platform", "variables", "screen"), [
    ("linux", {}, False), ("linux", dict(DISPLAY=":0"), True),
    ("linux", dict(DISPLAY=""), False), ("darwin", {}, True), ("win32", {}, True)])
def test_a_screen_is_where_the_system_has_one(monkeypatch, platform, variables, screen):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert program.has_screen() == screen


def test_without_its_packages_the_page_names_the_extra(monkeypatch):
    monkeypatch.setattr(program.distribution.importlib.util, "find_spec",
                        lambda name: None)
    for start in (program.check, lambda: program.main(["none.h5"])):
        with pytest.raises(files.InputError, match=r"end2end-mammography\[serve\]"):
            start()
