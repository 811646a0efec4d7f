"""The import of CBIS-DDSM: tables, layouts, masks, splits, logs, restarts."""

import csv
import json
import os
import pathlib
import shutil

import bars
import cv2
import numpy as np
import pydicom
import pytest
import recorded

from ddsm_train import prepare
from ddsm_train.dataset import importing
from end2end import phantoms
from end2end.importing.sets import cbis_tables as cbis_ddsm
from end2end.phantoms import cbis_ddsm as phantom_files
from end2end.phantoms import writing
from end2end.utils import files

REAL_TABLES = pathlib.Path(__file__).parents[1] / "fixtures" / "cbis-ddsm"
SIZE = (96, 72)


def run(download, out, *options):
    """Imports a download at a small size in this process."""
    prepare.main([str(download), str(out), "--workers", "1",
                  "--size", *map(str, SIZE), *map(str, options)])
    return pathlib.Path(out)


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def series_name(path):
    """The series folder of a file on disk or in the tables."""
    return str(path).replace(os.sep, "/").split("/")[-2]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """A download with one defect of each kind, and its import."""
    folder = tmp_path_factory.mktemp("spoilt")
    phantoms.write_cbis_ddsm(folder / "in", patients=16, seed=5, size=(192, 144))
    defects = {defect: series_name(path)
               for defect, path in writing.spoil(folder / "in")}
    return run(folder / "in", folder / "out"), defects


@pytest.fixture
def small(tmp_path):
    """A download of six women that the test may change."""
    phantoms.write_cbis_ddsm(tmp_path / "in", patients=6, seed=3, size=(96, 72))
    return tmp_path / "in"


def test_pictures_are_16_bit_bicubic_and_not_cropped(small, tmp_path):
    out = run(small, tmp_path / "out", "--size", "48", "40")
    finding = cbis_ddsm.read_tables(small)[0]
    stored = pydicom.dcmread(small / "CBIS-DDSM" / finding.image).pixel_array
    made = read(out / "full" / ("_".join(finding.mammogram) + ".png"))
    assert made.dtype == np.uint16
    np.testing.assert_array_equal(
        made, cv2.resize(stored, (40, 48), interpolation=cv2.INTER_CUBIC))


def test_at_the_size_of_the_files_values_are_kept(small, tmp_path, monkeypatch):
    skipped, index = [], importing.downloads.Index
    monkeypatch.setattr(importing.downloads, "Index", lambda folder, **how: (
        skipped.append(how), index(folder, **how))[1])
    out = run(small, tmp_path / "out")
    assert skipped == [dict(skip=out)], "an import may lie in its download"
    for film in cbis_ddsm.merge(cbis_ddsm.read_tables(small)):
        stored = pydicom.dcmread(small / "CBIS-DDSM" / film.images[0]).pixel_array
        np.testing.assert_array_equal(read(out / "full" / f"{film.name}.png"), stored)


def test_every_mask_is_the_outline_and_never_the_crop(small, tmp_path):
    out = run(small, tmp_path / "out")
    outlines = {}
    for path in small.rglob("*_[1-9]/*/*/*.dcm"):
        content = pydicom.dcmread(path)
        if content.BitsAllocated == 8:
            outlines[content.PatientID] = content.pixel_array
    rows = rows_of(out / "roi_mask_path.csv")
    assert len(rows) == len(outlines)
    for row in rows:
        subject = (f"{row['type'].capitalize()}-"
                   f"{'Training' if row['official_list'] == 'train' else 'Test'}_"
                   f"{row['patient_id']}_{row['side']}_{row['view']}_"
                   f"{row['table_abnormality']}")
        np.testing.assert_array_equal(read(out / row["mask_path"]), outlines[subject])


def test_the_density_of_the_tables_comes_along(small, tmp_path):
    stated = {}
    for path in small.rglob("*case_description*.csv"):
        for row in csv.DictReader(path.read_text("utf-8-sig").splitlines()):
            row = {name.replace(" ", "_"): value for name, value in row.items()}
            stated[row["patient_id"].strip()] = row["breast_density"].strip()
    rows = rows_of(run(small, tmp_path / "out") / "roi_mask_path.csv")
    assert {row["patient_id"]: row["density"] for row in rows} == stated
    assert set(stated.values()) <= set("1234")


