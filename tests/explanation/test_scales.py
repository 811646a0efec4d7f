"""On which scale the maps of a model are shown."""

import bars
import numpy as np
import pytest
import recorded
import saved_models
import tiny_classifier

from end2end import checkpoints
from end2end.checkpoints import card_fields
from end2end.explanation import maps, methods, scales
from end2end.utils import files

CARD = dict(map_scales=scales.from_reaches(
    dict(guided=[1.0, 3.0, 2.0], gradcam=[0.0, 0.0, 0.0],
         integrated=[0.25, 0.25, 0.25]), source="val: 3 images",
    flips=False))


def test_the_unit_is_the_percentile_of_the_validation_images():
    stored = CARD["map_scales"]
    assert stored["scales"] == dict(
        guided=pytest.approx(2.9), integrated=0.25)
    assert stored["images"] == 3 and stored["source"] == "val: 3 images"
    many = scales.from_reaches(dict(guided=list(range(101))), source="", flips=False)
    assert many["scales"]["guided"] == scales.PERCENTILE
    assert scales.from_reaches({}, source="", flips=True)["images"] == 0


def test_a_map_is_shown_by_its_strength_and_its_score():
    shown = [scales.factor(CARD, "guided", scales.MODEL, reach=reach, score=score)
             for reach, score in ((2.9, 1.0), (2.9, 0.5), (1.45, 1.0), (2.9, 0.001))]
    assert shown == pytest.approx([1, 0.5, 0.5, 0.001])


def test_without_a_stored_scale_the_score_alone_decides():
    for card, method in (({}, "guided"), (CARD, "gradcam")):
        assert scales.factor(
            card, method, scales.MODEL, reach=7.0, score=0.25) == 0.25
        assert "no scale from validation images" in scales.sentence(
            card, method, scales.MODEL, probability=False)


def test_each_image_keeps_its_full_range_where_that_is_asked_for():
    assert scales.factor(CARD, "guided", scales.IMAGE, reach=2.0, score=0.1) == 1
    assert "cannot be compared" in scales.sentence(
        CARD, "guided", scales.IMAGE, probability=False)


def test_a_probability_is_its_own_scale():
    assert scales.factor(CARD, "heatmap", scales.MODEL, reach=0, score=0.1) == 1


def test_the_legend_says_what_the_map_is_and_is_not():
    legend = maps.legend(CARD, "guided", scales.MODEL)
    assert legend.startswith(methods.METHODS["guided"].legend)
    assert "percentile 95 (val: 3 images" in legend and scales.IS_NOT in legend


@pytest.mark.parametrize(("name", "value"), [
    ("scales", None), ("scales", dict(guided=0)), ("scales", dict(guided="1")),
    ("scales", dict(guided=float("nan"))), ("percentile", "95"), ("images", 0),
    ("source", 3), ("flips", "no")])
def test_a_card_with_an_impossible_scale_is_refused_by_the_name_of_the_field(
        name, value):
    card = dict(map_scales=dict(CARD["map_scales"], **{name: value}))
    with pytest.raises(files.InputError, match=f"map_scales.{name}"):
        card_fields.checked(card, "card")
    assert card_fields.checked(dict(CARD), "card") == CARD


@pytest.mark.parametrize("method", methods.names(patch_model=False))
def test_an_image_with_a_score_near_0_looks_like_nothing(tmp_path, method):
    pictures = np.full(saved_models.SIZE, 30, np.uint8), tiny_classifier.picture(1)
    shown = {}
    for bias in (-20.0, 20.0):
        classifier = checkpoints.load_classifier(saved_models.whole_image_model(
            tmp_path / f"{bias}.h5", bias=bias))
        shown[bias] = [maps.explain(
            classifier, "a.png", maps.ExplainOptions((method,), map_scale=choice),
            picture=pictures[0]) for choice in scales.CHOICES]
    by_model, by_image = shown[-20.0]
    assert by_model.score < 1e-6 and by_model.maps[method].max() < 1e-5
    assert by_image.maps[method].max() in (0, 1)
    # Sure images are not empty: the log odds do not flatten.
    assert shown[20.0][0].maps[method].max() == shown[20.0][1].maps[method].max()


def test_reaches_are_of_images_spread_over_the_set(tmp_path, monkeypatch):
    made = bars.noted(monkeypatch)
    monkeypatch.setattr(scales, "MOST_IMAGES", 2)
    classifier = checkpoints.load_classifier(
        saved_models.whole_image_model(tmp_path / "best.h5"))
    saved_models.write_images(tmp_path / "images", women=2)
    paths = sorted((tmp_path / "images").rglob("*/P*.png"))
    drawn = []
    explain = maps.explain

    def noted(classifier, path, options):
        drawn.append(path)
        # Only the maps are needed, so the pictures are small.
        assert options.picture_side == 64
        return explain(classifier, path, options)
    monkeypatch.setattr(maps, "explain", noted)
    reaches = maps.reaches(classifier, paths, maps.ExplainOptions(("guided",)))
    assert drawn == [paths[0], paths[len(paths) // 2]]
    assert len(reaches["guided"]) == 2 and min(reaches["guided"]) > 0
    assert made == [(None, "map", None)]


def test_factors_and_sentences_of_scales_are_as_recorded():
    rows = [str(scales.percentile(values)) for values in (
        [], [3.0], [1.0, 2.0], list(range(40)))]
    cards = (CARD, {}, dict(map_scales=scales.from_reaches(
        dict(guided=[2.0, 8.0]), source="val", flips=True)))
    for card in cards:
        for method in ("guided", "gradcam"):
            for choice in scales.CHOICES:
                rows += [f"{method} {choice} " + str([scales.factor(
                    card, method, choice, reach=reach, score=score)
                    for reach in (0, 0.5, 4.0) for score in (0.0, 0.3, 1.0)])]
                rows += [scales.sentence(card, method, choice, probability=probability)
                         for probability in (True, False)]
    recorded.check("scales", "\n".join(rows))
