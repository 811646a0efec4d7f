"""Tags that contradict each other or the values: each with the right numbers."""

import dicom_writer
import numpy as np
import pydicom
import pytest

from end2end import dicom
from end2end.dicom import grey_levels
from end2end.utils import files


def breast(top=4095, rows=300, columns=220):
    """A 12-bit breast on black, higher than wide, that reaches its top."""
    y, x = np.mgrid[:rows, :columns]
    inside = np.hypot(y - 140, 1.1 * x) < 110
    image = np.where(inside, 600 + 8 * x + 3 * (y % 7), 0)
    image[130:150, 20:40] = top
    return image.astype(np.uint16)


def read(tmp_path, pixels=None, **tags):
    pixels = breast() if pixels is None else pixels
    return dicom.read_dicom(dicom_writer.write(tmp_path / "a.dcm", pixels, **tags))


def same(mammogram, expected):
    np.testing.assert_array_equal(mammogram.pixels, expected)
    return mammogram.notes


def test_a_high_bit_against_the_values_is_left_aside_with_a_note(tmp_path):
    notes = same(read(tmp_path, HighBit=15), breast())
    assert notes[0] == ("HighBit 15 contradicts values of at most 12 bits; values kept")
    shifted = same(read(tmp_path, breast() << 4, HighBit=15), breast())
    assert shifted[0] == "12 bits moved down from bit 15"
    assert "HighBit" not in " ".join(read(tmp_path).notes)


