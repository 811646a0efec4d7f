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
    twin = f"such as {folder / 'c/twin.png'}"
    assert resolved(folder, "twin.png")[0]["left_out"] == (
        f"several files have this name: 2 files, {twin}")
    for name in ("a", "b"):
        (folder / name / "Twin.PNG").touch()
        assert resolved(folder, "twin")[0]["left_out"].startswith(
            "several files have this name: 3 or more files, such as ")
    assert resolved(folder, "three.png")[0]["left_out"] == "no file: three.png"


def test_hidden_files_are_not_looked_for_and_other_suffixes_belong_to_the_name(folder):
    for name in (".x/three.png", "a/.three.png", "a/four.v2", "a/five.v2.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    assert resolved(folder, "three.png")[0]["left_out"] == "no file: three.png"
    assert resolved(folder, "four")[0]["left_out"] == "no file: four"
    assert resolved(folder, "four.v2")[0]["source"] == str(folder / "a/four.v2")
    assert resolved(folder, "five.V2")[0]["source"] == str(folder / "a/five.v2.png")


def test_the_first_folder_that_has_a_path_counts_and_no_file_counts_twice(folder):
    with store.temporary(None) as pictures:
        pictures.add(records.Picture(text, text) for text in (
            "twin.png", "x/two.dcm", "", "y/one.png"))
        assert file_names.resolve(
            pictures, [folder / "d", folder / "c", folder]) == 2
        assert [row["source"] for row in pictures.rows()] == [
            str(folder / "d/twin.png"), str(folder / "b/two.dcm"), "",
            str(folder / "a/One.png")]
