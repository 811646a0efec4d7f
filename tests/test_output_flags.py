"""`--class-list` and `--output` mean the same to every command that takes a model."""

import csv
import json
import pathlib

import cv2
import foreign_models
import numpy as np
import pytest

from ddsm_train import evaluate
from end2end import checkpoints, config, export, images, predict
from end2end.archive import __main__ as archive
from end2end.archive import shards
from end2end.prediction import score_files
from end2end.serve import __main__ as serve
from end2end.serve import browsers, scoring

SIZE = foreign_models.SHAPE[:2]
OPTIONS = config.ImageOptions(
    size=SIZE, channels=1, intensity_scale=0.003, pixel_mean=90.0)
# Units and activation of the end, flags, and the score as a formula of the outputs.
SOFTMAX = lambda z: np.exp(z) / np.exp(z).sum()  # noqa: E731
CASES = {
    "logits": (2, "linear", ["--class-list", "pos", "neg", "--output", "logits"],
               lambda z: SOFTMAX(z)[0]),
    "single logit": (1, "linear", ["--class-list", "neg", "--output", "logits"],
                     lambda z: 1 - 1 / (1 + np.exp(-z[0]))),
    "sigmoid of pos": (1, "sigmoid", ["--class-list", "pos"], lambda p: p[0]),
    "unknown": (2, "softmax", [], lambda p: p[1]),
    "unknown single": (1, "sigmoid", [], lambda p: p[0])}


@pytest.fixture(params=CASES)
def case(request, tmp_path, monkeypatch):
    """A foreign model whose settings name no classes, four images, flags, scores."""
    units, activation, flags, formula = CASES[request.param]
    monkeypatch.chdir(tmp_path)
    model = foreign_models.network(
        foreign_models.layers.Conv2D(3, 3, activation="relu"),
        *foreign_models.classifier_top(units, activation))
    foreign_models.save(model, tmp_path / "best.h5")
    (tmp_path / "best.config.json").write_text(json.dumps(
        {"images": config.to_dict(OPTIONS)}))
    scores, random = {}, np.random.default_rng(2)
    for number, name in enumerate(("neg", "neg", "pos", "pos")):
        path = tmp_path / "set" / name / f"P_{number}_LEFT_CC.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), random.integers(0, 65535, (45, 35)).astype(np.uint16))
        array = images.to_input(images.read_image(path), OPTIONS)
        scores[path.name] = formula(model.predict_on_batch(array[None])[0])
    return flags, scores


def by_name(rows):
    return {row["path"].rsplit("/", 1)[-1]: float(row["score"]) for row in rows}


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def exported_scores(scores, flags):
    """Scores of the model that `export` writes, by its own card."""
    assert not export.main(["best.h5", "--to", "keras", "--out", "e.keras", *flags])
    model = checkpoints.load_model("e.keras")
    card = json.loads(export.settings_path(pathlib.Path("e.keras")).read_text())
    place = card.get("classes", ["neg", "pos"]).index("pos")
    assert ("cautions" in card) == ("classes" not in card) == (not flags)
    return {name: model.predict_on_batch(images.to_input(images.read_image(
        f"set/{'neg' if name[2] in '01' else 'pos'}/{name}"), OPTIONS)[None])[0][place]
        for name in scores}


def served(scores, flags):
    """What the local page says of each image."""
    scorer = scoring.Scorer(score_files.load(
        ["best.h5"], output_options=serve.model_flags.typed(
            serve.parser().parse_args(["best.h5", *flags]))))
    browser, facts = browsers.Browser(pathlib.Path("browser")), []
    for name in scores:
        path = f"set/{'neg' if name[2] in '01' else 'pos'}/{name}"
        with open(path, "rb") as stream:
            facts.append(scorer.score(name, stream.read(), "", browser))
    return facts


@pytest.mark.slow
def test_every_command_gives_the_same_score_and_flags_an_unknown_order(
        case, capsys):
    flags, scores = case
    predict.main(["best.h5", "set", "--out", "p.csv", *flags])
    shards.write_rows("in.csv", ("path", "label"), [
        {"path": row["path"], "label": row["path"].split("/")[-2]}
        for row in rows_of("p.csv")])
    archive.main(["predict", "in.csv", "--models", "best.h5", "--out", "a", *flags])
    capsys.readouterr()
    archive.main(["evaluate", "a", "--runs", "100"])
    printed = capsys.readouterr().out
    assert ("nobody says which output" in printed) == (not flags)
    evaluate.main(["best.h5", "set", "--out", "e", "--runs", "100", *flags])
    results = json.loads(pathlib.Path("e", "results.json").read_text())
    shown = served(scores, flags)
    for rows in (rows_of("p.csv"), list(shards.read_rows("a")), rows_of("e/scores.csv"),
                 [dict(path=facts["name"], score=facts["score"]) for facts in shown]):
        assert by_name(rows) == pytest.approx(scores, abs=1e-5)
    assert exported_scores(scores, flags) == pytest.approx(scores, abs=1e-5)
    for text in (*(row["flags"] for row in rows_of("p.csv")),
                 *(row["flags"] for row in shards.read_rows("a")),
                 *(" ".join(facts["flags"]) for facts in shown),
                 " ".join(results["accounting"])):
        assert ("is not known" in text) == (not flags)
