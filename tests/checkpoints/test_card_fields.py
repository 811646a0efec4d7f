"""What a card may hold, field by field."""

import math

import deformed
import pytest
import recorded

from end2end import config
from end2end.checkpoints import card_fields
from end2end.utils import files

GOOD = {
    "format": 1, "id": "a", "name": "n", "kind": "whole_image",
    "classes": ["neg", "pos"], "images": config.to_dict(config.ImageOptions()),
    "model": config.to_dict(config.ModelOptions()), "training": {}, "metrics": {},
    "trained_on": "phantoms", "software": {},
    "calibration": {"temperature": {"plain": 1.5},
                    "logistic": {"plain": {"intercept": -0.5, "slope": 0.8,
                                           "source": "Site A"}}},
    "operating_points": [{"at": "sensitivity", "sensitivity": 0.9, "threshold": 0.3}],
    "input_statistics": {"images": 3, "mean": [1.0, 2.0, 3.0], "kinds": {"film": 3},
                         "evidence": {"comb": 0.0, "edges": [0.0, 0.1, 0.2],
                                      "stray": None}}}


def stored(value):
    """As it comes out of JSON: tuples are lists."""
    if isinstance(value, dict):
        return {key: stored(item) for key, item in value.items()}
    return [stored(item) for item in value] if isinstance(
        value, (list, tuple)) else value


def test_a_good_card_is_returned_as_it_is():
    assert card_fields.checked(stored(GOOD), "card") == stored(GOOD)
    assert card_fields.checked({"further": [1, None]}, "card") == {"further": [1, None]}


@pytest.mark.parametrize(("path", "value"), [
    ("format", 2), ("format", True), ("kind", "breast"), ("classes", []),
    ("classes", ["pos", "pos"]), ("classes", "pos"), ("classes", [1, 2]),
    ("name", 7), ("metrics", []), ("images.size", [0, 10]), ("images.size", [10]),
    ("images.size", "big"), ("images.intensity_scale", -1),
    ("images.intensity_scale", 10**400), ("images.channels", 2),
    ("images.intensity_scale", 0), ("images.intensity_scale", math.nan),
    ("images.intensity_scale", "car"), ("images.pixel_mean", math.inf),
    ("images.pixel_mean", None), ("images.center", 1), ("images.height", 0.5),
    ("images.colour", 1), ("model.dropout", "a"), ("model.top_filters", [10**9]),
    ("calibration.temperature.plain", -1), ("calibration.temperature.plain", 0),
    ("calibration.logistic.plain.slope", 0), ("calibration.logistic.plain", [1, 2]),
    ("calibration.logistic.plain.intercept", "much"),
    ("calibration.temperature", 3), ("operating_points", {}),
    ("operating_points", [{"at": "x", "threshold": 0.1}]),
    ("operating_points", [{"at": "sensitivity", "threshold": 0.1}]),
    ("operating_points", [3]), ("input_statistics.mean", [1, 2]),
    ("input_statistics.kinds", {"film": -1}), ("acquisition", "paper")])
def test_an_impossible_value_is_refused_with_the_name_of_its_field(path, value):
    card = stored(GOOD)
    *parents, name = path.split(".")
    inner = card
    for parent in parents:
        inner = inner[parent]
    inner[name] = value
    with pytest.raises(files.InputError) as error:
        card_fields.checked(card, "card a.json")
    message = str(error.value)
    assert "card a.json" in message and "\n" not in message
    assert parents[0] in message if parents else name in message


def test_a_list_of_a_card_has_at_most_100_numbers():
    for count in (100, 101):
        card = {"model": {"top_filters": [4] * count}}
        if count == 100:
            assert card_fields.checked(card, "card") == card
        else:
            with pytest.raises(files.InputError, match="top_filters"):
                card_fields.checked(card, "card")


def test_texts_are_cleaned_of_what_a_terminal_takes_for_commands():
    card = card_fields.checked(
        {"name": "a\x1b[2Jb\nc", "metrics": {"k\x07": ["\x00"]}}, "card")
    assert card == {"name": "a?[2Jb c", "metrics": {"k?": ["?"]}}
    assert len(card_fields.checked({"name": "x" * 10**6}, "card")["name"]) < 2000


def test_what_is_no_object_or_nested_without_end_is_refused():
    nested = value = []
    for _ in range(card_fields.DEEPEST + 1):
        value.append([])
        value = value[0]
    for card in ([], None, "x", {"further": nested}):
        with pytest.raises(files.InputError):
            card_fields.checked(card, "card")


RICH = stored(GOOD) | {
    "acquisition": "film", "parent": {"name": "first"}, "map_scales": {
        "scales": {"guided": 0.5, "gradcam": 2.0}, "percentile": 99.0, "images": 12,
        "source": "val", "flips": True},
    "operating_points": [
        {"at": "sensitivity", "sensitivity": 0.9, "specificity": 0.5, "threshold": 0.3,
         "scheme": "flips", "source": "val"}]}
RICH["images"] = {"size": [96, 64], "height": None, "intensity_scale": "auto",
                  "pixel_mean": 42.5, "channels": 3, "equalize_histogram": False}
RICH["model"] = {"backbone": "resnet50", "top_filters": [512, 512], "dropout": 0.5}
RICH["training"] = {"batch_size": 4, "learning_rate": 0.001}


def test_cards_deformed_at_any_place_are_read_or_refused_as_recorded():
    assert card_fields.checked(RICH, "card") == RICH
    recorded.check("card-fields", deformed.record(
        lambda card: card_fields.checked(card, "card"), RICH))


NUMBERS = (-1, 0, 1e-9, 0.5, 1, 1.0001, 2, 3, 4, 64, 65, 1024, 4096, 10_000, 100_000,
           100_001, 10**6, 10**7, 10**9, 0.1 + 0.2, True, math.nan, math.inf)


def test_numbers_of_cards_have_the_limits_that_are_recorded():
    rows = []
    for group, kind in (("images", config.ImageOptions), ("model", config.ModelOptions),
                        ("training", config.TrainingOptions)):
        for name, value in stored(config.to_dict(kind())).items():
            several = isinstance(value, list)
            if isinstance(value, (bool, str)):
                continue
            cases = [(repr(number), {group: {name: [number] * max(len(value), 2)
                                             if several else number}})
                     for number in NUMBERS]
            rows += [f"== {group}.{name}", deformed.grouped(
                lambda card: card_fields.checked(card, "c"), cases)]
    recorded.check("card-numbers", "\n".join(rows))
