"""Rows about trained networks: inference, the folder command, flips, heatmaps."""

import contextlib
import os
import pathlib
import resource

import numpy as np

from benchmarks import rows, timing

SIZE = (1152, 896)


def classifier(*, backbone="resnet50", size=SIZE):
    """ResNet50 + [512-512-1024]x2 with random weights, as a `checkpoints.Classifier`.

    Freed memory is kept, as the commands do.
    """
    from end2end import checkpoints, config, memory, models

    memory.keep_freed_memory()
    patch_model = models.patch_classifier(backbone, 5, dropout=0.5)
    small = backbone == "yaroslav"
    options = config.ModelOptions(
        backbone=backbone, top_repeats=(1, 1) if small else (2, 2), expansion=2,
        top_filters=(64, 64) if small else (512, 512))
    model = models.whole_image_classifier(patch_model, options, size=size)
    images = config.ImageOptions(
        size=size, intensity_scale=0.003891, center=True, pixel_mean=44.33,
        channels=models.input_channels(model))
    return checkpoints.Classifier(model, images, ("neg", "pos"), "random weights", {})


def operations(model, shape):
    """Floating-point operations of one image in convolutions and dense layers.

    Args:
        model: `keras.Model`; nested models are counted too.
        shape: of one image, (height, width, channels).
    """
    import keras

    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            inner = keras.models.clone_model(layer, input_tensors=[keras.Input(shape)])
            total += operations(inner, shape)
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            places = int(np.prod(layer.output.shape[1:-1], dtype=np.int64))
            total += 2 * int(np.prod(layer.kernel.shape)) * places
    return total


def limit_seconds(model, shape):
    """Seconds of one image at the rate of matrix products."""
    return operations(model, shape) / timing.matrix_product_rate()


def inference():
    """Files to scores with `prediction.predict`."""
    from end2end import images, prediction

    made = classifier()
    with timing.scratch() as folder:
        paths = timing.phantom_images(folder, patients=3)[:8]
        limits = [limit_seconds(made.model, (*SIZE, made.images.channels))]
        ours = timing.fastest(lambda: prediction.predict(made, paths), runs=2)
        one = images.to_input(images.read_image(paths[0]), made.images)[None]
        simple = timing.fastest(lambda: made.model.predict(one, verbose=0), runs=2)
        limits.append(limit_seconds(made.model, (*SIZE, made.images.channels)))
    ours, limit = ours / len(paths), min(limits)
    return rows.Figure(
        100 * limit / ours, ours, "s per image", simple,
        "Keras's model.predict of one prepared image", limit,
        "its convolutions at TensorFlow's matrix-product rate",
        notes=(rate_note(made.model, limit),))


def rate_note(model, limit):
    count = operations(model, (*SIZE, model.input_shape[-1]))
    return (f"{count / 1e9:.0f} billion operations per image; matrix products run at "
            f"{count / limit / 1e9:.0f} billion per second")


def fast():
    """The converted network beside the plain one, and how much the scores move."""
    from end2end import images, inference, prediction

    made = classifier()
    with timing.scratch() as folder:
        paths = timing.phantom_images(folder, patients=2)[:4]
        inputs = [images.to_input(images.read_image(path), made.images)[None]
                  for path in paths]
    quick = inference.fast(made.model)
    plain = [made.model.predict_on_batch(one) for one in inputs]
    moved = max(float(np.abs(quick(one) - scores).max())
                for one, scores in zip(inputs, plain, strict=True))
    simple = timing.fastest(
        lambda: prediction.predict_inputs(made.model, inputs[0]), runs=3)
    ours = timing.fastest(lambda: quick(inputs[0]), runs=3)
    return rows.Figure(
        simple / ours, ours, "s per image", simple, "Keras, one image",
        limit_seconds(made.model, inputs[0].shape[1:]),
        "its convolutions at TensorFlow's matrix-product rate",
        notes=(f"scores move by at most {moved:.1e}",))


