"""What the views of a browser can be taken away as: pictures, DICOM results, report."""

import dataclasses
import io
import pathlib
import tempfile
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING

from end2end.explanation import maps, methods, overlays
from end2end.reports import (
    case_pictures,
    dicom_results,
    operating,
    prediction_pictures,
    report,
    views,
)
from end2end.serve import browsers
from end2end.utils import files

if TYPE_CHECKING:
    from end2end.serve import scoring


def pictures(scorer: "scoring.Scorer", browser: browsers.Browser) -> bytes:
    """Overlays of all views as PNG, with the legend, in a ZIP file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for view in browser.views.values():
            explained = explained_view(scorer, browser, view)
            for kind, row in methods.pictures(scorer.patch).items():
                picture = case_pictures.drawn(explained, row.name)
                archive.writestr(f"{pathlib.Path(view.name).stem}.{kind}.png",
                                 overlays.png(overlays.with_bar(picture, kind)))
        archive.writestr(
            prediction_pictures.LEGEND, prediction_pictures.legend(
                scorer.classifiers[0], prediction_pictures.PictureRequest(
                    patch=scorer.patch, map_scale=scorer.map_scale)))
    return buffer.getvalue()


def dicom(scorer: "scoring.Scorer", browser: browsers.Browser) -> bytes:
    """The DICOM results of the views that came as DICOM, in a ZIP file.

    Raises:
        files.InputError: highdicom is missing, or no view came as DICOM.
    """
    dicom_results.check()
    sources = [view for view in browser.views.values() if view.source]
    if not sources:
        raise files.InputError(
            "no view came as a DICOM file, to which DICOM results could refer.")
    buffer, refused = io.BytesIO(), []
    with zipfile.ZipFile(buffer, "w") as archive, \
            tempfile.TemporaryDirectory(dir=browser.folder) as folder:
        for number, view in enumerate(sources, 1):
            targets = dicom_results.paths(
                pathlib.Path(folder), pathlib.Path(view.name).stem)
            try:
                dicom_results.write(targets, dicom_results.Result(
                    dict(scorer.cells(view), path=str(view.source)),
                    explained_view(scorer, browser, view),
                    methods.pictures(scorer.patch),
                    prediction_pictures.said_of(scorer.classifiers), number=number,
                    frame=view.frame))
            except files.InputError as error:
                refused.append(str(error).replace(str(view.source), view.name))
        for path in sorted(pathlib.Path(folder).glob("*.dcm")):
            archive.write(path, path.name)
        if refused:
            archive.writestr("without-results.txt", "\n".join(refused) + "\n")
    return buffer.getvalue()


def page(scorer: "scoring.Scorer", browser: browsers.Browser) -> bytes:
    """The report of all views, as `end2end.predict --report` writes it."""
    rows, levels = scorer.rows(browser)
    limit = case_pictures.bytes_per_case(len(browser.views))
    cases = []
    for view in browser.views.values():
        row, explained = rows[view.id], explained_view(scorer, browser, view)
        hung = views.hanging(explained, side=row["laterality"], view=row["view"],
                             exam=f"{row['patient']} {row['exam']}".strip())
        cases.append(case_pictures.case(
            explained, name=view.name, limit=limit, flags=tuple(view.facts["flags"]),
            details={name: row[name] for name in ("patient", "calibrated", "notes")},
            hanging=dataclasses.replace(hung, spacing=view.facts["spacing"]),
            groups=prediction_pictures.groups(row, levels)))
    point = operating.of_models(scorer.classifiers, flips=scorer.flips)
    return report.page(
        [*prediction_pictures.table_sections(levels, point),
         report.Heading("Images"), report.Cases(cases, operating=point)],
        title=prediction_pictures.TITLE, trained_on="; ".join(
            scorer.about()["trained_on"])).encode()


def explained_view(
        scorer: "scoring.Scorer", browser: browsers.Browser,
        view: browsers.View) -> maps.Explained:
    """The maps of a view with their legends."""
    stored = browser.explained(view.id)
    card = scorer.classifiers[0].card
    return dataclasses.replace(stored, path=view.name, score=view.facts["score"],
                               legends={name: maps.legend(card, name, scorer.map_scale)
                                        for name in stored.maps})


# By the name of the file that the browser stores: what makes it, and its kind.
KINDS: dict[str, tuple[Callable, str]] = {
    "pictures.zip": (pictures, "application/zip"),
    "dicom-results.zip": (dicom, "application/zip"),
    "report.html": (page, "text/html"),
}
