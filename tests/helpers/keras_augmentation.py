"""What Keras's `ImageDataGenerator` computes, for comparison; runs in any Keras.

`python keras_augmentation.py OUT.npz` in an environment of an old tf.keras writes
results that tests compare with; it needs only NumPy and Keras.
"""

import sys

import numpy as np

# Arguments of the generator.
SETTINGS = {
    "rotation": dict(rotation_range=40.0),
    "shares": dict(width_shift_range=0.2, height_shift_range=0.1),
    "pixels": dict(width_shift_range=4, height_shift_range=3.0),
    "lists": dict(width_shift_range=[1, 2.5], height_shift_range=[0.1, 0.3]),
    "shear": dict(shear_range=20.0, fill_mode="reflect"),
    "zoom": dict(zoom_range=[0.7, 1.3], fill_mode="constant", cval=7.0),
    "zoom_number": dict(zoom_range=0.2, fill_mode="wrap"),
    "flips": dict(horizontal_flip=True, vertical_flip=True),
    "channels": dict(channel_shift_range=60.0),
    "brightness": dict(brightness_range=(0.4, 1.7)),
    "cubic": dict(rotation_range=20.0, interpolation_order=3),
    "nearest": dict(rotation_range=20.0, interpolation_order=0),
    "all": dict(
        rotation_range=25.0, width_shift_range=0.1, height_shift_range=0.1,
        shear_range=10.0, zoom_range=0.2, channel_shift_range=20.0,
        horizontal_flip=True, vertical_flip=True, brightness_range=(0.8, 1.2)),
    "standardized": dict(
        rotation_range=15.0, rescale=1 / 255.0, featurewise_center=True,
        featurewise_std_normalization=True),
    "by_sample": dict(samplewise_center=True, samplewise_std_normalization=True),
    "whitened": dict(zca_whitening=True, rescale=1 / 255.0),
}
# Those that need `fit` first.
FITTED = ("standardized", "whitened")


def images(channels):
    """Six images `(9, 7, channels)`, not symmetric in any way."""
    rng = np.random.RandomState(3)
    return (rng.rand(6, 9, 7, channels) * 250).astype("float32")


def results(generator_class, channels=3):
    """dict of setting to images that the generator makes of a seeded flow.

    Settings that the class does not know are left out (tf.keras 2.3 to 2.8 hides
    `interpolation_order`).
    """
    x, labels = images(channels), np.array([0, 1, 0, 1, 1, 0])
    pictures = {}
    for name, settings in SETTINGS.items():
        try:
            generator = generator_class(**settings)
        except TypeError:
            continue
        if name in FITTED:
            generator.fit(x)
        flow = generator.flow(x, labels, batch_size=4, seed=5, shuffle=True)
        batches = [next(flow) for _ in range(2)]
        pictures[name] = np.concatenate([batch[0] for batch in batches])
        pictures[name + "-labels"] = np.concatenate([batch[1] for batch in batches])
        pictures[name + "-alone"] = generator.random_transform(x[0], seed=11)
    return pictures


if __name__ == "__main__":
    try:
        from tensorflow.keras.preprocessing.image import ImageDataGenerator
    except ImportError:
        from keras.preprocessing.image import ImageDataGenerator
    np.savez_compressed(sys.argv[1], **{
        name: values.astype("float32")
        for name, values in results(ImageDataGenerator).items()})
