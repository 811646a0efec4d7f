"""Elements that are missing, and transfer syntaxes that need help."""

import hashlib

import dicom_writer
import numpy as np
import pydicom
import pydicom.encaps
import pydicom.uid
import pytest

from end2end import dicom
from end2end.dicom import parsing
from end2end.utils import files

RAMP = dicom_writer.RAMP


@pytest.mark.filterwarnings("ignore:A value of 'None' for .* 'Number of Frames'")
@pytest.mark.parametrize("keyword, note", [
    ("SamplesPerPixel", "1"), ("PhotometricInterpretation", "MONOCHROME2"),
    ("BitsAllocated", "16"), ("BitsStored", "16"), ("HighBit", "11"),
    ("PixelRepresentation", "0")])
def test_a_missing_element_gets_its_only_sensible_value_and_a_note(
        tmp_path, keyword, note):
    path = dicom_writer.write(tmp_path / "a.dcm")
    content = pydicom.dcmread(path)
    del content[keyword]
    content.NumberOfFrames = None
    content.save_as(path)
    mammogram = dicom.read_dicom(path)
    np.testing.assert_array_equal(mammogram.pixels, RAMP)
    assert mammogram.notes[0] == f"{keyword} is missing; {note} taken"


def test_all_of_them_may_be_missing_and_8_bits_are_known_by_the_length(tmp_path):
    pixels = (RAMP >> 4).astype(np.uint8)
    path = dicom_writer.write(tmp_path / "a.dcm", pixels)
    content = pydicom.dcmread(path)
    for keyword in ("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated",
                    "BitsStored", "HighBit", "PixelRepresentation"):
        del content[keyword]
    content.save_as(path)
    bare = tmp_path / "b"
    bare.write_bytes(path.read_bytes()[132:])
    for mammogram in map(dicom.read_dicom, (path, bare)):
        np.testing.assert_array_equal(mammogram.pixels, pixels)
        assert "BitsAllocated is missing; 8 taken" in mammogram.notes


@pytest.mark.parametrize("stored, allocated", [(8, 8), (9, 16), (None, 16)])
def test_of_compressed_pixels_the_bits_are_known_by_those_stored(
        tmp_path, stored, allocated):
    path = dicom_writer.write_stream(
        tmp_path / "a.dcm", b"\0" * 8, RAMP, pydicom.uid.RLELossless,
        BitsStored=stored)
    content = pydicom.dcmread(path)
    del content["BitsAllocated"]
    content.save_as(path)
    header, notes = parsing.read_header(path)
    assert header.BitsAllocated == allocated
    assert notes[0] == f"BitsAllocated is missing; {allocated} taken"


def test_frames_of_8_bits_that_are_stacked_are_not_taken_for_16_bits(tmp_path):
    pixels = np.stack([RAMP >> 4] * 2).astype(np.uint8)
    path = dicom_writer.write(
        tmp_path / "a.dcm", pixels, NumberOfFrames=2, BitsAllocated=None)
    assert parsing.read_header(path)[0].BitsAllocated == 8


@pytest.mark.parametrize("name, limit, reason", [
    ("MOST_ELEMENTS", 30, "more than 30 elements"),
    ("MOST_ELEMENTS", 9, "more than 9 elements"),
    ("MOST_READS", 20, "endless small elements"),
    ("DEEPEST", 0, "sequences within sequences, 0 deep")])
def test_endless_elements_are_refused_with_their_number(
        tmp_path, monkeypatch, name, limit, reason):
    path = dicom_writer.write(tmp_path / "a.dcm", ViewCodeSequence=[
        dicom_writer.item(CodeValue=str(number)) for number in range(20)])
    with monkeypatch.context() as patched:
        patched.setattr(parsing, "DEEPEST", 1)
        parsing.header_parsed(path)
    monkeypatch.setattr(parsing, name, limit)
    monkeypatch.setattr(parsing, "SAFELY_PARSED", 1 << 40)
    with pytest.raises(files.InputError) as caught:
        parsing.header_parsed(path)
    assert str(caught.value) == (
        f"{path} cannot be read as DICOM ({reason}); restore it, export it "
        "uncompressed, or leave it out.")


def test_a_file_may_have_as_many_elements_as_the_limit(tmp_path, monkeypatch):
    code = dicom_writer.item(CodeValue="1", CodeMeaning="a")
    path = dicom_writer.write(tmp_path / "a.dcm", ViewCodeSequence=[code, code])
    count = len(pydicom.dcmread(path, stop_before_pixels=True))
    for most in (count + 4, count + 3, count, count - 1):
        monkeypatch.setattr(parsing, "MOST_ELEMENTS", most)
        if most == count + 4:
            parsing.header_parsed(path)
        else:
            with pytest.raises(files.InputError, match=f"more than {most} elements"):
                parsing.header_parsed(path)
    monkeypatch.setattr(parsing, "MOST_ELEMENTS", count + 1)
    assert "PixelData" in parsing._dataset(path)
    monkeypatch.setattr(parsing, "MOST_ELEMENTS", count)
    with pytest.raises(ValueError, match=f"^more than {count} elements$"):
        parsing._dataset(path)


