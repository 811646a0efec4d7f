"""What PNG, JPEG, TIFF, PNM and BMP files declare, read before anything is decoded.

A file of a few bytes can claim any size, and decoders take memory for what is claimed.
"""

import struct

from end2end.utils import files

# Decoded: 64 million pixels of 8-bit colour. Decoders hold several copies: OpenCV takes
# up to 5 times as much for an animated PNG.
MAX_BYTES = 201_326_592
# A JPEG's frame header (start of frame, all kinds).
JPEG_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE,
               0xCF}
# Each scan of a progressive JPEG goes over the whole picture, even an empty one.
MAX_SCANNED = 1 << 32
PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q", 6: "B", 8: "H", 9: "I", 17: "Q"}


def check(data: bytes, path: files.Path) -> None:
    """Refuses what is no image of a known kind, and what declares too much.

    Args:
        data: bytes of the whole file.
        path: of the file, for the message.

    Raises:
        files.InputError: unknown first bytes, no size in the header, or a size beyond
            `files.MAX_PIXELS` and `MAX_BYTES`.
    """
    other = next((name for name, starts in OTHER_FORMATS.items()
                  if starts(data)), None)
    if other:
        raise files.InputError(
            f"image {path} is a {other} file, which may hold a moving picture; "
            "expected PNG, JPEG, BMP, PGM, TIFF or DICOM. Convert it or leave it out.")
    read = next((reader for start, reader in READERS if data.startswith(start)), None)
    try:
        declared = read and read(data)
    except (struct.error, ValueError, LookupError, OverflowError):
        declared = None
    if not declared:
        raise files.InputError(
            f"image {path} cannot be read; expected a whole PNG, JPEG, BMP, PGM, TIFF "
            "or DICOM file. Restore it or leave it out.")
    width, height, depth = declared
    if width * height > files.MAX_PIXELS or width * height * depth > MAX_BYTES:
        raise files.InputError(
            f"image {path} declares {width} x {height} pixels of {depth} bytes, more "
            "than any mammogram has; leave it out.")
    if read is _jpeg:
        check_scans(data, width * height, path)


def check_scans(data: bytes, pixels: int, path: files.Path) -> None:
    """Refuses a JPEG whose scans would keep a decoder busy for minutes.

    Args:
        data: bytes of the JPEG.
        pixels: rows times columns.
        path: for the message.

    Raises:
        files.InputError: see above.
    """
    scans = data.count(b"\xff\xda") if data.startswith(b"\xff\xd8") else 0
    if scans * pixels > MAX_SCANNED:
        raise files.InputError(
            f"image {path} is a JPEG of {scans} scans, more than any mammogram has; "
            "leave it out.")


def _png(data):
    """Width, height and bytes per pixel, as of all readers here."""
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    place = 8
    # OpenCV takes memory for any length that a chunk declares.
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place:place + 8])
        place += 12 + length
        if place > len(data):
            raise ValueError("cut off")
        if kind == b"IEND":
            break
    return width, height, PNG_CHANNELS[colour] * max(1, bits // 8)


def _jpeg(data):
    place = 2
    while True:
        place = data.index(b"\xff", place)
        marker = data[place + 1]
        if marker in JPEG_FRAMES:
            bits, height, width, channels = struct.unpack(
                ">BHHB", data[place + 4:place + 10])
            return width, height, channels * max(1, bits // 8)
        # Fill bytes and markers without a length.
        if marker == 0xFF or marker in (0, 1) or 0xD0 <= marker <= 0xD8:
            place += 1 if marker == 0xFF else 2
        else:
            place += 2 + struct.unpack(">H", data[place + 2:place + 4])[0]


def tiff_tags(data: bytes, tags: tuple[int, ...]) -> dict[int, int]:
    """First numbers of some tags in the first directory of a TIFF header.

    Of a tag that is there twice, decoders take one or the other: the greatest counts.

    Args:
        data: from the byte order mark on.
        tags: their numbers; missing ones are left out of the result.

    Raises:
        struct.error, LookupError: the header is damaged.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack(order + "H", data[2:4])[0] == 43
    where, count, entry = (8, "Q", 20) if big else (4, "H", 12)
    number = "Q" if big else "I"
    first, = struct.unpack_from(order + number, data, where)
    entries, = struct.unpack_from(order + count, data, first)
    first += struct.calcsize(count)
    values = {}
    for place in range(first, first + min(entries, 4096) * entry, entry):
        tag, kind, many = struct.unpack_from(order + "HH" + number, data, place)
        if tag in tags and kind in TIFF_TYPES:
            inside = many * struct.calcsize(TIFF_TYPES[kind]) <= struct.calcsize(number)
            at = place + 4 + struct.calcsize(number)
            if not inside:
                at, = struct.unpack_from(order + number, data, at)
            value, = struct.unpack_from(order + TIFF_TYPES[kind], data, at)
            values[tag] = max(value, values.get(tag, 0))
    return values


def _tiff(data):
    values = tiff_tags(data, (256, 257, 258, 277, 278, 322, 323))
    depth = max(1, values.get(258, 1) // 8) * max(1, values.get(277, 1))
    # A picture is taken up to whole tiles.
    width = max(values[256], values.get(322, 0))
    height = max(values[257], values.get(323, 0))
    return width, height, depth


def _pnm(data):
    words = []
    # Comments may stand between the words; the header is short.
    for line in data[2:4096].replace(b"\r", b"\n").split(b"\n"):
        words += line.partition(b"#")[0].split()
        if len(words) >= 3:
            break
    depth = 3 if data[1:2] in b"36" else 1
    if data[1:2] not in b"14" and int(words[2]) > 255:
        depth *= 2
    return int(words[0]), int(words[1]), depth


def _bmp(data):
    size, = struct.unpack("<I", data[14:18])
    if size == 12:  # of OS/2
        width, height = struct.unpack("<HH", data[18:22])
    else:
        width, height = map(abs, struct.unpack("<ii", data[18:26]))
    return width, height, 4


# Known formats that hold no mammograms.
OTHER_FORMATS = {
    "GIF": lambda data: data.startswith(b"GIF8"),
    "WebP": lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP"}

READERS = (
    (b"\x89PNG\r\n\x1a\n", _png), (b"\xff\xd8", _jpeg), (b"BM", _bmp),
    (b"II*\0", _tiff), (b"MM\0*", _tiff), (b"II+\0", _tiff), (b"MM\0+", _tiff),
    *((b"P%d" % kind, _pnm) for kind in range(1, 7)))
