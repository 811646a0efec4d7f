"""What `end2end.archive` does to the rows of one shard."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable

import cv2
import numpy as np

from end2end import checkpoints, config, images, prediction
from end2end.archive import sealed, settling, shards, storage
from end2end.config import import_flags, model_flags
from end2end.images import belonging
from end2end.prediction import (
    engines,
    identity_cells,
    pseudonyms,
    resuming,
    stored_networks,
)
from end2end.prediction.identity_cells import SEPARATOR
from end2end.tables import identity, manifests, scores, vocabulary
from end2end.utils import commands, files

KNOWN = ("path", "patient", "laterality", "view", "label")
SCORED = (*KNOWN, "score", "flags", "notes", "error", *identity_cells.FURTHER_COLUMNS)
PREPARED = (*KNOWN, "source", "error", *identity_cells.FURTHER_COLUMNS)
KEY = "pseudonyms.json"


def predicting(arguments: argparse.Namespace) -> shards.Work:
    """The work of `archive predict`; models are checked by their hashes."""
    hashes, eight_bits, outputs = [], [], model_flags.typed(arguments)
    if arguments.fast:
        engines.check()
    for model in arguments.models:
        with storage.local(model) as path:
            hashes.append(files.sha256(path))
            stored = beside(path, arguments.fast, outputs)
            eight_bits.append(stored and stored.digest())
    settings = dict(task="predict", models=hashes, flips=arguments.flips,
                    keep_ids=arguments.keep_ids)
    key = pseudonym_key(arguments.out, arguments.pseudonym_key)
    if arguments.fast:
        settings["fast"] = True
    if any(eight_bits):
        settings["eight_bits"] = eight_bits
    if outputs != model_flags.AS_STORED:
        settings["outputs"] = [list(outputs.classes), outputs.kind]
    if arguments.refuse_unfit:
        settings["refuse_unfit"] = True
    if not arguments.keep_ids:
        settings["pseudonym_key"] = pseudonyms.fingerprint(key)
    function = functools.partial(
        score_rows, table=whole_name(arguments.table),
        models=tuple(map(whole_name, arguments.models)), flips=arguments.flips,
        batch_size=arguments.batch_size,
        loading=Loading(arguments.fast, outputs, key, arguments.keep_ids,
                        tuple(eight_bits)),
        refuse_unfit=arguments.refuse_unfit)
    return shards.Work(function, SCORED, settings, sources=True, records=True)


def pseudonym_key(out: str, key_file: str | None = None) -> bytes:
    """The key of an archive's pseudonyms.

    Args:
        out: folder, path or URL; without a key file it holds the key.
        key_file: `--pseudonym-key`.

    Raises:
        files.InputError: the key file cannot be used.
    """
    if key_file:
        return pseudonyms.key_of_file(key_file)
    path = storage.join(out, KEY)
    if storage.exists(path):
        with storage.opened(path) as stream:
            return bytes.fromhex(json.load(stream)["key"])
    key = pseudonyms.new_key()
    with storage.replacing(path) as part:
        part.touch(mode=0o600)
        part.write_bytes(json.dumps(dict(key=key.hex())).encode())
    if not storage.is_url(path):
        os.chmod(storage.plain(path), 0o600)
    return key


@functools.lru_cache(maxsize=4)
def names_of(key: bytes, keep_ids: bool) -> pseudonyms.Pseudonyms:
    """The pseudonyms of a worker, the same in every shard and on every host."""
    return pseudonyms.Pseudonyms(key, keep_ids=keep_ids)


def preparing(arguments: argparse.Namespace) -> shards.Work:
    """The work of `archive prepare`."""
    import_flags.check(arguments)
    key = pseudonym_key(arguments.out, arguments.pseudonym_key)
    settings = dict(task="prepare", size=list(arguments.size),
                    keep_ids=arguments.keep_ids)
    if not arguments.keep_ids:
        settings["pseudonym_key"] = pseudonyms.fingerprint(key)
    function = functools.partial(
        convert_rows, table=whole_name(arguments.table),
        out=storage.join(whole_name(arguments.out), "images"),
        size=tuple(arguments.size),
        loading=Loading(key=key, keep_ids=arguments.keep_ids))
    return shards.Work(function, PREPARED, settings, sources=True, records=True,
                       outputs=True)


WORK = {"predict": predicting, "prepare": preparing}


def whole_name(path: str) -> str:
    """A URL, or an absolute path: what workers with other current folders can use."""
    return path if storage.is_url(path) else str(storage.plain(path).absolute())


@dataclasses.dataclass(frozen=True)
class Loading:
    """What a worker needs besides the rows.

    Attributes:
        fast: networks by OpenVINO.
        outputs: what the user says of the models' outputs.
        key: of the archive's records and pseudonyms.
        keep_ids: write patients' numbers as they are.
        eight_bits: of each model the digest of the network in eight bits that scores
            in its place, or None; empty: of none.
    """

    fast: bool = False
    outputs: model_flags.OutputOptions = model_flags.AS_STORED
    key: bytes = bytes(pseudonyms.KEY_BYTES)
    keep_ids: bool = False
    eight_bits: tuple[str | None, ...] = ()


def beside(model: pathlib.Path, fast: bool, outputs: model_flags.OutputOptions
           ) -> stored_networks.Stored | None:
    """The converted network beside a model (`stored_networks.find`) for --fast."""
    return stored_networks.find(model, outputs=outputs) if fast else None


@functools.lru_cache(maxsize=1)
def classifiers(
        models: tuple[str, ...], loading: Loading = Loading()
) -> list[checkpoints.Classifier]:
    """The models of a worker, read once per process; as `loading` says.

    Raises:
        files.InputError: no model of whole images, or scores would come from other
            numbers than elsewhere in this work.
    """
    loaded = []
    digests = loading.eight_bits or (None,) * len(models)
    for model, digest in zip(models, digests, strict=True):
        with storage.local(model) as path:
            stored = beside(path, loading.fast, loading.outputs)
            if (stored and stored.digest()) != digest:
                raise files.InputError(
                    f"the network in eight bits beside {model} is another here than "
                    "where this work began; give every worker the same folder "
                    f"*{stored_networks.SUFFIX} and the same OpenVINO.")
            classifier = stored_networks.load(
                path, stored, output_options=loading.outputs)
        if set(classifier.classes) != {"neg", "pos"}:
            raise files.InputError(
                f"model {model} tells apart {', '.join(classifier.classes)}; expected "
                "neg and pos. Give a model of whole images.")
        loaded.append(stored_networks.fast(classifier, stored) if loading.fast
                      else classifier)
    return loaded


def check_manifest(table: str) -> None:
    """Raises `files.InputError` for what is not a manifest, before any work; logs which
    of its columns are not understood."""
    first = next(shards.read_rows(table), None)
    if first is None:
        raise files.InputError(
            f"manifest {table} has no rows; expected a header with the column path, "
            "and a row per image.")
    known(first, table)
    vocabulary.say_unknown(first, table, understood=manifests.UNDERSTOOD)


def known(row: dict[str, str], table: str) -> tuple[dict, dict]:
    """A manifest's row by the meanings of its columns, and the cells that it tells with
    the name of the file.

    Returns:
        dict by meaning (`tables.manifests`), with the whole path; dict by `KNOWN`.

    Raises:
        files.InputError: there is no path, or a label that is no known word.
    """
    headings = vocabulary.named_columns(row)
    if "path" not in headings:
        raise files.InputError(
            f"a manifest row has no path (columns {', '.join(row)}); expected the "
            "column path.")
    cells = {name: row[column] for name, column in headings.items()
             if name in manifests.UNDERSTOOD}
    vocabulary.check_label(
        cells.get("label", ""), f"manifest {table}, the row of {cells['path']}")
    cells["path"] = storage.beside(table, cells["path"])
    record = settled(identity.merged(
        cells["path"], manifests.around(cells["path"], cells)))
    return cells, dict(identity_texts(record, None), path=cells["path"],
                       label=cells.get("label", ""))


def settled(image: identity.Identity) -> identity.Identity:
    """An identity by what is known of its image alone; shards do not see each other."""
    (alone,) = belonging.of_women([image])
    return belonging.by_itself(alone)


def identity_texts(image: identity.Identity,
                   names: Callable[[str], str] | None) -> dict[str, str]:
    """Cells of an image that no other image has a say in.

    Women of equal names in different folders have to be told apart without each other.
    """
    cells = identity_cells.cells([image], names)[image.path]
    if image.namespace.startswith(identity_cells.FOLDER) and cells["patient"] == (
            image.patient):
        folder = pathlib.PurePath(image.namespace.removeprefix(identity_cells.FOLDER))
        cells["patient"] = "/".join(filter(None, (folder.name, image.patient)))
    return cells


def score_rows(
        rows: Iterable[dict[str, str]], *, table: str, models: tuple[str, ...],
        flips: bool, batch_size: int, loading: Loading | None = None,
        **reading: object) -> list[dict]:
    """Rows with the mean score of class `pos`, or with the reason that there is none.

    Every row comes back once, in order, with side, view and flags as `end2end.predict`
    gives an image alone, and a sealed record for what others have a say in
    (`archive.settling`). Patients' numbers of DICOM files become pseudonyms, those of
    the manifest and of file names stay. `reading`: further arguments of
    `prediction.prepare`.
    """
    loading = loading or Loading()
    loaded, results = classifiers(models, loading), []
    if any(classifier.images.height is not None for classifier in loaded):
        batch_size = 1
    for start in range(0, len(rows), batch_size):
        batch = [known(row, table) for row in rows[start:start + batch_size]]
        results += _score_batch(batch, loaded, flips, loading, **reading)
    return results


def _score_batch(rows, loaded, flips, loading, **reading):
    read = []
    for manifest, row in rows:
        try:
            with _recorded(row, row["path"]):
                read.append((row, _prepared(
                    manifest, row, loaded, loading, **reading)))
        except (files.InputError, OSError) as error:
            row["error"] = commands.one_line(error)
    if read:
        chosen = prediction.FLIPS if flips else prediction.FLIPS[:1]
        values = [prediction.predict_inputs(
            classifier.model, np.stack([inputs[k] for _, inputs in read]), flips=chosen
        ).mean(axis=1)[:, list(classifier.classes).index("pos")]
            for k, classifier in enumerate(loaded)]
        for (row, _), value in zip(read, np.mean(values, axis=0), strict=True):
            try:
                prediction.check_scores([value], [row["path"]])
                row["score"] = scores.number(value)
            except files.InputError as error:
                row |= {"error": commands.one_line(error), shards.RECORD: ""}
    return [row for _, row in rows]


@contextlib.contextmanager
def _recorded(row, path):
    """Notes in a row what the file was like that the block reads.

    Raises:
        files.InputError: the file changed during the block.
    """
    before = storage.state(path)
    row[shards.SOURCES] = [(path, before)]
    yield
    if before and not storage.is_url(path):
        resuming.check_unchanged(storage.plain(path), resuming.FileState(**before))


def _prepared(manifest, row, loaded, loading, **reading):
    """Network inputs per model; what the file says of itself goes into the row."""
    with _read(manifest, row, loading) as image:
        prepared = prediction.prepare(image, loaded, **reading)
    row["flags"] = SEPARATOR.join(prepared.flags)
    row["notes"] = SEPARATOR.join(prepared.image.notes)
    return prepared.inputs


@contextlib.contextmanager
def _read(manifest, row, loading):
    """Gives the image of a row as read; who it shows goes into the row."""
    with storage.local(row["path"]) as path:
        image = images.read(path, manifest=manifest, known_as=row["path"])
        yield image
        shown = dataclasses.replace(
            image.identity, content=belonging.content(image.identity, path))
    names = names_of(loading.key, loading.keep_ids)
    row |= identity_texts(settled(shown), names)
    row[shards.RECORD] = sealed.seal(settling.record(shown, names), loading.key)


def settle(arguments: argparse.Namespace) -> list[str]:
    """Brings together what belongs together in a scored archive (`archive.settling`).

    Returns:
        sentences that account for all images and files.
    """
    key = pseudonym_key(arguments.out, arguments.pseudonym_key)
    tally, further = settling.settle(
        arguments.out, names_of(key, arguments.keep_ids), key,
        all_views=arguments.views == "all")
    lines = tally.lines(list(settling.not_tables(arguments.table)))
    if further:
        lines.append("further lines on images counted above: "
                     f"{commands.counted(further, 'row')}")
    return lines


def convert_rows(
        rows: Iterable[dict[str, str]], *, table: str, out: str, size: tuple[int, int],
        loading: Loading | None = None) -> list[dict]:
    """Rows whose images were resized and written as 16-bit PNG below `out`."""
    loading, results = loading or Loading(), []
    for row in rows:
        manifest, row = known(row, table)
        row["source"] = row["path"]
        try:
            with _recorded(row, row["source"]), _read(manifest, row, loading) as image:
                pixels = images.resized(image.pixels, config.ImageOptions(size=size))
            if pixels.dtype == np.uint8:
                pixels = pixels.astype(np.uint16) * 257
            row["path"] = storage.join(out, output_name(row["source"]))
            with storage.replacing(row["path"]) as part:
                part.write_bytes(cv2.imencode(
                    ".png", pixels.clip(0, 65535).astype(np.uint16))[1].tobytes())
        except (files.InputError, OSError) as error:
            row |= {"error": commands.one_line(error), shards.RECORD: ""}
        results.append(row)
    return results


def output_name(source: str) -> str:
    """A name that is the same for the same source and for no other."""
    mark = hashlib.sha256(source.encode()).hexdigest()[:16]
    return f"{mark[:2]}/{pathlib.Path(source).stem}_{mark}.png"