def test_a_file_is_asked_for_what_it_holds_and_not_endlessly(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"0123456789")
    monkeypatch.setattr(parsing, "MOST_READS", 6)
    with parsing._File(tmp_path / "a") as file:
        assert [file.read(3), file.read(0), file.read(1 << 60)] == [
            b"012", b"", b"3456789"]
        for size in (None, -1):
            file.seek(4)
            assert file.read(size) == b"456789"
        file.seek(1)
        assert file.read() == b"123456789"
        with pytest.raises(OSError, match="^endless small elements$"):
            file.read(0)


def test_what_is_too_large_or_long_to_parse_is_refused_or_tried_apart(
        tmp_path, monkeypatch):
    path, asked = dicom_writer.write(tmp_path / "a.dcm"), []
    monkeypatch.setattr(parsing.isolated, "ask", lambda *words: asked.append(words))
    monkeypatch.setattr(parsing, "SAFELY_PARSED", parsing._unparsed_bytes(path))
    parsing.read_header(path)
    assert asked == []
    monkeypatch.setattr(parsing, "SAFELY_PARSED", parsing.SAFELY_PARSED - 1)
    parsing.read_header(path)
    assert asked == [("header", path)]
    monkeypatch.setattr(files, "MAX_DICOM_BYTES", path.stat().st_size - 1)
    with pytest.raises(files.InputError, match="a.dcm"):
        parsing.read_header(path)


def test_what_is_stored_is_read_only_of_one_grey_picture(tmp_path):
    stack = dicom_writer.write(
        tmp_path / "a.dcm", np.stack([RAMP] * 2), NumberOfFrames=2)
    none = dicom_writer.write(tmp_path / "b.dcm", Rows=None)
    video = dicom_writer.write_stream(
        tmp_path / "c.dcm", b"\0\0\1\xb3", RAMP, pydicom.uid.MPEG2MPML)
    assert dicom.read_shape(stack) == (8, 8)
    for path, words in ((stack, "is a stack of 2 frames"), (none, "holds no image"),
                        (video, "holds no still image")):
        with pytest.raises(files.InputError, match=words):
            dicom.read_stored(path)
    with pytest.raises(files.InputError, match="holds no image"):
        dicom.read_shape(none)


def test_pixels_have_the_hash_of_their_bytes_or_of_their_compressed_frames(tmp_path):
    plain = dicom_writer.write(tmp_path / "a.dcm")
    bare = tmp_path / "bare"
    bare.write_bytes(plain.read_bytes()[132:])
    assert parsing.pixel_hash(plain) == parsing.pixel_hash(bare) == (
        hashlib.sha256(RAMP.tobytes()).hexdigest())
    content = pydicom.dcmread(plain)
    content.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    content.PixelData = pydicom.encaps.encapsulate([b"first!", b"second"])
    content["PixelData"].is_undefined_length = True
    packed = tmp_path / "b.dcm"
    content.save_as(packed)
    # The first fragment is the table of offsets.
    first = next(pydicom.encaps.generate_fragments(content.PixelData))
    assert parsing.pixel_hash(packed) in (
        hashlib.sha256(b"first!second").hexdigest(),
        hashlib.sha256(first + b"first!second").hexdigest())
    del content["PixelData"]
    content.save_as(packed)
    assert parsing.pixel_hash(packed) == hashlib.sha256().hexdigest()


def test_pixels_in_colour_are_no_array_of_the_declared_size(tmp_path):
    path = dicom_writer.write(
        tmp_path / "a.dcm", np.zeros((5, 24), np.uint8), Columns=8, SamplesPerPixel=3,
        PhotometricInterpretation="RGB", PlanarConfiguration=0)
    with pytest.raises(files.InputError) as caught:
        parsing.decoded_here(path, None)
    assert str(caught.value) == (
        f"{path} declares 8 x 5 pixels, but holds an array of shape (5, 8, 3); export "
        "it again.")


FRAME = b"\x11\x08\x01\x02\x03\x04"  # length, bits, 258 rows, 772 columns


@pytest.mark.parametrize("stream, size", [
    (b"\xff\xd8\xff\xc0\0" + FRAME, (258, 772)),
    (b"\xff\xd8\xff\xff\xff\xc3\0" + FRAME, (258, 772)),
    (b"\xff\xd8\xff\xe0\0\x05abc\xff\xf7\0" + FRAME, (258, 772)),
    (b"\xff\xd8\xff\xc4\0" + FRAME, None), (b"\xff\xd8a\xff\xc0\0" + FRAME, None),
    (b"\xff\xd8\xff\xc0\0" + FRAME[:-1], None), (b"\xff\xd9\xff\xc0\0" + FRAME, None),
    (b"\xff\x4f\xff\x51\0\x29\0\0" + bytes((0, 0, 3, 7, 0, 0, 2, 5, 0, 0, 0, 4, 0, 0,
                                             0, 1)), (516, 771)),
    (b"", None)])
