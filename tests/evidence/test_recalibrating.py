"""`end2end metrics recalibrate`."""

import json

import evidence_tables
import h5py
import numpy as np
import pytest

from end2end.checkpoints import card_fields, cards
from end2end.metrics import __main__ as program
from end2end.metrics import recalibration
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
