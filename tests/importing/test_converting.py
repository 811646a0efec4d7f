"""One picture to PNG and masks: bits, regions, and hashes of grey values."""

import cv2
import dicom_writer
import numpy as np
import pytest

from end2end.data import conversion
from end2end.importing import converting, records

SIZE = (32, 16)


def picture(top, dtype=np.uint16):
    pixels = np.zeros((64, 48), dtype)
    pixels[10:50, :30] = top // 2
    pixels[20:30, 5:10] = top
    return pixels


def job(path, out, regions=(), bits=None, **changes):
    row = dict(key="k", position=1, source=str(path), name="w_LEFT_CC", bits=None,
               further={}, regions=regions) | changes
    return converting.make_job(row, records.Settings(out, size=SIZE), bits)


def write(tmp_path, pixels, name="a.png"):
    cv2.imwrite(str(tmp_path / name), pixels)
    return tmp_path / name


@pytest.mark.parametrize(("top", "dtype", "bits", "white"), [
    (255, np.uint8, 8, 65535), (4095, np.uint16, 12, 65535),
    (65535, np.uint16, 16, 65535), (3000, np.uint16, 12, 48011)])
def test_values_are_spread_over_sixteen_bits(tmp_path, top, dtype, bits, white):
    facts = converting.convert_picture(job(write(tmp_path, picture(top, dtype)),
                                           tmp_path / "out"))
    assert facts["bits"] == bits and facts["declared"] == (dtype == np.uint8)
    stored = cv2.imread(str(tmp_path / "out/full/w_LEFT_CC.png"), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16 and stored.shape == SIZE
    assert facts["mean"] == round(float(stored.mean()) * 255 / 65535, 4)
    # The plateau, since bicubic interpolation overshoots at edges.
    assert np.median(stored[stored > 0]) == pytest.approx(white / 2, rel=0.01)


def test_bits_of_other_pictures_of_the_set_hold_where_a_file_declares_none(tmp_path):
    path = write(tmp_path, picture(200).astype(np.uint16))
    facts = converting.convert_picture(job(path, tmp_path / "out", bits=12))
    assert facts["bits"] == 12
    path = dicom_writer.write(tmp_path / "b.dcm", picture(4095))
    facts = converting.convert_picture(job(path, tmp_path / "out", bits=14))
    assert facts["bits"] == 12 and facts["declared"]
    # Eight bits in a file of sixteen: 255 is white.
    facts = converting.convert_picture(job(
        write(tmp_path, picture(200).astype(np.uint16)), tmp_path / "out", bits=8))
    assert facts["bits"] == 8
    assert facts["mean"] == pytest.approx(picture(200).mean(), abs=1.5)


def test_only_pictures_of_other_bits_are_converted_again(tmp_path):
    plain = job("a", tmp_path)
    assert job("a", tmp_path, bits=12)["settings"] == plain["settings"]
    changed = converting.make_job(
        dict(key="k", position=1, source="a", name="w_LEFT_CC", bits=-10, further={},
             regions=()), records.Settings(tmp_path, size=SIZE), 12)
    assert changed["settings"] != plain["settings"]
    for earlier in (10, -12):
        same = converting.make_job(
            dict(key="k", position=1, source="a", name="w_LEFT_CC", bits=earlier,
                 further={}, regions=()), records.Settings(tmp_path, size=SIZE), 12)
        assert same["settings"] == plain["settings"]


def test_regions_become_masks_by_the_names_of_the_sampler(tmp_path):
    regions = (
        records.Region("box", ((0, 0), (24, 32)), "mass", "Mass", True),
        records.Region("circle", ((500, 500), (5, 5)), "mass", "far", False),
        records.Region("circle", ((24, 32), (6, 8)), "calc", "CALC", None))
    path = write(tmp_path, picture(65535))
    facts = converting.convert_picture(job(path, tmp_path / "out", regions))
    assert [mask[:2] for mask in facts["masks"]] == [
        [1, "Mass-Training_w_LEFT_CC_1.png"], [3, "Calc-Training_w_LEFT_CC_3.png"]]
    assert facts["masks"][0][2:] == ["box 0 0 24 32", "mass", "Mass", True]
    mask = cv2.imread(str(tmp_path / "out/mask/Mass-Training_w_LEFT_CC_1.png"),
                      cv2.IMREAD_UNCHANGED)
    assert mask[:16, :8].min() == 255 and mask.sum() == 16 * 8 * 255
    assert any("outside" in note for note in facts["notes"])


def test_equal_grey_values_have_one_hash_whatever_the_file(tmp_path):
    pixels = picture(4095)
    first = converting.convert_picture(job(write(tmp_path, pixels), tmp_path / "out"))
    other = converting.convert_picture(job(
        dicom_writer.write(tmp_path / "b.dcm", pixels), tmp_path / "out"))
    assert first["content"] == other["content"] and len(first["content"]) == 32
    assert converting.content(pixels) != converting.content(pixels[:, ::-1])
    assert converting.content(pixels) != converting.content(pixels.reshape(32, 96))


def test_a_picture_of_one_grey_is_refused(tmp_path):
    path = write(tmp_path, np.full((64, 48), 99, np.uint8))
    with pytest.raises(conversion.Unreadable, match="one grey"):
        converting.convert_picture(job(path, tmp_path / "out"))


def test_a_check_writes_nothing(tmp_path):
    path = write(tmp_path, picture(65535))
    settings = records.Settings(tmp_path / "out", size=SIZE, check_only=True)
    row = dict(key="k", position=1, source=str(path), name="n", bits=None, further={},
               regions=())
    facts = converting.convert_picture(converting.make_job(row, settings))
    assert facts["outputs"] == [] and not (tmp_path / "out").exists()