def test_the_size_of_a_stream_is_in_its_header(stream, size):
    assert parsing.codestream_size(stream) == size


@pytest.mark.parametrize("error, said", [
    (ValueError("got 'ROE^JANE' of b'W1'\n here"), "got a value here"),
    (TypeError("not a Dataset"), "its content is damaged"), (EOFError(), "EOFError"),
    (ValueError("y" * 160), "y" * 160), (ValueError("y" * 161), "y" * 157 + "...")])
def test_what_an_error_says_is_short_and_quotes_nothing(tmp_path, error, said):
    with pytest.raises(files.InputError) as caught, parsing.refusing(tmp_path):
        raise error
    assert f"({said})" in str(caught.value)


@pytest.mark.parametrize("bits", [0, 20])
def test_impossible_bits_are_replaced_and_named(tmp_path, bits):
    mammogram = dicom.read_dicom(dicom_writer.write(
        tmp_path / "a.dcm", BitsStored=bits, HighBit=15))
    np.testing.assert_array_equal(mammogram.pixels, RAMP)
    assert mammogram.notes[0] == f"BitsStored {bits} is impossible; 16 taken"


def test_a_single_bit_is_possible(tmp_path):
    mammogram = dicom.read_dicom(dicom_writer.write(
        tmp_path / "a.dcm", RAMP % 128 // 64, BitsStored=1, HighBit=0))
    assert not any("impossible" in note for note in mammogram.notes)
    assert mammogram.pixels.max() == 1


def test_nothing_is_noted_of_a_complete_file(tmp_path):
    notes = dicom.read_dicom(dicom_writer.write(tmp_path / "a.dcm")).notes
    assert not any("taken" in note for note in notes)


def test_the_private_transfer_syntax_of_ge_is_named(tmp_path):
    path = dicom_writer.write(tmp_path / "a.dcm")
    content = path.read_bytes().replace(
        b"1.2.840.10008.1.2.1\0", b"1.2.840.113619.5.2\0\0", 1)
    path.write_bytes(content)
    message = dicom_writer.refusal(path)
    assert "private transfer syntax of GE" in message and "still" not in message


def test_jpeg_extended_of_12_bits_is_decoded(tmp_path):
    pytest.importorskip("gdcm", reason="needs the extra dicom (python-gdcm)")
    source = dicom_writer.write(tmp_path / "a.dcm", smooth())
    path = as_jpeg_extended(source, tmp_path / "b.dcm")
    mammogram = dicom.read_dicom(path)
    difference = mammogram.pixels.astype(int) - smooth()
    assert np.abs(difference).mean() < 8 and mammogram.pixels.max() > 3500
    np.testing.assert_array_equal(parsing.decoded_here(path, None), mammogram.pixels)
    with pytest.raises(ValueError, match="^its JPEG of 12 bits is damaged$"):
        parsing._decoded_by_gdcm(tmp_path / "none.dcm", None, None)


def smooth():
    y, x = np.mgrid[:96, :64]
    return (40 * y + 2 * x).astype(np.uint16)


def as_jpeg_extended(source, path):
    """Compresses with GDCM, which writes process 4 for 12 bits."""
    import gdcm
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(
        gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    change.SetInput(reader.GetImage())
    if not change.Change():
        pytest.skip("this build of GDCM writes no JPEG of 12 bits")
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(path))
    assert writer.Write()
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == (
        pydicom.uid.JPEGExtended12Bit)
    return path


def test_values_that_wrapped_round_in_the_air_are_black_again():
    pixels = np.zeros((20, 30), np.uint16)
    pixels[4, 5], pixels[5, 7] = 4095, 4090
    pixels[9, 3], pixels[12, 3] = 4031, 4030  # as far as ringing reaches, and beyond
    pixels[:, 20:] = 4095  # a label is no ringing
    mended = parsing.without_wrapped(pixels)
    assert mended[12, 3] == 4030 and (mended[:, 20:] == 4095).all()
    mended[12, 3] = 0
    assert mended[:, :20].max() == 0 and mended.dtype == np.uint16
    for ground, white in ((64, 0), (65, 4095)):
        pixels = np.full((9, 7), ground, np.uint16)
        pixels[4, 3] = 4095
        assert parsing.without_wrapped(pixels)[4, 3] == white


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("preamble", [True, False])
def test_headers_are_read_without_their_pixels(tmp_path, implicit, preamble):
    content = pydicom.dcmread(dicom_writer.write(
        tmp_path / "a.dcm", np.zeros((500, 400), np.uint16)))
    if not preamble:
        content.file_meta, content.preamble = pydicom.dataset.FileMetaDataset(), None
    elif implicit:
        content.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    pydicom.dcmwrite(tmp_path / "b", content, implicit_vr=implicit, little_endian=True,
                     enforce_file_format=False)
    assert 0 < parsing._unparsed_bytes(tmp_path / "b") < 1000
    header, _ = parsing.read_header(tmp_path / "b")
    assert header.Rows == 500 and "PixelData" not in header