@pytest.mark.parametrize("layout", ["descriptive", "kaggle"])
def test_all_layouts_give_the_same(layout, small, tmp_path):
    phantoms.write_cbis_ddsm(
        tmp_path / "other", patients=6, seed=3, size=(96, 72), layout=layout)
    one, two = (run(folder, tmp_path / f"out-{folder.name}")
                for folder in (small, tmp_path / "other"))
    for name in ("roi_mask_path.csv", "splits/split.csv", "pat_train.txt"):
        assert (one / name).read_text() == (two / name).read_text()
    for path in (one / "mask").iterdir():
        changed = (read(path) != read(two / "mask" / path.name)).mean()
        assert changed < (0.001 if layout == "kaggle" else 1e-9)
    for path in (one / "full").iterdir():
        apart = np.abs(read(path).astype(int) - read(two / "full" / path.name))
        assert apart.mean() < (800 if layout == "kaggle" else 1e-9)


def test_the_descriptive_layout_is_read_without_its_list_too(tmp_path):
    phantoms.write_cbis_ddsm(tmp_path / "in", patients=3, seed=3, size=(96, 72),
                             layout="descriptive")
    (tmp_path / "in" / "metadata.csv").unlink()
    out = run(tmp_path / "in", tmp_path / "out")
    assert rows_of(out / "left_out.csv") == []


def test_a_bad_file_is_left_out_named_and_counted_and_stops_nothing(spoilt):
    out, defects = spoilt
    left_out = {(row["what"], series_name(row["file"])): row["reason"]
                for row in rows_of(out / "left_out.csv")}
    assert len(left_out) == 4
    assert "missing" in left_out["mammogram", defects["missing mammogram"]]
    assert "bytes of pixel data" in left_out["mammogram", defects["cut-off mammogram"]]
    assert "crop" in left_out["mask", defects["missing mask"]]
    assert "cannot be read" in left_out["mask", defects["cut-off mask"]]
    made = {path.stem for path in (out / "full").iterdir()}
    assert made == {path.stem for path in (out / "images").rglob("*.png")}


def test_a_mask_of_another_size_is_resized_and_that_is_logged(spoilt):
    out, defects = spoilt
    notes = {series_name(row["file"]): row["reason"]
             for row in rows_of(out / "notes.csv") if row["what"] == "mask"}
    assert notes[defects["mask of another size"]].endswith("resized")
    assert "may be shifted" in notes[defects["mask of another aspect"]]


def test_a_finding_without_mask_still_counts_for_the_label(spoilt):
    out, _ = spoilt
    rows = rows_of(out / "roi_mask_path.csv")
    without = [row for row in rows if not row["mask_path"]]
    assert len(without) == 2
    parts = {(row["patient_id"], row["side"], row["view"]): int(row["malignant"])
             for row in rows_of(out / "splits" / "split.csv")}
    for row in without:
        if row["pathology"] == "MALIGNANT":
            assert parts[row["patient_id"], row["side"], row["view"]] == 1
    assert all((out / row["mask_path"]).is_file() for row in rows if row["mask_path"])


def test_an_import_of_which_nothing_can_be_read_is_refused_with_its_log(
        small, tmp_path):
    for path in small.rglob("*.dcm"):
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(files.InputError) as caught:
        run(small, tmp_path / "out")
    log = tmp_path / "out" / "left_out.csv"
    assert str(caught.value) == f"not one mammogram could be read; see {log}."
    assert len([row for row in rows_of(log) if row["what"] == "mammogram"]) == len(
        {(row["patient_id"], row["side"], row["view"]) for row in rows_of(log)})
    assert not (tmp_path / "out" / "images.csv").exists()


@pytest.mark.parametrize("words", [[], ["download"], ["--split", "paper"]])
def test_an_import_needs_both_folders(words):
    with pytest.raises(files.InputError) as caught:
        prepare.main(words)
    assert str(caught.value).startswith("expected DOWNLOAD and OUT; see ")
    assert str(caught.value).endswith("ddsm_train.prepare --help.")


def test_the_second_call_does_only_what_is_missing(small, tmp_path):
    out = run(small, tmp_path / "out")
    lost, cut, kept = sorted((out / "full").iterdir())[:3]
    before = kept.stat().st_ino
    lost.unlink()
    os.truncate(cut, 100)
    run(small, out)
    assert read(lost).shape == read(cut).shape == SIZE
    assert kept.stat().st_ino == before


