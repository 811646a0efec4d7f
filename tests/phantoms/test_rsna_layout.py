"""The layout of a set: its quirks are in the files."""

import numpy as np
import pydicom
import pytest

from end2end import images, phantoms
from end2end.phantoms import drawing, mammography_file, rsna_layout
from end2end.utils import files


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rsna")
    phantoms.write_layout(folder, layout="rsna", patients=8, seed=5, size=(96, 72))
    return folder


def test_one_site_is_compressed_and_ages_are_missing(root):
    pytest.importorskip("openjpeg")
    rows = files.read_csv(root / "train.csv")
    assert tuple(rows[0]) == phantoms.rsna_layout.COLUMNS
    assert any(row["age"] == "" for row in rows)
    syntaxes = {pydicom.dcmread(root / "train_images" / row["patient_id"] / (
        f"{row['image_id']}.dcm")).file_meta.TransferSyntaxUID: row["site_id"]
        for row in rows}
    assert syntaxes == {pydicom.uid.JPEG2000Lossless: "1",
                        pydicom.uid.ExplicitVRLittleEndian: "2"}


def test_all_pictures_have_a_dark_background_when_read(root):
    for path in (root / "train_images").rglob("*.dcm"):
        pixels = images.read_image(path)
        assert np.percentile(pixels, 10) < 0.1 * pixels.max()


def test_quirks_are_told_by_the_number_of_the_woman(tmp_path, monkeypatch):
    files_ = []
    monkeypatch.setattr(drawing, "render", lambda *_, **__: (
        np.arange(20).reshape(10, 2), ()))
    monkeypatch.setattr(mammography_file, "write", lambda path, picture, tags, **how: (
        files_.append((picture[0, 0], *how.values()))))
    rows = [[dict(row, files=files_.pop(0)) for row in rsna_layout.write_woman(
        tmp_path, drawing.Woman(number, 0.5, dict(LEFT=()), number), (10, 2))]
        for number in range(1, 13)]
    views = {4: ["CC", "MLO", "CC"], 5: ["CC", "MLO", "ML"], 8: ["CC", "MLO", "CC"],
             10: ["CC", "MLO", "ML"], 12: ["CC", "MLO", "CC"]}
    for number, images_ in enumerate(rows, 1):
        assert [row["view"] for row in images_] == views.get(number, ["CC", "MLO"])
        for place, row in enumerate(images_):
            assert (row["age"] == "") == (number in (6, 12))
            assert row["machine_id"] == (49, 21, 93)[number % 3]
            assert (row["site_id"], row["density"], row["BIRADS"]) == (
                (1, "B", 1) if number % 2 == 0 else (2, "", ""))
            # Lower by three rows, inverted, compressed.
            assert row["files"] == (14 if place == 2 else 0, number in (3, 6, 9, 12),
                                    row["site_id"] == 1)
