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
