"""Mammography DICOM: what is refused, with which sentence."""

import subprocess
import sys
import time
import tracemalloc

import cv2
import numpy as np
import pydicom
import pydicom.uid
import pytest
from dicom_writer import FOR_PROCESSING, RAMP, baseline, refusal, write, write_stream

from end2end import dicom
from end2end.dicom import parsing
from end2end.utils import files

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")


def test_a_compressed_image_larger_than_declared_is_refused_before_decoding(tmp_path):
    bomb = baseline(np.zeros((6000, 5000), np.uint8))
    path = write_stream(
        tmp_path / "a.dcm", bomb, np.zeros((8, 9), np.uint8),
        pydicom.uid.JPEGBaseline8Bit)
    tracemalloc.start()
    message = refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.endswith("a.dcm declares 9 x 8 pixels, but its compressed image has "
                            "5000 x 6000; export it again.")
    assert peak < 10_000_000


def test_a_declared_size_beyond_any_mammogram_is_refused(tmp_path):
    message = refusal(write(tmp_path / "a.dcm", Rows=60000, Columns=60000))
    assert "more than any mammogram has" in message


def test_as_many_pixels_as_a_mammogram_may_have_are_read(tmp_path, monkeypatch):
    path = write(tmp_path / "a.dcm")
    monkeypatch.setattr(files, "MAX_PIXELS", RAMP.size)
    np.testing.assert_array_equal(dicom.read_dicom(path).pixels, RAMP)
    monkeypatch.setattr(files, "MAX_PIXELS", RAMP.size - 1)
    assert refusal(path) == (f"{path} declares 8 x 8 pixels, more than any mammogram "
                             "has; leave it out.")


def test_a_deflated_file_that_swells_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "a.dcm", np.zeros((800, 700), np.uint16),
                 syntax=pydicom.uid.DeflatedExplicitVRLittleEndian)
    monkeypatch.setattr(parsing, "MAX_INFLATED_BYTES", 1 << 20)
    asked = []
    with monkeypatch.context() as patched:
        patched.setattr(parsing, "MAX_INFLATED_BYTES", 1 << 21)
        patched.setattr(parsing.isolated, "ask", lambda *words: asked.append(words))
        parsing.read_header(path)
        parsing.read_header(write(tmp_path / "b.dcm"))
    assert asked == [("header", path)]
    assert ("swells to more than 1 MB when inflated, more than any mammogram has; "
            "leave it out.") in refusal(path)


def test_a_missing_decoder_is_named_with_its_pip_line(tmp_path, monkeypatch):
    path = write_stream(tmp_path / "a.dcm", b"\xff\xd8\xff\xd9", RAMP,
                        pydicom.uid.JPEGLosslessSV1)
    decoder = pydicom.pixels.get_decoder(pydicom.uid.JPEGLosslessSV1)
    monkeypatch.setattr(type(decoder), "is_available", property(lambda self: False))
    message = refusal(path)
    assert "JPEG Lossless" in message and "end2end-mammography[dicom]" in message


def test_a_video_is_refused(tmp_path):
    path = write_stream(tmp_path / "a.dcm", b"\0\0\1\xb3", RAMP,
                        pydicom.uid.MPEG2MPML)
    assert "no still image" in refusal(path)


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "PR", "OT", "DX"])
def test_other_modalities_are_refused(tmp_path, modality):
    message = refusal(write(tmp_path / "a.dcm", Modality=modality))
    assert f"its modality is {modality}; expected MG" in message


def test_a_ct_image_without_modality_is_refused(tmp_path):
    path = write(tmp_path / "a.dcm", Modality=None,
                 SOPClassUID=pydicom.uid.CTImageStorage)
    assert "no mammogram" in refusal(path)


def test_raw_images_for_processing_are_refused(tmp_path):
    for tags in (dict(PresentationIntentType="FOR PROCESSING"),
                 dict(SOPClassUID=FOR_PROCESSING)):
        assert "FOR PROCESSING" in refusal(write(tmp_path / "a.dcm", **tags))


def test_colour_is_refused(tmp_path):
    path = write(tmp_path / "a.dcm", np.zeros((8, 24), np.uint8), Columns=8,
                 SamplesPerPixel=3, PhotometricInterpretation="RGB",
                 PlanarConfiguration=0)
    assert "in colour (RGB)" in refusal(path)


def test_a_stack_is_refused_unless_a_frame_is_asked_for(tmp_path):
    stack = np.stack([RAMP, 2 * RAMP, 3 * RAMP])
    path = write(tmp_path / "a.dcm", stack, NumberOfFrames=3, BitsStored=16, HighBit=15,
                 SOPClassUID=pydicom.uid.BreastTomosynthesisImageStorage)
    assert "a stack of 3 frames" in refusal(path)
    np.testing.assert_array_equal(dicom.read_dicom(path, frame=1).pixels, 2 * RAMP)
    np.testing.assert_array_equal(dicom.read_dicom(path, frame=2).pixels, 3 * RAMP)
    for frame in (3, -1):
        assert f"no frame {frame}" in refusal(path, frame=frame)


