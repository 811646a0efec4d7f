"""The steps of an import by hand: who, names, bits, doubles, splits."""

import bars
import cv2
import dicom_writer
import numpy as np
import pytest

from end2end.importing import machine, records, store
from end2end.utils import files


@pytest.fixture
def pictures():
    with store.temporary(None) as stored:
        yield stored


def add(pictures, *rows):
    pictures.add(records.Picture(
        row.get("source", str(number)), row.pop("source", f"{number}.png"), number,
        **row) for number, row in enumerate(rows, 1))


def column(pictures, name):
    return [row[name] for row in pictures.rows()]


def test_tags_fill_what_the_table_does_not_say_and_contradictions_leave_out(
        pictures, tmp_path):
    paths = [str(dicom_writer.write(
        tmp_path / f"{number}.dcm", ImageLaterality="L", ViewPosition="CC",
        StudyInstanceUID="1.2.840.77.5")) for number in range(3)]
    add(pictures, dict(source=paths[0], patient="p1"),
        dict(source=paths[1], patient="p1", laterality="R"),
        dict(source=paths[2], patient="woman-1", laterality="L"))
    machine.identify(pictures)
    assert column(pictures, "laterality") == ["L", "R", "L"]
    assert column(pictures, "exam") == ["1.2.840.77.5"] * 3
    reasons = column(pictures, "left_out")
    assert reasons[0] == reasons[2] == ""
    assert reasons[1].startswith("contradiction: side R by the manifest, L by its tags")


def test_another_patient_in_the_tags_is_a_pseudonym_and_no_contradiction(
        pictures, tmp_path):
    path = dicom_writer.write(tmp_path / "a.dcm", PatientID="real")
    add(pictures, dict(source=str(path), patient="code-7"))
    machine.identify(pictures)
    row = pictures.row(1)
    assert row["patient"] == "code-7" and not row["left_out"]
    assert any("another patient" in note for note in row["notes"])


def test_pictures_of_one_view_are_numbered_and_unknown_women_are_apart(pictures):
    known = dict(patient="p", laterality="L", view="CC", label=0)
    add(pictures, dict(known), dict(known), dict(known, view="MLO"),
        dict(view="CC", label=0), dict(exam="e7", view="CC", label=0))
    for row in pictures.rows():
        pictures.update(row["position"], dict(modifier="", namespace=""))
    machine.name_pictures(pictures)
    assert column(pictures, "name") == [
        "p_LEFT_CC", "p_LEFT_CC_2", "p_LEFT_MLO", "picture4_X_CC", "exame7_X_CC"]
    assert column(pictures, "repeat") == ["", "2", "", "", ""]


def test_women_of_one_number_in_two_folders_have_two_names(pictures):
    add(pictures, *[dict(patient="3", laterality="L", view="CC", label=0)] * 2)
    for position, space in ((1, "folder a"), (2, "folder b")):
        pictures.update(position, dict(namespace=space, modifier=""))
    machine.name_pictures(pictures)
    assert column(pictures, "safe") == ["3", "3-2"]


def test_other_views_are_left_out_unless_kept(pictures, tmp_path):
    settings = records.Settings(tmp_path)
    add(pictures, dict(label=0, kind="spot"), dict(label=0, kind="standard"),
        dict(kind="standard"))
    machine.choose(pictures, records.Settings(tmp_path, all_views=True))
    assert column(pictures, "left_out") == ["", "", "no label"]
    machine.choose(pictures, settings)
    assert column(pictures, "left_out") == ["a spot compression view", "", "no label"]


def image(path, top, seed):
    pixels = np.random.default_rng(seed).integers(0, top, (40, 30))
    pixels[0, 0] = top
    cv2.imwrite(str(path), pixels.astype(np.uint16))
    return str(path)


