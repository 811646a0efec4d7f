"""Archives say of their images what predict says, whatever the shards are."""

import datetime
import pathlib
import tracemalloc
import types

import layout_folders
import layouts
import pydicom
import pytest
import saved_models

from end2end import predict
from end2end.archive import __main__ as program
from end2end.archive import settling, shards, work
from end2end.images import belonging
from end2end.prediction import identity_cells, inputs, pseudonyms
from end2end.tables.identity import Identity
from end2end.utils import cells, files

COMPARED = (*identity_cells.COLUMNS, *identity_cells.FURTHER_COLUMNS)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(saved_models.whole_image_model(
        tmp_path_factory.mktemp("models") / "best.h5"))


# Each takes two commands; those with the most rules run with the quick tests.
QUICK = ("exams", "views", "hostile")


@pytest.fixture(params=[
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in layout_folders.LAYOUTS])
def layout(request, tmp_path):
    """A layout with its files."""
    layout = layouts.Layout(tmp_path, request.param)
    with pydicom.config.disable_value_validation():
        layout_folders.LAYOUTS[request.param](layout)
    return layout


def manifest(source, model):
    """A manifest of all that predict scores of a folder."""
    if not source.endswith(".csv"):
        shards.write_rows("in.csv", ("path",), [
            dict(path=path) for path in inputs.gather([model, source]).paths])
        source = "in.csv"
    return source


def by_path(rows):
    return {str(pathlib.Path(row["path"]).absolute()): {
        name: cells.from_cell(row[name]) for name in COMPARED} for row in rows}


