"""How image files say that they are turned, inverted or several."""

import struct

import numpy as np
import pytest
from image_writer import PICTURE, exif, jpeg, png, tiff

from end2end.utils import image_tags


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(1, 9))
def test_the_orientation_of_jpeg_and_png_is_found(value, order):
    block = exif(value, order)
    assert image_tags.orientation(jpeg((0xE1, b"Exif\0\0" + block))) == value
    assert image_tags.orientation(png((b"eXIf", block))) == value


def test_files_without_a_usable_orientation_are_upright():
    damaged = exif(6)[:12]
    for data in (jpeg(), png(), b"P5 1 1 255\n\0", jpeg((0xE1, b"Exif\0\0" + damaged)),
                 jpeg((0xE1, b"http://ns")), png((b"eXIf", exif(0)))):
        assert image_tags.orientation(data) == 1


# By the standard, where row 0 and column 0 of the stored picture lie.
@pytest.mark.parametrize("value, corner", [
    (1, (0, 0)), (2, (0, -1)), (3, (-1, -1)), (4, (-1, 0)), (5, (0, 0)), (6, (0, -1)),
    (7, (-1, -1)), (8, (-1, 0))])
def test_the_first_stored_pixel_comes_where_the_standard_says(value, corner):
    picture = PICTURE + np.uint8(1)
    shown = image_tags.upright(picture, value)
    assert shown[corner] == 1
    assert shown.shape == ((3, 5) if value < 5 else (5, 3))


def test_a_tiff_says_which_value_is_white():
    assert image_tags.is_white_zero(tiff(PICTURE, 0))
    assert not image_tags.is_white_zero(tiff(PICTURE, 1))
    assert not image_tags.is_white_zero(png())
    assert not image_tags.is_white_zero(b"II*\0\xff\xff\xff\xff")


def test_several_pictures_in_one_file_are_told():
    assert image_tags.pictures(png((b"acTL", struct.pack(">II", 2, 0)))) == (
        "animated PNG")
    assert image_tags.pictures(png((b"acTL", struct.pack(">II", 1, 0)))) == ""
    assert image_tags.pictures(jpeg((0xE2, b"MPF\0" + exif(1)))) == (
        "multi-picture JPEG")
    assert image_tags.pictures(jpeg((0xE2, b"ICC_PROFILE\0"))) == ""


def test_blocks_and_chunks_come_up_to_where_the_picture_begins():
    head = b"\xff\xd8\xff\xe2\x00\x04ab\xff\xe1\x00\x05cde\xff\xe2\x00\x02"
    assert list(image_tags.jpeg_blocks(head + b"\xff\xe2\x00\x03f", 0xE2)) == [
        b"ab", b"", b"f"]
    for end in (b"", b"\xff\xda\x00\x04gh\xff\xe2\x00\x04ij", b"\xff\xe2\x00\x01",
                b"\x00\xe2\x00\x04kl", b"\xff\xe2\x00"):
        assert list(image_tags.jpeg_blocks(head + end, 0xE2)) == [b"ab", b""]
    data = b"8 bytes." + b"".join(struct.pack(">I4s", len(content), kind) + content
                                  + b"crc." for kind, content in (
        (b"acTL", b"abc"), (b"eXIf", b""), (b"acTL", b""), (b"acTL", b"d")))
    assert list(image_tags.png_chunks(data, b"acTL")) == [b"abc", b"", b"d"]
    assert list(image_tags.png_chunks(data[:-1], b"acTL")) == [b"abc", b"", b"d"]
    assert list(image_tags.png_chunks(data[:-2], b"acTL")) == [b"abc", b""]
