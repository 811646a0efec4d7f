"""Patient-level splits, split files and class folders."""

import pathlib

import deformed
import pytest
import recorded
from sklearn import model_selection

from end2end.data import splits
from end2end.utils import files


def labels_of(count, positive):
    return {f"P_{k:05d}": int(k < positive) for k in range(count)}


def test_shares_are_rounded_up_and_keep_the_proportion_of_cancers():
    drawn = splits.split_patients(labels_of(200, 80))
    assert [len(drawn[part]) for part in splits.PARTS] == [153, 17, 30]
    labels = labels_of(200, 80)
    assert sum(labels[one] for one in drawn["test"]) == 12
    assert sum(labels[one] for one in drawn["val"]) == 7


def test_no_woman_is_in_two_parts_and_none_is_lost():
    labels = labels_of(97, 31)
    drawn = splits.split_patients(labels)
    together = [one for part in splits.PARTS for one in drawn[part]]
    assert sorted(together) == sorted(labels)


def test_the_validation_draw_is_that_of_the_original_sampler():
    ids = [f"P_{k:05d}" for k in range(40)]
    labels = [k % 3 == 0 for k in range(40)]
    train, val = model_selection.train_test_split(
        ids, test_size=0.1, stratify=labels, random_state=12345)
    assert splits.stratified_split(ids, labels, 0.1) == (train, val)


def test_the_training_women_given_back_split_into_the_same_parts():
    labels = labels_of(120, 50)
    drawn = splits.split_patients(labels, seed=3)
    again = splits.stratified_split(
        drawn["pat_train"], [labels[one] for one in drawn["pat_train"]], 0.1)
    assert again == (drawn["train"], drawn["val"])


