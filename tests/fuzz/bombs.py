"""Small files that claim, or swell to, more than any mammogram or table has."""

import gzip
import io
import json
import struct
import zipfile
import zlib

import numpy as np

from tests.fuzz import seeds

BILLION_LAUGHS = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x0 "lol">' + b"".join(
    b'<!ENTITY x%d "%s">' % (i, b"&x%d;" % (i - 1) * 10) for i in range(1, 10)
) + b"]><plist><dict><key>Images</key><string>&x9;</string></dict></plist>"


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(
        ">I", zlib.crc32(kind + data))


def _png(width, height, depth, colour, data=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data)
            + _chunk(b"IEND", b""))


def png():
    """Headers of enormous images, and one that is really there, of zeros."""
    zeros = zlib.compressobj(9)
    rows = b"".join(zeros.compress(bytes(1 + 4 * 8000)) for _ in range(8000))
    return [_png(1 << 31 - 1, 1 << 31 - 1, 16, 6), _png(60_000, 60_000, 16, 0),
            _png(14_000, 14_000, 16, 6), _png(8000, 8000, 8, 6, rows + zeros.flush())]


def jpeg():
    """A frame header of 65500 x 65500, in front of a small picture."""
    made = []
    for data in seeds.of("jpeg"):
        at = next(i for i in range(len(data)) if data[i:i + 2] in (
            b"\xff\xc0", b"\xff\xc2"))
        made.append(data[:at + 5] + struct.pack(">HH", 65500, 65500) + data[at + 9:])
        made.append(data[:2] + b"\xff\xe1\x00\x04ab" + made[-1][2:])
    return made


def tiff():
    """Sizes, tiles and strips of 4 thousand million pixels."""
    made = []
    for tags in ({256: 1 << 31, 257: 1 << 31}, {256: 60_000, 257: 60_000},
                 {322: 1 << 20, 323: 1 << 20, 324: 8, 325: 8},
                 {277: 60_000}, {258: 64, 277: 4, 256: 20_000, 257: 20_000}):
        entries = {256: 10, 257: 12, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 12,
                   279: 120} | tags
        rows = b"".join(struct.pack("<HHII", tag, 4, 1, value)
                        for tag, value in sorted(entries.items()))
        made.append(b"II*\0" + struct.pack("<IH", 8, len(entries)) + rows + bytes(200))
    return made


def pgm():
    """Sizes beyond reason, in front of nothing."""
    return [b"P5\n99999 99999\n65535\n", b"P5 # a\n9999999999 2 255\n",
            b"P2 60000 60000 1 ", b"P6\n40000 40000\n65535\n", b"P4\n4000000000 1\n"]


def bmp():
    """A header of 4 thousand million pixels."""
    return [b"BM" + struct.pack("<IIIIiiHHIIiiII", 100, 0, 54, 40, 60_000, side, 1, 24,
                                compression, 0, 0, 0, 0, 0) + bytes(50)
            for side in (60_000, -60_000) for compression in (0, 1)]


def dicom():
    """Declared sizes, frames and look-up tables; data that swell when inflated."""
    import pydicom

    made = []
    ds = seeds._dataset(seeds.RAMP)
    for tags in (dict(Rows=65535, Columns=65535), dict(NumberOfFrames=2_000_000_000),
                 dict(Rows=65535, Columns=3), dict(Rows=9000, Columns=7000)):
        for compress in (False, True):
            one = pydicom.dcmread(io.BytesIO(seeds._saved(ds)))
            if compress:
                one.compress(pydicom.uid.RLELossless)
            for name, value in tags.items():
                setattr(one, name, value)
            made.append(seeds._saved(one))
    tall = seeds._dataset(np.zeros((8000, 8000), np.uint16), RescaleSlope="1.5",
                          WindowCenter="5", WindowWidth="7", PixelPaddingValue=1)
    tall.compress(pydicom.uid.RLELossless)
    made.append(seeds._saved(tall))
    tall = seeds._dataset(np.zeros((8000, 8000), np.uint16), RescaleSlope="2")
    tall.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    made.append(seeds._saved(tall))
    head = seeds.of("dicom")[5]
    start = 144 + int.from_bytes(head[140:144], "little")
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    swollen = b"".join(packer.compress(bytes(1 << 24)) for _ in range(64))
    made.append(head[:start] + swollen + packer.flush())
    wavelet = seeds.of("dicom")[9]
    at = wavelet.index(b"\xff\x4f\xff\x51")
    made.append(wavelet[:at + 8] + struct.pack(">II", 60_000, 60_000)
                + wavelet[at + 16:])
    return made


