"""The fields of a model's card: what each may hold, checked when a card is read.

A card is JSON that anybody may have edited, and what it says decides scores. Texts of
it are printed, so they are cleaned of what a terminal would take for commands.
"""

import dataclasses
import math
from collections.abc import Callable

from end2end import config
from end2end.dicom import acquisition
from end2end.utils import commands, files

FORMAT = 1
DEEPEST = 12
MOST_CLASSES = 1000
LARGEST_SIDE = 30_000


def checked(card: object, source: str) -> dict:
    """A card as it may be used: known fields checked, texts cleaned.

    Args:
        card: decoded JSON.
        source: where it comes from, for messages.

    Raises:
        files.InputError: it is no JSON object, or a field has a value that it cannot
            have; the message names the field.
    """
    if not isinstance(card, dict):
        raise files.InputError(
            f"{source} is not a JSON object; restore the file.")
    card = _cleaned(card, source, 0)
    for name, check in FIELDS.items():
        if card.get(name) is not None:
            check(card[name], name, source)
    return card


def _cleaned(value, source, depth):
    """The value with its texts and keys made fit to print, at most 1000 signs each."""
    if depth > DEEPEST:
        raise files.InputError(
            f"{source}: nested deeper than {DEEPEST}; restore the file.")
    if isinstance(value, str):
        return commands.one_line(value)
    if isinstance(value, list):
        return [_cleaned(item, source, depth + 1) for item in value]
    if isinstance(value, dict):
        return {commands.one_line(key): _cleaned(item, source, depth + 1)
                for key, item in value.items()}
    return value


def _require(condition, value, name, source, expected):
    if not condition:
        shown = commands.one_line(repr(value))
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise files.InputError(
            f"{source}: {name} is {shown}; expected {expected}. Correct the file.")


def _is_number(value):
    try:
        return (isinstance(value, (int, float)) and not isinstance(value, bool)
                and math.isfinite(value))
    except OverflowError:
        return False


def _text(value, name, source):
    _require(isinstance(value, str), value, name, source, "a text")


def _object(value, name, source):
    _require(isinstance(value, dict), value, name, source, "a JSON object")


def _flag(value, name, source):
    _require(isinstance(value, bool), value, name, source, "true or false")


def _whole(low, high):
    def check(value, name, source):
        _require(isinstance(value, int) and _is_number(value) and low <= value <= high,
                 value, name, source, f"a whole number from {low} to {high}")
    return check


def _number(low, high, *, above=False):
    def check(value, name, source):
        inside = _is_number(value) and low <= value <= high and not (
            above and value == low)
        start = f"above {low}" if above else f"from {low}"
        _require(inside, value, name, source, f"a number {start} to {high}")
    return check


def _one_of(*choices):
    def check(value, name, source):
        _require(isinstance(value, (str, int)) and value in choices, value, name,
                 source, f"one of {', '.join(map(str, choices))}")
    return check


def _or_auto(check):
    def either(value, name, source):
        if value != "auto":
            check(value, name, source)
    return either


def _wholes(low, high, count=None):
    number = _whole(low, high)

    def check(value, name, source):
        many = f"{count} whole numbers" if count else "a list of whole numbers"
        _require(isinstance(value, list) and value and (
            len(value) == count if count else len(value) <= 100), value, name, source,
            many)
        for item in value:
            number(item, name, source)
    return check


def _classes(value, name, source):
    _require(isinstance(value, list) and 0 < len(value) <= MOST_CLASSES
             and all(isinstance(item, str) and item.strip() for item in value), value,
             name, source, "a list of the names of the outputs")
    _require(len(set(value)) == len(value), value, name, source,
             "names that differ from each other")


def _settings(fields, group):
    """Checks an object of settings, each that is there by its row of `fields`."""
    def check(value, name, source):
        _object(value, name, source)
        known = {field.name for field in dataclasses.fields(group)}
        for key in value:
            _require(key in known, key, f"a setting in {name}", source,
                     f"one of {', '.join(sorted(known))}")
        for key, test in fields.items():
            if value.get(key) is not None or (key in value and key not in OPTIONAL):
                test(value[key], f"{name}.{key}", source)
    return check


# Settings that may be null.
OPTIONAL = ("height", "stretch_max_to", "intensity_scale", "patch_model_path",
            "pretrained_weights")
IMAGES = {
    "size": _wholes(1, LARGEST_SIDE, 2), "height": _whole(1, LARGEST_SIDE),
    "stretch_max_to": _number(0, 1e9, above=True),
    "intensity_scale": _or_auto(_number(0, 1e9, above=True)),
    "equalize_histogram": _flag, "center": _flag,
    "pixel_mean": _or_auto(_number(-1e6, 1e6)), "augment": _flag, "shear": _flag,
    "augmentation_recipe": _text, "shared_shift": _flag, "breast_only": _flag,
    "remove_pectoral": _flag,
    "crop_breast": _flag, "channels": _one_of(1, 3)}
