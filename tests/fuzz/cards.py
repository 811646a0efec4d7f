"""Damaged cards of a sound model: loaded, and an image scored with what they say.

Damage to bytes mostly ends in no JSON at all; so most cases change values of a sound
card instead.
"""

import copy
import functools
import json
import shutil
import tempfile
import unittest.mock

import numpy as np

VALUES = (
    None, True, False, 0, 1, -1, 2, 0.5, -0.5, 1e-9, 1e9, -1e9, 10**30, float("inf"),
    float("-inf"), float("nan"), "", "auto", "pos", "neg", "\x1b[2J", "\0", "a\nb",
    "9" * 400, "x" * 5000, [], {}, [0], [1, 1], [-1, -1], [24, 16], [16, 24],
    ["neg", "pos"], ["pos", "neg"], ["pos"], ["pos", "pos"], ["a", "b", "c"], [[[]]],
    {"plain": -1}, {"plain": 0}, {"plain": 2}, {"": []}, [{}], [[1, 2, 3]], [1, 2, 3])


@functools.cache
def network():
    """A sound network for images of 24x16, with its file."""
    import keras

    from end2end import checkpoints
    keras.utils.set_random_seed(1)
    image = keras.Input((24, 16, 1))
    x = keras.layers.GlobalAveragePooling2D()(image)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    path = tempfile.mkdtemp() + "/best.h5"
    checkpoints.save_model(model, path, {})
    return model, path


def changed(data, rng, others):
    """A card with one to four of its values replaced, at any depth."""
    card = json.loads(data)
    for _ in range(rng.randint(1, 4)):
        inside = card
        while True:
            keys = list(inside) if isinstance(inside, dict) else range(len(inside))
            key = rng.choice(keys) if keys else None
            if key is None:
                break
            if isinstance(inside[key], (dict, list)) and inside[key] and \
                    rng.random() < 0.7:
                inside = inside[key]
                continue
            inside[key] = copy.deepcopy(rng.choice(VALUES))
            break
    return json.dumps(card).encode()


def read(place):
    """Loads the model with the card and scores an image; a score lies from 0 to 1."""
    from end2end import checkpoints, prediction
    from end2end.checkpoints import classifiers

    model, path = network()
    target = place.folder / "best.h5"
    shutil.copyfile(path, target)  # whether it is foreign is read from it
    checkpoints.config_path(target).write_bytes(place.file.read_bytes())
    # The network is sound and always the same: read and tried once.
    with unittest.mock.patch.object(
            classifiers.saved_models, "read", lambda path: (model, {})), \
            unittest.mock.patch.object(classifiers.trials, "check", lambda *rest: None):
        classifier = checkpoints.load_classifier(target)
    pixels = np.linspace(0, 65535, 60 * 40).reshape(60, 40).astype(np.uint16)
    found = prediction.score_image(pixels, classifier)
    scores = [found.score, *found.models, found.calibrated or 0.0]
    assert all(0 <= score <= 1 for score in scores), scores
    texts = (*found.flags, *found.points, str(classifier.card.get("trained_on")))
    assert all(text.isprintable() for text in texts), texts