def test_all_files_that_declare_no_bits_get_those_of_the_brightest(
        pictures, tmp_path, monkeypatch):
    tops, made = (1000, 4000, 900), bars.noted(monkeypatch)
    add(pictures, *[dict(source=image(tmp_path / f"{top}.png", top, top), label=0)
                    for top in tops])
    for row in pictures.rows():
        pictures.update(row["position"], dict(name=f"n{row['position']}"))
    settings = records.Settings(tmp_path, size=(40, 30))
    assert machine.convert(pictures, settings) == 12
    stored = [cv2.imread(str(tmp_path / f"full/n{number}.png"), cv2.IMREAD_UNCHANGED)
              for number in (1, 2, 3)]
    assert [int(pixels.max()) for pixels in stored] == [
        round(top * 65535 / 4095) for top in tops]
    machine.identify(pictures)
    assert made == [(3, "picture", None), (2, "picture", None), (3, "header", None)]
    shown = bars.drawn(monkeypatch)
    machine.identify(pictures)
    # A bar that is closed is disabled.
    assert [(bar.n, bar.disable) for bar in shown] == [(3, True)]


def test_a_second_call_converts_nothing_again(pictures, tmp_path):
    add(pictures, *[dict(source=image(tmp_path / f"{top}.png", top, top), label=0)
                    for top in (1000, 4000)])
    for row in pictures.rows():
        pictures.update(row["position"], dict(name=f"n{row['position']}"))
    settings = records.Settings(tmp_path, size=(40, 30))
    bits = machine.convert(pictures, settings)
    files.write_json(tmp_path / "census.json", dict(bits_of_undeclared=bits))
    calls = []

    def counted(job):
        calls.append(job["key"])
        return machine.converting.convert_picture(job)

    for _ in range(2):
        pictures.query("UPDATE pictures SET bits = NULL")
        calls.clear()
        assert machine.convert(pictures, settings, counted) == 12
    assert calls == []


