"""Tests of end2end.heatmap_files against files of other kinds."""

import io
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from end2end.heatmaps import heatmap_files
from end2end.utils import files
from tests.fuzz import seeds


def test_a_pickle_of_the_original_is_read(tmp_path):
    path = tmp_path / "h.pkl"
    path.write_bytes(seeds.of("heatmaps")[1])
    case, = heatmap_files.read_cases(path)
    assert (case.patient_id, case.side, case.cancer) == ("a", "L", 1)
    np.testing.assert_array_equal(case.cc, np.zeros((2, 2, 2), np.float32))


@pytest.mark.parametrize("data", [
    seeds.of("heatmaps")[2],                                  # a call of os.system
    b"(lr\xff\xff\xff\x0fI1\n.",                              # 268 million memories
    pickle.BYTEARRAY8 + (1 << 33).to_bytes(8, "little") + b".",
    b"", b".", b"\x80\x04\x95", b"I" + b"9" * 5000 + b"\n."])
def test_what_is_no_heatmap_is_refused_without_taking_memory(data, tmp_path):
    path = tmp_path / "h.pkl"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(files.InputError, match="cannot be read"):
            heatmap_files.read_cases(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("changes", "words"), [
    (dict(cc=np.zeros((2, 3))), "the cc heatmap of P L of shape"),
    (dict(mlo=np.full((2, 3, 4), np.nan)), "the mlo heatmap of P L of shape"),
    (dict(cc=np.zeros((0, 3, 4))), "expected finite numbers by rows"),
    (dict(cc=np.zeros((2, 3, 4), complex)), "expected finite numbers by rows"),
    (dict(cancer=2), "cancer of P L is 2; expected 0 or 1"), ({}, "")])
def test_cases_have_finite_heatmaps_and_a_known_label(changes, words):
    case = heatmap_files.Case(**dict(
        patient_id="P", side="L", cancer=1, cc=np.zeros((2, 3, 4)), mlo=None) | changes)
    if words:
        with pytest.raises(files.InputError, match=words):
            heatmap_files._check_case(case, "here")
    else:
        heatmap_files._check_case(case, "here")


@pytest.mark.parametrize("value", ["2", "", "yes"])
def test_the_label_of_a_breast_is_0_or_1(tmp_path, value):
    (tmp_path / "t.csv").write_text(f"patient_id,side,cancer\nP1,L,1.0\nP2,R,{value}\n")
    with pytest.raises(files.InputError, match="P2 R is|cancer is ''"):
        heatmap_files.read_breasts(tmp_path / "t.csv")


def test_lists_of_patients_that_the_table_lacks_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("patient_id,side,cancer\nP1,L,1\nP2,R,0\n")
    path = tmp_path / "list.txt"
    for text, words in (
            ("id P1 P3 P4", "list.txt: P3; expected patient ids of .*t.csv, one per l"),
            ("", "it is empty; expected")):
        path.write_text(text)
        with pytest.raises(files.InputError, match=words):
            heatmap_files.read_breasts(tmp_path / "t.csv", path)
    path.write_text("id\nP2\n")
    assert heatmap_files.read_breasts(tmp_path / "t.csv", path) == [("P2", "R", 0)]


def archive(member="side.npy", *, size, shape=(5,), kind="<f4"):
    """An archive of one array of so many bytes, whatever its header declares."""
    stream, head = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, dict(descr=kind, fortran_order=False, shape=shape))
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(member, head.getvalue() + bytes(size - len(head.getvalue())))
    return stream.getvalue()


def test_arrays_larger_than_any_case_or_than_what_is_stored_are_refused(
        tmp_path, monkeypatch):
    monkeypatch.setattr(heatmap_files, "GREATEST_BYTES", 3 << 20)
    heatmap_files._check_sizes(archive(size=3 << 20))
    heatmap_files._check_sizes(archive(size=1152, shape=(2, 144)))
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive(size=148))) as one, zipfile.ZipFile(
            stream, "w") as both:
        for way in heatmap_files.COMPRESSIONS:
            both.writestr(f"{way}.npy", one.read("side.npy"), way)
    heatmap_files._check_sizes(stream.getvalue())
    for data, words in ((archive(size=(3 << 20) + 1), "its arrays have more than 3 MB"),
                        (archive(size=1152, shape=(2, 145)), "side.npy is cut off")):
        (tmp_path / "h.npz").write_bytes(data)
        with pytest.raises(files.InputError) as caught:
            heatmap_files.read_cases(tmp_path / "h.npz")
        assert str(caught.value) == (
            f"heatmap file {tmp_path / 'h.npz'} cannot be read ({words}); expected the "
            ".npz of ddsm_train.heatmap_score, or the original's .pkl.")


@pytest.mark.parametrize("by_columns", [False, True])
def test_arrays_are_read_by_rows_or_by_columns(by_columns):
    values = np.arange(6, dtype="<i2").reshape(2, 3)
    kind = heatmap_files._StoredType("i2")
    kind.__setstate__((3, "<"))
    stored = heatmap_files._StoredArray()
    stored.__setstate__((
        1, (2, 3), kind, by_columns, values.tobytes("F" if by_columns else "C")))
    np.testing.assert_array_equal(stored.array(), values)


def test_arrays_of_numbers_are_read_in_either_order_of_their_bytes():
    kind = heatmap_files._StoredType("i2")
    assert kind.number_type() == np.dtype("<i2")
    for order, expected in ((">", ">i2"), ("|", "<i2")):
        kind.__setstate__((3, order))
        assert kind.number_type() == np.dtype(expected)
    with pytest.raises(pickle.UnpicklingError, match="^an array of type 'S3'$"):
        heatmap_files._StoredType("S3").number_type()


def test_a_table_of_other_signs_than_text_is_refused_as_a_table(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"patient_id,side,cancer\nJ\xfcrgen,L,1\n")
    with pytest.raises(files.InputError, match="t.csv is not CSV in UTF-8"):
        heatmap_files.read_breasts(tmp_path / "t.csv")
