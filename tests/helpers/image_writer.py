"""Writes small image files with tags that OpenCV does not write, for the tests."""

import struct
import zlib

import cv2
import numpy as np

PICTURE = np.arange(15, dtype=np.uint8).reshape(3, 5) * 16


def exif(orientation, order="<"):
    mark = b"II" if order == "<" else b"MM"
    return (struct.pack(order + "2sHIH", mark, 42, 8, 1)
            + struct.pack(order + "HHIHHI", 274, 3, 1, orientation, 0, 0))


def jpeg(*blocks, picture=PICTURE):
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    added = b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(block) + 2) + block
                     for marker, block in blocks)
    return data[:2] + added + data[2:]


def png(*chunks, picture=PICTURE):
    data = cv2.imencode(".png", picture)[1].tobytes()
    added = b"".join(
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content)) for kind, content in chunks)
    return data[:33] + added + data[33:]


def tiff(picture, photometric):
    """One strip, little endian."""
    data = picture.tobytes()
    entries = [(256, picture.shape[1]), (257, picture.shape[0]),
               (258, 8 * picture.itemsize), (259, 1), (262, photometric), (273, 8),
               (277, 1), (278, picture.shape[0]), (279, len(data))]
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return (struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data
            + struct.pack("<H", len(entries)) + table + bytes(4))
