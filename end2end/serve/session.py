"""What belongs together of the files on the page, and what became of each.

Who an image shows stays in memory until the page ends or later files displace it; the
image itself and its file do not.
"""

import collections
import csv
import dataclasses
import io
import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from end2end.images import accounting, belonging
from end2end.prediction import identity_cells, pseudonyms
from end2end.tables import vocabulary
from end2end.tables.identity import Identity
from end2end.utils import commands, files

# Images that are remembered; a page shows far fewer.
REMEMBERED = 400
COLUMNS = ("path", *identity_cells.COLUMNS, "score", "calibrated", "flags", "notes",
           *identity_cells.FURTHER_COLUMNS, "error", "account")


class Session:
    """The images that were scored, by random marks.

    Args:
        names: pseudonyms.
    """

    def __init__(self, names: pseudonyms.Pseudonyms) -> None:
        self._names = names
        self._images: collections.OrderedDict[str, tuple[Identity, dict]] = (
            collections.OrderedDict())
        self._turn = threading.Lock()

    def keep(self, image: Identity, row: dict[str, Any]) -> str:
        """Remembers who an image shows; returns its mark.

        Args:
            image: not settled, with its `content`; its path is the name of the file.
            row: cells of its row, by `COLUMNS`.
        """
        mark = secrets.token_hex(16)
        with self._turn:
            self._images[mark] = (_of_upload(image), row)
            while len(self._images) > REMEMBERED:
                self._images.popitem(last=False)
        return mark

    def account(self, marks: Sequence[str], refused: Sequence[Mapping[str, str]]
                ) -> dict[str, Any]:
        """What became of the files on the page.

        Args:
            marks: of the images that are shown, in order; unknown ones are left out.
            refused: `name` and `error` of the others.

        Returns:
            dict with `lines` (sentences that account for all), `images` (by mark
            `votes` and `notes`) and `csv`, a table of all.
        """
        with self._turn:
            known = [(mark, *self._images[mark]) for mark in dict.fromkeys(marks)
                     if mark in self._images]
        voting = belonging.elected(belonging.settle([image for _, image, _ in known]))
        lines = accounting.lines(voting, len(refused))
        rows = [row | identity_cells.described(image, since, self._names) | dict(
            patient=self.patient(image)) for (_, _, row), image, since in zip(
                known, voting, belonging.days(voting), strict=True)]
        rows += [dict(path=commands.one_line(str(file.get("name", ""))),
                      error=commands.one_line(str(file.get("error", ""))))
                 for file in refused]
        for row in rows[:1]:
            row["account"] = identity_cells.SEPARATOR.join(lines)
        return dict(lines=lines, csv=_csv(rows), images={
            mark: dict(votes=image.votes, notes=image.notes)
            for (mark, *_), image in zip(known, voting, strict=True)})

    def patient(self, image: Identity) -> str:
        """What the page shows of the patient: what the name of the file says is there
        anyway, and a folder on this computer says nothing."""
        if image.patient and image.patient == vocabulary.from_name(
                image.path)["patient"]:
            return image.patient if image.patient in image.path else ""
        return self._names(image.patient)


def _of_upload(image):
    """A name without a number is nobody's, since the page does not see its folder."""
    if image.namespace.startswith(identity_cells.FOLDER) and not re.search(
            r"\d", image.patient):
        return dataclasses.replace(image, patient="", namespace="")
    return image


def _csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(map(files.csv_cells, rows))
    return text.getvalue()
