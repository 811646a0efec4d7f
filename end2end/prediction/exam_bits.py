"""One rescale factor for all images of an exam (`--rescale-factor auto`)."""

import collections
from collections.abc import Mapping

from end2end.images import depths, reading
from end2end.tables.identity import Identity
from end2end.utils import files


def shared_bits(
        identities: Mapping[str, Identity], *, frame: int | None) -> dict[str, int]:
    """Bits of each image: those declared, else the most that an image of its exam
    needs.

    All images are read for it. Images of unknown exams stand alone, and one that cannot
    be read is left out.

    Args:
        identities: by path of the images, settled (`images.belonging.settle`).
        frame: of tomosynthesis stacks.
    """
    bits, groups = {}, collections.defaultdict(dict)
    for path, identity in identities.items():
        try:
            image = reading.read(path, frame=frame)
        except (files.InputError, OSError):
            continue
        bits[path] = depths.depth(image.pixels, image.bits)
        if image.bits is None:
            groups[identity.study, image.pixels.dtype][path] = bits[path]
    for members in groups.values():
        bits |= dict.fromkeys(members, max(members.values()))
    return bits
