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


# By path of a field: its least and greatest whole number; its greatest number, where 0
# is out already; its least and greatest number.
WHOLES = {
    "images.height": (1, 30_000), "model.expansion": (1, 1000),
    "model.dense_units": (0, 1_000_000), "model.dense_layers": (0, 100),
    "input_statistics.images": (0, 10**9), "input_statistics.kinds.film": (0, 10**9),
    "map_scales.images": (1, 10**9), "patch_classes": (1, 1000), "format": (1, 1),
    "images.size": (1, 30_000), "model.heatmap_pool": (1, 30_000),
    "model.top_filters": (1, 100_000)}
NUMBERS_ABOVE = {
    "images.stretch_max_to": 1e9, "images.intensity_scale": 1e9,
    "calibration.temperature.plain": 1e6, "calibration.logistic.plain.slope": 1e3,
    "map_scales.scales.guided": 1e12, "map_scales.percentile": 100}
NUMBERS_FROM = {
    "images.pixel_mean": (-1e6, 1e6), "model.weight_decay": (0, 1e6),
    "model.dropout": (0, 0.99), "calibration.logistic.plain.intercept": (-1e3, 1e3),
    "operating_points.0.threshold": (-1e6, 1e6),
    "operating_points.0.sensitivity": (0, 1), "input_statistics.evidence.comb": (0, 1)}


def test_every_number_of_a_card_may_be_its_least_and_its_greatest_and_none_beyond():
    whole = [(path, low, high, low - 1, high + 1)
             for path, (low, high) in WHOLES.items()]
    whole += [(path, 0.25, high, 0, high + 0.5)
              for path, high in NUMBERS_ABOVE.items()]
    whole += [(path, low, high, low - 0.01, high + 0.01)
              for path, (low, high) in NUMBERS_FROM.items()]
    for path, *numbers in whole:
        outcomes = []
        for number in numbers:
            card = stored(RICH | {"input_statistics": GOOD["input_statistics"]})
            *parents, name = path.split(".")
            inner = card
            for parent in parents:
                inner = inner[int(parent) if parent.isdigit() else parent]
            inner[name] = [number] * 2 if name in (
                "size", "heatmap_pool", "top_filters") else number
            try:
                outcomes.append(card_fields.checked(card, "card") == card)
            except files.InputError as error:
                outcomes.append(str(error).split(" is ")[0])
        where = path.replace(".0.", "[0].")
        assert outcomes == [True, True, *[f"card: {where}"] * 2], path


def test_lists_and_nesting_of_cards_and_what_a_refusal_quotes_have_their_limits():
    deepest = []
    for _ in range(card_fields.DEEPEST - 1):
        deepest = [deepest]
    point = {"at": "specificity", "specificity": 0.5, "threshold": 0.5}
    for card in ({"further": deepest}, {"classes": [str(i) for i in range(1000)]},
                 {"operating_points": [point] * 1000}):
        assert card_fields.checked(card, "card") == card
        ((name, value),) = card.items()
        with pytest.raises(files.InputError, match="nested deeper than 12|: classes is "
                           "|: operating_points is "):
            card_fields.checked({name: [value] if name == "further" else [
                *value, "more" if name == "classes" else point]}, "card")
    for count, shown in ((58, f"'{'x' * 58}'"), (59, f"'{'x' * 56}...")):
        with pytest.raises(files.InputError) as caught:
            card_fields.checked({"kind": "x" * count}, "card")
        assert str(caught.value) == (
            f"card: kind is {shown}; expected one of patch, whole_image, two_view. "
            "Correct the file.")


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
