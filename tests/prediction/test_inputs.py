"""Models and images of a command line."""

import cv2
import h5py
import numpy as np
import pytest

from end2end.model_files import safe_loading
from end2end.prediction import identity_cells, inputs
from end2end.utils import files


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "m.h5").write_bytes(safe_loading.HDF5_START)
    (tmp_path / "in").mkdir()
    for name in ("1", "2"):
        cv2.imwrite(str(tmp_path / "in" / f"{name}.png"),
                    np.arange(48 * 40, dtype=np.uint8).reshape(48, 40) + int(name))
    (tmp_path / "in" / "notes.txt").write_text("nothing")
    (tmp_path / "in" / "list.csv").write_text(
        "file_name,left_or_right_breast,image_view,label\n1.png,LEFT,CC,1\n"
        "1.png,LEFT,CC,1\n")
    return tmp_path


def test_folders_manifests_and_files_give_each_image_once(folder):
    found = inputs.gather([folder / "m.h5", folder / "in", folder / "in/list.csv",
                           folder / "in/2.png"])
    assert [path.name for path in found.paths] == ["1.png", "2.png"]
    assert [path.name for path in found.models] == ["m.h5"]
    assert sorted(path.name for path, _ in found.left) == ["list.csv", "notes.txt"]
    cells = inputs.Subjects(found, identity_cells.Numbered()).cells()
    row = cells[str(folder / "in" / "1.png")]
    assert (row["laterality"], row["view"], row["label"]) == ("L", "CC", "1")


def test_a_line_without_a_model_or_an_image_is_refused(folder):
    with pytest.raises(files.InputError, match="no model in .*in; expected"):
        inputs.gather([folder / "in"])
    with pytest.raises(files.InputError, match="no image in .*m.h5; expected"):
        inputs.gather([folder / "m.h5"])


def test_a_label_that_is_no_known_word_is_refused_before_any_work(folder):
    table = folder / "in" / "list.csv"
    table.write_text("path,label\n1.png,\n\n2.png,2\n")
    with pytest.raises(files.InputError) as caught:
        inputs.gather([folder / "m.h5", table])
    assert str(caught.value) == (
        f"manifest {table}, row 4: unknown label '2'; expected one of 0, 1, neg, pos, "
        "negative, benign, normal, false, no, positive, malignant, cancer, true, yes.")


@pytest.mark.parametrize("name", ["m.hdf5", "m.hdf", "m.HDF5", "m"])
def test_models_of_every_suffix_are_told_from_images(folder, name):
    with h5py.File(folder / name, "w") as file:
        file.create_group("model_weights")
    found = inputs.gather([folder / name, folder / "in" / "1.png"])
    assert [path.name for path in found.models] == [name]
    assert [path.name for path in found.paths] == ["1.png"]


@pytest.mark.parametrize("name", [
    "._1.png", ".1.png", "__MACOSX/1.png", ".cache/a.png"])
def test_hidden_files_are_not_scored_and_are_counted(folder, name):
    path = folder / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((folder / "in" / "1.png").read_bytes())
    gathered = inputs.gather([folder / "m.h5", folder / "in"])
    assert [path.name for path in gathered.paths] == ["1.png", "2.png"]
    assert (path, "hidden") in gathered.left


@pytest.mark.parametrize(("all_views", "votes"), [
    (False, ["yes", "no", "no"]), (True, ["yes", "yes", "yes"])])
def test_who_votes_is_settled_among_the_images_with_a_score(
        folder, all_views, votes):
    (folder / "in" / "list.csv").write_text(
        "file_name,patient,exam,laterality,view,label\n1.png,W,e,L,CC,1\n"
        "2.png,W,e,L,ML,0\n0.png,W,e,L,CC,0\n3.png,W,e,L,CC,0\n")
    for name in "03":
        cv2.imwrite(str(folder / "in" / f"{name}.png"), np.arange(
            48 * 40, dtype=np.uint8).reshape(48, 40)[::-1] // (1 + int(name)))
    found = inputs.gather([folder / "m.h5", folder / "in/list.csv"])
    subjects = inputs.Subjects(found, identity_cells.Numbered(), all_views=all_views)
    before = [row["votes"] for row in subjects.cells().values()]
    assert before == (["yes"] * 4 if all_views else ["no", "no", "no", "yes"])
    columns = ("path", *identity_cells.COLUMNS, "label", "score",
               *identity_cells.FURTHER_COLUMNS)
    out = folder / "scores.csv"
    assert subjects.settle(out, columns) == [] and not out.exists()
    # The last image, which would have voted, has no score.
    files.write_csv(out, columns, [dict.fromkeys(columns, "") | dict(
        path=str(path), score="0.5") for path in found.paths[:3]])
    settled = subjects.settle(out, columns)
    assert [image.votes for image in settled] == [
        row["votes"] for row in files.read_csv(out)] == votes
    assert [row["label"] for row in files.read_csv(out)] == ["1", "0", "0"]


def test_a_model_named_twice_is_one_and_rows_of_manifests_win_over_none(folder):
    found = inputs.gather([folder / "m.h5", folder / "in/1.png", folder / "m.h5",
                           folder / "in/list.csv", folder / "in"])
    assert found.models == [folder / "m.h5"]
    assert [row.get("label") for row in found.rows.values()] == ["1", None]
    with pytest.raises(files.InputError) as caught:
        inputs.gather([folder / "m.h5", folder / "m.h5"])
    assert str(caught.value) == (
        f"no image in {folder}/m.h5 {folder}/m.h5; expected at least one model (.h5, "
        ".keras) and one image file or folder.")
