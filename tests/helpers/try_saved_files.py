"""Whether what is saved here loads elsewhere: models written here, opened by Keras.

    python tests/helpers/try_saved_files.py write FOLDER
    OTHER_PYTHON tests/helpers/try_saved_files.py read FOLDER [--tf]

`write` saves a patch classifier and whole-image models with nested trunks as .h5, and
one of them as .keras, with an input and its outputs. `read` needs nothing of this
project: it loads them by `keras.models.load_model(path, compile=False)` of the Keras
beside it (of `tf.keras` with `--tf`; .keras files by Keras 3 alone), runs on Python 3.8
and later, and prints the greatest difference of each.
"""

import os
import sys

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
TOLERANCE = 1e-5
TOPS = {"vgg": ["--block-type", "vgg"], "resnet": ["--block-type", "resnet"],
        "heatmap": ["--add-heatmap", "--no-add-conv", "--add-shortcut",
                    "--fc-init-units", "16", "--avg-pool-size", "3", "3",
                    "--hm-pool-size", "1", "1"]}


def write(folder):
    """Saves the models."""
    import keras

    from end2end import checkpoints, config, models

    os.makedirs(folder)
    keras.utils.set_random_seed(3)
    patch = models.patch_classifier("yaroslav", 5, input_shape=(None, None, 1))
    networks = {"patch": patch}
    for name, words in TOPS.items():
        options = config.from_flags(config.ModelOptions, [
            "--patch-net", "yaroslav", "--top-depths", "8", "4",
            "--top-repetitions", "1", "1", *words])
        networks[name] = models.whole_image_classifier(
            patch, options, size=(320, 256))
    x = np.random.default_rng(1).normal(0, 50, (2, 320, 256, 1)).astype("float32")
    np.save(f"{folder}/X.npy", x)
    for name, network in networks.items():
        checkpoints.save_model(network, f"{folder}/{name}.h5", {})
        np.save(f"{folder}/{name}.npy", network.predict(x, verbose=0))
    networks["vgg"].save(f"{folder}/vgg.keras")


def read(folder, *options):
    """Loads each; returns the number of those that differ."""
    if options:
        import tensorflow as tf
        keras, version = tf.keras, f"tf.keras {tf.__version__}"
    else:
        import keras
        version = f"Keras {keras.__version__}"
    bad, x = 0, np.load(f"{folder}/X.npy")
    for file in sorted(os.listdir(folder)):
        stem, suffix = os.path.splitext(file)
        if suffix not in ((".h5",) if options else (".h5", ".keras")):
            continue
        model = keras.models.load_model(f"{folder}/{file}", compile=False)
        error = np.abs(model.predict(x, verbose=0) - np.load(f"{folder}/{stem}.npy"))
        bad += not error.max() <= TOLERANCE
        print(f"| {version} | {file} | {error.max():.1e} |")
    return bad


if __name__ == "__main__":
    sys.exit({"write": write, "read": read}[sys.argv[1]](*sys.argv[2:]))
