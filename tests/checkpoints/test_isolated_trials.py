"""What the process of trials does with the file of a network."""

import foreign_models
import keras
import pytest
from keras import layers

from end2end.checkpoints import isolated_trials, trials
from end2end.utils import files


@pytest.fixture
def sizes(monkeypatch):
    """Sizes at which networks were tried."""
    sizes = []
    monkeypatch.setattr(trials, "check",
                        lambda model, name, size: sizes.append(size))
    return sizes


@pytest.mark.parametrize("shape,size,tried", [
    ((9, 7, 1), None, [None]), ((None, None, 1), None, []),
    ((None, None, 1), [12, 10], [(12, 10)])])
def test_a_network_is_run_where_the_size_of_its_images_is_known(
        tmp_path, sizes, monkeypatch, shape, size, tried):
    monkeypatch.setattr(trials, "in_isolation", None)  # never from within
    path = tmp_path / "m.h5"
    foreign_models.network(*foreign_models.classifier_top(), shape=shape).save(path)
    isolated_trials.examine(path, size)
    assert sizes == tried


def test_a_file_that_is_asked_for_twice_is_built_once(tmp_path, sizes, monkeypatch):
    path = tmp_path / "m.h5"
    foreign_models.network(*foreign_models.classifier_top()).save(path)
    cleared = []
    monkeypatch.setattr(keras.backend, "clear_session", lambda: cleared.append(1))
    isolated_trials.examine(path, None)
    monkeypatch.setattr(isolated_trials.saved_models, "read", None)
    isolated_trials.examine(path, None)
    assert len(sizes) == 2 and cleared == [1]


def test_a_network_that_cannot_be_built_is_refused(tmp_path):
    path = tmp_path / "m.h5"
    foreign_models.network(layers.LSTM(3), shape=(4, 2)).save(path)
    with pytest.raises(files.InputError, match="LSTM"):
        isolated_trials.examine(path, None)


def test_the_process_of_trials_has_no_further_threads(monkeypatch):
    import tensorflow as tf

    done = []
    for name in ("intra", "inter"):
        monkeypatch.setattr(
            tf.config.threading, f"set_{name}_op_parallelism_threads",
            lambda count, name=name: done.append((name, count)))
    monkeypatch.setattr(isolated_trials.gc, "freeze", lambda: done.append("kept"))
    monkeypatch.setattr(keras.ops, "convert_to_numpy", lambda array: done.append(
        tuple(array.shape)))
    isolated_trials.prepare.__wrapped__()
    assert done == [("intra", 1), ("inter", 1), (1,), "kept"]
