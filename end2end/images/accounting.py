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


# Signs that an image's sources say different things (`tables.identity`).
CONTRADICTION = (" is taken", " are taken", " says two things ")


class Tally:
    """Counts of images, one added after the other."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys((
            "found", "understood", "refused", "doubled", "without patient",
            "without side or view", "not voting"), 0)
        self.contradicting = 0

    def refuse(self, count: int = 1) -> None:
        """Counts images that were refused; each is named elsewhere."""
        self.counts["found"] += count
        self.counts["refused"] += count

    def add(self, image: identity.Identity) -> None:
        """Counts an image that was understood, with its vote."""
        for name, holds in dict(
                found=True, understood=True, doubled=belonging.is_double(image), **{
                    "without patient": not image.patient,
                    "without side or view": not (image.laterality and image.view),
                    "not voting": image.votes == "no"}).items():
            self.counts[name] += bool(holds)
        self.contradicting += any(
            word in note for note in image.notes for word in CONTRADICTION)

    def lines(self, left: collections.abc.Sequence[tuple[pathlib.Path, str]] = ()
              ) -> list[str]:
        """Sentences that account for all images and files.

        Args:
            left: pairs of path and reason, of files that were not looked at.
        """
        text = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        lines = [f"images: {text}", not_looked_at(left)]
        if self.contradicting:
            lines.insert(1, commands.counted(self.contradicting, "image")
                         + " whose manifest, tags or name contradict each other; see "
                         f"{'its' if self.contradicting == 1 else 'their'} notes")
        return lines


def lines(identities: collections.abc.Iterable[identity.Identity], refused: int,
          left: collections.abc.Sequence[tuple[pathlib.Path, str]] = ()) -> list[str]:
    """Sentences that account for all images and files of a command.

    Args:
        identities: of the images that were understood, with their votes.
        refused: how many images were refused; each is named elsewhere.
        left: pairs of path and reason, of files that were not looked at.
    """
    tally = Tally()
    tally.refuse(refused)
    for image in identities:
        tally.add(image)
    return tally.lines(left)


def lines_of_sets(sets: collections.abc.Mapping[str, Any],
                  readable: collections.abc.Container[str]) -> list[str]:
    """`lines` of training sets; an image of two sets counts once.

    Not voting are those that would not in prediction; they are trained on all the same.

    Args:
        sets: `image_lists.ImageList` by name.
        readable: texts of the paths of the images that could be read.
    """
    known = {str(image.path): image for images in sets.values()
             for image in images.identities()}
    understood = belonging.elected(belonging.settle(
        [image for path, image in known.items() if path in readable]))
    left = dict.fromkeys(pair for images in sets.values() for pair in images.left)
    return lines(understood, len(known) - len(understood), tuple(left))


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
