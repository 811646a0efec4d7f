"""Pseudonyms: the same wherever the key is the same, and nothing without it."""

import os

import pytest

from end2end.prediction import pseudonyms
from end2end.utils import files

KEY = bytes(range(32))


def test_a_name_depends_on_number_kind_and_key_alone():
    first, second = (pseudonyms.Pseudonyms(KEY) for _ in range(2))
    assert first("4711") == second("4711") == "patient ipb33tisa3"
    assert first.exam("4711") == "exam ipb33tisa3"
    assert first("4712") != first("4711") != pseudonyms.Pseudonyms(KEY[::-1])("4711")


def test_unknown_numbers_have_no_name_and_numbers_stay_on_request():
    assert pseudonyms.Pseudonyms(KEY)("") == ""
    kept = pseudonyms.Pseudonyms(KEY, keep_ids=True)
    assert (kept("4711"), kept(""), kept.exam("")) == ("4711", "", "")
    assert kept.exam("1.2.3.4") == "1.2.3.4" and kept.exam("1.2.3").startswith("exam ")
    assert pseudonyms.Pseudonyms(KEY).exam("1.2.3.4").startswith("exam ")


def test_a_missing_key_file_is_made_for_its_owner_alone_and_that_is_said(
        tmp_path, capsys):
    path = tmp_path / "new" / "key"
    key = pseudonyms.key_of_file(path)
    assert capsys.readouterr().out == (
        f"new pseudonym key in {path}; keep it secret, and apart from the results: "
        "calls with the same key give the same pseudonyms\n")
    assert len(key) >= 32 and path.stat().st_mode & 0o777 == 0o600
    assert pseudonyms.key_of_file(path) == key and capsys.readouterr().out == ""
    assert os.listdir(path.parent) == ["key"]
    assert pseudonyms.key_of_file(tmp_path / "other") != key


def test_a_key_file_is_made_where_no_links_can_be(tmp_path, monkeypatch):
    def without_links(*_):
        raise PermissionError(1, "Operation not permitted")
    monkeypatch.setattr(os, "link", without_links)
    key = pseudonyms.key_of_file(tmp_path / "key")
    assert pseudonyms.key_of_file(tmp_path / "key") == key and len(key) == 64
    assert os.listdir(tmp_path) == ["key"]


def test_a_key_that_others_may_read_or_that_is_short_is_refused(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(bytes(range(65, 97)))
    for mode in (0o644, 0o601):
        path.chmod(mode)
        with pytest.raises(files.InputError) as caught:
            pseudonyms.key_of_file(path)
        assert str(caught.value) == (
            f"pseudonym key {path} can be read by others; a key is secret. Correct "
            f"it: chmod 600 {path}.")
    path.chmod(0o600)
    assert pseudonyms.key_of_file(path) == bytes(range(65, 97))
    path.write_bytes(b"4711\n")
    with pytest.raises(files.InputError) as caught:
        pseudonyms.key_of_file(path)
    assert str(caught.value) == (
        f"pseudonym key {path} has 4 bytes; expected at least 32. Name a file that "
        "does not exist, and a key is made.")


def test_a_fingerprint_tells_keys_apart():
    assert pseudonyms.fingerprint(KEY) != pseudonyms.fingerprint(KEY[::-1])
    assert len(pseudonyms.fingerprint(KEY)) == 16