def test_a_text_card_and_a_screen_save_are_refused(tmp_path):
    card = np.zeros((300, 400), np.uint8)
    for line in range(4):
        cv2.putText(card, "PATIENT 123", (20, 60 + 60 * line), cv2.FONT_HERSHEY_SIMPLEX,
                    1, 255, 2)
    assert "text card" in refusal(write(tmp_path / "a.dcm", card))
    breast = np.zeros((300, 400), np.uint8)
    cv2.ellipse(breast, (0, 150), (180, 120), 0, 0, 360, 200, -1)
    assert dicom.read_dicom(write(tmp_path / "b.dcm", breast)).pixels.max() == 200
    path = write(tmp_path / "c.dcm", ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"])
    assert "screen save" in refusal(path)


def test_files_without_image_or_that_are_no_dicom_are_refused(tmp_path):
    path = write(tmp_path / "a.dcm", Rows=None, Columns=None,
                 SOPClassUID=pydicom.uid.BasicTextSRStorage)
    assert "holds no image (Basic Text SR Storage)" in refusal(path)
    text = tmp_path / "b.dcm"
    text.write_text("patient,side\n" * 20)
    assert "DICOM" in refusal(text)
    empty = tmp_path / "c.dcm"
    empty.touch()
    assert "DICOM" in refusal(empty)
    assert "does not exist" in refusal(tmp_path / "none.dcm")


def test_a_truncated_file_is_refused(tmp_path):
    path = write(tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes()[:-40])
    assert "cannot be read as DICOM" in refusal(path)


@pytest.mark.parametrize("seed", range(30))
def test_damaged_files_are_refused_or_read_but_never_crash(tmp_path, seed):
    rng = np.random.default_rng(seed)
    data = bytearray(write(
        tmp_path / "a.dcm", WindowCenter="9", WindowWidth="9").read_bytes())
    for place in rng.integers(132, len(data) - RAMP.nbytes, size=6):
        data[place] = rng.integers(256)
    path = tmp_path / "b.dcm"
    path.write_bytes(data)
    try:
        assert dicom.read_dicom(path).pixels.ndim == 2
    except files.InputError as error:
        assert str(path) in str(error)


def run_length(path, idle=0, rows=30, columns=20):
    """A picture of one run per pixel, before which runs that give nothing."""
    pixels = np.arange(rows * columns, dtype=np.uint16).reshape(rows, columns) % 251
    pixels = pixels.astype(np.uint8)
    runs = b"".join(b"\0" + bytes([value]) for value in pixels.ravel())
    header = np.array([1, 64] + [0] * 14, "<u4").tobytes()
    return pixels, write_stream(
        path, header + idle * b"\x80" + runs, pixels, pydicom.uid.RLELossless)


def test_run_length_data_of_runs_without_pixels_is_refused_before_it_is_decoded(
        tmp_path):
    pixels, path = run_length(tmp_path / "a.dcm", idle=2000)
    np.testing.assert_array_equal(dicom.read_dicom(path).pixels, pixels)
    _, path = run_length(tmp_path / "b.dcm", idle=3 << 20)
    start = time.process_time()
    message = refusal(path)
    assert "bytes of run-length data, its pixels need at most 1200;" in message
    assert time.process_time() - start < 1


LIMITED = """
import resource, sys
import numpy as np
from end2end import dicom
resource.setrlimit(resource.RLIMIT_AS, (3_500_000 << 10, 3_500_000 << 10))
np.save(sys.argv[2], dicom.read_dicom(sys.argv[1]).pixels)
"""


@pytest.mark.slow
def test_large_run_length_data_is_decoded_under_a_limit_of_address_space(tmp_path):
    pixels, path = run_length(tmp_path / "a.dcm", idle=200_000, rows=2000, columns=1500)
    assert path.stat().st_size > parsing.SAFELY_DECODED
    subprocess.run([sys.executable, "-c", LIMITED, path, tmp_path / "a.npy"],
                   check=True, timeout=120)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), pixels)


def test_large_files_are_decoded_apart(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(parsing.isolated, "ask",
                        lambda *words, **how: (
                            asked.append((*words, how)) or np.ones((30, 20))))
    _, path = run_length(tmp_path / "a.dcm")
    monkeypatch.setattr(parsing, "SAFELY_DECODED", path.stat().st_size)
    dicom.read_dicom(path)
    assert asked == []
    monkeypatch.setattr(parsing, "SAFELY_DECODED", path.stat().st_size - 1)
    dicom.read_dicom(path, frame=0)
    assert asked == [("dicom", path, dict(frame=0))]


def test_run_length_data_may_have_twice_its_pixels_and_some_room():
    header = pydicom.Dataset()
    header.update(dict(Rows=3, Columns=5, BitsAllocated=16, SamplesPerPixel=1))
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    most = bytes(2 * 3 * 5 * 2 + parsing.SAFELY_PARSED)
    parsing._check_run_length(most, header, "a.dcm")
    with pytest.raises(files.InputError, match=(
            f"^a.dcm holds {len(most) + 1} bytes of run-length data, its pixels need "
            "at most 60; ")):
        parsing._check_run_length(most + b"\0", header, "a.dcm")
