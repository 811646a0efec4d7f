"""How each kind of file is read by the project, as a function of a folder and a file.

A reader may raise `files.InputError`, which a command turns into one line, or one of
`REFUSALS`, which the importers turn into a row of their log.
"""

import argparse
import contextlib
import dataclasses
import io
import pathlib
import re
import shutil

from end2end.data import conversion
from end2end.utils import files
from tests.fuzz import cards, mutations, networks, seeds

REFUSALS = (files.InputError, conversion.Unreadable)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        read: takes `Place` and raises one of `REFUSALS` or nothing.
        names: file names that the damaged bytes get, one per case.
        packed: damages what lies packed inside (`mutations`), or None.
        text: whether damage to words and lines is tried.
        start: bytes in front that are rarely damaged.
        folder: makes the folder that the damaged file lies in, or None; its files
            `names` are the seeds.
        slow: needs TensorFlow.
        always: whether `packed` makes every case.
    """

    read: object
    names: tuple
    packed: object = None
    text: bool = False
    start: int = 0
    folder: object = None
    slow: bool = False
    always: bool = False


@dataclasses.dataclass
class Place:
    """Where a case works.

    Attributes:
        folder: holds the damaged file and what belongs to it.
        file: the damaged file.
        out: where the reader may write.
        rng: for choices of the reader.
    """

    folder: pathlib.Path
    file: pathlib.Path
    out: pathlib.Path
    rng: object


def read_picture(place):
    """Reads an image as the commands do, and makes a network input of it."""
    from end2end import config, images, prediction

    if place.rng.random() < 0.3:  # as the import reads masks
        conversion.read_shape(place.file)
        return conversion.read_stored(place.file)
    frame = place.rng.choice((None, None, 0, 1))
    read = images.read(place.file, frame=frame)
    options = config.ImageOptions(size=(16, 12), channels=1, intensity_scale="auto")
    inputs, _, _ = prediction.network_input(read, options)
    assert inputs.shape == (16, 12, 1)
    with contextlib.suppress(ValueError):  # black, which the sampler says in its log
        images.segment_breast(read.pixels)

def read_mask(place):
    """Reads an image as the sampler reads a mask, half of the time."""
    if place.rng.random() < 0.5:
        return read_picture(place)
    from end2end.data.patches import sampling

    with contextlib.suppress(sampling.Unusable):
        sampling.read_grey(place.file)


def read_manifest(place):
    """Reads a manifest for training and for prediction."""
    from end2end.data import image_lists
    from end2end.prediction import identity_cells, inputs

    shutil.copyfile(_picture(place.out), place.folder / "a.png")
    # The start of an HDF5 file: the list is read before the model.
    (place.folder / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    classes = place.rng.choice((None, ("neg", "pos")))
    with contextlib.suppress(files.InputError):
        found = image_lists.find_images(place.file, classes)
        found.read(0)
    inputs.Subjects(
        inputs.gather([place.folder / "model.h5", place.file]),
        identity_cells.Numbered()).cells()


def _picture(folder):
    path = folder / "a.png"
    path.write_bytes(seeds.of("png")[0])
    return path


def read_scores(place):
    """Reads a score file, and joins a table to it."""
    from end2end.tables import scores

    with contextlib.suppress(files.InputError):
        read = scores.read_scores(place.file)
        scores.write_scores(place.out / "again.csv", read)
        scores.read_scores(place.out / "again.csv")
    sound = place.out / "sound.csv"
    sound.write_bytes(seeds.of("scores")[0])
    scores.joined(scores.read_scores(sound), place.file)


def read_split(place):
    """Reads a split file."""
    from end2end.data import splits

    parts = splits.read_split(place.file)
    splits.part_of(parts, "P_00001", "LEFT", "CC")


def read_model(place):
    """Loads a model with its settings."""
    import keras

    from end2end import checkpoints, config

    checkpoints.load_classifier(place.file, config.ImageOptions(size=(24, 16)))
    keras.backend.clear_session()


def read_settings(place):
    """Puts a description into a model, or settings beside it, and loads that."""
    import h5py
    import keras

    from end2end import checkpoints

    text = place.file.read_bytes()
    model = place.folder / "best.h5"
    named = set(re.findall(rb'"name": ?"(\w+)"', text))
    data = max(seeds.of("h5"), key=lambda one: sum(name in one for name in named))
    model.write_bytes(data)
    if b'"class_name"' in text:
        with h5py.File(model, "r+") as file:
            file.attrs["model_config"] = text.replace(b"\0", b"")[:60_000]
    else:
        shutil.copyfile(place.file, checkpoints.config_path(model))
    checkpoints.load_classifier(model)
    keras.backend.clear_session()


def read_heatmaps(place):
    """Reads heatmaps of women."""
    from end2end.heatmaps import heatmap_files

    heatmap_files.read_cases(place.file)


def read_resumed(place):
    """Opens what an earlier call left."""
    from end2end.prediction import resuming, score_files

    columns = score_files.columns(["m"])
    with contextlib.suppress(files.InputError):
        resuming.Rows(place.file, columns, "False")
    resuming.states_of(place.file)
    ledger = conversion.Ledger(place.file)
    job = dict(key="a", sources=[], settings=[])
    ledger.done(job)
    ledger.add(job, dict(outputs=[]))
    ledger.tidy([dict(key="a")])


def cbis_folder(folder):
    """A download of three synthetic women, with metadata.csv and a packed table."""
    import gzip

    from end2end import phantoms

    phantoms.write_cbis_ddsm(folder, patients=2, seed=5, size=(64, 64),
                             layout="descriptive")
    table = folder / "mass_case_description_test_set.csv"
    (folder / f"{table.name}.gz").write_bytes(
        gzip.compress(table.read_bytes(), mtime=0))
    table.unlink()


def inbreast_folder(folder):
    """A release of three synthetic women, and the spreadsheet."""
    from end2end import phantoms

    phantoms.write_inbreast(folder, patients=3, seed=5, size=(64, 64))
    for i, path in enumerate(sorted(folder.rglob("*.xml"))[:2]):
        path.rename(path.with_name(f"{i}.xml"))
    shutil.copy(seeds.TESTS / "fixtures/INbreast.xls", folder)


def read_cbis(place):
    """Reads the tables and finds the files; imports all in one case of four."""
    from ddsm_train.dataset import importing
    from end2end.importing.sets import cbis_downloads as downloads
    from end2end.importing.sets import cbis_tables as tables

    if place.rng.random() < 0.75:
        findings = tables.read_tables(place.folder)
        tables.census(findings)
        index = downloads.Index(place.folder, skip=None)
        for film in tables.merge(findings):
            job = downloads.make_job(film, index, place.out, (32, 32))
            for target in (job["target"], *(mask["target"] for mask in job["masks"])):
                assert (place.out / target).resolve().is_relative_to(place.out)
        return
    _quietly(importing.run, argparse.Namespace(
        download=place.folder, out=place.out, size=(32, 32), split="paper",
        split_file=None, seed=1, workers=1))


def read_inbreast(place):
    """Imports the whole release."""
    from inbreast.dataset import importing

    release = place.folder / "INbreast Release 1.0"
    if place.file.suffix == ".xls":  # else the CSV would be read
        from end2end.importing.sets import inbreast_tables as dataset_tables

        return dataset_tables.read_table(place.folder)
    _quietly(importing.run, argparse.Namespace(
        root=release, out=place.out, size=(32, 32), split_file=None, seed=1, workers=1,
        bits=None, test_share=0.3, val_share=0.1))


def read_outlines(place):
    """Reads outlines as the import does."""
    from end2end.importing.sets import inbreast_tables as dataset_tables
    from inbreast.dataset import importing

    image = dataset_tables.ImageFile(place.file, "20000000", "a", "LEFT", "CC")
    renamed = place.folder / "20000000.xml"
    shutil.copyfile(place.file, renamed)
    importing.write_outlines(place.folder, [image], {"20000000": dict(shape=(64, 64))},
                             place.out, (32, 32))


def sampler_folder(folder):
    """What the patch sampler reads, of two synthetic women."""
    from ddsm_train import prepare
    from end2end import phantoms

    phantoms.write_cbis_ddsm(folder / "download", patients=2, seed=5, size=(96, 64))
    _quietly(prepare.main, [str(folder / "download"), str(folder), "--workers", "1",
                            "--size", "96", "64"])
    shutil.rmtree(folder / "download")


def read_sampled(place):
    """Samples patches from the whole folder."""
    from ddsm_train import sample_patches_combined

    _quietly(sample_patches_combined.main, [
        str(place.folder / "roi_mask_path.csv"), str(place.folder / "mask"),
        str(place.folder / "pat_train.txt"), str(place.folder / "full"),
        str(place.out / "train"), str(place.out / "val"), "--target-height", "96",
        "--target-width", "64", "--patch-size", "16", "--nb-bkg", "1", "--nb-abn", "1",
        "--nb-hns", "0", "--no-segment-breast", "--workers", "1"])


def _quietly(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()), \
            contextlib.redirect_stderr(io.StringIO()):
        return function(*arguments)


CASE_TABLES = tuple(f"{kind}_case_description_{which}_set.csv"
                    for kind in ("calc", "mass") for which in ("train", "test"))
KINDS = {
    "dicom": Kind(read_picture, ("a.dcm", "P_00001_LEFT_CC", "a.dicom"),
                  packed=mutations.deflated, start=132),
    "png": Kind(read_mask, ("a.png", "a.PNG"), packed=mutations.png),
    "jpeg": Kind(read_mask, ("a.jpg", "a.jpeg")),
    "tiff": Kind(read_mask, ("a.tif", "a.tiff")),
    "pgm": Kind(read_mask, ("a.pgm", "a.png"), text=True),
    "bmp": Kind(read_mask, ("a.bmp",)),
    "cbis": Kind(read_cbis, (*CASE_TABLES[:3], f"{CASE_TABLES[3]}.gz", "metadata.csv"),
                 packed=mutations.gzipped, text=True, folder=cbis_folder),
    "inbreast": Kind(read_inbreast, ("INbreast Release 1.0/INbreast.csv",
                                     "INbreast.xls"),
                     text=True, folder=inbreast_folder),
    "outlines": Kind(read_outlines, ("INbreast Release 1.0/AllXML/0.xml",
                                     "INbreast Release 1.0/AllXML/1.xml"),
                     text=True, folder=inbreast_folder),
    "sampler": Kind(read_sampled, ("roi_mask_path.csv", "roi_mask_path.csv",
                                   "pat_train.txt"),
                    text=True, folder=sampler_folder),
    "manifest": Kind(read_manifest, ("m.csv",), text=True),
    "scores": Kind(read_scores, ("s.csv",), text=True),
    "split": Kind(read_split, ("split.csv",), text=True),
    "heatmaps": Kind(read_heatmaps, ("h.npz", "h.pkl")),
    "resumed": Kind(read_resumed, ("converted.jsonl",), text=True),
    "h5": Kind(read_model, ("best.h5",), slow=True),
    "keras": Kind(read_model, ("best.keras",), packed=mutations.zipped, slow=True),
    "card": Kind(cards.read, ("card.json",), packed=cards.changed, text=True,
                 slow=True),
    "settings": Kind(read_settings, ("best.json",), text=True, slow=True),
    "network": Kind(networks.read, ("best.h5", "best.keras"), packed=networks.odd,
                    slow=True, always=True),
}
