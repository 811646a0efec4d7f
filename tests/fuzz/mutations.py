"""Seeded damage to files: bytes, texts, and what lies packed inside them.

Each function takes and returns bytes and draws from a `random.Random`.
"""

import gzip
import io
import struct
import zipfile
import zlib

LONGEST = 1 << 20
EXTREMES = (0, 1, 2, 3, 7, 8, 15, 16, 17, 32, 63, 64, 127, 128, 129, 255, 256, 4095,
            32767, 32768, 65500, 65535, 65536, 1 << 24, (1 << 31) - 1, 1 << 31,
            (1 << 32) - 1, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
WORDS = (
    b"", b"0", b"-1", b"1e308", b"1e999", b"NaN", b"-inf", b"999999999999999999999",
    b"0x10", b"1.5", b"None", b"null", b"true", b"[]", b"{}", b'""', b"../../escaped",
    b"/escaped", b"..\\escaped", b"C:\\escaped", b"a/../../escaped", b"\x00",
    b"=cmd()", b"%s%n", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80",
    "é".encode(), "٣".encode(), "Ⅷ".encode(), b"\x1b[2J", b"'", b'"', b'"""',
    b";", b",", b"\t", b"\r", b"\n", b"\r\n\r\n", b"\\", b"&x;", b"<!--", b"<![CDATA[",
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">]>', b"Lambda", b"__lambda__", b"builtins",
    b"os", b"9" * 400, b"x" * 200_000)


def damaged(data, rng, *, others, text=False, start=0):
    """Applies one to six kinds of damage.

    Args:
        data: bytes of a whole file.
        rng: `random.Random`.
        others: further whole files, to splice from.
        text: whether damage to words and lines is tried too.
        start: bytes in front that are rarely touched, such as a DICOM preamble.
    """
    for _ in range(min(6, 1 + int(rng.expovariate(0.7)))):
        kinds = TEXT_KINDS + BYTE_KINDS[:4] if text else BYTE_KINDS
        head = b"" if rng.random() < 0.05 else data[:start]
        data = head + rng.choice(kinds)(data[len(head):], rng, others)
    return data[:LONGEST]


def _place(data, rng):
    """An offset, half of the time near the beginning, where headers are."""
    if not data:
        return 0
    limit = min(len(data), 256) if rng.random() < 0.5 else len(data)
    return rng.randrange(limit)


def _span(data, rng):
    begin = _place(data, rng)
    return begin, min(len(data), begin + 1 + int(rng.expovariate(1 / 16)))


def flip(data, rng, others):
    """Inverts one bit."""
    changed = bytearray(data)
    if changed:
        changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(data, rng, others):
    """Puts random bytes, or one byte repeated, over some."""
    begin, end = _span(data, rng)
    filled = rng.choice((b"\0", b"\xff", b"\x80", bytes([rng.randrange(256)])))
    new = filled * (end - begin) if rng.random() < 0.5 else rng.randbytes(end - begin)
    return data[:begin] + new + data[end:]


def cut(data, rng, others):
    """Ends the file early."""
    return data[:_place(data, rng) if rng.random() < 0.5 else -rng.randint(1, 16)]


def remove(data, rng, others):
    """Takes out a block."""
    begin, end = _span(data, rng)
    return data[:begin] + data[end:]


def repeat(data, rng, others):
    """Puts a block in again, now and then a thousand times."""
    begin, end = _span(data, rng)
    times = 1000 if rng.random() < 0.1 else rng.randint(1, 4)
    return data[:end] + data[begin:end] * times + data[end:]


def number(data, rng, others):
    """Writes an extreme whole number of 1 to 8 bytes over what may be a length."""
    begin, size = _place(data, rng), rng.choice((1, 2, 2, 4, 4, 8))
    value = rng.choice(EXTREMES) % (1 << 8 * size)
    order = rng.choice(("little", "big"))
    return data[:begin] + value.to_bytes(size, order) + data[begin + size:]


def add(data, rng, others):
    """Adds a little to a byte, as a neighbouring length or kind."""
    changed = bytearray(data)
    if changed:
        place = _place(data, rng)
        changed[place] = (changed[place] + rng.choice((-2, -1, 1, 2))) % 256
    return bytes(changed)


def exchange(data, rng, others):
    """Exchanges two blocks."""
    a, b = sorted((_span(data, rng), _span(data, rng)))
    if a[1] > b[0]:
        return data
    return (data[:a[0]] + data[b[0]:b[1]] + data[a[1]:b[0]] + data[a[0]:a[1]]
            + data[b[1]:])


def splice(data, rng, others):
    """Goes on with another file somewhere."""
    other = rng.choice(others)
    return data[:_place(data, rng)] + other[_place(other, rng):]


BYTE_KINDS = (flip, overwrite, cut, remove, repeat, number, number, add, exchange,
              splice)


def word(data, rng, others):
    """Replaces a word between separators by something unexpected."""
    places = [i for i, byte in enumerate(data[:65536])
              if byte in b" ,;\t\n\"<>{}[]:()="]
    if len(places) < 2:
        return rng.choice(WORDS) + data
    first = rng.randrange(len(places) - 1)
    begin, end = places[first] + 1, places[first + 1]
    return data[:begin] + rng.choice(WORDS) + data[end:]


def insert(data, rng, others):
    """Puts something unexpected anywhere."""
    place = _place(data, rng)
    return data[:place] + rng.choice(WORDS) + data[place:]


def lines(data, rng, others):
    """Drops, doubles, moves or joins lines."""
    found = data.split(b"\n")
    i, j = rng.randrange(len(found)), rng.randrange(len(found))
    kind = rng.randrange(5)
    if kind == 0:
        del found[i]
    elif kind == 1:
        found.insert(j, found[i])
    elif kind == 2:
        found[i], found[j] = found[j], found[i]
    elif kind == 3:
        found[i:i + 2] = [b"".join(found[i:i + 2])]
    else:
        del found[i:]
    return b"\n".join(found)


def column(data, rng, others):
    """Drops or doubles one cell of a line, or of every line."""
    found = data.split(b"\n")
    separator = b";" if found[0].count(b";") > found[0].count(b",") else b","
    at, every = rng.randrange(found[0].count(separator) + 1), rng.random() < 0.5
    some = rng.randrange(len(found))
    keep = rng.random() < 0.5
    for i, line in enumerate(found):
        cells = line.split(separator)
        if (every or i == some) and at < len(cells):
            cells[at:at + 1] = [cells[at]] * 2 if keep else []
            found[i] = separator.join(cells)
    return b"\n".join(found)


def encoding(data, rng, others):
    """Stores the text in another encoding or with other line ends."""
    text = data.decode("utf-8", "replace")
    kind = rng.randrange(4)
    if kind == 0:
        return text.encode("utf-16")
    if kind == 1:
        return text.replace("\n", "\r").encode()
    if kind == 2:
        return text.replace("\n", "\r\n").encode()
    return text.encode("utf-8-sig")


TEXT_KINDS = (word, word, word, insert, lines, column, encoding, repeat, splice)


# What is packed: damaged inside and packed again, so that the damage gets past the
# checksums.


def png(data, rng, others):
    """Damages a PNG and mends the checksums of its chunks."""
    changed = damaged(data, rng, others=others, start=8)
    out, place = [changed[:8]], 8
    while place + 12 <= len(changed):
        length, = struct.unpack(">I", changed[place:place + 4])
        body = changed[place + 4:place + 8 + length]
        out.append(changed[place:place + 4] + body + struct.pack(
            ">I", zlib.crc32(body)))
        place += 12 + length
    return b"".join(out) + changed[place:]


def gzipped(data, rng, others):
    """Damages the text inside a gzip file."""
    inside = gzip.decompress(data)
    return gzip.compress(damaged(inside, rng, others=[inside], text=True), 1, mtime=0)


def zipped(data, rng, others):
    """Damages the name or the contents of one member of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [[name, archive.read(name)] for name in archive.namelist()]
    some = rng.choice(members)
    if rng.random() < 0.2:
        some[0] = rng.choice(("../escaped", "/escaped", "a\\b", "x.pkl", "", "a:b",
                              some[0] + "x", "config.json", "assets/x"))
    else:
        some[1] = damaged(some[1], rng, others=[one for _, one in members],
                          text=some[0].endswith(".json"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", rng.choice((0, 8))) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def deflated(data, rng, others):
    """Damages the data set inside a deflated DICOM file."""
    start = data.find(b"1.2.840.10008.1.2.1.99") - 12
    length = int.from_bytes(data[140:144], "little")
    head = data[:144 + length]
    if start < 0 or len(head) >= len(data):
        return damaged(data, rng, others=others, start=132)
    inside = zlib.decompress(data[len(head):], -zlib.MAX_WBITS)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return head + packer.compress(damaged(inside, rng, others=[inside])
                                  ) + packer.flush()
