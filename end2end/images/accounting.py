"""What became of every image and file: the last lines of a command."""

import collections.abc
import os
import pathlib
from typing import Any

from end2end.images import belonging
from end2end.tables import identity
from end2end.utils import commands

# Names shown of each reason for which files are not looked at.
SHOWN = 5


def lines(identities: collections.abc.Sequence[identity.Identity], refused: int,
          left: collections.abc.Sequence[tuple[pathlib.Path, str]] = (), *,
          votes: bool = True) -> list[str]:
    """Sentences that account for all images and files of a command.

    Args:
        identities: of the images that were understood, with their votes.
        refused: how many images were refused; each is named elsewhere.
        left: pairs of path and reason, of files that were not looked at.
        votes: whether to count the images that do not vote.
    """
    counts = dict(
        found=len(identities) + refused, understood=len(identities), refused=refused,
        doubled=sum(map(belonging.is_double, identities)))
    counts["without patient"] = sum(not image.patient for image in identities)
    counts["without side or view"] = sum(
        not (image.laterality and image.view) for image in identities)
    if votes:
        counts["not voting"] = sum(image.votes == "no" for image in identities)
    text = [f"images: {', '.join(f'{n} {name}' for name, n in counts.items())}",
            not_looked_at(left)]
    contradicting = sum(any(word in note for note in image.notes for word in
                            (" is taken", " are taken", " says two things "))
                        for image in identities)
    if contradicting:
        text.insert(1, f"{contradicting} images whose manifest, tags or name "
                       "contradict each other; see their notes")
    return text


def lines_of_sets(sets: collections.abc.Mapping[str, Any],
                  readable: collections.abc.Container[str]) -> list[str]:
    """`lines` of training sets, in which no image votes; an image of two sets is one.

    Args:
        sets: `image_lists.ImageList` by name.
        readable: texts of the paths of the images that could be read.
    """
    known = {str(image.path): image for images in sets.values()
             for image in images.identities()}
    understood = belonging.settle(
        [image for path, image in known.items() if path in readable])
    left = dict.fromkeys(pair for images in sets.values() for pair in images.left)
    return lines(understood, len(known) - len(understood), tuple(left), votes=False)


def not_looked_at(left: collections.abc.Sequence[tuple[pathlib.Path, str]]) -> str:
    """`not looked at: 3 (2 no image: a.txt, b.pdf; 1 hidden: .c.dcm)`."""
    by_reason = {}
    for path, reason in left:
        by_reason.setdefault(reason, []).append(commands.one_line(
            os.path.basename(path)))
    parts = [f"{len(names)} {reason}: {', '.join(names[:SHOWN])}"
             + (", ..." if len(names) > SHOWN else "")
             for reason, names in by_reason.items()]
    return f"not looked at: {len(left)}" + (f" ({'; '.join(parts)})" if parts else "")