def cbis():
    """Two thousand million zeros in a packed table; a line without an end."""
    member = gzip.compress(bytes(10_000_000), 9, mtime=0)
    return [member * 200, b"a" * 1_000_000, b"," * 1_000_000, b'"' + b"\n" * 300_000]


def table():
    """Endless cells, columns and quotes."""
    return [b"path," + b"a," * 300_000 + b"\n1", b"path\n" + b"x" * 500_000,
            b'path\n"' + b"y\n" * 200_000, b"path\n" + b"\n" * 500_000]


def outlines():
    """Entities within entities; nesting without an end; endless numbers."""
    deep = b"<plist>" + b"<array>" * 100_000
    point = seeds_xml(b"(" + b"9" * 5000 + b", 1)")
    many = seeds_xml(b"(1, 1)" + b"<x>" * 1000)
    return [BILLION_LAUGHS, deep, point, many, seeds_xml(b"(1e999, 1e308)"),
            seeds_xml(b"(" + b"1" * 100_000 + b"x")]


def seeds_xml(point):
    """An outline with one point."""
    return (b"<plist><dict><key>Images</key><array><dict><key>ROIs</key><array><dict>"
            b"<key>Point_px</key><array><string>" + point + b"</string></array></dict>"
            b"</array></dict></array></dict></plist>")


def h5():
    """Shapes that are not there, links out of the file, endless texts."""
    import h5py

    made = []
    for shape in ((1 << 20, 1 << 20), (1 << 40,), (0, 1 << 50)):
        data = io.BytesIO(seeds.of("h5")[0])
        with h5py.File(data, "r+") as file:
            names = []
            file["model_weights"].visititems(
                lambda name, one, names=names: names.append(name)
                if isinstance(one, h5py.Dataset) else None)
            del file["model_weights"][names[0]]
            file["model_weights"].create_dataset(
                names[0], shape, "f4", chunks=True, compression="gzip")
        made.append(data.getvalue())
    return made


def keras():
    """Members that swell a thousand times."""
    made = []
    for name in ("config.json", "model.weights.h5", "metadata.json"):
        packed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(seeds.of("keras")[0])) as archive, \
                zipfile.ZipFile(packed, "w", 8) as out:
            for member in archive.namelist():
                content = archive.read(member)
                if member == name:
                    content += bytes(300_000_000)
                out.writestr(member, content, 8, 9)
        made.append(packed.getvalue())
    return made


def settings():
    """Nesting, and numbers of many digits."""
    deep = b'{"class_name": "Model", "config": ' + b"[" * 100_000
    text = json.dumps(json.loads(seeds.of("settings")[1]))
    return [deep, b"[" * 200_000, b'{"a": ' * 100_000,
            b'{"format": ' + b"9" * 5000 + b"}", text.replace("24", "99999").encode(),
            text.replace('"units": 2', '"units": 9000000').encode()]


def heatmaps():
    """An array of 10 to the 12 numbers in an archive, and in a pickle."""
    header = (b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, "
              b"'shape': (1000000, 1000000), }").ljust(127) + b"\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", 8) as archive:
        for name in ("patient_id", "side", "cancer", "classes", "cc_0"):
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), header)
    swollen = io.BytesIO()
    with zipfile.ZipFile(swollen, "w", 8) as archive:
        archive.writestr("patient_id.npy", header + bytes(300_000_000))
    return [packed.getvalue(), swollen.getvalue(), b"I1\n" + b"." * 10,
            b"(l" * 200_000 + b".", b"c__builtin__\neval\n(S'1'\ntR."]


MAKERS = dict(png=png, jpeg=jpeg, tiff=tiff, pgm=pgm, bmp=bmp, dicom=dicom, cbis=cbis,
              manifest=table, scores=table, split=table, sampler=table, inbreast=table,
              outlines=outlines, h5=h5, keras=keras, settings=settings,
              heatmaps=heatmaps)


def of(kind):
    """The bombs of a kind."""
    return MAKERS[kind]() if kind in MAKERS else []
