"""Tests of end2end.image_headers: what a file declares, before it is decoded."""

import struct

import cv2
import numpy as np
import pytest

from end2end import images
from end2end.utils import files, image_headers
from tests.fuzz import bombs, seeds


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "pgm", "bmp"])
def test_whole_files_of_every_kind_pass(kind):
    for data in seeds.of(kind):
        image_headers.check(data, "a")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".pgm", ".bmp"])
def test_the_size_is_that_of_the_picture(suffix):
    data = cv2.imencode(suffix, np.zeros((7, 11), np.uint8))[1].tobytes()
    read = next(one for start, one in image_headers.READERS if data.startswith(start))
    assert read(data)[:2] == (11, 7)


@pytest.mark.parametrize("kind", ["jpeg", "pgm", "bmp"])
def test_enormous_sizes_are_refused_before_memory_is_taken(kind, tmp_path):
    for number, data in enumerate(bombs.of(kind)):
        path = tmp_path / f"{number}.img"
        path.write_bytes(data)
        with pytest.raises(files.InputError):
            images.decoded(path)


def test_a_directory_beyond_all_memory_is_no_tiff():
    data = b"II+\0" + struct.pack("<HHQ", 8, 0, 2**64 - 1)
    with pytest.raises(files.InputError, match="cannot be read"):
        image_headers.check(data, "a.tif")


def png_header(width, height, bits, colour, *chunks):
    """A PNG of which nothing but the header is real."""
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(
        ">I4sIIBBBBB", 13, b"IHDR", width, height, bits, colour, 0, 0, 0) + b"crc."
    for kind, content in chunks:
        data += struct.pack(">I4s", len(content), kind) + content + b"crc."
    return data


def jpeg_header(*segments):
    return b"\xff\xd8" + b"".join(segments)


def frame(marker, bits, height, width, channels):
    return b"\xff" + bytes([marker]) + struct.pack(
        ">HBHHB", 8 + 3 * channels, bits, height, width, channels) + bytes(3 * channels)


def tiff_header(order, *entries, big=False):
    """Entries: tag, kind, count, and value; of more than fits, a place in the file."""
    number, count = ("Q", "Q") if big else ("I", "H")
    mark = {"<": b"II", ">": b"MM"}[order]
    data = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big
                   else struct.pack(order + "HI", 42, 8))
    data += struct.pack(order + count, len(entries))
    for tag, kind, many, value in entries:
        data += struct.pack(order + "HH" + number, tag, kind, many)
        form = {1: "B", 3: "H", 4: "I", 16: "Q"}[kind]
        packed = struct.pack(order + form, value)
        data += packed.ljust(8 if big else 4, b"\0")
    return data