def predict_folder():
    """`end2end.predict` on a folder beside the network on inputs made before."""
    from end2end import images, prediction

    made = classifier()
    with timing.scratch() as folder:
        paths = timing.phantom_images(folder, patients=4)[:12]
        inputs = [images.to_input(images.read_image(path), made.images)[None]
                  for path in paths]

        def network():
            for one in inputs:
                prediction.predict_inputs(made.model, one)

        def one_after_the_other():
            for path in paths:
                prediction.score_image(path, made)

        network_seconds = timing.fastest(network, runs=1)
        ours = timing.seconds(lambda: score_files(paths, made, folder / "scores.csv"))
        network_seconds = min(network_seconds, timing.seconds(network))
        simple = timing.seconds(one_after_the_other)
    count = len(paths)
    return rows.Figure(
        100 * network_seconds / ours, ours / count, "s per image", simple / count,
        "read, draw and score one after the other", network_seconds / count,
        "the network alone on inputs in memory")


def score_files(paths, made, out):
    """What `end2end.predict` does once its models are loaded."""
    from end2end import predict, privacy

    columns = (*predict.KNOWN, "score_model", *predict.STATED)
    failures = predict.score_all(
        [dict(path=path) for path in paths], out, columns, [made],
        names=privacy.Pseudonyms(False, start=0), flips=False, frame=None)
    if failures:
        raise RuntimeError(f"an image failed: {failures[0]}")


def predict_memory():
    """Peak memory after 200 and after 1000 images, with a small network."""
    made = classifier(backbone="yaroslav", size=(192, 144))
    with timing.scratch() as folder:
        originals = timing.phantom_images(folder, patients=3, size=(384, 288))
        paths = []
        for number in range(1000):
            paths.append(folder / f"P_{number:05d}_LEFT_CC.png")
            os.link(originals[number % len(originals)], paths[-1])
        score_files(paths[:200], made, folder / "first.csv")
        before = peak()
        score_files(paths, made, folder / "all.csv")
    return rows.Figure(peak() - before, peak(), "MB")


def peak():
    """Greatest memory of this process so far in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def flips():
    """Four flips of one file beside one pass over it, reading included."""
    from end2end import prediction

    made = classifier()
    with timing.scratch() as folder:
        paths = timing.phantom_images(folder, patients=1)[:1]
        once = timing.fastest(lambda: prediction.score_image(paths[0], made), runs=4)
        ours = timing.fastest(
            lambda: prediction.score_image(paths[0], made, flips=True), runs=3)
    return rows.Figure(
        ours / once, ours, "s per image", 4 * once, "four passes over the file", once,
        "one pass")


def heatmap():
    """One pass of the network beside one pass per patch."""
    from end2end import heatmaps, memory, models, patches

    memory.keep_freed_memory()
    patch_model = models.patch_classifier("resnet50", 5, dropout=0.5)
    model = models.heatmap_model(patch_model, size=SIZE)
    image = np.random.default_rng(0).normal(size=(*SIZE, 3)).astype(np.float32)
    ours = timing.fastest(
        lambda: heatmaps.convolutional_heatmap(model, image), runs=3)
    grid = [len(patches.sliding_grid(length + 224, patch_size=224, stride=32))
            for length in SIZE]
    # A strip with some of the windows; all of them take minutes.
    strip = image[:32 * 7]
    rows_of_strip = len(patches.sliding_grid(
        len(strip) + 224, patch_size=224, stride=32))
    simple = timing.seconds(lambda: heatmaps.sliding_heatmap(
        patch_model, strip, patch_size=224, stride=32)) * grid[0] / rows_of_strip
    return rows.Figure(
        simple / ours, ours, "s per image", simple,
        f"sliding window, {grid[0]}x{grid[1]} patches, from {rows_of_strip} rows",
        limit_seconds(model, (*SIZE, 3)),
        "its convolutions at TensorFlow's matrix-product rate")


@contextlib.contextmanager
def silent():
    """Standard output goes nowhere."""
    with (open(pathlib.Path(os.devnull), "w") as nowhere,
          contextlib.redirect_stdout(nowhere)):
        yield
