"""Which outputs have the same bits whatever computes them; how far others are apart.

    python -m tests.determinism
    python -m tests.determinism --python lowest/bin/python    another TensorFlow

Each variation is a process of its own (forked before TensorFlow computes, but for what
TensorFlow reads when it is loaded) that makes the same small outputs of phantoms:
imported images, patches, network inputs, scores, saliency, heatmaps, a trained network
and its history, intervals. The table says `bits` where they equal those of the first
process, else the greatest difference.
"""

import argparse
import dataclasses
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
SIZE = (96, 80)


@dataclasses.dataclass(frozen=True)
class Variation:
    """What is other than in the first process.

    Attributes:
        batch: images that are scored at once.
        workers: processes and threads that read and cut images.
        environment: variables of the process.
    """

    batch: int = 4
    workers: int = 1
    environment: tuple = ()


# Variables that TensorFlow reads when it is loaded.
READ_ON_LOADING = {"TF_ENABLE_ONEDNN_OPTS"}
VARIATIONS = {
    "the same call": Variation(),
    "3 workers, batches of 7": Variation(batch=7, workers=3),
    "batches of 1": Variation(batch=1),
    "2 threads of TensorFlow": Variation(environment=(
        ("TF_NUM_INTRAOP_THREADS", "2"), ("OMP_NUM_THREADS", "2"))),
    "AVX2 instead of AVX-512": Variation(environment=(
        ("ONEDNN_MAX_CPU_ISA", "AVX2"),)),
    "SSE4.1": Variation(environment=(("ONEDNN_MAX_CPU_ISA", "SSE41"),)),
    "without oneDNN": Variation(environment=(("TF_ENABLE_ONEDNN_OPTS", "0"),)),
}
FIRST = "the same call"


# Outputs --------------------------------------------------------------------------