def test_a_changed_size_is_noticed(small, tmp_path):
    out = run(small, tmp_path / "out")
    run(small, out, "--size", "48", "40")
    for folder in ("full", "mask", "images"):
        for path in (out / folder).rglob("*.png"):
            assert read(path).shape == (48, 40)


def test_a_replaced_file_is_noticed(small, tmp_path):
    out = run(small, tmp_path / "out")
    finding = cbis_ddsm.read_tables(small)[0]
    path = small / "CBIS-DDSM" / finding.image
    content = pydicom.dcmread(path)
    content.PixelData = np.full((96, 72), 777, np.uint16).tobytes()
    content.save_as(path)
    run(small, out)
    name = "_".join(finding.mammogram) + ".png"
    assert (read(out / "full" / name) == 777).all()
    assert (read(next((out / "images").rglob(name))) == 777).all()


def test_a_ledger_cut_off_by_a_kill_is_passed_over(small, tmp_path):
    out = run(small, tmp_path / "out")
    ledger = out / "converted.jsonl"
    ledger.write_text(ledger.read_text()[:-40] + '\n{"key": "x"}\n[1]\n')
    run(small, out)
    assert rows_of(out / "left_out.csv") == []


def test_a_written_split_given_back_gives_the_same_parts(small, tmp_path):
    one = run(small, tmp_path / "one", "--seed", "7")
    two = run(small, tmp_path / "two", "--split-file", one / "splits" / "split.csv")
    assert (one / "splits/split.csv").read_text() == (
        two / "splits/split.csv").read_text()


def test_films_that_a_split_file_omits_are_left_out(small, tmp_path):
    (tmp_path / "mine.csv").write_text("patient_id,split\nP_00001,train\n"
                                       "P_00002,test\n")
    out = run(small, tmp_path / "out", "--split-file", tmp_path / "mine.csv")
    women = {row["patient_id"] for row in rows_of(out / "splits" / "split.csv")}
    assert women == {"P_00001", "P_00002"}
    assert {row["reason"] for row in rows_of(out / "left_out.csv")} == {
        "in no part of the split"}


def test_the_official_split_follows_the_lists_by_film(tmp_path, capsys):
    phantoms.write_cbis_ddsm(tmp_path / "in", patients=14, seed=2, size=(96, 72))
    out = run(tmp_path / "in", tmp_path / "out", "--split", "official")
    lists = {}
    for row in rows_of(out / "roi_mask_path.csv"):
        key = row["patient_id"], row["side"], row["view"]
        lists.setdefault(key, set()).add(row["official_list"])
    for row in rows_of(out / "splits" / "split.csv"):
        own = lists[row["patient_id"], row["side"], row["view"]]
        assert (row["split"] == "test") == ("test" in own)
    assert "1 women are in training and in testing" in capsys.readouterr().out
    tested = {(row["patient_id"], row["side"], row["view"])
              for row in rows_of(out / "roi_test.csv")}
    trained = {(row["patient_id"], row["side"], row["view"])
               for row in rows_of(out / "roi_train.csv")}
    assert tested and trained and not tested & trained


def test_what_is_in_no_part_is_in_no_table(tmp_path):
    phantoms.write_cbis_ddsm(tmp_path / "in", patients=14, seed=2, size=(96, 72))
    out = run(tmp_path / "in", tmp_path / "out", "--split", "official-disjoint")
    left_out = rows_of(out / "left_out.csv")
    assert left_out and {row["reason"] for row in left_out} == {
        "in no part of the split"}
    split = {(row["patient_id"], row["side"], row["view"])
             for row in rows_of(out / "splits" / "split.csv")}
    table = rows_of(out / "roi_mask_path.csv")
    assert split == {
        (row["patient_id"], row["side"], row["view"]) for row in table}
    tested = set((out / "splits" / "test.txt").read_text().split())
    assert not tested & set((out / "pat_train.txt").read_text().split())


def test_class_folders_follow_the_tables(tiny_prepared):
    malignant = {f"{row['patient_id']}_{row['side']}_{row['view']}"
                 for row in rows_of(tiny_prepared / "roi_mask_path.csv")
                 if row["pathology"] == "MALIGNANT"}
    found = list((tiny_prepared / "images").rglob("*.png"))
    assert len(found) == len(list((tiny_prepared / "full").iterdir()))
    for path in found:
        assert (path.parent.name == "pos") == (path.stem in malignant)


