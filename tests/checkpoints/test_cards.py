"""What a model carries of its validation set."""

import json

import h5py
import numpy as np
import pytest

from end2end.checkpoints import cards
from end2end.metrics import statistics
from end2end.tables import scores


def test_calibration_and_operating_points_are_in_the_file_and_beside_it(tmp_path):
    labels = np.arange(40) % 2
    values = np.clip(0.5 + (labels - 0.5) * np.linspace(-0.3, 0.9, 40), 0.01, 0.99)
    table = scores.Scores(tuple(map(str, range(40))), values, labels)
    made = cards.from_validation(dict(plain=table), "val", statistics.Draw(50, 1))
    assert made["calibration"]["source"] == "val: 40 images, 20 with cancer"
    assert {point["scheme"] for point in made["operating_points"]} == {"plain"}
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = []
        file.attrs["end2end"] = json.dumps(dict(classes=["neg", "pos"]))
    card = cards.store(path, made)
    assert card["classes"] == ["neg", "pos"]
    assert json.loads((tmp_path / "m.config.json").read_text()) == card
    with h5py.File(path) as file:
        assert json.loads(file.attrs["end2end"]) == card
    assert card["calibration"]["temperature"]["plain"] == pytest.approx(
        made["calibration"]["temperature"]["plain"])
