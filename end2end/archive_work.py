"""What `end2end.archive` does to the rows of one shard."""

import functools
import pathlib

from end2end import commands, files, scores, shards, storage

SCORED = ("path", "patient", "laterality", "view", "label", "score", "error")


def predicting(arguments):
    """The work of `archive predict`; models are checked by their hashes."""
    hashes = []
    for model in arguments.models:
        with storage.local(model) as path:
            hashes.append(files.sha256(path))
    function = functools.partial(
        score_rows, table=whole_name(arguments.table),
        models=tuple(map(whole_name, arguments.models)), flips=arguments.flips,
        batch_size=arguments.batch_size)
    return shards.Work(function, SCORED, dict(
        task="predict", models=hashes, flips=arguments.flips))


def preparing(arguments):
    """The work of `archive prepare`."""
    if not all(32 <= length <= 8192 for length in arguments.size):
        raise files.InputError(
            "--size {} {} is out of range; give 32 to 8192.".format(*arguments.size))
    function = functools.partial(
        convert_rows, table=whole_name(arguments.table),
        out=storage.join(whole_name(arguments.out), "images"),
        size=tuple(arguments.size))
    return shards.Work(function, (*SCORED[:5], "source", "error"), dict(
        task="prepare", size=list(arguments.size)))


WORK = {"predict": predicting, "prepare": preparing}


def whole_name(path):
    """A URL, or an absolute path: what workers with other current folders can use."""
    return path if storage.is_url(path) else str(storage.plain(path).absolute())


@functools.lru_cache(maxsize=1)
def classifiers(models):
    """The models of a worker, read once per process."""
    from end2end import checkpoints
    found = []
    for model in models:
        with storage.local(model) as path:
            found.append(checkpoints.load_classifier(path))
        if set(found[-1].classes) != {"neg", "pos"}:
            raise files.InputError(
                f"model {model} tells apart {', '.join(found[-1].classes)}; expected "
                "neg and pos. Give a model of whole images.")
    return found


def known(row, table):
    """Path, patient, side, view and label of a manifest row, by their usual names.

    Raises:
        files.InputError: there is no path.
    """
    named = scores.named_columns(row)
    if "path" not in named:
        raise files.InputError(
            f"a manifest row has no path (columns {', '.join(row)}); expected the "
            "column path.")
    found = {name: row[named[name]] if name in named else "" for name in SCORED[:5]}
    found["path"] = storage.beside(table, found["path"])
    guessed = scores.from_name(found["path"])
    return found | {name: scores.CLEAN[name](found[name]) or guessed[name]
                    for name in guessed}


def score_rows(rows, *, table, models, flips, batch_size):
    """Rows with the mean score of class `pos`, or with the reason that there is none.

    Every row comes back once, in order.
    """
    loaded, done = classifiers(models), []
    if any(one.images.height is not None for one in loaded):
        batch_size = 1
    for start in range(0, len(rows), batch_size):
        batch = [known(row, table) for row in rows[start:start + batch_size]]
        done += _score_batch(batch, loaded, flips)
    return done


def _score_batch(rows, loaded, flips):
    import numpy as np

    from end2end import images, prediction

    read = []
    for row in rows:
        try:
            with storage.local(row["path"]) as path:
                pixels = images.read_image(path)
            read.append((row, [images.to_input(pixels, one.images) for one in loaded]))
        except (files.InputError, OSError) as error:
            row["error"] = commands.one_line(error)
    if read:
        chosen = prediction.FLIPS if flips else prediction.FLIPS[:1]
        values = [prediction.predict_inputs(
            one.model, np.stack([inputs[k] for _, inputs in read]), flips=chosen
        ).mean(axis=1)[:, list(one.classes).index("pos")]
            for k, one in enumerate(loaded)]
        for (row, _), value in zip(read, np.mean(values, axis=0), strict=True):
            row["score"] = scores.number(value)
    return rows


def convert_rows(rows, *, table, out, size):
    """Rows whose images were resized and written as 16-bit PNG below `out`."""
    import cv2
    import numpy as np

    from end2end import config, images

    done = []
    for row in rows:
        row = known(row, table)
        row["source"] = row["path"]
        try:
            with storage.local(row["source"]) as path:
                pixels = images.read_image(path)
            pixels = images.resized(pixels, config.ImageOptions(size=size))
            if pixels.dtype == np.uint8:
                pixels = pixels.astype(np.uint16) * 257
            row["path"] = storage.join(out, output_name(row["source"]))
            with storage.replacing(row["path"]) as part:
                part.write_bytes(cv2.imencode(
                    ".png", pixels.clip(0, 65535).astype(np.uint16))[1].tobytes())
        except (files.InputError, OSError) as error:
            row["error"] = commands.one_line(error)
        done.append(row)
    return done


def output_name(source):
    """A name that is the same for the same source and for no other."""
    import hashlib
    mark = hashlib.sha256(source.encode()).hexdigest()[:16]
    return f"{mark[:2]}/{pathlib.Path(source).stem}_{mark}.png"
