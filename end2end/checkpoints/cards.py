"""What a model carries is extended after training: calibration, operating points, fit.

The weights are not touched; the card is written into the .h5 and beside it.
"""

import json
import shutil
from collections.abc import Mapping

import h5py

from end2end.metrics import calibration, statistics
from end2end.model_files import safe_loading
from end2end.tables.scores import Scores
from end2end.utils import files


def store(path: files.Path, additions: Mapping) -> dict:
    """Adds to the card of a saved model, in the file and in the JSON beside it.

    Args:
        path: of the model.
        additions: dict; its keys replace those of the card.

    Returns:
        the new card.

    Raises:
        files.InputError: the model cannot be read.
    """
    path = files.existing_file(path, "model")
    beside = path.with_suffix(".config.json")
    card = {**read(path), **json.loads(json.dumps(additions, default=str))}
    if h5py.is_hdf5(path):
        with files.replacing(path) as part:
            shutil.copyfile(path, part)
            with h5py.File(part, "r+") as file:
                file.attrs[safe_loading.CARD] = json.dumps(card)
    files.write_json(beside, card)
    return card


def read(path: files.Path) -> dict:
    """The card of a saved model, from the JSON beside it, else from inside.

    Args:
        path: of the model.

    Returns:
        dict, empty where the model carries none.

    Raises:
        files.InputError: the model cannot be read.
    """
    path = files.existing_file(path, "model")
    beside = path.with_suffix(".config.json")
    if beside.exists():
        return files.read_json(beside, "model settings")
    with safe_loading.opened(path) as stored:
        return stored.card or {}


def from_validation(
        by_scheme: Mapping[str, Scores], source: str, draw: statistics.Draw) -> dict:
    """Calibration and operating points as they are stored with a model.

    Args:
        by_scheme: dict of `Scores` of a validation set, `plain` and perhaps `flips`.
        source: name of the set.
        draw: `statistics.Draw`.

    Returns:
        dict with `calibration` (`temperature` by scheme, and on what it was found) and
        `operating_points` (rows of `statistics.operating_points` with their `scheme`
        and `source`).
    """
    table = by_scheme["plain"]
    counts = f"{source}: {len(table)} images, {int(table.labels.sum())} with cancer"
    temperatures, points = {}, []
    for scheme, scores in by_scheme.items():
        temperatures[scheme] = calibration.fit_temperature(scores.labels, scores.values)
        points += [dict(point, scheme=scheme, source=counts)
                   for point in statistics.operating_points(
                       scores.labels, scores.values, draw)]
    return dict(calibration=dict(method="temperature", temperature=temperatures,
                                 source=counts), operating_points=points)
