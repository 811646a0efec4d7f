"""One dropped file to what the local page shows of it."""

import dataclasses
import math
import pathlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from end2end import checkpoints, images, prediction
from end2end.explanation import maps, methods, overlays, scales
from end2end.prediction import grouping, pseudonyms
from end2end.prediction.identity_cells import SEPARATOR
from end2end.reports import operating, prediction_pictures, report, views
from end2end.serve import browsers, session, uploads
from end2end.tables import scores
from end2end.utils import commands, files

# Of the longer side of the picture that is kept, and of the one that is shown at first.
LARGEST_SIDE = 5000
FIRST_SIDE = 1400
# Of a part: more than twice what a screen shows.
LARGEST_PART = 4000
PART = ("expected left, top, right and bottom as shares of the picture, from 0 to 1, "
        "and rows, a number of pixels.")
FULL_RANGE = 65535
FRAME = re.compile("[0-9]{1,6}")


class Scorer:
    """Scores files one at a time.

    Args:
        classifiers: list of `checkpoints.Classifier`; the maps are of the first.
        patch: `checkpoints.Classifier` of patches, or None for Grad-CAM.
        flips: average over the four flips.
        key: of the pseudonyms; None for one of this page alone.
        folder: for files while they are scored and for sessions; None: that of the
            system.
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
        point = operating.of_models(self.classifiers, flips=self.flips)
        return dict(
            models=[classifier.name for classifier in self.classifiers],
            trained_on=[classifier.card.get("trained_on", "unknown data")
                        for classifier in self.classifiers],
            heatmap=methods.pictures(self.patch)["heatmap"].title,
            colours=overlays.colour_tables(), prevalence=report.PREVALENCE,
            operating=point and dataclasses.asdict(point),
            meaning=report.MEANING, notice=f"{report.RESEARCH} {report.LIMITS}")

    def score(self, name: str, data: bytes | bytearray, frame: str,
              browser: browsers.Browser) -> dict[str, Any]:
        """Scores one file and keeps it for its browser.

        Args:
            name: of the file.
            data: its bytes.
            frame: number of a frame as text, or nothing.
            browser: that asked.

        Returns:
            dict for JSON: what is in a row of scores, how the picture is hung, `layers`
            and `lines`; its pixels come by `picture`.

        Raises:
            files.InputError: the file cannot be read or is no mammogram, or the page
                is full.
        """
        if frame and not FRAME.fullmatch(frame):
            raise files.InputError(
                f"frame {frame[:20]} is no number; expected 0, 1, ...")
        if len(browser.views) >= browsers.MOST_VIEWS:
            raise files.InputError(
                f"the page holds {browsers.MOST_VIEWS} views already; remove some.")
        shown = browser.unique(
            re.sub(r"[^\w.-]", "_", pathlib.PurePath(name).name)[-100:])
        with uploads.stored(data, shown, self.folder) as path:
            try:
                return self._score(path, shown, int(frame) if frame else None, browser)
            except files.InputError as error:
                raise files.InputError(
                    commands.one_line(error).replace(str(path), shown)) from error

    def _score(self, path, name, frame, browser):
        image = images.read(path, frame=frame, known_as=name)
        prepared = prediction.prepare(
            image, self.classifiers, refuse_unfit=self.refuse_unfit)
        result = prediction.score_image(prepared, self.classifiers, flips=self.flips)
        explained = self._explained(path, image, prepared.options[0])
        identity = dataclasses.replace(
            result.identity, content=images.belonging.content(result.identity, path))
        key, pixels = self._remember(identity, name, result), kept_picture(image.pixels)
        source = None
        if files.is_dicom(path):
            source = browser.folder / f"{key}.dcm"
            path.rename(source)
        facts = dict(
            mark=key, name=name, laterality=result.laterality, view=result.view,
            score=result.score, models=result.models, calibrated=result.calibrated,
            points=result.points, flags=list(result.flags), notes=list(result.notes),
            **self._shown(explained, source))
        white = float(np.percentile(pixels[::4, ::4], 99.9)) or FULL_RANGE
        browser.keep(browsers.View(key, name, facts, white, source, frame), pixels,
                     explained)
        return next(view for view in self.results(browser) if view["mark"] == key)

    def _remember(self, identity, name, result):
        """Keeps who the image shows and its row; returns the mark of both."""
        return self.session.keep(identity, dict(
            path=name, score=scores.number(result.score), calibrated="" if
            result.calibrated is None else scores.number(result.calibrated),
            flags=SEPARATOR.join(result.flags), notes=SEPARATOR.join(result.notes)))

    def _explained(self, path, image, options):
        first = dataclasses.replace(self.classifiers[0], images=options)
        return maps.explain(first, path, maps.ExplainOptions(
            tuple(row.name for row in methods.pictures(self.patch).values()),
            patch=self.patch, class_index=list(first.classes).index("pos"),
            map_scale=self.map_scale), picture=image.pixels)

    def _shown(self, explained, source):
        """How the picture is hung, its maps and lines."""
        rows, columns = explained.source
        return dict(
            wall=views.chest_wall(explained.grey), height=rows, width=columns,
            spacing=images.geometry.spacing_of(source) if source else None,
            lines=views.line_data(explained, contour=next(iter(explained.maps))),
            layers=[dict(
                name=name, title=methods.METHODS[name].title,
                colours=methods.METHODS[name].colours, legend=explained.legends[name],
                image=report.data_uri(overlays.png(
                    np.rint(255 * strength).astype(np.uint8))))
                for name, strength in explained.maps.items()])

    # What a browser has had scored ------------------------------------------------

    def results(self, browser: browsers.Browser) -> list[dict[str, Any]]:
        """All views of a browser for JSON, with exam, and scores of breast and woman,
        which change with each view that comes."""
        rows, levels = self.rows(browser)
        return [view.facts | dict(
            patient=rows[key]["patient"],
            exam=f"{rows[key]['patient']} {rows[key]['exam']}".strip(),
            groups=prediction_pictures.groups(rows[key], levels))
            for key, view in browser.views.items()]

    def rows(self, browser: browsers.Browser
             ) -> tuple[dict[str, dict[str, str]], dict[str, list[dict[str, str]]]]:
        """The rows of the views by their marks, and those per breast and patient."""
        if not browser.views:
            return {}, {}
        with tempfile.TemporaryDirectory(dir=browser.folder) as folder:
            path = pathlib.Path(folder) / "scores.csv"
            files.write_text(path, self.session.account(list(browser.views), [])["csv"])
            rows, levels = grouping.read_rows(path), grouping.levels(path)
        return dict(zip(browser.views, rows, strict=True)), levels

    def cells(self, view: browsers.View) -> dict[str, str]:
        """The cells of a view that its DICOM results tell."""
        facts = view.facts
        return dict(
            path=view.name, laterality=facts["laterality"], view=facts["view"],
            score=scores.number(facts["score"]),
            calibrated="" if facts["calibrated"] is None
            else scores.number(facts["calibrated"]),
            operating_points=SEPARATOR.join(facts["points"]),
            flags=SEPARATOR.join(facts["flags"]), notes=SEPARATOR.join(facts["notes"]))

    def picture(self, browser: browsers.Browser, key: str,
                question: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
        """The grey values of a view or of a part of it: uint16, little end first; and
        headers that tell their `X-Width`, `X-Height`, `X-White` and the part.

        Args:
            browser: that asked.
            key: of the view.
            question: nothing for all of it with about `FIRST_SIDE` pixels of the longer
                side; or a box, see `part`, as fine as it is kept.
        """
        stored = browser.pixels(key)
        (left, top, right, bottom), most = part(question, stored.shape)
        pixels = stored[top:bottom, left:right]
        size = images.geometry.fitted(pixels.shape, most)
        pixels = np.ascontiguousarray(images.geometry.picture(pixels, size))
        rows, columns = stored.shape
        headers = dict(
            Width=pixels.shape[1], Height=pixels.shape[0],
            White=browser.views[key].white, Left=left / columns, Right=right / columns,
            Top=top / rows, Bottom=bottom / rows)
        return pixels.astype("<u2").tobytes(), {
            f"X-{name}": str(value) for name, value in headers.items()}


def part(question: Mapping[str, str], shape: tuple[int, int]
         ) -> tuple[tuple[int, int, int, int], int]:
    """What is asked for of a picture.

    Args:
        question: `left`, `top`, `right` and `bottom`, shares of the picture, and
            `rows`, pixels that the part needs from top to bottom; or nothing.
        shape: (rows, columns) of the picture.

    Returns:
        left, top, right and bottom in pixels; and the most pixels of its longer side.

    Raises:
        files.InputError: it is no part of a picture.
    """
    rows, columns = shape
    if not question:
        return (0, 0, columns, rows), FIRST_SIDE
    try:
        left, top, right, bottom = (float(question[name]) for name in (
            "left", "top", "right", "bottom"))
        needed = int(question["rows"])
    except (KeyError, ValueError) as error:
        raise files.InputError(PART) from error
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1 and needed > 0):
        raise files.InputError(PART)
    box = (int(left * columns), int(top * rows), math.ceil(right * columns),
           math.ceil(bottom * rows))
    width, height = box[2] - box[0], box[3] - box[1]
    return box, min(math.ceil(needed * max(1, width / height)), LARGEST_PART)


def kept_picture(pixels: np.ndarray) -> np.ndarray:
    """A mammogram as the page keeps it: uint16 over the full range, at its own size up
    to `LARGEST_SIDE`."""
    smaller = images.geometry.picture(
        pixels, images.geometry.fitted(pixels.shape, LARGEST_SIDE))
    grey = smaller.astype(np.float32) * (FULL_RANGE / (float(smaller.max()) or 1.0))
    return np.rint(np.maximum(grey, 0)).astype(np.uint16)
