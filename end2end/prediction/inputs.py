"""Models and images of a command line, each once, and who the images show."""

import collections.abc
import dataclasses
import os
import pathlib

from end2end import checkpoints, images
from end2end.prediction import grouping, identity_cells
from end2end.tables import identity, manifests
from end2end.utils import files

MANIFEST_SUFFIX = ".csv"


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a command line names.

    Attributes:
        models: paths.
        rows: by path of an image the row of its manifest, empty without one.
        left: pairs of path and reason, of files in folders that are not looked at.
        refused: the same, of images with names that cannot be used.
    """

    models: list
    rows: dict
    left: list
    refused: list

    @property
    def paths(self) -> list[pathlib.Path]:
        """Paths of the images, in order."""
        return list(self.rows)

    def identities(self) -> dict[str, identity.Identity]:
        """Who and what each image shows, settled among all of them, by path."""
        settled = images.belonging.identified(
            (path, row or None) for path, row in self.rows.items())
        return {image.path: image for image in settled}


def gather(paths: collections.abc.Iterable[str | os.PathLike]) -> Inputs:
    """Sorts the words of a command line into models, images, folders and manifests.

    Raises:
        files.InputError: there is no model or no image, a path does not exist, or a
            label is no known word. A missing image of a manifest is no error here; it
            fails on its own.
    """
    paths = list(map(pathlib.Path, paths))
    models, rows, left, refused = [], {}, [], []
    for path in paths:
        if checkpoints.is_model(path):
            models.append(checkpoints.existing_model(path))
        elif path.is_dir():
            survey = files.survey(path)
            left += survey.left
            refused += survey.refused
            for image in survey.images:
                rows.setdefault(image, {})
        elif path.suffix.lower() == MANIFEST_SUFFIX:
            listed = manifests.rows(path)
            manifests.check_labels(listed, path)
            for image, row in manifests.by_path(listed, path.parent).items():
                rows[image] = rows.get(image) or row
        else:
            rows.setdefault(files.existing_file(path, "image"), {})
    if not models or not rows:
        raise files.InputError(
            f"no {'image' if models else 'model'} in {' '.join(map(str, paths))}; "
            "expected at least one model (.h5, .keras) and one image file or folder.")
    return Inputs(list(dict.fromkeys(models)), rows, left, refused)


class Subjects:
    """Who and what the images of this call show, and which of them vote.

    Args:
        inputs: `Inputs`.
        names: pseudonyms (`prediction.resuming.Record`).
        all_views: every image with a known side votes.

    Attributes:
        identities: settled, by path.
    """

    def __init__(self, inputs: Inputs, names, *, all_views: bool = False) -> None:
        self._rows, self._names, self._all_views = inputs.rows, names, all_views
        self.identities = inputs.identities()

    def cells(self) -> dict[str, dict[str, str]]:
        """Cells of the rows of all images, by path, before anything is scored."""
        return self._cells(images.belonging.elected(
            list(self.identities.values()), all_views=self._all_views))

    def _cells(self, identities):
        cells = identity_cells.cells(identities, self._names)
        labels = {str(path): row.get("label", "") for path, row in self._rows.items()}
        return {path: dict(row, label=labels[path]) for path, row in cells.items()}

    def settle(self, out: pathlib.Path, columns: tuple) -> list[identity.Identity]:
        """Writes into the score file who votes now that some images have no score.

        Returns:
            the identities of the images with a score.
        """
        rows = grouping.read_rows(out)
        scored = [self.identities[row["path"]] for row in rows
                  if row["path"] in self.identities]
        voting = images.belonging.elected(scored, all_views=self._all_views)
        if rows:
            files.write_csv(out, columns, identity_cells.with_cells(
                rows, self._cells(voting)))
        return voting
