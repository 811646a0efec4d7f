"""The last lines of a command: what became of every image and file."""

import pathlib

import cv2
import recorded
import tiny_classifier

from end2end.data import image_lists
from end2end.images import __main__ as program
from end2end.images import accounting
from end2end.tables.identity import Identity


def test_every_image_and_file_is_counted():
    images = [Identity("a", patient="P", laterality="L", view="CC"),
              Identity("b", votes="no", notes=("the same image as a",)),
              Identity("c", patient="P", laterality="L", view="ML", votes="no", notes=(
                  "side L by the manifest, R by its tags; the manifest is taken",))]
    left = [(pathlib.Path(f"x/{i}.txt"), "no image") for i in range(7)]
    lines = accounting.lines(images, 2, [*left, (pathlib.Path(".b.png"), "hidden")])
    assert lines == [
        "images: 5 found, 3 understood, 2 refused, 1 doubled, 1 without patient, "
        "1 without side or view, 2 not voting",
        "1 image whose manifest, tags or name contradict each other; see its notes",
        "not looked at: 8 (7 no image: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ...; "
        "1 hidden: .b.png)"]


def test_of_more_than_five_files_some_are_named():
    left = [(pathlib.Path(f"x/{i}.txt"), "no image") for i in range(6)]
    for count, named in ((5, "0.txt, 1.txt, 2.txt, 3.txt, 4.txt"),
                         (6, "0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ...")):
        assert accounting.not_looked_at(left[:count]) == (
            f"not looked at: {count} ({count} no image: {named})")


def test_zeros_are_printed_too():
    assert accounting.lines([], 0) == [
        "images: 0 found, 0 understood, 0 refused, 0 doubled, 0 without patient, "
        "0 without side or view, 0 not voting", "not looked at: 0"]


def written(folder, *names):
    for seed, name in enumerate(names, len(str(folder))):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), tiny_classifier.picture(seed))


def test_images_of_training_sets_are_counted_once(tmp_path):
    written(tmp_path / "train", "neg/a_L_CC.png", "pos/b.png", "benign/c_L_CC.png")
    written(tmp_path / "val", "neg/d_R_MLO.png", "pos/e_R_CC.png")
    (tmp_path / "train/pos/notes.txt").write_text("no image")
    (tmp_path / "train/table.csv").write_text("a")
    # What it leads to is in no class, and the same folder again.
    (tmp_path / "train/round").symlink_to(tmp_path / "train")
    sets = image_lists.find_splits([tmp_path], ("neg", "pos"))
    everything = [str(path) for images in sets.values() for path in images.paths]
    lines = accounting.lines_of_sets(sets | dict(twice=sets["train"]), everything[:-1])
    assert lines == [
        "images: 4 found, 3 understood, 1 refused, 0 doubled, 1 without patient, "
        "1 without side or view, 0 not voting",
        "not looked at: 3 (1 no image: notes.txt; "
        "2 outside the class folders: c_L_CC.png, table.csv)"]


def test_the_check_of_images_ends_with_the_counts(tmp_path, capsys):
    written(tmp_path / "train", "neg/a_L_CC.png", "pos/b_L_CC.png")
    (tmp_path / "train/pos/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    program.main([str(tmp_path / "train"), "--img-size", "32", "24"])
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "images: 3 found, 2 understood, 1 refused, 0 doubled, 0 without patient, "
        "0 without side or view, 0 not voting", "not looked at: 0"]


def test_where_nothing_is_odd_that_is_said_with_what_to_use(
        tmp_path, capsys, monkeypatch):
    written(tmp_path / "train", "neg/a_L_CC.png", "pos/b_L_CC.png")
    for scale, words in ((None, ""), (0.0038909, "--rescale-factor 0.0038909 ")):
        monkeypatch.setattr(
            program.images.input_checks, "check_images", lambda *_, scale=scale, **__:
            program.images.input_checks.Check([], scale, 12.345, dict(train=[])))
        program.main([str(tmp_path / "train"), "--img-size", "32", "24"])
        assert capsys.readouterr().out.splitlines()[:4] == [
            "Reading 2 images in train.",
            "train: 0 images, none readable", "Nothing odd was found.",
            f"To use: {words}--featurewise-mean 12.35"]


def test_a_set_without_the_class_folders_says_that_its_classes_are_not_known(
        tmp_path, capsys):
    written(tmp_path / "train", "benign/a.png", "benign/b.png", "cancer/c.png")
    program.main([str(tmp_path / "train"), "--img-size", "32", "24"])
    assert ("- classes: train has none of the folders neg, pos, so its classes are not "
            "known") in capsys.readouterr().out
    program.main([str(tmp_path / "train"), "--img-size", "32", "24",
                  "--class-list", "benign", "cancer"])
    printed = capsys.readouterr().out
    assert "- classes:" not in printed and "benign 2, cancer 1" in printed


def test_tallies_are_as_recorded():
    tally = accounting.Tally()
    for number in range(3):
        tally.add(Identity(str(number), patient="P" * number, view="CC",
                           laterality="L" * (number == 2)))
    tally.refuse()
    tally.refuse(3)
    recorded.check("accounting", "\n".join(tally.lines([
        (pathlib.Path(f"{k}.x"), "hidden" if k % 2 else "no image")
        for k in range(13)])))
