"""Streamed lists of mammograms: those of the ordinary plan, in its order."""

import pathlib
import sqlite3

import pytest

from end2end import config
from end2end.archive import roi_streamed
from end2end.data.patches import roi_table
from end2end.utils import files

PATIENTS = [f"P_{k:05d}" for k in range(1, 13)]


@pytest.fixture
def sources(tmp_path):
    """A table of lesions in no order: patients 1 to 4 with cancer, two lesions of one
    view, and of every third patient a second picture of it."""
    for name in ("full", "mask"):
        (tmp_path / name).mkdir()
    columns = (*roi_table.COMBINED.columns, roi_table.REPEAT)
    rows = [",".join(columns)]
    for k, patient in reversed(list(enumerate(PATIENTS))):
        for side, view, abnormality, repeat in (
                ("R", "MLO", 1, ""), ("L", "CC", 1, ""), ("L", "CC", 2, ""),
                *[("L", "CC", 1, "2")] * (k % 3 == 0)):
            cells = dict(patient_id=patient, side=side, view=view, abn_num=abnormality,
                         pathology="MALIGNANT" if k < 4 else "BENIGN", type="mass",
                         repeat=repeat)
            rows.append(",".join(str(cells.get(name, "")) for name in columns))
    (tmp_path / "rois.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "patients.txt").write_text("\n".join(PATIENTS) + "\n")
    return roi_table.Sources(*(str(tmp_path / name) for name in (
        "rois.csv", "mask", "patients.txt", "full")))


def test_jobs_are_those_of_the_ordinary_plan_in_its_order(sources, tmp_path):
    options = config.SamplingOptions()
    outs = tuple(str(tmp_path / name) for name in ("train", "val"))
    expected = roi_table.plan(sources, *outs, options)
    with roi_streamed.planned(sources, outs, options) as jobs:
        streamed = list(jobs())
    assert [(job.key, job.rows, pathlib.Path(job.out).name)
            for job in streamed] == [(job.key, job.rows, job.out.name)
                                     for job in expected]
    assert [(job.image, job.masks) for job in streamed] == [
        (pathlib.Path(job.image).absolute(), job.masks) for job in expected]
    assert len(streamed) == 28 and streamed[0].key[1:] == ("L", "CC")
    assert sum(job.key[3:] == ("2",) for job in streamed) == 4


def test_what_cannot_be_sampled_is_refused_before_anything_is_written(
        sources, tmp_path):
    outs = [str(tmp_path / name) for name in ("train", "val")]
    for options, more, words in (
            (config.SamplingOptions(patch_size=1), "", "patch size 1 is too small"),
            (config.SamplingOptions(), "P_99\n", "P_99 is not in the ROI table")):
        with open(sources.patients, "a") as stream:
            stream.write(more)
        with pytest.raises(files.InputError, match=words), \
                roi_streamed.planned(sources, outs, options):
            pass
    assert not any(pathlib.Path(out).exists() for out in outs)


def test_an_empty_table_and_a_missing_folder_are_refused(sources, tmp_path):
    with pytest.raises(files.InputError, match="does not exist"):
        roi_streamed.existing_folder(str(tmp_path / "gone"), "mask folder")
    pathlib.Path(sources.roi_table).write_text(",".join(roi_table.COMBINED.columns))
    with pytest.raises(files.InputError, match="has no rows"):
        roi_streamed.fill(sqlite3.connect(":memory:"), sources.roi_table)
    with open(sources.roi_table, "a") as stream:
        stream.write("\nP,L,CC,1,BENIGN,mass\nP,L,CC,,BENIGN,mass\n")
    with pytest.raises(files.InputError, match="rois.csv, row 3: abn_num is ''; expec"):
        roi_streamed.fill(sqlite3.connect(":memory:"), sources.roi_table)


def test_a_folder_by_url_is_kept_as_it_is_named():
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").makedirs("/roi-streamed/full", exist_ok=True)
    name = "memory://roi-streamed/full"
    assert roi_streamed.existing_folder(name, "image folder") == name
    with pytest.raises(files.InputError) as caught:
        roi_streamed.existing_folder(f"{name}er", "image folder")
    assert str(caught.value) == (
        f"image folder {name}er does not exist; expected a folder. Check the URL.")


def test_a_set_without_patients_is_not_made(sources, tmp_path):
    base = sqlite3.connect(":memory:")
    roi_streamed.fill(base, sources.roi_table)
    outs = [str(tmp_path / name) for name in ("train", "val")]
    roi_streamed.split(base, PATIENTS[4:5], outs, config.SamplingOptions())
    assert (tmp_path / "train" / roi_table.PATIENT_LIST).read_text() == "P_00005\n"
    assert not (tmp_path / "val").exists()
    assert base.execute("SELECT * FROM patient").fetchall() == [("P_00005", 0)]


def test_names_in_folders_are_absolute_paths_or_urls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert roi_streamed.below("s3://b/full", "a.png") == "s3://b/full/a.png"
    assert roi_streamed.below(pathlib.Path("full"), "a.png") == tmp_path / "full/a.png"
