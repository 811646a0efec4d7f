"""One dropped file to what the local page shows of it."""

import base64
import dataclasses
import pathlib
import re
import tempfile
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from end2end import checkpoints, images, prediction
from end2end.explanation import maps as explain
from end2end.explanation import methods, overlays, scales
from end2end.prediction import pseudonyms
from end2end.prediction.identity_cells import SEPARATOR
from end2end.reports import case_pictures, report
from end2end.serve import session, uploads
from end2end.tables import scores
from end2end.utils import commands, files

# Rows of the picture that is sent; more than a screen has are of no use.
SHOWN_HEIGHT = 1400
FULL_RANGE = 65535
FRAME = re.compile("[0-9]{1,6}")


class Scorer:
    """Scores files one at a time; keeps none.

    Args:
        classifiers: list of `checkpoints.Classifier`; the maps are of the first.
        patch: `checkpoints.Classifier` of patches, or None for Grad-CAM.
        flips: average over the four flips.
        key: of the pseudonyms; None for one of this page alone.
        folder: for files while they are scored; None: that of the system.
        refuse_unfit: refuse pictures that are no basis for a score.
        map_scale: one of `scales.CHOICES`.
    """

    def __init__(self, classifiers: Sequence[checkpoints.Classifier],
                 patch: checkpoints.Classifier | None = None, *, flips: bool = False,
                 key: bytes | None = None, folder: pathlib.Path | None = None,
                 refuse_unfit: bool = False, map_scale: str = scales.MODEL) -> None:
        self.refuse_unfit, self.map_scale = refuse_unfit, map_scale
        self.classifiers, self.patch, self.flips = classifiers, patch, flips
        self.folder = folder or pathlib.Path(tempfile.gettempdir())
        self.session = session.Session(
            pseudonyms.Pseudonyms(key or pseudonyms.new_key()))

    def about(self) -> dict[str, Any]:
        """What the page says of the models."""
        return dict(
            models=[classifier.name for classifier in self.classifiers],
            trained_on=[classifier.card.get("trained_on", "unknown data")
                        for classifier in self.classifiers],
            heatmap=methods.pictures(self.patch)["heatmap"].title,
            meaning=report.MEANING, notice=f"{report.RESEARCH} {report.LIMITS}")

    def score(self, name: str, data: bytes | bytearray, frame: str = ""
              ) -> dict[str, Any]:
        """Scores one file.

        Args:
            name: of the file.
            data: its bytes.
            frame: number of a frame as text, or nothing.

        Returns:
            dict for JSON: what is in a row of scores, `mark` (`session.Session`),
            `pixels` (base64 of uint16, little end first, 0 to `white` and above), their
            `width` and `height`, and `layers`, addresses of transparent pictures by
            name.

        Raises:
            files.InputError: the file cannot be read or is no mammogram.
        """
        if frame and not FRAME.fullmatch(frame):
            raise files.InputError(
                f"frame {frame[:20]} is no number; expected 0, 1, ...")
        shown = re.sub(r"[^\w.-]", "_", pathlib.PurePath(name).name)[-100:]
        with uploads.stored(data, shown, self.folder) as path:
            try:
                return self._score(path, shown, int(frame) if frame else None)
            except files.InputError as error:
                raise files.InputError(
                    commands.one_line(error).replace(str(path), shown)) from error

    def _score(self, path, name, frame):
        image = images.read(path, frame=frame, known_as=name)
        prepared = prediction.prepare(
            image, self.classifiers, refuse_unfit=self.refuse_unfit)
        result = prediction.score_image(prepared, self.classifiers, flips=self.flips)
        first = dataclasses.replace(self.classifiers[0], images=prepared.options[0])
        shown = methods.pictures(self.patch)
        maps = explain.explain(first, path, explain.ExplainOptions(
            tuple(row.name for row in shown.values()), patch=self.patch,
            class_index=list(first.classes).index("pos"),
            map_scale=self.map_scale), picture=image.pixels).maps
        identity = dataclasses.replace(
            result.identity, content=images.belonging.content(result.identity, path))
        mark = self.session.keep(identity, dict(
            path=name, score=scores.number(result.score), calibrated="" if
            result.calibrated is None else scores.number(result.calibrated),
            flags=SEPARATOR.join(result.flags), notes=SEPARATOR.join(result.notes)))
        told = images.belonging.settle([result.identity], doubles=False)[0]
        return dict(
            mark=mark, patient=self.session.patient(told), laterality=result.laterality,
            view=result.view, score=result.score, models=result.models,
            calibrated=result.calibrated, points=result.points, flags=result.flags,
            notes=(*result.notes, *told.notes), layers={
                kind: _layer(case_pictures.coloured(row.name, maps[row.name]))
                for kind, row in shown.items()},
            **_picture(image.pixels))


def _layer(picture):
    return report.data_uri(overlays.png(picture))


def _picture(pixels):
    rows, columns = pixels.shape
    if rows > SHOWN_HEIGHT:
        width = max(1, round(columns * SHOWN_HEIGHT / rows))
        pixels = cv2.resize(pixels, (width, SHOWN_HEIGHT), interpolation=cv2.INTER_AREA)
    grey = pixels.astype(np.float32) * (FULL_RANGE / (float(pixels.max()) or 1.0))
    shown = np.rint(grey).astype("<u2")
    return dict(
        width=shown.shape[1], height=shown.shape[0],
        white=float(np.percentile(shown, 99.9)) or FULL_RANGE,
        pixels=base64.b64encode(shown.tobytes()).decode())