def test_the_least_value_beyond_the_stored_bits_is_beyond_them(tmp_path):
    pixels = np.where(breast(4096) > 4000, 4096, breast() // 2).astype(np.uint16)
    assert same(read(tmp_path, pixels), pixels)[0] == (
        "values exceed the 12 bits declared; kept")
    assert same(read(tmp_path, pixels // 2), pixels // 2) == ()
    assert same(read(tmp_path, pixels, HighBit=15), pixels >> 4)[0] == (
        "12 bits moved down from bit 15")
    # One bit higher than usual, and higher than there are bits.
    assert same(read(tmp_path, breast() << 1, HighBit=12), breast())[0] == (
        "12 bits moved down from bit 12")
    assert same(read(tmp_path, HighBit=16), breast()) == ()


def test_sixteen_bits_are_signed_from_the_half_on():
    for value, signed, unsigned in ((0, 0, 0), (32_767, 32_767, 32_767),
                                    (32_768, -32_768, 32_768), (-1, -1, 65_535)):
        assert grey_levels._signed(value) == signed
        assert grey_levels._unsigned(value) == unsigned
    for first, place in ((32_768, -32_768), (32_767, 32_767)):
        table = dicom_writer.look_up_table([3, first, 16], [7, 8, 9])
        values = np.int16([[place, min(place + 1, 32_767)]])
        assert grey_levels._look_up(values, table, [])[0].tolist() == [
            [7, 8 if place < 0 else 7]]


@pytest.mark.parametrize(("intercept", "kind"), [
    ("-5", np.uint16), ("1", np.float32)])
def test_whole_numbers_up_to_65535_stay_whole_numbers(tmp_path, intercept, kind):
    mammogram = read(tmp_path, breast(65_535), BitsStored=16, HighBit=15,
                     RescaleIntercept=intercept)
    assert mammogram.pixels.dtype == kind
    np.testing.assert_array_equal(
        mammogram.pixels, breast(65_535).astype(int) + max(0, int(intercept)))


@pytest.mark.filterwarnings("error:overflow")
@pytest.mark.parametrize(("width", "shape", "usable"), [
    ("1", "LINEAR", True), ("0.9", "LINEAR", False), ("0.9", "LINEAR_EXACT", True),
    ("0", "LINEAR_EXACT", False), ("0.9", "SIGMOID", True)])
def test_a_window_has_a_width_and_a_linear_one_at_least_1(
        tmp_path, width, shape, usable):
    note = read(tmp_path, WindowCenter="1000", WindowWidth=width,
                VOILUTFunction=shape).notes[0]
    assert note.startswith("window unusable (width") != usable


def with_padding_tag(tmp_path, pixels, form, value):
    path = dicom_writer.write(
        tmp_path / "a.dcm", pixels, BitsStored=16, HighBit=15)
    ds = pydicom.dcmread(path)
    ds.add_new("PixelPaddingValue", form, value)
    ds.save_as(path)
    return dicom.read_dicom(path)


def test_padding_of_signed_pixels_written_as_unsigned_is_read_as_signed(tmp_path):
    pixels = breast().astype(np.int16)
    pixels[:, 200:] = -2000
    expected = breast()
    mammogram = with_padding_tag(tmp_path, pixels, "US", 63536)
    assert same(mammogram, expected)[:2] == (
        "PixelPaddingValue 63536 read as -2000",
        "padding value -2000 set to background")


def test_padding_of_unsigned_pixels_written_as_signed_is_read_as_unsigned(tmp_path):
    pixels = breast()
    pixels[:, 200:] = 65535
    mammogram = with_padding_tag(tmp_path, pixels, "SS", -1)
    assert same(mammogram, breast())[0] == "PixelPaddingValue -1 read as 65535"


def test_padding_that_does_not_occur_in_either_reading_changes_nothing(tmp_path):
    mammogram = with_padding_tag(tmp_path, breast(), "SS", -5)
    assert "adding" not in " ".join(same(mammogram, breast()))


@pytest.mark.parametrize("interpretation, shape, stored, note", [
    ("MONOCHROME2", "INVERSE", "inverted", "inverted, since the background is bright"),
    ("MONOCHROME2", "INVERSE", "upright", "not inverted, since the background is dark"),
    ("MONOCHROME1", "IDENTITY", "inverted", "inverted, since the background is bright"),
    ("MONOCHROME1", "INVERSE", "inverted", "inverted (MONOCHROME1)"),
    ("MONOCHROME2", "IDENTITY", "upright", None)])
def test_of_contradicting_shape_and_interpretation_the_picture_decides(
        tmp_path, interpretation, shape, stored, note):
    pixels = 4095 - breast() if stored == "inverted" else breast()
    mammogram = read(tmp_path, pixels, PhotometricInterpretation=interpretation,
                     PresentationLUTShape=shape)
    notes = " | ".join(same(mammogram, breast()))
    assert note in notes if note else "invert" not in notes
    assert ("contradicts" in notes) == (shape != grey_levels.SHAPES[interpretation])


def test_a_contradiction_that_the_picture_does_not_settle_is_refused(tmp_path):
    path = dicom_writer.write(tmp_path / "a.dcm", PresentationLUTShape="INVERSE")
    message = dicom_writer.refusal(path)
    assert "PresentationLUTShape INVERSE contradicts MONOCHROME2" in message


@pytest.mark.parametrize("declared, held", [(12, 12), (16, 12), (8, 12), (16, 16)])
def test_a_table_of_other_bits_than_declared_is_scaled_by_those_it_holds(
        tmp_path, declared, held):
    values = [k << (held - 12) for k in range(4096)]
    table = dicom_writer.look_up_table([4096, 0, declared], values)
    mammogram = read(tmp_path, VOILUTSequence=[table])
    expected = breast().astype(float) / 4095 * 65535
    np.testing.assert_allclose(mammogram.pixels, expected, atol=16)
    said = f"look-up table declares {declared} bits, holds {held}" in mammogram.notes
    assert said == (declared != held)


def test_the_least_value_beyond_the_declared_bits_needs_more():
    notes = []
    assert grey_levels._bits_in_use(np.array([7, 4095]), 12, notes) == 12
    assert notes == []
    assert grey_levels._bits_in_use(np.array([7, 4096]), 12, notes) == 14
    assert notes == ["look-up table declares 12 bits, holds 14"]


def test_a_dark_table_of_its_declared_bits_is_left_dark(tmp_path):
    table = dicom_writer.look_up_table([4096, 0, 16], [2 * k for k in range(4096)])
    mammogram = read(tmp_path, VOILUTSequence=[table])
    assert mammogram.pixels.max() == 8190


def test_words_of_a_table_that_is_too_short_are_not_read_as_bytes(tmp_path):
    data = np.arange(4095, dtype=np.uint16).tobytes()
    table = dicom_writer.look_up_table([4096, 0, 12], data, "OW")
    mammogram = read(tmp_path, VOILUTSequence=[table])
    assert "4095 entries of 12 bits, 4096 declared" in mammogram.notes[0]
    order = mammogram.pixels[140, 45:90].astype(int)
    assert (np.diff(order) >= 0).all()


def with_text(tmp_path, **texts):
    """Numbers as texts that pydicom would not write."""
    path = dicom_writer.write(tmp_path / "a.dcm", breast(), **{
        name: "7" * (len(text) + len(text) % 2) for name, text in texts.items()})
    content = path.read_bytes()
    for text in texts.values():
        padded = text + " " * (len(text) % 2)
        content = content.replace(b"7" * len(padded), padded.encode(), 1)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("text, factor, note", [
    ("2,5", 2.5, "RescaleSlope has a decimal comma; 2.5 taken"),
    ("unknown name", 1, "RescaleSlope holds no number; 1 taken"),
    ("0.000000", 1, "RescaleSlope 0 is impossible; 1 taken")])
def test_a_slope_that_is_no_number_is_read_where_that_is_certain(
        tmp_path, text, factor, note):
    mammogram = dicom.read_dicom(with_text(tmp_path, RescaleSlope=text))
    np.testing.assert_allclose(mammogram.pixels, factor * breast().astype(float))
    assert mammogram.notes[0] == note


def test_a_slope_that_is_not_finite_is_refused_in_a_sentence(tmp_path):
    path = with_text(tmp_path, RescaleSlope="NaN")
    with pytest.raises(files.InputError, match="RescaleSlope is not finite"):
        dicom.read_dicom(path)


def test_a_width_that_is_no_number_gives_the_percentile_window(tmp_path):
    path = with_text(tmp_path, WindowWidth="wide as needed")
    note = dicom.read_dicom(path).notes[0]
    assert "its width is no number" in note and "wide" not in note


@pytest.mark.parametrize("maximum, bits", [
    (200, 8), (255, 8), (256, 10), (4090, 12), (4100, 14), (16384, 16), (70000, 16)])
def test_the_depth_is_the_usual_one_that_holds_the_greatest_value(maximum, bits):
    assert grey_levels.depth_of(maximum) == bits


@pytest.mark.parametrize("slope, intercept, note", [
    ("0.5", "0", "rescaled by 0.5 and 0"), ("1.25", "30", "rescaled by 1.25 and 30"),
    ("1", "0.75", "rescaled by 1 and 0.75"), ("3", "7", "rescaled by 3 and 7"),
    ("2", "-50.5", "rescaled by 2 and -50.5")])
def test_values_are_rescaled_by_whole_and_fractional_numbers(
        tmp_path, slope, intercept, note):
    mammogram = read(tmp_path, RescaleSlope=slope, RescaleIntercept=intercept)
    values = float(slope) * breast().astype(float) + float(intercept)
    np.testing.assert_allclose(mammogram.pixels, values - min(0, values.min()))
    assert mammogram.notes[0] == note
    assert mammogram.pixels.dtype == (
        np.uint16 if note == "rescaled by 3 and 7" else np.float32)


def test_a_plain_slope_changes_nothing_and_is_not_noted(tmp_path):
    mammogram = read(tmp_path, RescaleSlope="1", RescaleIntercept="0")
    assert "rescaled" not in " ".join(same(mammogram, breast()))


@pytest.mark.parametrize("shape", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_has_the_formula_of_its_shape(tmp_path, shape):
    centre, width = 1000, 401
    pixels = np.tile(np.arange(0, 2100, 7, dtype=np.uint16)[:, None], (1, 220))
    mammogram = read(tmp_path, pixels, WindowCenter=str(centre), WindowWidth=str(width),
                     VOILUTFunction=shape)
    values = pixels.astype(float)
    share = {"LINEAR": (values - (centre - 0.5)) / (width - 1) + 0.5,
             "LINEAR_EXACT": (values - centre) / width + 0.5,
             "SIGMOID": 1 / (1 + np.exp(-4 * (values - centre) / width))}[shape]
    np.testing.assert_allclose(
        mammogram.pixels, np.rint(np.clip(share, 0, 1) * 65535), atol=1)
    note = "window 1000/401 applied, to 16 bits"
    assert (note if shape == "LINEAR" else f"{shape} {note}") in mammogram.notes


def test_a_table_maps_values_beyond_its_ends_to_its_ends(tmp_path):
    pixels = np.tile(np.arange(90, 390, dtype=np.uint16)[:, None], (1, 220))
    table = dicom_writer.look_up_table(
        [200, 100, 12], [20 * k + 7 for k in range(200)], "US")
    mammogram = read(tmp_path, pixels, VOILUTSequence=[table])
    places = np.clip(pixels.astype(int) - 100, 0, 199)
    np.testing.assert_allclose(
        mammogram.pixels, np.rint((20 * places + 7) / 4095 * 65535), atol=1)


def lettering(*, ground=20, size=(300, 260), strokes=6, thickness=4):
    image = np.full(size, ground, np.uint16)
    for number in range(strokes):
        image[40 + 30 * number:40 + 30 * number + thickness, 30:230] = 900
    return image


@pytest.mark.parametrize(("image", "is_text"), [
    (lettering(), True), (lettering(ground=1000), True),
    (lettering()[:128], True), (lettering()[:, :128], True),
    (lettering(thickness=20), True), (lettering(thickness=22), False),
    (np.kron(lettering(), np.ones((3, 3))), True),
    (np.kron(lettering(thickness=30), np.ones((3, 3))), False),
    (lettering() + np.arange(260) % 2 * 8, True),
    (lettering() + np.arange(260) % 2 * 10, False),
    (np.where(lettering() == 900, 1000, np.arange(260) % 2 * 10), True),
    (np.where(lettering() == 900, 1000, np.arange(260) % 2 * 11), False),
    # What touches a side goes on beyond it.
    (np.where(np.arange(300)[:, None] < 9, 900, lettering()), True),
    (np.where(np.arange(300)[:, None] < 11, 900, lettering()), False),
    (lettering(thickness=30), False), (lettering(strokes=0), False),
    (lettering(strokes=1, thickness=60), False),
    (lettering()[:127], False), (lettering()[:, :127], False),
    # More than two fifths off the ground are no lettering, however thin.
    (np.where(np.arange(260) % 5 < 2, 900, np.full((300, 1), 20)), True),
    (np.where(np.arange(260) % 7 < 3, 900, np.full((300, 1), 20)), False),
    (np.where(np.arange(300)[:, None] % 8 < 3, 900, np.arange(260) % 2 * 90 + 20),
     False)])
def test_lettering_is_thin_strokes_on_an_even_ground(image, is_text):
    assert grey_levels.looks_like_text(np.asarray(image, np.uint16)) is is_text


@pytest.mark.parametrize(("slope", "intercept"), [
    ("40000", "0"), ("-40000", "9"), ("32767", "98303"), ("2", "2147352578")])
def test_large_factors_are_computed_without_overflow(tmp_path, slope, intercept):
    pixels = breast(65535)
    mammogram = read(tmp_path, pixels, BitsStored=16, HighBit=15, RescaleSlope=slope,
                     RescaleIntercept=intercept)
    values = float(slope) * pixels.astype(float) + float(intercept)
    np.testing.assert_allclose(
        mammogram.pixels, values - min(0, values.min()), rtol=1e-6)


@pytest.mark.parametrize("count", [65536, 32768])
def test_a_table_of_no_declared_length_has_65536_entries(tmp_path, count):
    pixels = np.tile(np.linspace(0, 65535, 300).astype(np.uint16)[:, None], (1, 220))
    entries = np.arange(count, dtype=np.uint16)[::-1].copy()
    table = dicom_writer.look_up_table([0, 0, 16], entries.tobytes(), "OW")
    mammogram = read(tmp_path, pixels, BitsStored=16, HighBit=15,
                     VOILUTSequence=[table])
    if count == 65536:
        np.testing.assert_array_equal(mammogram.pixels, 65535 - pixels)
    else:
        assert "32768 entries of 16 bits, 65536 declared" in mammogram.notes[0]


@pytest.mark.parametrize(("bits", "length", "entries"), [
    (8, 6, [1, 2, 3, 4]), (8, 7, [1, 2, 3, 4]), (8, 8, [513, 1027, 1541, 2055]),
    (8, 9, [513, 1027, 1541, 2055]), (9, 8, [513, 1027, 1541, 2055]), (9, 6, 3),
    (1, 4, [1, 2, 3, 4]), (0, 8, 4), (16, 8, [513, 1027, 1541, 2055]), (17, 8, 4),
    (8, 3, 3)])
def test_bytes_of_a_table_are_words_where_they_are_many_or_of_more_than_8_bits(
        bits, length, entries):
    data = bytes(range(1, length + 1))
    table = dicom_writer.item(LUTDescriptor=[4, 40_000, bits])
    table.add_new("LUTData", "OW", data)
    values = np.uint16([[0, 40_000, 40_001], [40_002, 40_003, 65_535]])
    if isinstance(entries, int):
        with pytest.raises(grey_levels._Unusable, match=(
                f"^{entries} entries of {bits} bits, 4 declared$")):
            grey_levels._look_up(values, table, [])
    else:
        first, second, third, last = entries
        assert grey_levels._look_up(values, table, [])[0].tolist() == [
            [first, first, second], [third, last, last]]


@pytest.mark.parametrize(("stored", "top", "bits"), [
    (12, 4095, 12), (12, 4096, None), (9, 511, 9), (8, 255, None), (15, 32_767, 15),
    (16, 65_535, None), (15, 32_768, None)])
def test_bits_are_declared_by_less_than_16_that_hold_all_values(
        tmp_path, stored, top, bits):
    pixels = np.tile(np.linspace(0, top, 300).astype(np.uint16)[:, None], (1, 220))
    window = dict(WindowWidth=str(top), WindowCenter=str(top // 2))
    for tags, told in (({}, bits), (dict(RescaleSlope="2"), None), (window, 16)):
        tags |= dict(BitsStored=stored, HighBit=stored - 1)
        assert read(tmp_path, pixels, **tags).bits == told


@pytest.mark.parametrize(("greatest", "declared", "bits"), [
    (4095, 12, 12), (4095, 13, 13), (4095, 14, 12), (3686, 14, 12), (3685, 14, 14),
    (255, 10, 8), (255, 9, 9), (65_535, 16, 16)])
def test_a_filled_table_of_two_bits_less_has_those_it_holds(greatest, declared, bits):
    notes = []
    assert grey_levels._bits_in_use(np.array([7, greatest]), declared, notes) == bits
    assert notes == [f"look-up table declares {declared} bits, holds {bits}"] * (
        declared != bits)


@pytest.mark.parametrize("padded", [False, True])
def test_a_picture_of_one_grey_is_windowed_as_its_tags_say(tmp_path, padded):
    pixels = np.full((300, 220), 1000, np.uint16)
    tags = dict(WindowCenter="2000", WindowWidth="4000")
    if padded:
        pixels[:, 200:], tags["PixelPaddingValue"] = 3000, 3000
    mammogram = read(tmp_path, pixels, **tags)
    assert mammogram.notes[-1] == "window 2000/4000 applied, to 16 bits"
    assert np.ptp(mammogram.pixels) == 0
