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
