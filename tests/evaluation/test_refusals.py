"""Test sets without what is no basis for a score, by function and by command."""

import json

import cv2
import numpy as np
import pytest
import saved_models

from ddsm_train import evaluate
from end2end import evaluation, predict
from end2end.archive import __main__ as archive
from end2end.archive import shards
from end2end.data import image_lists
from end2end.evaluation import refusals
from end2end.phantoms import detector, drawing
from end2end.utils import files


def picture(number):
    woman = drawing.draw_woman(number, seed=5, difficulty=0.3)
    return detector.render(woman, "LEFT", "CC", (400, 310), maker="masked 12 bits") * 16


@pytest.fixture
def test_set(tmp_path):
    """Three pictures of either class, one of them inverted."""
    for label, number in (("neg", 1), ("neg", 2), ("neg", 3), ("pos", 4), ("pos", 5)):
        image = picture(number)
        path = tmp_path / "test" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image.max() - image if number == 2 else image)
    return tmp_path / "test"


@pytest.fixture
def model(tmp_path):
    return saved_models.whole_image_model(tmp_path / "best.h5")


def test_unfit_images_are_named_with_their_reason_and_left_out(test_set):
    images = image_lists.list_classes(test_set)
    refused = refusals.unfit_images(images)
    assert list(refused) == [str(test_set / "neg" / "2.png")]
    assert "inverted" in next(iter(refused.values()))
    kept = refusals.without(images, refused)
    assert [path.name for path in kept.paths] == ["1.png", "3.png", "4.png", "5.png"]
    np.testing.assert_array_equal(kept.labels, [0, 0, 1, 1])
    assert kept.classes == images.classes


def test_the_evaluation_leaves_them_out_and_says_so(test_set, model, tmp_path, capsys):
    command = [str(model), str(test_set), "--runs", "20", "--no-pictures", "--out"]
    evaluate.main([*command, str(tmp_path / "all")])
    evaluate.main([*command, str(tmp_path / "fit"), "--refuse-unfit"])
    results = [json.loads((tmp_path / name / "results.json").read_text())
               for name in ("all", "fit")]
    assert [result["plain"]["count"] for result in results] == [5, 4]
    assert "refused" not in results[0] and len(results[1]["refused"]) == 1
    assert "left out: " in capsys.readouterr().out
    assert evaluation.summary(results[0])[0].startswith("5 images")


def test_predictions_and_archives_take_the_score_away(test_set, model, tmp_path,
                                                      capsys):
    out = tmp_path / "scores.csv"
    assert predict.main([str(model), str(test_set), "--out", str(out)]) == 0
    assert "do not use the score" in out.read_text()
    refusing = tmp_path / "refusing.csv"
    assert predict.main([str(model), str(test_set), "--out", str(refusing),
                         "--refuse-unfit"]) == 1
    assert "2.png" not in refusing.read_text()
    assert "(--refuse-unfit): the background is bright" in capsys.readouterr().out
    shards.write_rows(tmp_path / "in.csv", ("path",), [
        dict(path=f"test/neg/{number}.png") for number in (1, 2)])
    archive.main(["predict", str(tmp_path / "in.csv"), "--models", str(model), "--out",
                  str(tmp_path / "archive"), "--refuse-unfit"])
    rows = list(shards.read_rows(tmp_path / "archive"))
    assert [bool(row["score"]) for row in rows] == [True, False]
    assert "inverted" in rows[1]["error"]


def test_a_second_call_with_the_other_choice_is_refused(test_set, model, tmp_path):
    command = [str(model), str(test_set), "--out", str(tmp_path / "scores.csv")]
    predict.main(command)
    with pytest.raises(files.InputError, match="other choice of --refuse-unfit"):
        predict.main([*command, "--refuse-unfit"])


def test_images_are_read_with_what_their_manifest_says(monkeypatch):
    asked = []
    monkeypatch.setattr(refusals.reading, "read", lambda path, manifest: asked.append(
        (path, manifest)))
    monkeypatch.setattr(refusals.prediction, "unfit_reasons", lambda image: ())
    monkeypatch.setattr(refusals.prediction, "check_fit", lambda image, reasons: None)
    images = image_lists.ImageList(("a", "b"), rows=(dict(view="CC"), {}))
    assert refusals.unfit_images(images) == {}
    assert asked == [("a", dict(view="CC")), ("b", {})]
