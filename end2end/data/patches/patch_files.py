"""Patches as 16-bit PNG files that say which run wrote them.

Each file carries a stamp (what its pixels depend on) and the number of patches of its
mammogram, so that a second call knows what is complete without a file of its own.
"""

import collections
import os
import pathlib
import struct
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from end2end.utils import files

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"Comment\0end2end "
GREY_16_BIT = struct.pack(">BBBBB", 16, 0, 0, 0, 0)


def write_patch(
        path: str | os.PathLike, patch: NDArray, *, stamp: str, total: int,
        kind: str = "") -> None:
    """Writes one patch atomically, uncompressed: 20 times as fast, a third larger.

    Args:
        path: file, `.png`.
        patch: array `(rows, columns)` of whole numbers, 0 to 65535.
        stamp: hexadecimal digest of what the patches of this mammogram depend on.
        total: number of patches of this mammogram.
        kind: a word for why it was cut there; empty for a drawn patch.
    """
    with files.replacing(path) as part:
        part.write_bytes(encode(patch, f"{stamp} {total} {kind}".rstrip()))


def encode(patch: NDArray, comment: str) -> bytes:
    """A 16-bit grey PNG of stored (not compressed) rows, as bytes."""
    rows, columns = patch.shape
    lines = np.zeros((rows, 1 + 2 * columns), np.uint8)  # each begins with filter 0
    lines[:, 1:] = patch.astype(">u2", order="C").view(np.uint8)
    return SIGNATURE + b"".join((
        _chunk(b"IHDR", struct.pack(">II", columns, rows) + GREY_16_BIT),
        _chunk(b"tEXt", KEYWORD + comment.encode("ascii")),
        _chunk(b"IDAT", zlib.compress(lines, 0)),
        _chunk(b"IEND", b"")))


def _chunk(kind, data):
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def read_comment(path: str | os.PathLike) -> tuple[str, int]:
    """Stamp and total of a patch that `write_patch` wrote; two empty values if not."""
    return _comment(path)[:2]


def read_kind(path: str | os.PathLike) -> str:
    """The word for why a patch was cut there, as `write_patch` got it; else empty."""
    return _comment(path)[2]


def _comment(path):
    with open(path, "rb") as stream:
        head = stream.read(120)
    before, found, after = head.partition(KEYWORD)
    try:
        (length,) = struct.unpack(">I", before[-8:-4])
        text = (found + after)[:length].removeprefix(KEYWORD).decode("ascii")
        stamp, total, *kind = text.split()
        return stamp, int(total), "".join(kind)
    except (struct.error, ValueError):  # none, or damaged
        return "", 0, ""


def read_size(path: str | os.PathLike) -> tuple[int, int] | None:
    """Rows and columns of a PNG file, from its first bytes; None if it is none."""
    with open(path, "rb") as stream:
        head = stream.read(24)
    if len(head) < 24 or not head.startswith(SIGNATURE):
        return None
    columns, rows = struct.unpack(">II", head[16:])
    return rows, columns


def check_sizes(
        outs: Iterable[str | os.PathLike], folders: Iterable[str], side: int) -> None:
    """Refuses folders that hold patches of another size.

    Args:
        outs: output folders, which need not exist.
        folders: names of the class folders in them.
        side: of the patches to come in pixels.

    Raises:
        files.InputError: see above.
    """
    # An odd side gives patches one pixel smaller.
    side = side // 2 * 2
    for folder in (pathlib.Path(out, name) for out in outs for name in folders):
        path = next(iter(sorted(folder.glob("[!.]*.png"))), None)
        size = path and read_size(path)
        if size and size != (side, side):
            raise files.InputError(
                f"{folder} holds patches of {size[0]}x{size[1]} pixels, such as "
                f"{path.name}, and --patch-size asks for {side}; choose another folder "
                "or remove this one.")


class Index:
    """The patches that lie in class folders, by mammogram."""

    def __init__(self, outs: Iterable[pathlib.Path], folders: Iterable[str]) -> None:
        """Lists the PNG files in every class folder of every output folder."""
        self.paths = collections.defaultdict(list)
        for out in dict.fromkeys(outs):
            for folder in folders:
                for path in sorted(pathlib.Path(out, folder).glob("[!.]*.png")):
                    # {image}_{lesion}_{number}.png
                    self.paths[out, path.stem.rsplit("_", 2)[0]].append(path)

    def complete(self, out: pathlib.Path, image: str, stamp: str) -> list[pathlib.Path]:
        """The patches of a mammogram if all were written with this stamp, else [].

        Args:
            out: output folder.
            image: name of the mammogram without suffix.
            stamp: as `write_patch` got it.
        """
        totals = {}
        for path in self.paths.get((out, image), ()):
            written, total = read_comment(path)
            if written == stamp:
                totals[path] = total
        return list(totals) if set(totals.values()) == {len(totals)} else []

    def others(self, paths: Iterable[pathlib.Path]) -> list[pathlib.Path]:
        """The files that are not in `paths`: those of other runs."""
        ours = set(paths)
        return [path for group in self.paths.values() for path in group
                if path not in ours]
