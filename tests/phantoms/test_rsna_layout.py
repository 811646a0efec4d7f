"""The layout of a set: its quirks are in the files."""

import numpy as np
import pydicom
import pytest

from end2end import images, phantoms
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