def test_an_archive_of_a_layout_has_the_cells_of_predict(
        layout, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # Pseudonyms take time by intent; here they need not withstand guessing.
    monkeypatch.setattr(pseudonyms, "SCRYPT", pseudonyms.SCRYPT | dict(n=2))
    key = ["--pseudonym-key", str(tmp_path / "key")]
    predict.main([model, layout.source, "--out", "p.csv", *key])
    account = [line for line in capsys.readouterr().out.splitlines()
               if line.startswith("images: ")]
    expected = by_path(files.read_csv("p.csv"))
    program.main(["predict", manifest(layout.source, model), "--models", model,
                  "--out", "a", "--rows", "7", *key])
    text = capsys.readouterr().out
    # Of several lines of one image the first votes, if it does.
    actual = by_path([row for row in shards.read_rows("a") if not row["error"]][::-1])
    assert actual.keys() == expected.keys()
    differing = {path: [(name, expected[path][name], row[name])
                        for name in COMPARED if row[name] != expected[path][name]]
                 for path, row in actual.items()}
    assert {path: many for path, many in differing.items() if many} == {}
    assert account[0] in text


def image(number, name="a.dcm", **fields):
    read_from = dict(patient=belonging.TAG, exam="tags StudyInstanceUID")
    return Identity(**dict(
        path=f"/x/{name}", patient=number, exam=f"1.2.3.{number}", laterality="L",
        view="CC", read_from=read_from) | fields)


def written(out, images, key, per_shard=1, keep_ids=False):
    """Shards of images, each with its record; None is a refused image."""
    names = pseudonyms.Pseudonyms(key, keep_ids=keep_ids)
    for index in range(0, len(images), per_shard):
        rows = [dict(path=shown.path, label="1", score="0.5", **{
            shards.RECORD: work.sealed.seal(settling.record(shown, names), key)})
            if shown else dict(path="b", error="broken", **{shards.RECORD: ""})
            for shown in images[index:index + per_shard]]
        shards.write_shard((index // per_shard, rows), out=str(out), suffix=".csv",
                           work=shards.Work(lambda rows: rows, work.SCORED, {},
                                            records=True))
    return names


KEY = bytes(range(32))


def test_a_record_keeps_the_pseudonyms_that_its_image_alone_needs():
    names = pseudonyms.Pseudonyms(KEY)
    shown = image("7")
    kept = settling.record(shown, names)["names"]
    assert kept == [[kind, text, make(text)] for kind, text, make in (
        ("patient", "7", names), ("exam", "1.2.3.7", names.exam))]
    again = settling.Names(types.SimpleNamespace(exam=None), kept)
    assert again("7") == kept[0][2] and again.exam("1.2.3.7") == kept[1][2]
    assert again.used == kept


def settled(out, images, **how):
    names = written(out, images, KEY)
    tally, further = settling.settle(str(out), names, KEY, **how)
    return list(shards.read_rows(str(out))), tally, further


def test_rules_reach_over_shards(tmp_path):
    rows, tally, _ = settled(tmp_path, [
        image("1", birth_date="1950-01-01"), None,
        image("1", "b.dcm", birth_date="1961-01-01"),
        image("2", "c.dcm", image="1.2.9", content="0"),
        image("2", "d.dcm", image="1.2.9", content="0"), image("2", "e.dcm")])
    assert rows[0]["patient"] != rows[2]["patient"]
    assert "2 women by birth date" in rows[0]["identity_notes"]
    assert [row["votes"] for row in rows] == ["yes", "", "yes", "no", "no", "yes"]
    assert rows[4]["identity_notes"] == "the same image as c.dcm"
    assert rows[3]["identity_notes"].endswith("view votes: e.dcm")
    assert rows[1]["error"] == "broken"
    assert tally.counts == dict(
        found=6, understood=5, refused=1, doubled=1, **{
            "without patient": 0, "without side or view": 0, "not voting": 2})


def test_days_are_counted_over_shards_and_no_date_is_written(tmp_path):
    days = [datetime.date(2020, 1, 1), datetime.date(2018, 1, 1)]
    rows, *_ = settled(tmp_path, [
        image("1", f"{k}.dcm", exam=f"1.2.3.4.{k}", day=day)
        for k, day in enumerate(days)])
    assert [row["days"] for row in rows] == ["730", "0"]
    assert not any(b"2018" in path.read_bytes() for path in tmp_path.iterdir())


def test_settling_twice_changes_nothing_and_all_views_vote_on_request(tmp_path):
    images = [image("1", view="ML", kind="other view"), image("1", "b.dcm")]
    rows, *_ = settled(tmp_path, images)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    names = pseudonyms.Pseudonyms(KEY)
    settling.settle(str(tmp_path), names, KEY)
    assert before == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    settling.settle(str(tmp_path), names, KEY, all_views=True)
    assert [row["votes"] for row in rows] == ["no", "yes"]
    assert [row["votes"] for row in shards.read_rows(str(tmp_path))] == ["yes", "yes"]


def test_lines_of_one_image_that_differ_leave_the_field_unknown(tmp_path):
    rows, tally, further = settled(tmp_path, [
        image("1", patient="P", read_from={}, exam="x" * 9),
        image("1", patient="P", read_from={}, exam="x" * 9, laterality="R")])
    assert [row["laterality"] for row in rows] == ["", ""]
    assert "two things of its side" in rows[0]["identity_notes"]
    assert (tally.counts["found"], further) == (1, 1)


@pytest.mark.parametrize("harm", ["key", "line", "row"])
def test_records_that_do_not_fit_are_refused(tmp_path, harm):
    names = written(tmp_path, [image("1"), image("2")], KEY, per_shard=2)
    records = tmp_path / "part-000000.records.txt"
    if harm == "line":
        records.write_text("x" + records.read_text())
    if harm == "row":
        records.write_text(records.read_text() + "\n")
    with pytest.raises(files.InputError, match="do not fit each other"):
        settling.settle(str(tmp_path), names, bytes(32) if harm == "key" else KEY)


def test_files_in_a_folder_of_tables_that_are_none_are_named(tmp_path):
    for name in ("a.csv", "notes.txt", ".hidden"):
        (tmp_path / name).touch()
    assert [(path.name, why) for path, why in settling.not_tables(str(tmp_path))] == [
        (".hidden", "no table"), ("notes.txt", "no table")]
    assert list(settling.not_tables(str(tmp_path / "a.csv"))) == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_archive(tmp_path):
    """3,000 and 30,000 images, of four each of one woman."""
    peaks = []
    for count in (3_000, 30_000):
        out = tmp_path / str(count)
        written(out, [image(str(k // 4), f"{k}.dcm", content=str(k))
                      for k in range(count)], KEY, per_shard=1000, keep_ids=True)
        tracemalloc.start()
        settling.settle(str(out), pseudonyms.Pseudonyms(KEY, keep_ids=True), KEY)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 1_000_000, peaks
