"""The four new sets, CBIS-DDSM and INbreast from their layouts to the common output."""

import csv
import json

import cv2
import pytest
import recorded

from end2end import phantoms
from end2end.importing import __main__ as program
from end2end.importing import outputs, public_sets, records
from end2end.utils import files

SIZE = ("96", "72")


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    """Downloads of twelve women in each layout. Read only."""
    folder = tmp_path_factory.mktemp("downloads")
    how = dict(patients=12, seed=5, size=(128, 96))
    for layout in ("vindr", "rsna", "cmmd", "mini-mias"):
        phantoms.write_layout(folder / layout, layout=layout, **how)
    phantoms.write_cbis_ddsm(folder / "cbis-ddsm", **how)
    phantoms.write_inbreast(folder / "inbreast", **how)
    return folder


@pytest.fixture(scope="module")
def imports(downloads, tmp_path_factory):
    """Their imports. Read only."""
    out = tmp_path_factory.mktemp("imports")
    for name in program.NAMES:
        program.main([name, str(downloads / name), str(out / name), "--size", *SIZE,
                      "--workers", "1", "--birads-3", "negative"])
    return out


@pytest.mark.parametrize("name", program.NAMES)
def test_the_output_has_its_columns_files_and_classes(imports, name):
    out = imports / name
    rows = rows_of(out / "images.csv")
    assert tuple(rows[0]) == outputs.IMAGE_COLUMNS
    assert rows and all((out / row["path"]).is_file() for row in rows)
    classes = {path.name: (path.parent.parent.name, path.parent.name)
               for path in (out / "images").rglob("*.png")}
    assert classes == {
        row["path"].removeprefix("full/"): (row["split"], ("neg", "pos")[
            int(row["label"])]) for row in rows}
    parts = {}
    for row in rows:
        parts.setdefault(row["patient"], set()).add(row["split"])
    assert all(len(of_woman) == 1 for of_woman in parts.values())
    census = json.loads((out / "census.json").read_text())
    assert census["imported"]["images"] == len(rows)
    assert census["women_in_two_parts"] == 0 and census["published"]
    assert len({row["content"] for row in rows}) == len(rows)


@pytest.mark.parametrize("name", ["cbis-ddsm", "inbreast", "vindr", "mini-mias"])
def test_regions_are_masks_of_the_pictures(imports, name):
    out = imports / name
    rows = rows_of(out / "roi_mask_path.csv")
    assert tuple(rows[0]) == outputs.ROI_COLUMNS
    pictures = {row["path"] for row in rows_of(out / "images.csv")}
    for row in rows:
        assert row["full_path"] in pictures and (out / row["mask_path"]).is_file()
        stem = "_".join(filter(None, (row["patient_id"], row["side"], row["view"],
                                      row["repeat"])))
        assert row["full_path"] == f"full/{stem}.png"


@pytest.mark.parametrize("name", ["cbis-ddsm", "inbreast"])
def test_tables_and_pictures_of_an_import_are_as_recorded(imports, downloads, name):
    out = imports / name
    lines = [f"== {path.name}\n{path.read_text()}" for path in sorted(out.glob("*.*"))
             if path.suffix in (".csv", ".json")]
    lines += [f"{path.relative_to(out)} {recorded.picture(cv2.imread(str(path), -1))}"
              for folder in ("full", "mask")
              for path in sorted((out / folder).iterdir())[:9]]
    recorded.check(f"import-{name}", "\n".join(lines),
                   dict(DOWNLOADS=downloads, IMPORTS=imports))


def test_machines_and_sites_are_kept_as_the_table_has_them(imports):
    rows = rows_of(imports / "rsna" / "images.csv")
    assert {row["vendor"] for row in rows} == {"machine 49", "machine 21", "machine 93"}
    assert {row["site"] for row in rows} == {"1", "2"}


def test_sets_without_regions_have_no_table_of_them(imports):
    assert not (imports / "rsna" / "roi_mask_path.csv").exists()


