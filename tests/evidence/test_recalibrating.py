"""`end2end metrics recalibrate`."""

import csv
import json

import cv2
import evidence_tables
import h5py
import numpy as np
import pytest
import recorded
import tiny_classifier

from ddsm_train import evaluate
from end2end import checkpoints, predict
from end2end.checkpoints import card_fields, cards
from end2end.metrics import __main__ as program
from end2end.metrics import recalibration
from end2end.metrics.shares import Estimate
from end2end.utils import files


@pytest.fixture
def model(tmp_path):
    """A model file with a temperature in its card."""
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = []
        file.attrs["end2end"] = json.dumps(dict(
            classes=["neg", "pos"],
            calibration=dict(temperature=dict(plain=2.0, flips=3.0))))
    return path


def run(model, table, *words):
    program.main(["recalibrate", str(model), str(table), *words])


def test_a_recalibration_is_stored_and_the_temperature_of_the_other_scheme_stays(
        model, tmp_path, capsys):
    path = evidence_tables.write(tmp_path / "site.csv", evidence_tables.scored())
    run(model, path, "--source", "Hospital A")
    card = card_fields.checked(cards.read(model), "card")
    stored = recalibration.stored(card, "plain")
    table = evidence_tables.scored()
    fit = recalibration.summary(table["label"], stored.applied(table["score"]))
    assert fit["slope"].value == pytest.approx(1, abs=1e-6)
    assert "Hospital A: 300 rows" in stored.note and "Hospital A" in \
        capsys.readouterr().out
    assert recalibration.stored(card, "flips").slope == pytest.approx(1 / 3)


def test_at_a_prevalence_scores_fall(model, tmp_path):
    path = evidence_tables.write(tmp_path / "site.csv", evidence_tables.scored())
    run(model, path)
    before = recalibration.stored(cards.read(model), "plain")
    run(model, path, "--prevalence", "0.006", "--scheme", "flips")
    after = recalibration.stored(cards.read(model), "flips")
    assert after.slope == before.slope and after.intercept < before.intercept - 3
    assert "6 cancers in 1000" in after.note


def test_a_dry_run_stores_nothing(model, tmp_path, capsys):
    path = evidence_tables.write(tmp_path / "site.csv", evidence_tables.scored())
    run(model, path, "--dry-run")
    assert "nothing was stored" in capsys.readouterr().out
    assert "logistic" not in cards.read(model)["calibration"]


def test_a_slope_that_may_be_0_is_said(model, tmp_path, capsys):
    columns = evidence_tables.scored(60, seed=2, distance=0.4)
    path = evidence_tables.write(tmp_path / "site.csv", columns)
    run(model, path, "--dry-run")
    assert "interval of the slope holds 0" in capsys.readouterr().out
    run(model, evidence_tables.write(tmp_path / "b.csv", evidence_tables.scored()),
        "--dry-run")
    assert "holds 0" not in capsys.readouterr().out


def test_scores_that_fall_with_suspicion_are_refused(model, tmp_path):
    columns = evidence_tables.scored()
    columns["score"] = 1 - columns["score"]
    path = evidence_tables.write(tmp_path / "site.csv", columns)
    with pytest.raises(files.InputError, match="higher scores do not mean"):
        run(model, path)
    assert np.isclose(cards.read(model)["calibration"]["temperature"]["plain"], 2)


@pytest.mark.parametrize("slope", [-0.5, 0.0])
def test_a_slope_that_does_not_rise_is_refused(model, tmp_path, monkeypatch, slope):
    monkeypatch.setattr(recalibration, "summary", lambda *_, **how: dict(
        recalibration=(1.0, slope)))
    path = evidence_tables.write(tmp_path / "site.csv", evidence_tables.scored(20))
    with pytest.raises(files.InputError, match=f"site: the slope is {slope:.3f}, so h"):
        run(model, path)


