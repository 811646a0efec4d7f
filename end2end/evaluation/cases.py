"""The images of an evaluation as cases of its report, with maps where asked for."""

import argparse
import dataclasses
from collections.abc import Mapping

import tqdm

from end2end import checkpoints, images, saliency
from end2end.data import rois
from end2end.explanation import drawing, maps, methods, patch_maps, scales
from end2end.reports import case_pictures, report, views
from end2end.tables import scores


@dataclasses.dataclass(frozen=True)
class PictureOptions:
    """What the report shows of each image.

    Attributes:
        show: whether it shows the images at all.
        methods: names of `methods.METHODS`; each map takes several times as long as a
            score.
        patch: `checkpoints.Classifier` of patches, for the heatmap.
        regions: file of outlines (`rois.read`), or None.
        map_scale: one of `scales.CHOICES`.
    """

    show: bool = True
    methods: tuple = ()
    patch: object = None
    regions: str | None = None
    map_scale: str = scales.MODEL


def cases(
        classifier: checkpoints.Classifier, schemes: Mapping[str, scores.Scores],
        options: PictureOptions) -> list[report.Case]:
    """Cases of a report, the score being the flip-averaged one where there is one.

    Args:
        classifier: `checkpoints.Classifier` whose maps are shown.
        schemes: dict of `Scores` by scheme, of two classes; others have no cases.
        options: `PictureOptions`.

    Returns:
        list of `report.Case`.

    Raises:
        files.InputError: an image or the outlines cannot be read.
    """
    table = schemes.get("flips", schemes["plain"])
    if not options.show or table.values.ndim == 2:
        return []
    find_regions = rois.read(options.regions) if options.regions else None
    names = maps.unique_names(table.paths)
    limit = case_pictures.bytes_per_case(len(table))
    settings = maps.ExplainOptions(
        tuple(options.methods), patch=options.patch, map_scale=options.map_scale,
        gradients=drawing.gradients_of(len(table), flips=False))
    cases = []
    for i in tqdm.tqdm(range(len(table)), disable=None, unit=" pictures", leave=False):
        path, score = table.paths[i], float(table.values[i])
        label = None if table.labels is None else int(table.labels[i])
        if settings.methods:
            explained = dataclasses.replace(
                maps.explain(classifier, path, settings, label=label), score=score)
        else:
            pixels = images.read_image(path)
            explained = maps.Explained(
                path, maps.look(pixels), score, {}, label, source=pixels.shape)
        regions = find_regions(path, explained.grey.shape) if find_regions else ()
        cases.append(case_pictures.case(
            explained, name=names[i], regions=regions, limit=limit,
            details=details(table, i), hanging=views.hanging(
                explained, side=table.lateralities[i], view=table.views[i],
                exam=exam(table, i))))
    return cases


def exam(table: scores.Scores, i: int) -> str:
    """What the images that hang together have in common; empty where nobody knows."""
    if not table.patients[i]:
        return ""
    return " ".join(filter(None, (table.patients[i], table.exams[i])))


def details(table: scores.Scores, i: int) -> dict:
    """What is known of one image, for its panel."""
    facts = {"patient": table.patients[i], "side": table.lateralities[i],
             "view": table.views[i]}
    facts = {name: value for name, value in facts.items() if value}
    facts |= {f"score of {name}": float(values[i])
              for name, values in table.models.items()}
    return facts | {name: values[i] for name, values in table.others.items()
                    if values[i]}


def picture_options(arguments: argparse.Namespace) -> PictureOptions:
    """`PictureOptions` of a command line, checked.

    Args:
        arguments: namespace with `pictures`, `layers`, `patch_model`, `rois`.

    Raises:
        files.InputError: flags that do not fit, or a file that is not there.
    """
    layers = tuple(dict.fromkeys(arguments.layers))
    methods.check_patch_model("--layers", layers, arguments.patch_model)
    if arguments.rois:
        rois.read(arguments.rois)
    patch = patch_maps.load(arguments)
    return PictureOptions(arguments.pictures, layers, patch, arguments.rois,
                          arguments.map_scale)


def map_scales(
        classifier: checkpoints.Classifier, table: scores.Scores,
        options: PictureOptions, source: str) -> dict:
    """The field `map_scales` of a card, from the images of a validation set.

    Args:
        classifier: of whole images.
        table: `Scores` of the set.
        options: whose methods are calibrated, beside those that predictions show.
        source: name of the set.

    Raises:
        files.InputError: an image cannot be read.
    """
    names = [row.name for row in methods.pictures().values()] + [
        name for name in options.methods
        if methods.METHODS[name].needs != methods.PATCH_MODEL]
    drawable = [name for name in dict.fromkeys(names)
                if methods.METHODS[name].needs != methods.MAP_LAYER
                or saliency.has_map_layer(classifier.model)]
    reaches = maps.reaches(
        classifier, table.paths, maps.ExplainOptions(tuple(drawable)))
    return dict(map_scales=scales.from_reaches(reaches, source=source, flips=False))
