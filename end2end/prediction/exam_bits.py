"""One rescale factor for all images of an exam (`--rescale-factor auto`)."""

import collections
import pathlib
from collections.abc import Iterable

from end2end.images import depths, reading
from end2end.utils import files


def shared_bits(
    paths: Iterable[pathlib.Path], *, frame: int | None = None
) -> dict[str, int]:
    """Bits of each image: those declared, else the most that a view of the woman needs.

    All images are read for it. Images of unknown women stand alone, and one that cannot
    be read is left out.

    Args:
        paths: image files.
        frame: of tomosynthesis stacks.
    """
    bits, groups = {}, collections.defaultdict(dict)
    for path in map(str, paths):
        try:
            image = reading.read(path, frame=frame)
        except (files.InputError, OSError):
            continue
        bits[path] = depths.depth(image.pixels, image.bits)
        if image.bits is None:
            key = image.identity.woman or path, image.pixels.dtype
            groups[key][path] = bits[path]
    for members in groups.values():
        most = max(members.values())
        bits |= dict.fromkeys(members, most)
    return bits