def _digest(paths):
    """Bytes of files by name, as one number that is compared as a whole."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + path.read_bytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _images(download, folder, variation):
    """Imports phantoms and cuts patches."""
    from ddsm_train import prepare, sample_patches_combined

    workers = str(variation.workers)
    prepare.main([str(download), str(folder / "prepared"), "--size",
                  *map(str, SIZE), "--workers", workers])
    made = folder / "prepared"
    sample_patches_combined.main([
        f"{made}/roi_mask_path.csv", f"{made}/mask", f"{made}/pat_train.txt",
        f"{made}/full", f"{folder}/train", f"{folder}/val", "--target-height",
        str(SIZE[0]), "--target-width", str(SIZE[1]), "--patch-size", "32", "--nb-bkg",
        "2", "--nb-abn", "2", "--nb-hns", "0", "--no-segment-breast", "--workers",
        workers, "--seeding", "image"])
    paths = sorted((made / "full").glob("*.png"))
    return paths, {"imported images": _digest(paths),
                   "patches": _digest(folder.rglob("t*/*/*.png"))}


def _network(backbone):
    """A whole-image classifier with weights of a seed."""
    import keras

    from end2end import config, models
    keras.utils.set_random_seed(3)
    patch = models.patch_classifier(backbone, 5, weights=None)
    whole = models.whole_image_classifier(
        patch, config.ModelOptions(top_filters=(32,), top_repeats=(1,)), size=SIZE)
    rng = np.random.default_rng(5)
    output = whole.layers[-1].weights
    for weight in whole.weights:  # of NumPy: Keras's own draws changed with versions
        if weight.path.endswith("kernel"):
            spread = (2 / np.prod(weight.shape[:-1])) ** 0.5
            # Small ones at the end, so that scores are neither 0 nor 1.
            if any(weight is other for other in output):
                spread /= 100
            weight.assign(rng.normal(0, spread, weight.shape))
    return whole


def _computed(paths, variation, backbone):
    """What a network makes of the images."""
    import keras

    from end2end import config, images, prediction, saliency

    options = config.ImageOptions(size=SIZE, intensity_scale=255 / 65535,
                                  pixel_mean=40.0, channels=3)
    inputs = np.stack([images.to_input(images.read_image(path), options)
                       for path in paths])
    network = _network(backbone)
    inputs = inputs[..., :network.inputs[0].shape[-1]]
    starts = range(0, len(inputs), variation.batch)
    flips = np.concatenate([prediction.predict_inputs(
        network, inputs[start:start + variation.batch], flips=prediction.FLIPS)
        for start in starts])
    trunk = keras.Model(network.inputs, network.layers[-3].output)
    return {"network inputs": inputs, "scores": flips[:, 0],
            "scores with flips": flips.mean(1),
            "saliency": saliency.saliency_map(network, inputs[0]),
            "maps of features": trunk.predict_on_batch(inputs[:2])}


def _trained():
    """Weights of a small network after 30 steps as training takes them; its scores."""
    import keras
    import tensorflow as tf

    from end2end.training import remat

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(4)
    rng = np.random.default_rng(8)
    network = keras.Sequential([
        keras.Input((32, 24, 1)), keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.BatchNormalization(), keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2, activation="softmax")])
    for weight in network.weights:
        if weight.path.endswith("kernel"):
            weight.assign(rng.normal(0, 0.3, weight.shape))
    network.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy")
    images = rng.normal(size=(24, 32, 24, 1)).astype(np.float32)
    labels = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 24)]
    with remat.computing(network):
        for _ in range(30):
            network.train_on_batch(images, labels)
    return {"weights after 30 steps": np.concatenate(
        [weight.numpy().ravel() for weight in network.weights]),
        "scores after them": network.predict_on_batch(images)}


def _intervals():
    from end2end import metrics

    rng = np.random.default_rng(9)
    labels = rng.integers(0, 2, 200)
    scores = rng.normal(labels, 1.5)
    return {"AUC and intervals": np.array([
        metrics.auc(labels, scores), *metrics.auc_interval(
            labels, scores, runs=200, seed=1)])}


def make(out, variation, backbone):
    """Makes all outputs of the phantoms beside `out`, and stores them there."""
    with tempfile.TemporaryDirectory() as folder:
        paths, outputs = _images(
            out.parent / "download", pathlib.Path(folder), variation)
        outputs |= _computed(paths, variation, backbone) | _trained() | _intervals()
    np.savez(out, **outputs)


# Comparison -----------------------------------------------------------------------


def difference(first, second):
    """`bits`, or the greatest difference; `all` of what is compared as a whole."""
    if first.shape != second.shape:
        return "all"
    if first.tobytes() == second.tobytes():
        return "bits"
    if first.dtype == np.uint8:
        return "all"
    return f"{np.abs(first.astype(float) - second).max():.1e}"


def _process(name, out, python, backbone):
    """The outputs of one variation."""
    environment = dict(VARIATIONS[name].environment)
    if python != sys.executable or READ_ON_LOADING & set(environment):
        subprocess.run(
            [python, "-m", "tests.determinism", "--make", name, "--out", str(out),
             "--backbone", backbone], cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
            env=os.environ | environment)
    else:
        process = os.fork()
        if not process:
            os.environ.update(environment)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            try:
                make(out, VARIATIONS[name], backbone)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if os.waitpid(process, 0)[1]:
            raise RuntimeError(f"{name} failed")
    with np.load(out) as stored:
        return dict(stored)


def main(argv=None):
    """Prints a row per output and variation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=VARIATIONS, default=[*VARIATIONS])
    parser.add_argument("--python", nargs="+", default=[], metavar="PATH",
                        help="interpreters with other packages")
    parser.add_argument("--backbone", default="yaroslav", help="(default: yaroslav)")
    parser.add_argument("--make", choices=VARIATIONS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.make:
        make(arguments.out, VARIATIONS[arguments.make], arguments.backbone)
        return
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1",
                   "TF_CPP_MIN_LOG_LEVEL": "3"}
    import keras  # noqa: F401 - loaded once, before the processes are forked

    from end2end import phantoms

    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "outputs.npz")
        # Once, since drawing them depends on versions too.
        phantoms.write_cbis_ddsm(
            out.parent / "download", patients=3, seed=7, size=(128, 96))
        first = _process(FIRST, out, sys.executable, arguments.backbone)
        runs = [(name, sys.executable) for name in arguments.only]
        for name, python in runs + [(FIRST, python) for python in arguments.python]:
            outputs = _process(name, out, python, arguments.backbone)
            title = name if python == sys.executable else python
            for output, value in first.items():
                print(f"{title} | {output} | {difference(value, outputs[output])}",
                      flush=True)
        print("scores:", np.round(first["scores"][:, -1], 3))


if __name__ == "__main__":
    main()