@pytest.mark.parametrize(("low", "said"), [(0.0, True), (1e-9, False)])
def test_an_interval_of_the_slope_that_begins_at_0_holds_it(
        model, tmp_path, monkeypatch, capsys, low, said):
    fit = Estimate(0.5, low, 1.0)
    monkeypatch.setattr(recalibration, "summary", lambda *_, **how: dict(
        recalibration=(1.0, 0.5), slope=fit, intercept=fit, observed_expected=fit))
    path = evidence_tables.write(tmp_path / "site.csv", evidence_tables.scored(20))
    run(model, path, "--dry-run")
    assert ("interval of the slope holds 0" in capsys.readouterr().out) == said


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, 24 images in class folders, and what the model says of them. Read
    only but for the model's card."""
    folder = tmp_path_factory.mktemp("site")
    tiny_classifier.save(folder / "best.h5")
    for number in range(24):
        part = folder / "images" / ("pos" if number % 5 < 2 else "neg")
        part.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(part / f"P{number}_1_LEFT_CC.png"),
                    tiny_classifier.picture(number))
    return folder


def predicted(folder, name):
    assert predict.main([str(folder / "best.h5"), str(folder / "images"), "--out",
                         str(folder / name)]) == 0
    with open(folder / name, encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_what_recalibrate_stores_is_applied_by_predict_serve_and_evaluate(folder):
    before = predicted(folder, "before.csv")
    assert {row["calibrated"] for row in before} == {""}
    # Labels that rise with the score, but not without errors.
    order = np.argsort([float(row["score"]) for row in before])
    labels = np.zeros(24, int)
    labels[order[[7, 9, 14, *range(17, 23)]]] = 1
    table = dict(score=[row["score"] for row in before], label=labels)
    run(folder / "best.h5", evidence_tables.write(folder / "site.csv", table),
        "--source", "Hospital A")

    after = predicted(folder, "after.csv")
    stored = recalibration.stored(cards.read(folder / "best.h5"), "plain")
    scores = np.array([float(row["score"]) for row in after])
    calibrated = np.array([float(row["calibrated"]) for row in after])
    np.testing.assert_array_equal(scores, [float(row["score"]) for row in before])
    np.testing.assert_allclose(calibrated, stored.applied(scores), atol=1e-6)
    assert (np.argsort(calibrated) == np.argsort(scores)).all()
    assert calibrated.mean() == pytest.approx(labels.mean(), abs=1e-5)
    assert all("Hospital A" in row["notes"] for row in after)

    evaluate.main([str(folder / "best.h5"), str(folder / "images"), "--runs", "20",
                   "--no-pictures", "--out", str(folder / "test")])
    fit = json.loads((folder / "test/results.json").read_text())["plain"][
        "recalibrated"]
    truth = np.array(["/pos/" in row["path"] for row in after])
    assert "Hospital A" in fit["note"]
    assert fit["brier"] == pytest.approx(np.mean((calibrated - truth) ** 2), abs=1e-6)

    _the_page_says_the_same(folder, after)


def _the_page_says_the_same(folder, rows):
    testclient = pytest.importorskip("fastapi.testclient")
    from end2end.serve import application, scoring

    scorer = scoring.Scorer([checkpoints.load_classifier(folder / "best.h5")],
                            folder=files.writable_folder(folder / "held"))
    client = testclient.TestClient(
        application.application(scorer), base_url=f"http://{application.HOST}:7860")
    path = next(folder.glob("images/*/P3_1_LEFT_CC.png"))
    row = next(row for row in rows if row["path"].endswith(path.name))
    answer = client.post("/score", content=path.read_bytes(),
                         headers={"X-Name": path.name}).json()
    assert answer["calibrated"] == pytest.approx(float(row["calibrated"]), abs=1e-6)
    assert any("Hospital A" in note for note in answer["notes"])


def test_all_that_is_said_of_a_recalibration_is_as_recorded(model, tmp_path, capsys):
    path = evidence_tables.write(tmp_path / "site.csv", evidence_tables.scored(80))
    run(model, path, "--prevalence", "0.02", "--scheme", "flips")
    said = capsys.readouterr().out + json.dumps(
        cards.read(model)["calibration"], indent=1)
    recorded.check("evidence-recalibrate", said, dict(FOLDER=tmp_path))
    weak = evidence_tables.write(tmp_path / "weak.csv", evidence_tables.scored(
        60, distance=0.2, seed=2))
    run(model, weak, "--dry-run")
    recorded.check("evidence-recalibrate-weak", capsys.readouterr().out)


@pytest.mark.parametrize("prevalence", ["0", "1", "1.5"])
def test_a_prevalence_that_is_no_share_is_refused(model, tmp_path, prevalence):
    with pytest.raises(files.InputError, match=f"--prevalence {prevalence} is not a s"):
        run(model, tmp_path / "none.csv", "--prevalence", prevalence)