APP = b"\xff\xe1\x00\x08ff\xff\xc0xy"     # a segment that holds the mark of a frame
HEADERS = [
    (png_header(11, 7, 8, 0), (11, 7, 1)), (png_header(11, 7, 16, 2), (11, 7, 6)),
    (png_header(11, 7, 1, 3), (11, 7, 3)), (png_header(11, 7, 16, 4), (11, 7, 4)),
    (png_header(11, 7, 8, 6, (b"IEND", b""), (b"xxxx", b"y")) + b"\0\1\0\0xxxxx",
     (11, 7, 4)),
    (png_header(11, 7, 8, 0)[:-3], None),
    (png_header(11, 7, 8, 0) + struct.pack(">I4s", 9, b"IDAT") + b"12345678crc.", None),
    (jpeg_header(frame(0xC0, 8, 7, 11, 3)), (11, 7, 3)),
    (jpeg_header(frame(0xC1, 4, 7, 11, 3)), (11, 7, 3)),
    (jpeg_header(APP, b"\xff\xff\xff\xd0\xff\x01", frame(0xC2, 12, 300, 11, 1)),
     (11, 300, 1)),
    (jpeg_header(APP, frame(0xC3, 16, 7, 11, 1)), (11, 7, 2)),
    (jpeg_header(frame(0xC4, 8, 7, 11, 3)), None),
    (jpeg_header(APP, b"\xff\xc0\x00"), None),
    (b"BM" + bytes(12) + struct.pack("<IHH", 12, 11, 700), (11, 700, 4)),
    (b"BM" + bytes(12) + struct.pack("<Iii", 40, 11, -700), (11, 700, 4)),
    (b"BM" + bytes(13), None),
    (tiff_header("<", (256, 3, 1, 11), (257, 4, 1, 70000)), (11, 70000, 1)),
    (tiff_header(">", (256, 3, 1, 11), (257, 3, 1, 7), (258, 3, 1, 16), (277, 3, 1, 3)),
     (11, 7, 6)),
    (tiff_header("<", (256, 3, 1, 11), (257, 3, 1, 7), (258, 3, 1, 1), (322, 3, 1, 64),
                 (323, 3, 1, 32)), (64, 32, 1)),
    (tiff_header("<", (256, 3, 1, 11), (257, 3, 1, 70), (322, 3, 1, 8), (323, 3, 1, 32),
                 (277, 3, 1, 0)), (11, 70, 1)),
    (tiff_header("<", (256, 3, 1, 11), (256, 3, 1, 900), (256, 3, 1, 12),
                 (257, 3, 1, 7)), (900, 7, 1)),
    (tiff_header(">", (256, 3, 1, 11), (257, 16, 1, 7), big=True), (11, 7, 1)),
    # Three numbers do not fit into the entry, which says where they are.
    (tiff_header("<", (256, 3, 1, 11), (257, 3, 1, 7), (258, 4, 3, 58))
     + bytes(12) + struct.pack("<III", 32, 8, 8), (11, 7, 4)),
    (tiff_header("<", (256, 3, 1, 11), (257, 3, 2, 7)), (11, 7, 1)),
    (tiff_header("<", (256, 3, 1, 11)), None), (tiff_header("<", (257, 3, 1, 7)), None),
    (b"P5\n# a 99\n11 # 5\r7\n255\n", (11, 7, 1)), (b"P6 11 7 256\n", (11, 7, 6)),
    (b"P3 11 7 255\n", (11, 7, 3)), (b"P4\n11 7\n", (11, 7, 1)),
    (b"P2 11 7 65535\n", (11, 7, 2)), (b"P1 11 7 999\n", (11, 7, 1)),
    (b"P5 11 7\n", None), (b"P5 a 7 255\n", None), (b"P7 11 7 255\n", None),
    (b"", None)]


@pytest.mark.parametrize(("data", "size"), HEADERS, ids=range(len(HEADERS)))
def test_width_height_and_bytes_per_pixel_are_those_of_the_header(
        data, size, monkeypatch):
    if size is None:
        with pytest.raises(files.InputError, match="a cannot be read; expected a who"):
            image_headers.check(data, "a")
        return
    read = next(one for start, one in image_headers.READERS if data.startswith(start))
    assert read(data) == size
    width, height, depth = size
    image_headers.check(data, "a")
    # What is declared may be as much as the limits, and not a pixel or byte more.
    for most_pixels, most_bytes in ((0, 1), (1, 0)):
        monkeypatch.setattr(files, "MAX_PIXELS", width * height - 1 + most_pixels)
        monkeypatch.setattr(image_headers, "MAX_BYTES",
                            width * height * depth - 1 + most_bytes)
        with pytest.raises(files.InputError, match=(
                f"a declares {width} x {height} pixels of {depth} bytes, more than")):
            image_headers.check(data, "a")
    monkeypatch.setattr(files, "MAX_PIXELS", width * height)
    monkeypatch.setattr(image_headers, "MAX_BYTES", width * height * depth)
    image_headers.check(data, "a")


def test_a_jpeg_of_very_many_scans_is_refused_by_their_number(monkeypatch):
    monkeypatch.setattr(image_headers, "MAX_SCANNED", 3 * 77)
    data = jpeg_header(frame(0xC2, 8, 7, 11, 1))
    image_headers.check(data + b"\xff\xda" * 3, "a")
    with pytest.raises(files.InputError, match="image a is a JPEG of 4 scans, more"):
        image_headers.check(data + b"\xff\xda" * 4, "a")
    image_headers.check_scans(b"\xff\xd9" + b"\xff\xda" * 9, 77, "a")


@pytest.mark.parametrize(("data", "name"), [
    (b"GIF89a", "GIF"), (b"RIFF....WEBP", "WebP")])
def test_formats_of_moving_pictures_are_named(data, name):
    with pytest.raises(files.InputError, match=f"image a is a {name} file, which may"):
        image_headers.check(data, "a")
    with pytest.raises(files.InputError, match="cannot be read"):
        image_headers.check(b"RIFF....WAVE", "a")
