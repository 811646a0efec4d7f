"""Image files shown as they declare."""

import struct

import image_writer as writer
import numpy as np
import pytest

from end2end import images
from end2end.utils import files

PICTURE = (np.arange(60, dtype=np.uint16).reshape(10, 6) * 60).astype(np.uint16)


def read(tmp_path, data, name):
    (tmp_path / name).write_bytes(data)
    return images.read_image(tmp_path / name)


@pytest.mark.parametrize("value, upright", [
    (1, lambda image: image), (2, lambda image: image[:, ::-1]),
    (3, lambda image: image[::-1, ::-1]), (6, lambda image: np.rot90(image, -1)),
    (8, lambda image: np.rot90(image))])
def test_pictures_are_turned_as_they_say(tmp_path, value, upright, caplog):
    data = writer.png((b"eXIf", writer.exif(value)), picture=PICTURE)
    np.testing.assert_array_equal(read(tmp_path, data, "a.png"), upright(PICTURE))
    assert ("turned upright" in caplog.text) == (value != 1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_white_is_zero_is_inverted_in_8_and_16_bits(tmp_path, kind):
    picture = (PICTURE // (16 if kind == np.uint8 else 1)).astype(kind)
    white = 255 if kind == np.uint8 else 4095
    data = writer.tiff((white - picture).astype(kind), 0)
    np.testing.assert_array_equal(read(tmp_path, data, "a.tif"), picture)
    np.testing.assert_array_equal(
        read(tmp_path, writer.tiff(picture, 1), "b.tif"), picture)


@pytest.mark.parametrize("data, name, words", [
    (writer.png((b"acTL", struct.pack(">II", 3, 0))), "a.png", "animated PNG"),
    (writer.jpeg((0xE2, b"MPF\0" + writer.exif(1))), "a.jpg", "multi-picture JPEG"),
    (b"GIF89a" + bytes(40), "a.gif", "is a GIF file"),
    (b"RIFF\x20\0\0\0WEBPVP8X" + bytes(40), "a.webp", "is a WebP file")])
def test_several_or_moving_pictures_are_refused_by_name(tmp_path, data, name, words):
    with pytest.raises(files.InputError, match=words) as caught:
        read(tmp_path, data, name)
    assert name in str(caught.value)
