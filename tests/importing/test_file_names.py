"""Files by whatever a table calls them."""

import pytest

from end2end.importing import file_names, records, store


@pytest.fixture
def folder(tmp_path):
    for name in ("a/One.png", "b/two.dcm", "c/twin.png", "d/twin.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def resolved(folder, text):
    with store.temporary(None) as pictures:
        pictures.add([records.Picture("k", text)])
        count = file_names.resolve(pictures, [folder])
        return pictures.row(1), count


@pytest.mark.parametrize("text", [
    "a/One.png", "a\\One.png", "one.png", "ONE", "C:\\scans\\2021\\one.PNG",
    "//x/One.png"])
def test_a_file_is_found_by_path_or_by_its_only_name(folder, text):
    row, _ = resolved(folder, text)
    assert row["source"] == str(folder / "a/One.png") and not row["left_out"]


def test_names_alone_are_counted(folder):
    assert resolved(folder, "a/One.png")[1] == 0
    assert resolved(folder, "two")[1] == 1


def test_names_that_are_no_text_are_passed_over(folder):
    (folder / "a" / b"\xff.png".decode("utf-8", "surrogateescape")).write_bytes(b"x")
    assert resolved(folder, "two")[1] == 1


def test_a_name_of_two_files_and_one_of_none_are_left_out(folder):
    assert resolved(folder, "twin.png")[0]["left_out"].startswith("several files")
    assert resolved(folder, "three.png")[0]["left_out"] == "no file: three.png"
