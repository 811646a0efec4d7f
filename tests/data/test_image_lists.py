"""Lists of images and batches of them."""

import pathlib

import cv2
import deformed
import numpy as np
import pytest
import recorded

from end2end.data import image_lists
from end2end.utils import files


@pytest.fixture
def folder(tmp_path):
    """Two classes: 5 images of `neg` (one in a sub-folder, one upper-case), 3 `pos`."""
    rng = np.random.default_rng(0)
    for name in ("neg/b.png", "neg/a.PNG", "neg/c.png", "neg/deep/d.png", "neg/z.png",
                 "pos/y.png", "pos/x.png", "pos/w.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 65536, (20, 18)).astype(np.uint16)
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    (tmp_path / "neg" / "notes.txt").write_text("no image")
    return tmp_path


def test_of_images_in_memory_nothing_is_known_but_their_number():
    images = image_lists.from_arrays(np.zeros((3, 4, 2)), [0, 2, 1])
    assert images.classes == ("0", "1", "2") and images.labels.tolist() == [0, 2, 1]
    assert [str(path) for path in images.paths] == ["image-0", "image-1", "image-2"]
    assert [(image.path, image.patient, image.laterality)
            for image in images.identities()] == [
        (f"image-{k}", "", "") for k in range(3)]
    assert image_lists.from_arrays(np.zeros((0, 4, 2)), []).classes == ("0",)
    with pytest.raises(ValueError) as caught:
        image_lists.from_arrays(np.zeros((2, 4, 2)), [0, 2], ("a", "b"))
    assert str(caught.value) == (
        "labels of shape (2,) do not fit 2 images and 2 classes; expected one class "
        "number per image.")
    with pytest.raises(ValueError, match="do not fit"):
        image_lists.from_arrays(np.zeros((2, 4, 2)), [-1, 0])


def test_class_folders_are_listed_in_the_given_order_by_sorted_names(folder):
    found = image_lists.list_classes(folder, ("pos", "neg"))
    assert [str(path.relative_to(folder)) for path in found.paths] == [
        "pos/w.png", "pos/x.png", "pos/y.png",
        "neg/a.PNG", "neg/b.png", "neg/c.png", "neg/deep/d.png", "neg/z.png"]
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert found.classes == ("pos", "neg")


def test_without_names_all_sub_folders_are_classes(folder):
    assert image_lists.list_classes(folder).classes == ("neg", "pos")


def test_a_class_without_folder_has_no_images_and_a_warning(folder, caplog):
    found = image_lists.list_classes(folder, ("neg", "unknown", "pos"))
    assert np.bincount(found.labels).tolist() == [5, 0, 3]
    assert "no class folder 'unknown'" in caplog.text


def test_folders_without_images_are_refused(tmp_path):
    (tmp_path / "neg").mkdir()
    with pytest.raises(files.InputError, match="no images in class folders"):
        image_lists.list_classes(tmp_path, ("neg", "pos"))
    with pytest.raises(files.InputError, match="does not exist"):
        image_lists.list_classes(tmp_path / "none")


def test_a_place_is_a_class_folder_a_plain_folder_or_a_file(folder):
    assert image_lists.find_images(folder, ("neg", "pos")).labels is not None
    plain = image_lists.find_images(folder / "neg", ("neg", "pos"))
    assert plain.labels is None and len(plain) == 5
    assert image_lists.find_images(folder / "neg" / "b.png").paths == (
        folder / "neg" / "b.png",)
    assert plain.classes == ("neg", "pos")
    assert plain.left == ((folder / "neg" / "notes.txt", "no image"),)
    assert image_lists.find_images(folder / "neg" / "b.png", ("a",)).classes == ("a",)
    with pytest.raises(files.InputError, match="does not exist"):
        image_lists.find_images(folder / "none")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_manifest_gives_labels_patients_sides_and_views(folder, separator):
    rows = [["Image_Path", "Label", "Patient ID", "Side", "View"],
            ["neg/b.png", "neg", "P1", "L", "CC"],
            ["", "", "", "", ""],
            ["pos/x.png ", "pos", "P2", "", "MLO"]]
    path = folder / "set.csv"
    path.write_text("\ufeff" + "\r\n".join(map(separator.join, rows)), encoding="utf-8")
    found = image_lists.find_images(path)
    assert found.paths == (folder / "neg/b.png", folder / "pos/x.png")
    assert found.labels.tolist() == [0, 1] and found.classes == ("neg", "pos")
    assert found.patients == ("P1", "P2") and found.lateralities == ("L", "")
    assert found.views == ("CC", "MLO")


def test_numbers_and_names_are_labels(folder):
    path = folder / "set.csv"
    path.write_text("path,label\nneg/b.png,1\nneg/c.png,0\n")
    assert image_lists.read_manifest(path).labels.tolist() == [1, 0]
    assert image_lists.read_manifest(path).classes == ("neg", "pos")
    path.write_text("path,label\nneg/b.png,mass\nneg/c.png,calc\n")
    assert image_lists.read_manifest(path, ("mass", "calc")).labels.tolist() == [0, 1]
    path.write_text("path\nneg/b.png\n")
    assert image_lists.read_manifest(path).labels is None


@pytest.mark.parametrize("text, reason", [
    ("", "no rows"), ("path,label\n", "no rows"),
    ("x,label\n1,2\n", "no column path"),
    ("path,label\nnone.png,1\n", "names 1 image that does not exist, the first"),
    ("path,label\nneg/b.png,7\nneg/c.png,0\n", "label '7'")])
def test_wrong_manifests_are_refused(folder, text, reason):
    path = folder / "set.csv"
    path.write_text(text)
    with pytest.raises(files.InputError, match=reason):
        image_lists.read_manifest(path, ("neg", "pos"))


def test_a_folder_of_splits_stands_for_its_sets(folder, tmp_path):
    root = tmp_path / "all"
    for name in ("train", "test"):
        (root / name).mkdir(parents=True)
        for label in ("neg", "pos"):
            (root / name / label).symlink_to(folder / label)
    assert list(image_lists.find_splits([root], ("neg", "pos"))) == ["train", "test"]
    assert list(image_lists.find_splits([root / "test"], ("neg", "pos"))) == ["test"]


def test_hidden_files_of_class_folders_are_no_images(folder):
    for name in ("neg/._b.png", "neg/.deep/d.png", "neg/__MACOSX/b.png", "pos/.x.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((folder / "neg/b.png").read_bytes())
    (folder / ".hidden").mkdir()
    listed = image_lists.list_classes(folder)
    assert listed.classes == ("neg", "pos")
    assert listed.labels.tolist() == [0] * 5 + [1] * 3
    reasons = {path.relative_to(folder).as_posix(): why for path, why in listed.left}
    assert reasons == {"neg/._b.png": "hidden", "neg/.deep/d.png": "hidden",
                       "neg/__MACOSX/b.png": "hidden", "pos/.x.png": "hidden",
                       "neg/notes.txt": "no image"}


MANIFEST = """path,label,patient,laterality,view,split
a.png,1,P1,L,CC,train
b.png,0,P1,R,MLO,test
c.png,malignant,P2,,,
"""


def test_manifests_deformed_in_any_cell_are_read_or_refused_as_recorded(
        tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = pathlib.Path("m.csv")
    for name in "abc":
        cv2.imwrite(f"{name}.png", np.full((4, 3), ord(name), np.uint8))

    def read(text):
        path.write_text(text, encoding="utf-8")
        found = image_lists.read_manifest(path, ("neg", "pos"))
        return {name: value.tolist() if isinstance(value, np.ndarray) else
                value and list(map(str, value)) for name, value in vars(found).items()}

    recorded.check("manifests", deformed.table(read, MANIFEST), dict(FOLDER=tmp_path))


def test_sets_of_one_name_are_called_by_their_paths(folder, tmp_path):
    other = tmp_path / "other" / folder.name
    other.mkdir(parents=True)
    (other / "a.png").write_bytes((next(folder.rglob("*.png"))).read_bytes())
    assert list(image_lists.find_splits([folder])) == [folder.name]
    assert list(image_lists.find_splits([folder, other])) == [str(folder), str(other)]


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("no image")
    with pytest.raises(files.InputError, match="has no images; expected PNG, JPEG"):
        image_lists.find_images(tmp_path)


def test_a_name_that_no_table_can_hold_refuses_the_folder(folder):
    (folder / "pos" / "a\x1b.png").touch()
    for find in (image_lists.list_classes, image_lists.find_images):
        with pytest.raises(files.InputError, match="control character in it; rename"):
            find(folder)


def test_sets_have_the_names_of_their_files_or_of_the_folders_that_they_are(
        folder, monkeypatch):
    (folder / "my.set.csv").write_text("path\nneg/b.png\n")
    monkeypatch.chdir(folder / "pos")
    found = image_lists.find_splits(["../my.set.csv", "../neg/deep/d.png", "."])
    assert {name: len(images) for name, images in found.items()} == {
        "my.set": 1, "d": 1, "pos": 3}


def test_images_that_a_manifest_names_and_are_not_there_are_counted(folder):
    path = folder / "set.csv"
    path.write_text("path\nneg/b.png\nneg/none.png\npos/none.png\n")
    with pytest.raises(files.InputError) as caught:
        image_lists.read_manifest(path)
    assert str(caught.value) == (
        f"manifest {path} names 2 images that do not exist, the first {folder}/neg/"
        "none.png; relative paths start from the manifest's folder.")