_SIDES = _wholes(1, LARGEST_SIDE, 2)
_COUNTS = _wholes(1, 100_000)
MODEL = {
    "backbone": _text, "patch_model_path": _text, "pretrained": _flag,
    "pretrained_weights": _text, "top_kind": _one_of("resnet", "vgg", "mbconv"),
    "top_filters": _COUNTS, "top_repeats": _COUNTS, "expansion": _whole(1, 1000),
    "heatmap": _flag, "heatmap_pool": _SIDES, "heatmap_strides": _SIDES,
    "heatmap_max_pool": _SIDES, "convolutional": _flag, "shortcut": _flag,
    "dense_units": _whole(0, 1_000_000), "dense_layers": _whole(0, 100),
    "weight_decay": _number(0, 1e6), "dropout": _number(0, 0.99)}


def _calibration(value, name, source):
    _object(value, name, source)
    for key, check in (("temperature", _number(0, 1e6, above=True)),
                       ("logistic", _recalibration)):
        by_scheme = value.get(key)
        if by_scheme is None:
            continue
        _object(by_scheme, f"{name}.{key}", source)
        for scheme, row in by_scheme.items():
            check(row, f"{name}.{key}.{scheme}", source)


def _recalibration(value, name, source):
    """Intercept and slope of a site; a slope of 0 or less would turn the order."""
    _object(value, name, source)
    _number(-1e3, 1e3)(value.get("intercept"), f"{name}.intercept", source)
    _number(0, 1e3, above=True)(value.get("slope"), f"{name}.slope", source)
    _text(value.get("source", ""), f"{name}.source", source)


def _points(value, name, source):
    _require(isinstance(value, list) and len(value) <= 1000, value, name, source,
             "a list of operating points")
    for number, row in enumerate(value):
        where = f"{name}[{number}]"
        _object(row, where, source)
        _number(-1e6, 1e6)(row.get("threshold"), f"{where}.threshold", source)
        _one_of("sensitivity", "specificity")(row.get("at"), f"{where}.at", source)
        _number(0, 1)(row.get(row["at"]), f"{where}.{row['at']}", source)
        _text(row.get("scheme", "plain"), f"{where}.scheme", source)


def _statistics(value, name, source):
    """What `fit.input_statistics` measured; `kinds` holds counts."""
    _object(value, name, source)
    for key, numbers in value.items():
        where = f"{name}.{key}"
        if key == "images":
            _whole(0, 10**9)(numbers, where, source)
        elif key == "kinds":
            _object(numbers, where, source)
            for kind, count in numbers.items():
                _whole(0, 10**9)(count, f"{where}.{kind}", source)
        elif key == "evidence":
            _object(numbers, where, source)
            for measure, percentiles in numbers.items():
                if _is_number(percentiles):  # the share of yes
                    _number(0, 1)(percentiles, f"{where}.{measure}", source)
                elif percentiles is not None:
                    _percentiles(percentiles, f"{where}.{measure}", source)
        else:
            _percentiles(numbers, where, source)


def _map_scales(value, name, source):
    """What `explanation.scales` stored: unit of the maps by method."""
    _object(value, name, source)
    _object(value.get("scales"), f"{name}.scales", source)
    for method, scale in value["scales"].items():
        _number(0, 1e12, above=True)(scale, f"{name}.scales.{method}", source)
    _number(0, 100, above=True)(value.get("percentile"), f"{name}.percentile", source)
    _whole(1, 10**9)(value.get("images"), f"{name}.images", source)
    _text(value.get("source"), f"{name}.source", source)
    _flag(value.get("flips"), f"{name}.flips", source)


def _percentiles(value, name, source):
    _require(isinstance(value, list) and len(value) == 3
             and all(map(_is_number, value)), value, name, source,
             "three numbers: the 1st, 50th and 99th percentile")


# Name of a field: what checks it. Further fields are kept as they are.
FIELDS: dict[str, Callable] = {
    "format": _whole(1, FORMAT), "id": _text, "name": _text,
    "kind": _one_of("patch", "whole_image", "two_view"), "classes": _classes,
    "images": _settings(IMAGES, config.ImageOptions),
    "model": _settings(MODEL, config.ModelOptions), "training": _object,
    "trained_on": _text, "metrics": _object, "software": _object,
    "calibration": _calibration, "operating_points": _points,
    "input_statistics": _statistics, "map_scales": _map_scales,
    "patch_classes": _whole(1, MOST_CLASSES),
    "acquisition": _one_of(
        acquisition.FILM, acquisition.DIGITAL, acquisition.UNKNOWN),
    "parent": _object, "licence": _text}
