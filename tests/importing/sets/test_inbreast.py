"""INbreast as a row of the common importer: outlines, classes, hashes in names."""

import json
import pathlib

import pytest

from end2end import phantoms
from end2end.importing import converting, records
from end2end.importing.sets import inbreast
from end2end.utils import files

SETTINGS = records.Settings(pathlib.Path("."), size=(48, 36))


@pytest.fixture
def root(tmp_path):
    phantoms.write_inbreast(tmp_path / "in", patients=8, seed=10, size=(96, 72))
    return tmp_path / "in"


def test_category_3_is_left_out_and_outlines_go_with_their_image(root):
    pictures = list(inbreast.read(root, SETTINGS))
    assert {picture.label for picture in pictures} == {0, 1, None}
    assert all(picture.left_out.startswith("BI-RADS") == (picture.label is None)
               for picture in pictures)
    assert any("outlines" in picture.further for picture in pictures)


def test_outlines_become_masks_of_the_class_of_the_image_and_dots_do_not_count(
        root, tmp_path, monkeypatch):
    monkeypatch.setattr(converting.vendors, "of_file", pathlib.PurePath)
    picture = next(picture for picture in inbreast.read(root, SETTINGS)
                   if picture.label == 1 and picture.further)
    row = dict(key="k", position=1, source=picture.source, name="n", bits=None,
               further=json.loads(json.dumps(picture.further)), regions=())
    facts = inbreast.convert(converting.make_job(
        row, records.Settings(tmp_path / "out", size=(48, 36))))
    assert str(facts["vendor"]) == picture.source
    kinds = {mask[3] for mask in facts["masks"]}
    assert kinds <= {"mass", "calc", "other"} and facts["masks"]
    assert all(mask[5] is True for mask in facts["masks"])
    assert all((tmp_path / "out/mask" / mask[1]).is_file() for mask in facts["masks"])
    pathlib.Path(picture.further["outlines"]).write_text("<plist><dict/></plist>")
    facts = inbreast.convert(converting.make_job(
        row, records.Settings(tmp_path / "out", size=(48, 36))))
    assert facts["masks"] == [] and facts["notes"][-1] == (
        f"outlines left out: {picture.key}.xml holds no list of images")


def test_names_without_the_hash_are_refused_unless_accepted(root):
    for path in list((root / "INbreast Release 1.0/AllDICOMs").iterdir()):
        path.rename(path.with_name(f"{path.name[:8]}.dcm"))
    with pytest.raises(files.InputError, match="hash-in-names"):
        list(inbreast.read(root, SETTINGS))
    accepting = records.Settings(pathlib.Path("."), accept=("hash-in-names",))
    assert list(inbreast.read(root, accepting))


def test_the_census_is_that_of_the_table(root):
    assert inbreast.census(root, SETTINGS)["images"] == 32


def test_images_without_a_row_and_rows_without_an_image_leave_the_others_alone(root):
    before = list(inbreast.read(root, SETTINGS))
    first, last = before[0].key, before[-1].key
    path, = root.rglob("INbreast.csv")
    path.write_text("".join(line for line in path.read_text().splitlines(True)
                            if first not in line))
    for image in root.rglob(f"{last}_*"):
        image.unlink()
    after = {picture.key: picture for picture in inbreast.read(root, SETTINGS)}
    assert [picture.key for picture in before] == list(after)
    assert after[first].left_out == "not in the table" and after[first].label is None
    assert after[first].patient == before[0].patient
    assert after[last].left_out == "no file"
    for picture in before[1:-1]:
        assert after[picture.key].left_out == picture.left_out
