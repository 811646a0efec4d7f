"""Manifests as people write them."""

import pathlib

import pytest

from end2end.tables import manifests
from end2end.utils import files


def read(folder, text):
    (folder / "m.csv").write_text(text, encoding="utf-8-sig")
    return manifests.rows(folder / "m.csv")


@pytest.mark.parametrize("header", [
    "path,patient,laterality,view",
    "file_name;Patient ID;left or right breast;image_view",
    "Filename\tsubject_id\tside\tViewPosition"])
def test_columns_are_known_by_any_of_their_spellings(tmp_path, header):
    mark = max(",;\t", key=header.count)
    row, = read(tmp_path, f"{header}\n" + mark.join(("a.png", "P1", "LEFT", "CC")))
    assert row == dict(path="a.png", patient="P1", laterality="LEFT", view="CC")


def test_a_column_that_is_not_understood_is_named_once(tmp_path, caplog):
    read(tmp_path, "path,mystery,view\na.png,1,CC\nb.png,2,CC\n")
    assert caplog.text.count("mystery") == 1 and "image_view" in caplog.text
    caplog.clear()
    read(tmp_path, "path,view\na.png,CC\n")
    assert not caplog.text


def test_a_table_without_paths_is_refused(tmp_path):
    with pytest.raises(files.InputError) as caught:
        read(tmp_path, "view," + "x" * 300 + "\nCC,1\n")
    assert str(caught.value) == (
        f"manifest {tmp_path / 'm.csv'} has no column path; expected a CSV with the "
        "column path and, as far as known, label, patient, exam, laterality, view. It "
        f"has view, {'x' * 194}.")


def test_cells_become_a_statement_and_placeholders_say_nothing():
    fields = manifests.statement(dict(
        path="a.png", patient="N/A", view="RCC", exam="v1", date="2020-03-01")).fields
    assert fields["laterality"] == "R" and fields["view"] == "CC"
    assert fields["exam"] == "v1" and fields["day"].isoformat() == "2020-03-01"
    assert "patient" not in fields


def test_ml_in_a_manifest_stays_ml():
    assert manifests.statement(dict(path="3.png", view="ML")).fields["view"] == "ML"


def test_lines_of_one_image_that_differ_leave_the_field_unknown():
    rows = [dict(path="a.png", laterality="L", view="CC"),
            dict(path="a.png", laterality="R", view="CC"),
            dict(path="b.png", view="CC")]
    by_path = manifests.by_path(rows, pathlib.Path("in"))
    assert list(by_path) == [pathlib.Path("in/a.png"), pathlib.Path("in/b.png")]
    statement = manifests.statement(by_path[pathlib.Path("in/a.png")])
    assert "laterality" not in statement.fields and statement.fields["view"] == "CC"
    assert statement.notes == ("the manifest says two things of its side; unknown",)
    assert statement.silenced == {"laterality"}


def test_the_row_and_the_name_both_say_something_of_an_image():
    name, = manifests.around("in/P_00001_LEFT_CC.png")
    assert name.source == "name" and name.fields["laterality"] == "L"
    name, row = manifests.around("in/P_00001_LEFT_CC.png", dict(laterality="R"))
    assert (name.source, row.source) == ("name", "manifest")
    assert row.fields["laterality"] == "R"
    assert [source.source for source in manifests.around("in/7.png", {})] == [
        "manifest"]


def test_a_view_that_is_no_known_word_is_told_and_a_known_one_is_not():
    told = ("the view in the manifest is no known word",)
    assert manifests.statement(dict(view="oblique-ish")).notes == told
    assert manifests.statement(dict(view="CC")).notes == ()
    assert manifests.statement(dict(view="")).notes == ()


def test_where_an_exam_is_told_from():
    dated = manifests.statement(dict(date="2020-03-01"))
    assert dated.fields["exam"] == "20200301" and dated.where == dict(exam="date")
    named = manifests.statement(dict(exam="v 7", issuer="clinic", patient="P1"))
    assert named.fields == dict(exam="v 7", namespace="clinic", patient="P1",
                                ) and named.where == {}
    timed = manifests.statement(dict(exam="2020-03-01 10:30"))
    assert timed.fields["exam"] == "20200301"
    specimen = manifests.statement(dict(view="specimen"))
    assert specimen.fields == dict(kind="specimen")