def test_of_equal_pictures_one_counts_and_of_contradicting_ones_none(pictures):
    add(pictures, *[dict(patient=patient, label=label) for patient, label in (
        ("a", 0), ("a", 0), ("b", 1), ("b", 0), ("c", 1))])
    for position, content in enumerate(("x", "x", "y", "y", "z"), 1):
        pictures.update(position, dict(content=content, safe="abc"[
            (position - 1) // 2]))
    machine.find_doubles(pictures)
    assert [bool(reason) for reason in column(pictures, "left_out")] == [
        False, True, True, True, False]
    assert "another label" in column(pictures, "left_out")[2]


def women(pictures, count=20, **others):
    add(pictures, *[dict(patient=f"p{number // 2}", label=int(number % 4 < 2), **others)
                    for number in range(2 * count)])
    for row in pictures.rows():
        pictures.update(row["position"], dict(safe=row["patient"], name="n"))


def test_a_split_is_by_woman(pictures, tmp_path):
    women(pictures)
    machine.split(pictures, records.Settings(tmp_path, test_share=0.2))
    assert machine.women_in_two_parts(pictures) == []
    parts = column(pictures, "part")
    assert parts.count("test") == 8 and set(parts) == {"train", "val", "test"}


def test_the_own_split_is_kept_and_validation_is_of_its_training_women(
        pictures, tmp_path):
    women(pictures, split="train")
    pictures.query("UPDATE pictures SET split = 'test' WHERE position <= 10")
    pictures.query("UPDATE pictures SET split = '' WHERE position = 40")
    said = machine.split(pictures, records.Settings(tmp_path, val_share=0.2))
    assert [row["part"] for row in pictures.rows("position <= 10")] == ["test"] * 10
    assert {row["part"] for row in pictures.rows("position BETWEEN 11 AND 39")} == {
        "train", "val"}
    assert pictures.row(40)["left_out"].startswith("in no part")
    assert said == "the set's own; 0.2 of its training women are for validation"
    assert machine.women_in_two_parts(pictures) == []
    pictures.query("UPDATE pictures SET split = 'val' WHERE position IN (21, 11)")
    assert machine.split(pictures, records.Settings(tmp_path)) == "the set's own"
    assert [row["part"] for row in pictures.rows("position BETWEEN 10 AND 13")] == [
        "test", "val", "train", "train"]
    assert machine.women_in_two_parts(pictures) == ["p10", "p5"]


def test_a_split_file_is_followed_and_a_foreign_one_refused(pictures, tmp_path):
    women(pictures, 2)
    path = tmp_path / "split.csv"
    path.write_text("patient_id,split\np0,test\n")
    assert machine.split(pictures, records.Settings(
        tmp_path, split_file=path)) == str(path)
    assert column(pictures, "part") == ["test", "test", None, None]
    assert pictures.row(3)["left_out"] == "not in the split file"
    # Of her name in files and her number the first that is in the file counts.
    path.write_text("patient_id,split\np0,test\ns0,val\np1,train\n")
    pictures.query("UPDATE pictures SET left_out = '', part = NULL, "
                   "safe = REPLACE(safe, 'p', 's')")
    machine.split(pictures, records.Settings(tmp_path, split_file=path))
    assert column(pictures, "part") == ["val", "val", "train", "train"]
    path.write_text("patient_id,split\nq,test\n")
    pictures.query("UPDATE pictures SET left_out = '', part = NULL")
    with pytest.raises(files.InputError, match="names none"):
        machine.split(pictures, records.Settings(tmp_path, split_file=path))


def test_files_that_are_not_there_are_left_out(pictures, tmp_path):
    add(pictures, dict(source=image(tmp_path / "a.png", 9, 1)), dict())
    assert machine.check_files(pictures) == 1
    assert column(pictures, "left_out") == ["", "no file"]


@pytest.mark.parametrize(("text", "bits"), [
    ('{"bits_of_undeclared": 12}', 12), ('{"bits_of_undeclared": 8}', 8),
    ('{"bits_of_undeclared": 16}', 16), ('{"bits_of_undeclared": 7}', None),
    ('{"bits_of_undeclared": 17}', None), ("[1]", None), ("{", None), (None, None)])
def test_the_bits_of_an_earlier_call_hold_where_they_are_such(tmp_path, text, bits):
    if text:
        (tmp_path / "census.json").write_text(text)
    assert machine._earlier_bits(records.Settings(tmp_path)) == bits


def test_large_sets_have_many_ledgers_and_lose_no_picture(
        pictures, tmp_path, monkeypatch):
    rows, settled = [], []
    for number in range(9):
        path = tmp_path / f"P_{number:05d}_LEFT_CC.png"
        cv2.imwrite(str(path), np.arange(64 + number, 64 + number + 48 * 32,
                                         dtype=np.uint16).reshape(48, 32))
        rows.append(dict(source=str(path), label=0, patient=f"P_{number // 3:05d}"))
    add(pictures, *rows[::2], *rows[1::2])
    settle = machine.images.belonging.settle
    monkeypatch.setattr(machine.images.belonging, "settle", lambda images, *, doubles: (
        settled.append([image.patient for image in images])
        or settle(images, doubles=doubles)))
    monkeypatch.setattr(machine, "ONE_LEDGER", 8)
    monkeypatch.setattr(machine, "LEDGERS", 3)
    monkeypatch.setattr(machine, "SETTLED_AT_ONCE", 3)
    machine.identify(pictures)
    assert settled == [[f"P_{number:05d}"] * 3 for number in range(3)]
    machine.name_pictures(pictures)
    (tmp_path / "out").mkdir()
    settings = records.Settings(tmp_path / "out", size=(24, 16), workers=1)
    assert machine.convert(pictures, settings) > 7
    assert column(pictures, "laterality") == ["L"] * 9
    assert column(pictures, "height") == [48] * 9
    ledgers = sorted((tmp_path / "out" / "converted").iterdir())
    assert [path.name for path in ledgers] == ["00.jsonl", "01.jsonl", "02.jsonl"]
    assert sum(len(path.read_text().splitlines()) for path in ledgers) >= 9
    assert not (tmp_path / "out" / "converted.jsonl").exists()
