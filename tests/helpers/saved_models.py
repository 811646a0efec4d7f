"""Tiny saved models and mammogram-like images, for the tests of whole commands."""

import cv2
import keras
import numpy as np
from keras import layers

from end2end import checkpoints, config

SIZE = (40, 32)
PATCH = 16
CLASSES = ("background", "calc_ben", "calc_mal", "mass_ben", "mass_mal")


def whole_image_model(path, *, scale=1.0, mean=0.0, bias=0.0, seed=0):
    """Saves a network that scores by the brightest spot; returns its path."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((*SIZE, 1))
    x = layers.AveragePooling2D(4)(image)
    x = layers.Conv2D(2, 1, activation="relu", name="features")(x)
    x = layers.GlobalMaxPooling2D()(x)
    model = keras.Model(image, layers.Dense(2, activation="softmax", name="out")(x))
    model.get_layer("features").set_weights(
        [np.full((1, 1, 1, 2), [1.0, 0.5], np.float32), np.zeros(2)])
    weights = np.array([[-0.02, 0.02], [0.0, 0.0]], np.float32) / scale
    model.get_layer("out").set_weights([weights, np.array([4.0, bias], np.float32)])
    images = config.ImageOptions(
        size=SIZE, intensity_scale=scale, pixel_mean=mean, channels=1)
    checkpoints.save_model(model, path, dict(
        kind="whole_image", classes=("neg", "pos"), images=config.to_dict(images),
        trained_on="squares in noise"))
    return path


def patch_model(path):
    """Saves a patch classifier whose last class follows the brightness."""
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 1))
    x = layers.MaxPooling2D(8, name="trunk_pool")(
        layers.Conv2D(2, 3, padding="same", activation="relu", name="trunk")(image))
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(5, activation="softmax", name="out")(x))
    model.get_layer("trunk").set_weights(
        [np.full((3, 3, 1, 2), 1 / 9, np.float32), np.zeros(2)])
    weights = np.zeros((2, 5), np.float32)
    weights[:, 4] = 0.02
    model.get_layer("out").set_weights([weights, np.array([4, 1, 1, 1, 0.0])])
    images = config.ImageOptions(
        size=(PATCH, PATCH), intensity_scale=1.0, pixel_mean=0.0, channels=1)
    checkpoints.save_model(model, path, dict(
        kind="patch", classes=CLASSES, images=config.to_dict(images),
        trained_on="squares in noise"))
    return path


def write_images(folder, *, women=6, seed=0):
    """Writes two views of a breast each; odd women have a bright square, with mask.

    Returns:
        path of the table of regions.
    """
    rng = np.random.default_rng(seed)
    rows = ["patient_id,side,view,pathology,mask_path,density"]
    for name in ("neg", "pos", "mask"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for woman in range(women):
        cancer = woman % 2
        for view in ("CC", "MLO"):
            image = rng.integers(20, 60, SIZE).astype(np.uint8)
            image[:, 28:] = 0
            top, left = rng.integers(4, 24), rng.integers(2, 16)
            mask = np.zeros(SIZE, np.uint8)
            mask[top:top + 8, left:left + 8] = 255
            image[mask > 0] = 120 + 60 * cancer + rng.integers(0, 40)
            name = f"P_{woman:05d}_LEFT_{view}.png"
            cv2.imwrite(str(folder / ("neg", "pos")[cancer] / name), image)
            cv2.imwrite(str(folder / "mask" / name), mask)
            rows.append(f"P_{woman:05d},LEFT,{view},"
                        f"{('BENIGN', 'MALIGNANT')[cancer]},mask/{name},{woman % 3}")
    table = folder / "rois.csv"
    table.write_text("\n".join(rows) + "\n")
    return table
