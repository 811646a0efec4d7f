"""Reading, resizing, scaling and segmenting: the original's values, and its edges."""

import dataclasses
import json
import pathlib
import struct
import zlib

import cv2
import numpy as np
import pytest

from end2end import config, images
from end2end.images import __main__ as program
from end2end.utils import files

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
FULL = GOLDEN / "sampling" / "full"
PLAIN = config.ImageOptions(size=(96, 80), channels=1, center=False)

READINGS = {
    "rescale": (dict(intensity_scale=0.003891), 0.003891),
    "scale": (dict(stretch_max_to=255.0), 255 / 32061),
    "equalize": (dict(stretch_max_to=255.0, equalize_histogram=True), 1),
    "target_height": (dict(height=96), 1),
}


def options(**changes):
    return dataclasses.replace(PLAIN, **changes)


def ramp(rows, columns, dtype=np.uint16, top=65535):
    return np.linspace(0, top, rows * columns).reshape(rows, columns).astype(dtype)


@pytest.mark.parametrize("name", READINGS)
def test_reading_is_within_two_grey_levels_of_the_original(name):
    changes, grey_level = READINGS[name]
    golden = np.load(GOLDEN / "pixels" / "reading.npz")[name]
    made = images.to_input(
        images.read_image(sorted(FULL.glob("*.png"))[0]), options(**changes))[..., 0]
    assert made.shape == golden.shape
    assert np.abs(made - golden).max() <= 2 * grey_level
    assert (made == golden).mean() > 0.999


def test_breasts_are_found_as_by_the_original():
    golden = json.loads((GOLDEN / "pixels" / "segment_breast.json").read_text())
    for path in sorted(FULL.glob("*.png")):
        breast, box = images.segment_breast(images.read_image(path))
        expected = golden[path.name]
        assert list(box) == expected["bbox"]
        assert breast.shape == (box[3], box[2])
        assert np.count_nonzero(breast) == expected["nonzero"]
        assert breast.sum(dtype=np.float64) == expected["sum"]


def test_holes_in_the_breast_are_kept_and_other_objects_removed():
    image = np.zeros((40, 40), np.uint8)
    image[5:30, 5:30] = 200
    image[10:15, 10:15] = 3
    image[35:38, 35:38] = 255
    breast, box = images.segment_breast(image, crop=False)
    assert box == (5, 5, 25, 25)
    np.testing.assert_array_equal(breast[:30, :30], image[:30, :30])
    assert breast[30:].max() == 0


def test_a_threshold_from_one_on_is_a_grey_level():
    image = np.zeros((20, 20), np.uint8)
    image[2:18, 2:18], image[5:9, 6:9] = 100, 255
    assert images.segment_breast(image, low_int_threshold=150)[1] == (6, 5, 3, 4)


def test_a_black_image_has_no_breast():
    with pytest.raises(ValueError, match="black"):
        images.segment_breast(np.zeros((9, 9), np.uint16))


@pytest.mark.parametrize("name, dtype", [
    ("a.png", np.uint16), ("A.PNG", np.uint8), ("b.tif", np.uint16),
    ("b.TIFF", np.uint8), ("c.pgm", np.uint16), ("d.bmp", np.uint8)])
def test_lossless_files_are_read_as_they_are_whatever_their_suffix(
        tmp_path, name, dtype):
    image = ramp(7, 5, dtype, np.iinfo(dtype).max)
    done, data = cv2.imencode(pathlib.Path(name).suffix.lower(), image)
    (tmp_path / name).write_bytes(data.tobytes())
    read = images.read_image(tmp_path / name)
    np.testing.assert_array_equal(read, image)
    assert done and read.dtype == dtype


def test_a_12_bit_pgm_keeps_its_values(tmp_path):
    path = tmp_path / "a.pgm"
    values = np.array([[0, 1000], [2000, 4095]], ">u2")
    path.write_bytes(b"P5 2 2 4095\n" + values.tobytes())
    np.testing.assert_array_equal(images.read_image(path), values)


def test_jpeg_is_read_within_its_loss(tmp_path):
    image = ramp(32, 32, np.uint8, 255)
    cv2.imwrite(str(tmp_path / "a.JPG"), image, [cv2.IMWRITE_JPEG_QUALITY, 100])
    read = images.read_image(tmp_path / "a.JPG")
    assert read.dtype == np.uint8
    np.testing.assert_allclose(read.astype(int), image, atol=4)


def test_grey_saved_as_colour_is_grey_again_without_a_word(tmp_path, caplog):
    grey = ramp(6, 5)
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([grey] * 3))
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), grey)
    cv2.imwrite(str(tmp_path / "b.png"), np.dstack([grey] * 3 + [grey * 0 + 65535]))
    np.testing.assert_array_equal(images.read_image(tmp_path / "b.png"), grey)
    assert not caplog.text


