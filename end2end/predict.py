"""Scores mammograms with trained models, one row per image.

    end2end predict best.h5 other.h5 mammograms/ one.dcm --out scores.csv
    end2end predict best.h5 study/ --overlay pictures/ --report report.html

Models are told from inputs by their content (HDF5, .keras). Rows are written as they
come; a second call with the same models scores only what is missing. Patients' numbers
in DICOM files are replaced by pseudonyms unless --keep-ids. Exit status 1: some images
failed; they are listed with the reason. Research use only.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import pathlib
import sys
import types
from collections.abc import Sequence

from end2end import checkpoints, config, explanation, images, prediction, reports
from end2end.config import model_flags, patch_flags
from end2end.explanation import scales
from end2end.utils import commands, files, locks, programs

# Rows are appended as they come; JSON is made of them at the end.
JSON_SUFFIX = ".json"


def parser() -> commands.Parser:
    """The command line."""
    parser = commands.Parser(program="end2end.predict", description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="MODEL_OR_INPUT",
                        help="models (.h5, .hdf5, .keras); image files, folders and "
                             "manifests (CSV with path and perhaps patient, exam, "
                             "laterality, view, label)")
    parser.add_argument("--out", default="scores.csv",
                        help="CSV file; or JSON file, whose rows are gathered in the "
                             "CSV file of the same name (%(default)s)")
    parser.add_argument("--flips", action="store_true",
                        help="average over the four flips")
    parser.add_argument("--rescale-factor", type=_factor, metavar="FACTOR",
                        help="multiply intensities by this instead of the model's "
                             "factor; auto: found from each image")
    parser.add_argument("--featurewise-mean", type=float, metavar="GREY",
                        help="mean to subtract instead of the model's")
    parser.add_argument("--img-size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"),
                        help="size instead of the model's; needed with a model of "
                             "which nothing is known")
    parser.add_argument("--frame", type=int, metavar="N",
                        help="frame of tomosynthesis stacks, from 0")
    config.add_refuse_unfit(parser)
    parser.add_argument("--fast", action="store_true",
                        help="networks by OpenVINO: the same scores, sooner")
    parser.add_argument("--keep-ids", action="store_true",
                        help="write patients' numbers of DICOM files as they are")
    parser.add_argument("--pseudonym-key", type=pathlib.Path, metavar="FILE",
                        help="key of the pseudonyms of patients, so that other calls "
                             "with it give the same ones; made where it is missing")
    parser.add_argument("--views", choices=("standard", "all"), default="standard",
                        help="what counts for a breast: one CC and one MLO of each "
                             "exam, or every image with a known side (%(default)s)")
    parser.add_argument("--overlay", type=pathlib.Path, metavar="FOLDER",
                        help="write saliency and heatmap of each image as PNG")
    parser.add_argument("--picture-side", type=int, default=2048, metavar="PIXELS",
                        help="of the longer side of pictures, never more than the "
                             "mammogram has; 0: all that it has (%(default)s)")
    scales.add_flag(parser)
    parser.add_argument("--report", type=pathlib.Path, metavar="FILE",
                        help="write a page of all images with their maps, HTML")
    parser.add_argument("--prevalence", type=float, default=0.006, metavar="SHARE",
                        help="share of images with cancer at which the page gives "
                             "positive predictive values (%(default)s, of screening)")
    parser.add_argument("--dicom", type=pathlib.Path, metavar="FOLDER",
                        help="write for each DICOM file its overlay (Secondary "
                             "Capture) and its score (Structured Report); they carry "
                             "the tags of the patient")
    model_flags.add(parser)
    patch_flags.add(
        parser, "whose heatmap is drawn; default: Grad-CAM of the first model")
    return parser


def _factor(text):
    return text if text == "auto" else float(text)


def overrides(arguments: argparse.Namespace) -> dict[str, object]:
    """The fields of `ImageOptions` that were typed."""
    size = arguments.img_size and tuple(arguments.img_size)
    typed = dict(intensity_scale=arguments.rescale_factor, size=size,
                 pixel_mean=arguments.featurewise_mean)
    return {name: value for name, value in typed.items() if value is not None}


def main(argv: Sequence[str] | None = None) -> int:
    """Scores the images; returns 1 if some failed."""
    typed = commands.words(argv)
    arguments = parser().parse_args(typed)
    inputs = prediction.inputs.gather(arguments.paths)
    target = pathlib.Path(arguments.out)
    files.check_suffix(target, ".csv", JSON_SUFFIX)
    out = target.with_suffix(".csv") if target.suffix == JSON_SUFFIX else target
    if prediction.breast_scores.take_breasts(inputs.models):
        return score_breasts(arguments, target, inputs)
    if arguments.fast:
        prediction.engines.check()
    files.writable_folder(out.parent)
    with contextlib.ExitStack() as stack:
        for path in (out, arguments.report):
            if path:
                stack.enter_context(locks.output_file(path))
        for folder in (arguments.overlay, arguments.dicom):
            if folder:
                stack.enter_context(locks.output_folder(folder))
        failures, account = score(arguments, target, out, inputs)
    for path, reason in failures:
        reason = reason.removeprefix(f"{path} ")
        commands.say(f"failed: {commands.one_line(path)}: {reason}")
    for line in account + next_line(out, arguments, typed):
        commands.say(line)
    return 1 if failures else 0


def next_line(out: pathlib.Path, arguments: argparse.Namespace,
              typed: Sequence[str]) -> list[str]:
    """The next command: metrics where labels are known; else the same with a page."""
    labels = {row["label"] for row in prediction.grouping.read_rows(out)}
    if len(labels - {""}) > 1:
        return ["next: " + programs.line("end2end.metrics", out)]
    if arguments.report or not labels:
        return []
    return ["next: " + programs.line(
        "end2end.predict", "--report", out.with_suffix(".html"), *typed)]


def score(
        arguments: argparse.Namespace, target: pathlib.Path, out: pathlib.Path,
        inputs: prediction.inputs.Inputs) -> tuple[list, list[str]]:
    """Scores what has no row yet and writes all that is made of the rows.

    Returns:
        pairs of path and reason, of the images without score or pictures; and
        sentences that account for all images.
    """
    columns = prediction.score_files.columns(inputs.models)
    table = prediction.resuming.Rows(out, columns, str(arguments.flips))
    stored = converted(arguments, inputs.models)
    settings = prediction.resuming.settings(
        inputs.models, arguments, overrides(arguments),
        [network and network.digest() for network in stored])
    names = prediction.resuming.Record(
        out, settings, rows=bool(table.paths), key_file=arguments.pseudonym_key)
    request = pictures(arguments, settings)
    # Maps need the network of Keras.
    classifiers = prediction.score_files.load(
        inputs.models, overrides(arguments), model_flags.typed(arguments),
        converted=() if request else stored)
    stale = table.stale(set(map(str, inputs.paths)))
    for line in stale.lines():
        commands.say(line)
    table.remove(stale.all)
    todo = [path for path in inputs.paths if str(path) not in table.paths]
    commands.say(f"{commands.counted(len(inputs.paths), 'image')}, {len(todo)} to "
                 f"score into {out}")
    subjects = prediction.inputs.Subjects(
        inputs, names, all_views=arguments.views == "all")
    engines = classifiers
    if arguments.fast:
        engines = prediction.score_files.fastest(classifiers, stored)
    bits = bits_of_exams(arguments, classifiers, subjects)
    failures = prediction.score_files.score_all(
        todo, table, engines, known=subjects.cells(),
        flips=arguments.flips, frame=arguments.frame,
        refuse_unfit=arguments.refuse_unfit, bits=bits,
        identities=subjects.identities)
    commands.say(f"{len(todo) - len(failures)} scored, "
                 f"{len(failures) + len(inputs.refused)} failed")
    failures += inputs.refused
    account = images.accounting.lines(
        subjects.settle(out, columns), len(failures), inputs.left)
    if request:
        request = dataclasses.replace(
            request, scored_ns=table.scored_ns(), bits=bits or {})
    return failures + finish(
        target, out, inputs, classifiers, failures, request), account


def converted(arguments: argparse.Namespace, models: Sequence[pathlib.Path]
              ) -> list[prediction.stored_networks.Stored | None]:
    """What is stored beside each model for --fast; None without that flag."""
    return [prediction.stored_networks.find(
        path, overrides(arguments), model_flags.typed(arguments))
        if arguments.fast else None for path in models]


# Flags without a meaning for models of two views, and their value where not typed.
OF_ONE_IMAGE = {"report": None, "dicom": None, "fast": False,
                "frame": None, "keep_ids": False, "pseudonym_key": None,
                "views": "standard", "patch_model": None}


def score_breasts(
        arguments: argparse.Namespace, target: pathlib.Path,
        inputs: prediction.inputs.Inputs) -> int:
    """Scores breasts by models of two views; returns 1 if some failed.

    Raises:
        files.InputError: a flag that is for models of one image.
    """
    for name, value in OF_ONE_IMAGE.items():
        if getattr(arguments, name) != value:
            raise files.InputError(
                f"--{name.replace('_', '-')} is for models of one image; leave it out "
                "with a model of two views.")
    files.check_suffix(target, ".csv")
    classifiers = [checkpoints.load_classifier(
        path, typed=overrides(arguments), output_options=model_flags.typed(arguments),
        breasts=True) for path in inputs.models]
    with locks.output_file(target):
        rows, failures = prediction.breast_scores.score(
            classifiers, inputs, flips=arguments.flips,
            refuse_unfit=arguments.refuse_unfit, say=commands.say)
        if rows:
            files.write_csv(target, tuple(rows[0]), rows)
            flagged = sum(row["flags"] != "" for row in rows)
            commands.say(
                f"written: {target}, {commands.counted(len(rows), 'breast')}, "
                f"{flagged} of them flagged; see their flags")
        if arguments.overlay:
            draw_breasts(classifiers[0], rows, arguments.overlay)
    for path, reason in failures + inputs.refused:
        commands.say(f"failed: {commands.one_line(path)}: {reason}")
    return 1 if failures + inputs.refused else 0


def draw_breasts(classifier: checkpoints.Classifier, rows: Sequence[dict[str, str]],
                 folder: pathlib.Path) -> None:
    """Writes a picture of each breast with what moves its score (Grad-CAM)."""
    breasts = [[pathlib.Path(row[view]) for view in ("cc", "mlo") if row[view]]
               for row in rows]
    names = explanation.maps.unique_names([views[0] for views in breasts])
    with locks.output_folder(folder):
        for views, name in zip(breasts, names, strict=True):
            picture = explanation.breast_maps.picture(classifier, views)
            with files.replacing(folder / f"{name}.png") as part:
                part.write_bytes(explanation.overlays.png(picture))
    commands.say(f"written: {folder}, pictures of "
                 + commands.counted(len(rows), "breast"))


def bits_of_exams(
        arguments: argparse.Namespace, classifiers: Sequence[checkpoints.Classifier],
        subjects: prediction.inputs.Subjects) -> dict[str, int] | None:
    """Bits by path, where a rescale factor is `auto`; else None."""
    if all(classifier.images.intensity_scale != "auto" for classifier in classifiers):
        return None
    return prediction.exam_bits.shared_bits(
        subjects.identities, frame=arguments.frame)


def pictures(
        arguments: argparse.Namespace, settings: dict[str, object]
) -> reports.prediction_pictures.PictureRequest | None:
    """What pictures are asked for (`prediction_pictures.PictureRequest`), or None.

    Raises:
        files.InputError: they cannot be made or written.
    """
    if not (arguments.overlay or arguments.report or arguments.dicom):
        patch_flags.check(arguments)
        if arguments.patch_model:
            raise files.InputError(
                "--patch-model draws a heatmap, but no pictures are asked for; add "
                "--overlay FOLDER or --report FILE.")
        return None
    if arguments.picture_side < 0:
        raise files.InputError(
            f"--picture-side {arguments.picture_side} is no number of pixels; expected "
            "1 or more, or 0 for all that the mammogram has.")
    reports.operating.check_prevalence(arguments.prevalence)
    patch = explanation.patch_maps.load(arguments)
    digest = patch and [files.sha256(arguments.patch_model), *map(str, (
        patch.images, patch.classes))]
    request = reports.prediction_pictures.PictureRequest(
        arguments.overlay, arguments.report, arguments.dicom, patch, arguments.frame,
        dict(settings, patch_model=digest, side=arguments.picture_side,
             map_scale=arguments.map_scale),
        side=arguments.picture_side or None, map_scale=arguments.map_scale,
        flips=arguments.flips, prevalence=arguments.prevalence)
    reports.prediction_pictures.check(request)
    return request


def finish(
        target: pathlib.Path, out: pathlib.Path, inputs: prediction.inputs.Inputs,
        classifiers: Sequence[checkpoints.Classifier], failures: list,
        request: reports.prediction_pictures.PictureRequest | None) -> list:
    """Writes all that is made of the rows, and says where it is.

    Returns:
        pairs of path and reason, of the images without pictures.
    """
    rows, levels = prediction.grouping.read_rows(out), prediction.grouping.levels(out)
    if not rows:
        commands.say("no image has a score")
        return []
    paths = set(map(str, inputs.paths))
    rows = [row for row in rows if row["path"] in paths]
    commands.say(prediction.grouping.terminal(rows, levels) + "\n")
    more = []
    if request:
        more = reports.prediction_pictures.make(rows, classifiers, request, levels)
    written = [out, *prediction.grouping.write_levels(out, levels)]
    if target != out:
        trained = [classifier.card.get("trained_on", "unknown data")
                   for classifier in classifiers]
        prediction.grouping.write_json(
            target, prediction.grouping.read_rows(out), levels,
            failures=failures + more, models=[
                dict(name=classifier.name, trained_on=data)
                for classifier, data in zip(classifiers, trained, strict=True)])
        written.insert(0, target)
    if request:
        written += filter(None, (request.overlay, request.page, request.results))
    commands.say("written: " + ", ".join(map(str, written)))
    if not levels["breasts"]:
        commands.say("no rows per breast: no image with known side and view votes")
    unknown = sum(row["patient"] == prediction.grouping.UNKNOWN
                  for row in levels["patients"])
    if unknown:
        commands.say(f"exams of unknown patients: {unknown}, in the tables as "
                     f"{prediction.grouping.UNKNOWN}")
    flagged = sum(bool(row["flags"]) for row in rows)
    if flagged:
        commands.say(f"{flagged} of {commands.counted(len(rows), 'image')} may not "
                     "fit the model; see the flags")
    return more


class _Callable(types.ModuleType):
    """`end2end.predict` is this program, and the function of that name in Python."""

    def __call__(self, classifier, paths, *, flips=False):
        return prediction.predict(classifier, paths, flips=flips)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    commands.run(main)
