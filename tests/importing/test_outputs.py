"""What an import writes, by hand."""

import csv

import recorded

from end2end.data import rois
from end2end.importing import outputs, records, store


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def filled(pictures):
    pictures.add(records.Picture(
        str(number), f"{number}.png", number, "w", "e1", laterality="L", view="CC",
        label=number % 2, source_label="B", age="47", site="x") for number in (2, 3))
    for position, name, repeat in ((1, "w_LEFT_CC", ""), (2, "w_LEFT_CC_2", "2")):
        pictures.update(position, dict(
            name=name, repeat=repeat, safe="w", part="train", modifier="", mean=10.0,
            content="c", notes=["adjusted"], masks=[
                [1, f"Mass-Training_{name}_1.png", "box 1 2 3 4", "mass", "Mass",
                 bool(repeat)]]))


def test_tables_are_written_row_by_row(tmp_path):
    (tmp_path / "full").mkdir()
    for name in ("w_LEFT_CC", "w_LEFT_CC_2"):
        (tmp_path / "full" / f"{name}.png").write_bytes(b"x")
    with store.temporary(None) as pictures:
        filled(pictures)
        pictures.add([records.Picture("9", "9.png", 9, left_out="because: of this")])
        census = outputs.write(pictures, records.Settings(tmp_path), dict(split="s"))
    image = rows_of(tmp_path / "images.csv")[1]
    assert (image["path"], image["label"], image["split"], image["age_band"]) == (
        "full/w_LEFT_CC_2.png", "1", "train", "40-49")
    region = rows_of(tmp_path / "roi_mask_path.csv")[1]
    assert (region["view"], region["repeat"], region["pathology"]) == (
        "CC", "2", "MALIGNANT")
    assert (tmp_path / "images/train/pos/w_LEFT_CC_2.png").read_bytes() == b"x"
    assert (tmp_path / "splits/roi_train.txt").read_text() == "w\n"
    assert (tmp_path / "pat_train.txt").read_text() == "w\n"
    assert rows_of(tmp_path / "left_out.csv")[0]["reason"] == "because: of this"
    assert len(rows_of(tmp_path / "notes.csv")) == 2
    assert census["left_out"] == {"because": 1} and census["pixel_mean"] == 10.0
    assert census["imported"]["breasts"] == census["imported"]["malignant breasts"] == 1
    with store.temporary(None) as pictures:
        filled(pictures)
        pictures.update(1, dict(mean=10.0125))
        assert outputs.pixel_mean(pictures) == 10.01


def test_regions_of_two_pictures_of_one_view_stay_apart(tmp_path):
    with store.temporary(None) as pictures:
        filled(pictures)
        (tmp_path / "full").mkdir()
        for row in pictures.rows():
            (tmp_path / "full" / f"{row['name']}.png").write_bytes(b"x")
        outputs.write(pictures, records.Settings(tmp_path), dict(split="s"))
    of_image = rois.read(tmp_path / "roi_mask_path.csv")
    (tmp_path / "mask").mkdir()
    assert of_image(tmp_path / "full/w_LEFT_CC_3.png", (4, 4)) == []


def test_without_a_picture_all_counts_are_0_and_there_is_no_mean():
    with store.temporary(None) as pictures:
        assert set(outputs.census_of(pictures).values()) == {0}
        assert len(outputs.census_of(pictures)) == 9
        assert outputs.pixel_mean(pictures) is None
        assert list(outputs.who(pictures)) == [
            "0 women (0 with a malignant image), 0 exams, 0 breasts (0 malignant), 0 "
            "images (0 malignant)", "views: ", "unknown: nothing"]


def test_a_part_of_one_class_is_warned_of_and_one_of_both_is_not(tmp_path):
    parts = {"train": dict(women=2, images=4, positive=2),
             "val": dict(women=1, images=2, positive=0),
             "test": dict(women=0, images=0, positive=0)}
    with store.temporary(None) as pictures:
        filled(pictures)
        lines = list(outputs.report(pictures, dict(
            split="s", parts=parts, left_out={}, pixel_mean=1.0),
            records.Settings(tmp_path)))
        parts["test"] |= dict(images=3, positive=3)
        lines += outputs.report(pictures, dict(
            split="s", parts=parts, left_out={}, pixel_mean=1.0),
            records.Settings(tmp_path))
    warnings = [line.split(" has images of one class")[0] for line in lines
                if "WARNING" in line]
    assert warnings == [f"  WARNING: {part}" for part in ("val", "val", "test")]


def test_the_next_commands_sample_patches_only_where_there_are_regions(tmp_path):
    with store.temporary(None) as pictures:
        filled(pictures)
        census = dict(pixel_mean=1.0)
        settings = records.Settings(tmp_path)
        no_validation = list(outputs.next_commands(pictures, census, settings))
        pictures.query("UPDATE pictures SET part = 'val' WHERE position = 2")
        with_regions = list(outputs.next_commands(pictures, census, settings))
        pictures.query("UPDATE pictures SET masks = '[]'")
        without = list(outputs.next_commands(pictures, census, settings))
    assert "sample_patches_combined" in with_regions[0]
    assert "--class-list background mass_ben " in with_regions[2]
    assert "--patch-model-state" in with_regions[-2]
    assert len(no_validation) == 2
    assert [line.split()[2] for line in without] == [
        "ddsm_train.image_clf_train", "ddsm_train.evaluate"]


def test_the_lines_that_end_an_import_are_as_recorded(tmp_path):
    parts = {part: dict(women=count, images=2 * count, positive=1)
             for count, part in enumerate(("val", "train", "test"), 1)}
    lines = []
    with store.temporary(None) as pictures:
        filled(pictures)
        pictures.add(records.Picture(
            f"k{number}", f"{number}.png", number, *woman, laterality=side, view=view,
            label=label) for number, (woman, side, view, label) in enumerate((
                (("v", "e7"), "R", "CC", 1), (("v", ""), "R", "MLO", None),
                (("", ""), "", "", 0), (("v", "e8"), "", "CC", 0)), 4))
        for position in range(3, 7):
            pictures.update(position, dict(
                name=f"n{position}", safe=f"v{position % 2}", part="val", mean=20.5,
                masks=[[1, "m.png", "box 1 2 3 4", "calc", "C", position == 4]]))
        pictures.leave_out("no label: none", "label IS NULL")
        for size in ((600, 450), (601, 450)):
            census = dict(split="drawn", parts=parts, pixel_mean=12.5,
                          left_out=outputs.left_out(pictures))
            lines += outputs.report(
                pictures, census, records.Settings(tmp_path, size=size))
        lines.append(str([outputs.pixel_mean(pictures), outputs.census_of(pictures), *(
            outputs.patch_classes(pictures, part) for part in ("train", "val"))]))
        pictures.query("UPDATE pictures SET part = 'val'")
        assert outputs.pixel_mean(pictures) is None
    recorded.check("import-outputs", "\n".join(lines), dict(FOLDER=tmp_path))