def test_colour_becomes_luminance_with_a_warning(tmp_path, caplog):
    colour = np.zeros((4, 4, 3), np.uint8)
    colour[..., 2] = 100
    cv2.imwrite(str(tmp_path / "a.png"), colour)
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), 30)
    assert "in colour" in caplog.text


@pytest.mark.parametrize("value", [np.nan, np.inf, -3.0])
def test_undefined_or_negative_values_are_refused(tmp_path, value):
    image = np.ones((4, 4), np.float32)
    cv2.imwrite(str(tmp_path / "good.tif"), image * 2.5)
    np.testing.assert_array_equal(images.read_image(tmp_path / "good.tif"), 2.5)
    image[1, 1] = value
    cv2.imwrite(str(tmp_path / "bad.tif"), image)
    with pytest.raises(files.InputError, match="bad.tif holds negative or undefined"):
        images.read_image(tmp_path / "bad.tif")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".pgm", ".bmp"])
def test_damaged_files_are_refused_by_name(tmp_path, suffix):
    data = cv2.imencode(suffix, ramp(40, 30, np.uint8, 255))[1].tobytes()
    for name, content in dict(half=data[:len(data) // 2], text=b"hello", empty=b"",
                              end=data[:-30]).items():
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(content)
        with pytest.raises(files.InputError, match=str(path)):
            images.read_image(path)


def test_missing_files_folders_and_several_pages_are_refused(tmp_path):
    with pytest.raises(files.InputError, match="does not exist"):
        images.read_image(tmp_path / "none.png")
    with pytest.raises(files.InputError, match="is a folder"):
        images.read_image(tmp_path)
    cv2.imwritemulti(str(tmp_path / "a.tif"), [ramp(4, 4), ramp(4, 4)])
    with pytest.raises(files.InputError, match="several pages"):
        images.read_image(tmp_path / "a.tif")


def test_a_png_that_declares_an_enormous_size_is_refused(tmp_path):
    head = struct.pack(">IIBBBBB", 60000, 60000, 16, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    data = (b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk
            + struct.pack(">I", zlib.crc32(chunk)))
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(files.InputError, match="more than any mammogram has"):
        images.read_image(tmp_path / "a.png")


def test_integers_do_not_overshoot_when_resized():
    step = np.zeros((40, 40), np.uint16)
    step[:, 20:] = 65535
    small = images.resized(step, options(size=(17, 17)))
    assert small.dtype == np.uint16 and small.max() == 65535 and small.min() == 0
    floats = images.resized(step.astype(np.float32), options(size=(17, 17)))
    assert floats.max() <= 65535 and floats.min() >= 0


def test_an_image_of_the_right_size_is_not_touched():
    image = ramp(96, 80)
    assert images.resized(image, PLAIN) is image


@pytest.mark.parametrize(
    "rows, columns, width", [(200, 100, 48), (97, 50, 49), (9, 1, 10), (300, 2, 1)])
def test_height_keeps_the_aspect_truncated_and_wins_over_size(rows, columns, width):
    made = images.scaled(ramp(rows, columns), options(height=96))
    assert made.shape == (96, width, 1)


def test_one_pixel_is_enlarged_to_any_size():
    made = images.scaled(np.full((1, 1), 7, np.uint8), PLAIN)
    np.testing.assert_array_equal(made, 7)


def test_stretching_then_rescaling_apply_in_that_order():
    image = np.array([[0, 50], [100, 200]], np.uint16)
    made = images.scaled(image, options(
        size=(2, 2), stretch_max_to=255.0, intensity_scale=0.5))
    np.testing.assert_allclose(made[..., 0], image * (255 / 200) * 0.5, rtol=1e-6)
    shares = images.scaled(image.astype(np.float32) / 400, options(
        size=(2, 2), stretch_max_to=255.0))
    np.testing.assert_allclose(shares[..., 0], image * (255 / 200), rtol=1e-6)


def test_a_black_image_stays_black_when_stretched():
    made = images.scaled(np.zeros((4, 4), np.uint16), options(stretch_max_to=255.0))
    assert made.max() == 0 and np.isfinite(made).all()


def test_only_the_breast_stays_where_that_is_asked_for():
    breast, marker = np.zeros((40, 30), np.uint16), np.zeros((40, 30), np.uint16)
    breast[5:35, :15] = 9000
    breast[18:22, 5:9] = 10                                  # a dark spot within
    marker[2:6, 24:28] = 60000
    made = images.scaled(breast + marker, options(size=(40, 30), breast_only=True))
    np.testing.assert_array_equal(made[..., 0], breast)
    kept = images.scaled(breast + marker, options(size=(40, 30)))
    np.testing.assert_array_equal(kept[..., 0], breast + marker)
    shares = (breast + marker).astype(np.float32) / 60000       # from 0 to 1
    made = images.scaled(shares, options(size=(40, 30), breast_only=True))
    np.testing.assert_array_equal(made[..., 0], np.where(breast > 0, shares, 0))


def test_a_black_image_has_no_breast_and_stays_black():
    made = images.scaled(np.zeros((4, 4), np.uint16), options(breast_only=True))
    assert made.max() == 0


def test_equalising_cuts_fractions_and_clips_instead_of_wrapping():
    image = np.array([[0, 2, 4], [508, 510, 2046]], np.uint16)
    made = images.scaled(image, options(
        size=(2, 3), equalize_histogram=True, intensity_scale=0.5))
    levels = cv2.equalizeHist(np.array([[0, 1, 2], [254, 255, 255]], np.uint8))
    np.testing.assert_array_equal(made[..., 0], levels)


def test_equalising_unscaled_16_bits_is_refused_with_the_remedy():
    with pytest.raises(files.InputError, match=(
            "^histogram equalisation needs intensities of 0-255, but the image reaches "
            r"1024; scale it \(--img-scale 255 or --rescale-factor 0.003891\), or turn "
            r"it off \(--no-equalize-hist\).$")):
        images.scaled(ramp(4, 4, top=1024), options(
            size=(4, 4), equalize_histogram=True))
    assert images.scaled(ramp(4, 4, top=1023), options(
        size=(4, 4), equalize_histogram=True)).max() == 255


def test_an_open_rescale_factor_is_refused():
    with pytest.raises(files.InputError, match="auto"):
        images.scaled(ramp(4, 4), options(intensity_scale="auto"))


def test_a_network_input_has_equal_channels_less_the_mean():
    image = ramp(96, 80)
    made = images.to_input(image, options(
        channels=3, center=True, pixel_mean=52.18, intensity_scale=0.003891))
    assert made.shape == (96, 80, 3) and made.dtype == np.float32
    expected = image.astype(np.float32) * np.float32(0.003891) - np.float32(52.18)
    for channel in range(3):
        np.testing.assert_allclose(made[..., channel], expected, atol=1e-4)


def test_the_grey_mean_is_that_of_the_images_after_scaling(tmp_path):
    for name, value in dict(a=1000, b=3000).items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((9, 9), value, np.uint16))
    mean = images.grey_mean(
        sorted(tmp_path.iterdir()), options(intensity_scale=0.01, center=True))
    assert mean == pytest.approx(20)
    with pytest.raises(files.InputError, match="no images"):
        images.grey_mean([], PLAIN)


def test_the_command_prints_the_factor_and_the_mean_to_use(tmp_path, capsys):
    for split in ("train", "test"):
        for number, label in enumerate(("neg", "pos")):
            folder = tmp_path / split / label
            folder.mkdir(parents=True)
            image = ramp(96, 80, top=4095 - number - 2 * (split == "test"))
            cv2.imwrite(str(folder / "a.png"), image)
    program.main([str(tmp_path), "--img-size", "96", "80"])
    out = capsys.readouterr().out
    assert "train: 2 images (neg 1, pos 1)" in out and "test: 2 images" in out
    assert "--rescale-factor 0.06227 --featurewise-mean 127.4" in out


def test_an_image_is_cut_to_the_breast_before_it_is_resized():
    image = np.zeros((60, 40), np.uint16)
    image[10:50, 5:25] = 900
    image[12, 7] = 1000
    image[2, 30] = 800                          # a speck of dust
    options = config.ImageOptions(size=(80, 40), crop_breast=True)
    for picture in (image, image.astype(np.float32) / 1000):
        assert images.breast_box(picture, options) == (slice(10, 50), slice(5, 25))
    cut = images.resized(image, options)
    np.testing.assert_array_equal(cut, images.resized(
        image[10:50, 5:25], config.ImageOptions(size=(80, 40))))
    assert cut.min() > 0
    plain = config.ImageOptions(size=(80, 40))
    assert images.breast_box(image, plain) is None
    assert images.resized(np.zeros((6, 4), np.uint8), options).shape == (80, 40)


def test_a_picture_that_would_become_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(files, "MAX_PIXELS", 40 * 30)
    assert images.resized(ramp(8, 5), options(size=(40, 30))).shape == (40, 30)
    with pytest.raises(files.InputError, match=(
            "^an image of 5 x 8 pixels would become one of 30 x 41, more than any "
            "mammogram has; give a smaller size, or leave the image out.$")):
        images.resized(ramp(8, 5), options(size=(41, 30)))