def test_a_second_call_changes_nothing(imports, downloads, capsys):
    out = imports / "vindr"
    before = {path: path.stat().st_mtime_ns for path in (out / "full").iterdir()}
    program.main(["vindr", str(downloads / "vindr"), str(out), "--size", *SIZE,
                  "--workers", "1", "--birads-3", "negative"])
    assert before == {path: path.stat().st_mtime_ns
                      for path in (out / "full").iterdir()}


def test_a_folder_of_another_set_is_refused(downloads, tmp_path):
    with pytest.raises(files.InputError, match="train.csv is not in"):
        program.main(["rsna", str(downloads / "cmmd"), str(tmp_path / "out")])


def test_an_import_without_a_picture_says_which_is_missing_or_left_out(
        downloads, tmp_path):
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    lines = (downloads / "rsna" / "train.csv").read_text().splitlines()
    (root / "train.csv").write_text("\n".join(lines[:4]) + "\n")
    words = ["rsna", str(root), str(out), "--workers", "1"]
    missing = [root / "train_images" / "{1}/{2}.dcm".format(*line.split(","))
               for line in lines[1:4]]
    with pytest.raises(files.InputError) as caught:
        program.main(words)
    assert str(caught.value) in [
        f"no picture of RSNA Screening Mammography 2022 is in {root}; expected files "
        f"such as {path}, 3 are missing. Give the folder as downloaded."
        for path in missing]
    for path in missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no picture")
    with pytest.raises(files.InputError) as caught:
        program.main(words)
    assert str(caught.value) == f"no picture is left; see {out / 'left_out.csv'}."
    assert [row["file"] for row in rows_of(out / "left_out.csv")] == list(
        map(str, missing))


def test_an_assumption_that_the_set_does_not_make_is_refused(tmp_path):
    for name, accepted, made in (
            ("cmmd", ("row-per-breast", "four-views" * 6),
             "columns, ids-and-sides, benign-or-malignant, row-per-breast"),
            ("cbis-ddsm", ("four-views" * 6,), "none")):
        with pytest.raises(files.InputError) as caught:
            public_sets.check_accepted(name, records.Settings(
                tmp_path, accept=accepted))
        assert str(caught.value) == (
            f"--accept {'four-views' * 4}: {name} makes no such assumption; it makes "
            f"{made}.")


def test_a_census_is_printed_without_an_output(downloads, capsys):
    program.main(["cmmd", str(downloads / "cmmd"), "--census"])
    said = capsys.readouterr().out
    assert "women" in said and "not compared" in said


def test_the_output_folder_is_asked_for(downloads):
    with pytest.raises(files.InputError, match="ROOT and OUT"):
        program.main(["cmmd", str(downloads / "cmmd")])


@pytest.mark.parametrize("name, words", [
    ("vindr", ["--birads-3", "negative"]), ("rsna", ["--split", "patient"]),
    ("cmmd", ["--all-views", "--seed", "3"]), ("mini-mias", ["--test-share", "0.3"])])
def test_an_import_is_as_recorded(name, words, tmp_path, capsys):
    if name == "rsna":
        pytest.importorskip("openjpeg")
    phantoms.write_layout(tmp_path / "in", layout=name, patients=7, seed=8,
                          size=(100, 76), difficulty=0.5)
    out = tmp_path / "out"
    program.main([name, str(tmp_path / "in"), str(out), "--workers", "1", "--size",
                  "60", "44", *words])
    program.main([name, str(tmp_path / "in"), "--census"])
    recorded.check(f"import-{name}", capsys.readouterr().out + recorded.folder(out),
                   dict(FOLDER=tmp_path))


def test_an_assumption_that_no_set_has_is_refused_before_anything_is_written(tmp_path):
    phantoms.write_layout(tmp_path / "in", layout="cmmd", patients=2, seed=8,
                          size=(100, 76))
    with pytest.raises(files.InputError, match="weather"):
        program.main(["cmmd", str(tmp_path / "in"), str(tmp_path / "out"), "--accept",
                      "weather", "--workers", "1"])
    assert not (tmp_path / "out" / "images.csv").exists()