def test_a_seed_gives_the_same_split_and_another_gives_another():
    labels = labels_of(120, 50)
    one, same, other = (
        splits.split_patients(labels, seed=seed) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize(("share", "part"), [(0, 0), (0.5, 1)])
def test_one_woman_is_never_split(share, part):
    assert splits.stratified_split(["P_1"], [1], share) == (["P_1"], [])
    assert len(splits.stratified_split(["P_1", "P_2"], [1, 1], share)[1]) == part


def test_a_share_that_leaves_nobody_is_refused():
    ids = ["P_1", "P_2", "P_3", "P_4"]
    assert len(splits.stratified_split(ids, [0, 1, 0, 0], 0.75)[0]) == 1
    with pytest.raises(files.InputError) as error:
        splits.stratified_split(ids, [0, 1, 0, 0], 0.76)
    assert str(error.value) == (
        "a share of 0.76 sets all 4 patients apart and leaves none; give a smaller "
        "share, or more patients.")


def test_too_few_of_a_label_are_drawn_without_proportion_and_that_is_said(caplog):
    rest, part = splits.stratified_split(list("abcdefgh"), [1] + [0] * 7, 0.25)
    assert (len(rest), len(part)) == (6, 2)
    assert "too few" in caplog.text


@pytest.mark.parametrize(("text", "complaint"), [
    ("patient_id,part\nP_1,train\n", "columns patient_id and split"),
    ("patient_id,split\n\nP_1,training\n", "row 3: 'training' is none of train, "),
    ("patient_id,split\nP_1,train\nP_1,test\n", "is in train and in test"),
    ("", "no rows"),
    ("\x00\xff", "CSV"),
])
def test_a_wrong_split_file_is_refused_by_name(tmp_path, text, complaint):
    path = tmp_path / "mine.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(files.InputError, match=complaint) as error:
        splits.read_split(path)
    assert "mine.csv" in str(error.value)


def test_a_written_split_is_read_back(tmp_path):
    common = dict(side="LEFT", view="CC")
    images = [dict(common, patient_id="P_1", malignant=1, split="train"),
              dict(common, patient_id="P_2", malignant=0, split="test")]
    splits.write_split(tmp_path, images)
    assert splits.read_split(tmp_path / "split.csv") == {
        ("P_1", "LEFT", "CC"): "train", ("P_2", "LEFT", "CC"): "test"}
    assert (tmp_path / "test.txt").read_text() == "P_2\n"
    (tmp_path / "mark.csv").write_text("\ufeffpatient_id,split\nP_1,val\n", "utf-8")
    assert splits.read_split(tmp_path / "mark.csv") == {("P_1",): "val"}


def image(folder, name, malignant, part):
    path = folder / f"{name}.png"
    path.write_bytes(name.encode())
    return dict(path=path, malignant=malignant, split=part)


def test_class_folders_hold_links_and_lose_what_is_stale(tmp_path):
    full, classes = tmp_path / "full", tmp_path / "images"
    full.mkdir()
    images = [image(full, "a", 1, "train"), image(full, "b", 0, "test")]
    splits.link_classes(classes, images)
    assert (classes / "train/pos/a.png").samefile(full / "a.png")
    splits.link_classes(classes, [dict(images[0], split="val"), images[1]])
    assert sorted(path.relative_to(classes).as_posix()
                  for path in classes.rglob("*.png")) == [
        "test/neg/b.png", "val/pos/a.png"]


def test_where_links_cannot_be_made_files_are_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")
    monkeypatch.setattr("os.link", refuse)
    images = [image(tmp_path, "a", 1, "train")]
    splits.link_classes(tmp_path / "images", images)
    copy = tmp_path / "images/train/pos/a.png"
    assert copy.read_bytes() == b"a" and not copy.samefile(tmp_path / "a.png")
    before = copy.stat().st_ino
    splits.link_classes(tmp_path / "images", images)
    assert copy.stat().st_ino == before


def test_counts_are_of_women_images_and_positives():
    images = [dict(patient_id="P_1", malignant=1, split="train"),
              dict(patient_id="P_1", malignant=0, split="train")]
    assert splits.count(images)["train"] == dict(women=1, images=2, positive=1)
    assert splits.count(images)["val"] == dict(women=0, images=0, positive=0)


SPLIT = """patient_id,split,side,view
P_1,train,LEFT,CC
P_1,val,LEFT,MLO
P_9,test,LEFT,CC
"""
OF_WOMEN = "patient_id,split\nP_1,train\nP_9,test\nP_1,train\n"


def test_split_files_deformed_in_any_cell_are_read_or_refused_as_recorded(
        tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = pathlib.Path("split.csv")

    def read(text):
        path.write_text(text, encoding="utf-8")
        rows = splits.read_split(path)
        return [rows, [splits.part_of(rows, *key) for key in (
            ("P_1", "LEFT", "CC"), ("P_9", "LEFT", "CC"))]]

    recorded.check("splits", deformed.table(read, SPLIT) + deformed.table(
        read, OF_WOMEN))


def test_counts_and_parts_are_as_recorded():
    labels = {f"P_{k}": int(k % 3 == 0) for k in range(23)}
    images = [dict(patient_id=f"P_{k % 9}", split=splits.PARTS[k % 9 % 3],
                   malignant=int(k % 9 % 2)) for k in range(20)]
    recorded.check("split-counts", dict(
        parts=splits.split_patients(labels, seed=4), count=splits.count(images)))


@pytest.mark.parametrize(("share", "positive", "kept"), [
    (0.2, 2, True), (0.2, 5, True), (0.8, 2, True), (0.1, 5, False), (0.9, 5, False),
    (0.2, 1, False)])
def test_the_proportion_is_kept_where_both_parts_can_hold_both_labels(
        caplog, share, positive, kept):
    labels = [int(k < positive) for k in range(10)]
    rest, part = splits.stratified_split(list("abcdefghij"), labels, share)
    assert sorted(rest + part) == list("abcdefghij")
    assert len(part) == round(10 * share)
    assert caplog.messages == [] if kept else caplog.messages == [
        f"10 patients, {positive} of the rarer label: too few to keep the proportion "
        "of cancers; the split is drawn without."]
    if kept and positive == 5:
        assert {labels["abcdefghij".index(one)] for one in part} == {0, 1}
