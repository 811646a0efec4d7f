"""What a model carries of its validation set."""

import json

import h5py
import numpy as np
import pytest
import recorded

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


def test_what_follows_from_a_validation_set_is_as_recorded():
    labels = (np.arange(30) % 3 == 0).astype(int)
    tables = {scheme: scores.Scores(tuple(map(str, range(30))), np.clip(
        0.4 + (labels - 0.5) * np.linspace(-0.2, end, 30), 0.01, 0.99), labels)
        for scheme, end in (("plain", 0.6), ("flips", 0.8))}
    recorded.check("cards-from-validation", cards.from_validation(
        tables, "some set", statistics.Draw(20, 3)))


def test_a_card_is_read_from_beside_or_from_inside(tmp_path):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = []
    assert cards.read(path) == {}
    (tmp_path / "m.config.json").write_text('{"name": "beside"}')
    assert cards.read(path) == dict(name="beside")
    other = tmp_path / "other.keras"
    other.write_bytes(b"no HDF5")
    (tmp_path / "other.config.json").write_text('{"name": "n", "classes": 1}')
    assert cards.store(other, dict(classes=("a",), source=tmp_path)) == dict(
        name="n", classes=["a"], source=str(tmp_path))
    assert other.read_bytes() == b"no HDF5"
