"""On which scale the maps of a model are shown, so that images can be compared.

Of one image alone every map could be stretched to the full range; then an image that
the model is sure is normal looks as suspicious as a cancer. On the scale of a model a
map shows the gradient of -log(1 - score) instead: what the log odds gained, times the
score. It vanishes where the score is near 0 and, other than the gradient of the score
itself, not where it is near 1. Its unit is `PERCENTILE` of the strongest places of the
images of a validation set, at score 1; it travels in the model's card as `map_scales`.

This module is read to print the help of programs, so it imports no NumPy.
"""

import argparse
import statistics
from collections.abc import Mapping, Sequence

MODEL, IMAGE = "model", "image"
CHOICES = (MODEL, IMAGE)
# Of the strongest places, one for each validation image.
PERCENTILE = 95
# Validation images whose maps are drawn for it, spread evenly over the set.
MOST_IMAGES = 60
# What the legend of every map ends with.
IS_NOT = ("A map shows what moved the score, not where a lesion is or ends; without "
          "colour is not without disease.")


def add_flag(parser: argparse.ArgumentParser) -> None:
    """Adds `--map-scale` to a parser."""
    parser.add_argument("--map-scale", choices=CHOICES, default=MODEL,
                        help="scale of the maps: that of the model, calibrated by "
                             "evaluate --store, so that images can be compared; or the "
                             "full range for each image (%(default)s)")


def from_reaches(
        reaches: Mapping[str, Sequence[float]], *, source: str, flips: bool) -> dict:
    """The field `map_scales` of a card.

    Args:
        reaches: by method, the raw maximum of the map of each validation image.
        source: name of the set.
        flips: whether the maps are means over the four flips.

    Returns:
        dict with `scales` by method, `percentile`, `images`, `source` and `flips`;
        methods whose maps are empty are left out.
    """
    values = {method: percentile(many) for method, many in reaches.items()}
    return dict(
        scales={method: value for method, value in values.items() if value > 0},
        percentile=PERCENTILE, images=max(map(len, reaches.values()), default=0),
        source=source, flips=flips)


def percentile(values: Sequence[float]) -> float:
    """The `PERCENTILE` of values, between neighbours in proportion; 0 of none."""
    if len(values) < 2:
        return float(sum(values))
    return statistics.quantiles(
        values, n=100, method="inclusive")[PERCENTILE - 1]


def factor(
        card: Mapping, method: str, choice: str, *, reach: float,
        score: float) -> float:
    """By what a map from 0 to 1 is multiplied to be shown.

    Args:
        card: of the model.
        method: name of a row of `methods.ROWS`.
        choice: one of `CHOICES`.
        reach: raw maximum of the map; 0 for a map that is a probability itself.
        score: of the class that is explained, 0 to 1.

    Returns:
        number from 0; products above 1 are shown as 1.
    """
    if choice == IMAGE or not reach:
        return 1.0
    scale = _scale(card, method)
    return score * (reach / scale if scale else 1.0)


def sentence(card: Mapping, method: str, choice: str, *, probability: bool) -> str:
    """What 1 on the colour bar is.

    Args:
        card: of the model.
        method: name of a row of `methods.ROWS`.
        choice: one of `CHOICES`.
        probability: whether the map is a probability itself.
    """
    if probability:
        return "1 is a probability of 1."
    if choice == IMAGE:
        return ("1 is the strongest place of this image, however low its score; images "
                "cannot be compared.")
    if _scale(card, method):
        stored = card["map_scales"]
        return (f"1 is the strongest place of a validation image at percentile "
                f"{stored['percentile']} ({stored['source']}, {stored['images']} "
                "images), at score 1; images can be compared.")
    return ("1 is the strongest place of an image with score 1, since the model "
            "carries no scale from validation images; images can be compared by their "
            "score only.")


def _scale(card, method):
    stored = card.get("map_scales") or {}
    return (stored.get("scales") or {}).get(method)
