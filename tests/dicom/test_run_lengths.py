"""Run-length frames: the pixels of pydicom's decoder, and bounded work."""

import time
import types

import numpy as np
import pydicom
import pytest
from pydicom.pixels.decoders import rle
from pydicom.pixels.encoders import native

from end2end.dicom import run_lengths


class Runner(types.SimpleNamespace):
    """What a plug-in asks pydicom for."""

    def set_option(self, name, value):
        setattr(self, name, value)

    def get_option(self, name, default=None):
        return getattr(self, name, default)


def runner(shape, *, samples=1, bits=8):
    return Runner(rows=shape[0], columns=shape[1], samples_per_pixel=samples,
                  bits_allocated=bits)


def frame(*segments):
    """A compressed frame of these segments."""
    places = np.cumsum([64, *map(len, segments)])[:-1]
    header = np.zeros(16, "<u4")
    header[:len(places) + 1] = len(places), *places
    return header.tobytes() + b"".join(segments)


def encoded(pixels):
    """The bytes of an image in runs of pydicom's encoder, a segment for each byte."""
    rows = pixels.reshape(*pixels.shape[:2], -1)
    planes = rows.view(np.uint8).reshape(*rows.shape, -1)[..., ::-1]
    return frame(*(b"".join(native._encode_row(line.tobytes()) for line in
                            planes[:, :, sample, byte])
                   for sample in range(planes.shape[2])
                   for byte in range(planes.shape[3])))


@pytest.mark.parametrize(("shape", "kind"), [
    ((13, 200), "u1"), ((13, 200), "<u2"), ((7, 300, 3), "u1")])
def test_frames_are_those_of_pydicom(shape, kind):
    rng = np.random.default_rng(3)
    pixels = (rng.integers(0, 60_000, shape) % np.iinfo(kind).max).astype(kind)
    pixels[3:9, 20:170] = 7   # long runs beside single values
    source = encoded(pixels)
    state = runner(shape, samples=shape[2] if shape[2:] else 1,
                   bits=8 * np.dtype(kind).itemsize)
    frame = run_lengths.decode_frame(source, state)
    assert state.planar_configuration == 1
    assert frame == rle._decode_frame(source, state)
    values = np.frombuffer(run_lengths.decode_frame(source, state), kind)
    planes = values.reshape(-1, *shape[:2])
    np.testing.assert_array_equal(np.squeeze(np.moveaxis(planes, 0, -1)), pixels)


def test_runs_that_give_nothing_and_runs_beyond_the_pixels_cost_little():
    data = 30_000_000 * b"\x80" + b"\xfe\x05" + b"\x01\x08\x09" + 20_000_000 * b"\x00"
    start = time.process_time()
    assert run_lengths.decode_segment(data, 5) == bytes([5, 5, 5, 8, 9])
    assert time.process_time() - start < 1


@pytest.mark.parametrize("data", [b"", b"\x80\x80", b"\xfe\x05\x01\x08", b"\x05\x01"])
def test_too_few_pixels_are_an_error(data):
    with pytest.raises(ValueError, match="of 5 bytes of pixels"):
        run_lengths.decode_segment(data, 5)


@pytest.mark.parametrize(("source", "bits", "words"), [
    (b"\x01\0\0\0" * 15, 8, "header is cut off"),
    (frame(b"\xf0\x01"), 16, "it has 1 run-length segments; its pixels have 2 bytes"),
    (frame(b"\xf0\x01"), 1, "its pixels have 0 bytes"),
    (frame(), 1, "it has 0 run-length segments"),
    (b"\x10" + bytes(63), 128, "it has 16 run-length segments; its pixels have 16 b"),
    (b"\xff" * 64, 8, "it has 4294967295 run-length segments")])
def test_headers_that_do_not_fit_are_errors(source, bits, words):
    with pytest.raises(ValueError, match=words):
        run_lengths.decode_frame(source, runner((3, 5), bits=bits))


def test_a_pixel_may_have_fifteen_bytes_the_highest_first():
    source = frame(*(b"\0" + bytes([byte]) for byte in range(15)))
    assert run_lengths.decode_frame(source, runner((1, 1), bits=120)) == bytes(
        range(14, -1, -1))


def test_one_syntax_is_decoded_here():
    assert run_lengths.is_available(pydicom.uid.RLELossless) is True
    assert run_lengths.is_available(pydicom.uid.JPEGLossless) is False