def test_the_census_file_tells_the_mean_of_the_training_images(tiny_prepared):
    census = json.loads((tiny_prepared / "census.json").read_text())
    means = [read(path).mean() * 255 / 65535
             for path in (tiny_prepared / "images" / "train").rglob("*.png")]
    assert census["pixel_mean"] == round(np.mean(means), 2)
    assert census["parts"]["test"]["women"] == 3


def test_a_download_without_images_is_refused_with_a_folder_of_the_first(
        small, tmp_path):
    films = cbis_ddsm.merge(cbis_ddsm.read_tables(small))
    shutil.rmtree(small / "CBIS-DDSM")
    with pytest.raises(files.InputError) as caught:
        run(small, tmp_path / "out")
    assert str(caught.value) == (
        f"none of the {len(films)} mammograms of the tables is in {small}; expected "
        f"folders such as {films[0].images[0]}, or those of the descriptive layout or "
        "of the JPEG mirror.")
    assert not (tmp_path / "out").exists()


def spoil_table(folder, change):
    path = folder / "mass_case_description_train_set.csv"
    path.write_text(change(path.read_text()), newline="")


@pytest.mark.parametrize(("change", "complaint"), [
    (lambda text: text.replace("pathology", "diagnosis"), "no column 'pathology'"),
    (lambda text: text.replace(",CC,", ",XCC,", 1), "image_view is 'XCC'"),
    (lambda text: text.replace(",MALIGNANT,", ",BAD,", 1), "pathology is 'BAD'"),
    (lambda text: text.replace("P_0", "../P_0", 1), "record 1: patient_id is '../P_0"),
])
def test_a_wrong_table_stops_the_import_before_any_work(
        small, tmp_path, change, complaint):
    spoil_table(small, change)
    with pytest.raises(files.InputError, match=complaint) as error:
        run(small, tmp_path / "out")
    assert "mass_case_description_train_set.csv" in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("damage", "complaint"), [
    (lambda folder: (folder / "calc_case_description_test_set.csv").unlink(),
     "calc_case_description_test_set.csv is not in"),
    (shutil.rmtree, "does not exist"),
])
def test_what_is_missing_is_named_before_any_work(small, tmp_path, damage, complaint):
    damage(small)
    with pytest.raises(files.InputError, match=complaint):
        run(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [
    ("--size", "10", "10"), ("--workers", "0"), ("--seed", "-1"),
    ("--split-file", "absent.csv")])
def test_a_wrong_option_is_refused(small, tmp_path, options):
    with pytest.raises(files.InputError):
        run(small, tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()


def test_a_table_that_holds_both_kinds_gives_each_finding_once(small):
    before = cbis_ddsm.read_tables(small)
    mass = small / "mass_case_description_train_set.csv"
    calc = small / "calc_case_description_train_set.csv"
    with open(mass, newline="") as stream:
        masses = list(csv.DictReader(stream))
    renamed = [{name.replace("mass shape", "calc type")
                .replace("mass margins", "calc distribution")
                .replace("breast_density", "breast density"): value
                for name, value in row.items()} for row in masses]
    columns = phantom_files.TABLE_COLUMNS["calcification"]
    with open(calc, newline="") as stream:
        files.write_csv(calc, columns, [*csv.DictReader(stream), *renamed])
    after = cbis_ddsm.read_tables(small)
    assert sorted(map(str, after)) == sorted(map(str, before))
    kinds = [finding.kind for finding in after]
    assert kinds == sorted(kinds)


@pytest.mark.parametrize("layout, split", [("classic", "official-disjoint"),
                                           ("kaggle", "paper")])
def test_an_import_is_as_recorded(layout, split, tmp_path, capsys, monkeypatch):
    phantoms.write_cbis_ddsm(tmp_path / "in", patients=9, seed=4, size=(120, 90),
                             difficulty=0.5, layout=layout)
    if layout == "classic":
        writing.spoil(tmp_path / "in")
    made = bars.noted(monkeypatch)
    out = run(tmp_path / "in", tmp_path / "out", "--seed", 4,
              "--split", split)
    assert {unit for _, unit, _ in made} == {"mammogram"}
    recorded.check(f"prepare-ddsm-{layout}", capsys.readouterr().out
                   + recorded.folder(out), dict(FOLDER=tmp_path))
