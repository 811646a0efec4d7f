"""The programs that are called as a whole: their inputs, their words, their results.

Each has a small folder of sound inputs. Those of its files that match `items` are the
images (or rows of work) whose results must not change when another file is damaged.
"""

import contextlib
import csv
import dataclasses
import gc
import hashlib
import json
import pathlib
import shutil
import sys
import unittest.mock
from collections.abc import Callable

import cv2
import numpy as np

from end2end import phantoms
from end2end.utils import programs
from tests.fuzz import seeds

sys.path.insert(0, str(seeds.TESTS / "helpers"))

import dicom_writer  # noqa: E402

SIZE = ("64", "48")


class StepError(Exception):
    """Training has come to its first step."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that is put to the test.

    Attributes:
        module: of `programs.MODULES`.
        inputs: writes sound inputs into a folder.
        words: sound words after the program's name, of inputs and a new output folder.
        results: reads what an output folder says of each item, by its path below the
            inputs; of items that have none nothing.
        items: pattern of files, relative to the inputs.
        around: context in which it is called.
        status: of the sound call.
    """

    module: str
    inputs: Callable
    words: Callable
    results: Callable = lambda folder, out: {}
    items: tuple = ()
    around: Callable = contextlib.nullcontext
    status: int = 0


def _pictures(folder):
    """Six women in two classes as PNG, and two views of a seventh as DICOM."""
    import saved_models  # loads Keras

    saved_models.write_images(folder, women=6)
    rng = np.random.default_rng(4)
    for view in ("CC", "MLO"):
        pixels = rng.integers(200, 4000, (44, 30)).astype(np.uint16)
        (folder / "dicom").mkdir(exist_ok=True)
        dicom_writer.write(folder / "dicom" / f"{view}.dcm", pixels, PatientID="w",
                           ImageLaterality="L", ViewPosition=view,
                           StudyInstanceUID="1.2.3")


def _with_model(folder):
    import saved_models

    _pictures(folder)
    saved_models.whole_image_model(folder / "best.h5")
    card = json.loads(seeds.card()[0])
    path = folder / "best.config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {
        name: card[name] for name in (
            "calibration", "operating_points", "input_statistics")}))


def _manifest(folder):
    _with_model(folder)
    rows = ["path,label,patient,laterality,view"]
    for path in sorted(folder.rglob("*_*_*.png")):
        if path.parent.name != "mask":
            rows.append(f"{path.relative_to(folder)},{path.parent.name},"
                        f"{path.name[:7]},L,{path.stem.split('_')[-1]}")
    rows += [f"dicom/{view}.dcm,pos,w,L,{view}" for view in ("CC", "MLO")]
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")


def _three_sets(folder):
    """A model, and images of other women in each of three sets."""
    _with_model(folder)
    shutil.rmtree(folder / "dicom")
    for number, name in enumerate(("train", "val", "test")):
        target = folder / name
        for label in ("neg", "pos"):
            (target / label).mkdir(parents=True)
            for path in (folder / label).glob(f"P_0000{2 * number}_*" if label == "neg"
                                              else f"P_0000{2 * number + 1}_*"):
                path.rename(target / label / path.name)
    rows = ["path,label,patient,laterality,view"]
    for path in sorted(folder.glob("test/*/*.png")):
        rows.append(f"{path.relative_to(folder)},{path.parent.name},{path.name[:7]},L,"
                    f"{path.stem.split('_')[-1]}")
    (folder / "test.csv").write_text("\n".join(rows) + "\n")


def _rows(folder, table, *, columns=("score",), by="path"):
    """Cells of a table by the path of the item."""
    if not table.is_file():
        return {}
    with open(table, newline="", encoding="utf-8", errors="replace") as stream:
        rows = list(csv.DictReader(stream))
    # No row: the image was left out, which is no result that could differ.
    return {_below(row[by], folder): "|".join(row[name] for name in columns)
            for row in rows if row.get(columns[0])}


def _below(text, folder):
    path = pathlib.PurePath(text)
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _predicted(folder, out):
    return _rows(folder, out / "scores.csv", columns=("score", "calibrated", "flags"))


def _archived(folder, out):
    rows = {}
    for shard in sorted(out.glob("archive/part-*.csv")):
        rows |= _rows(folder, shard)
    return rows


def _evaluated(folder, out):
    return _rows(folder, out / "test/scores.csv")


def _digests(folder):
    return {path.relative_to(folder).as_posix(): hashlib.sha256(
        path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.png"))}


def _cbis(folder):
    phantoms.write_cbis_ddsm(folder, patients=2, seed=5, size=(64, 64),
                             layout="descriptive")


def _inbreast(folder):
    phantoms.write_inbreast(folder, patients=4, seed=5, size=(64, 64))


def _cut(folder):
    """What the patch sampler reads, of two synthetic women."""
    prepare = programs.load("ddsm_train.prepare")
    phantoms.write_cbis_ddsm(folder / "download", patients=2, seed=5, size=(96, 64))
    prepare.main([str(folder / "download"), str(folder), "--workers", "1", "--size",
                  "96", "64"])
    shutil.rmtree(folder / "download")


def _patches(folder, out):
    """Patches by the mammogram they were cut from."""
    cut = {}
    for name, digest in _digests(out).items():
        stem = pathlib.PurePath(name).name
        for path in sorted(folder.glob("full/*.png")):
            if stem.startswith(path.stem):
                cut.setdefault(f"full/{path.name}", []).append(f"{name} {digest}")
    return {path: " ".join(names) for path, names in cut.items()}


def _sheet(folder):
    """A table such as users have, beside its files."""
    rng = np.random.default_rng(2)
    rows = ["file,patient,side,view,label"]
    for woman in range(6):
        for view in ("CC", "MLO"):
            pixels = rng.integers(100, 4000, (50, 40)).astype(np.uint16)
            name = f"w{woman}_{view}.dcm"
            dicom_writer.write(folder / name, pixels, PatientID=f"w{woman}",
                               ImageLaterality="R", ViewPosition=view)
            rows.append(f"{name},w{woman},R,{view},{woman % 2}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")


def _scores(folder):
    """Two score files of the same images, and a table with density."""
    rng = np.random.default_rng(3)
    lines = {name: ["path,patient,laterality,view,label,score,density"]
             for name in ("first", "second")}
    for row in range(24):
        label = int(row % 3 == 0)
        start = f"i{row}.png,P_{row // 2:05d},L,{('CC', 'MLO')[row % 2]},{label}"
        for rows in lines.values():
            rows.append(f"{start},{rng.uniform(0, 0.7) + 0.3 * label:.4f},{row % 4}")
    for name, rows in lines.items():
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    (folder / "table.csv").write_text("patient_id,side,view,density,age\n" + "".join(
        f"P_{woman:05d},LEFT,{view},{woman % 4},{50 + woman}\n"
        for woman in range(12) for view in ("CC", "MLO")))


def _set(layout, split="own"):
    """A public set as downloaded, imported by its name."""
    return Program(
        "end2end.importing",
        lambda folder: phantoms.write_layout(
            folder / "set", layout=layout, patients=2, seed=5, size=(64, 64)),
        lambda folder, out: [layout, str(folder / "set"), str(out / "import"), "--size",
                             *SIZE, "--workers", "1", "--split", split])


@contextlib.contextmanager
def _until_the_first_step():
    """Training ends where its first step would begin."""
    from end2end.training import loop

    def reached(*arguments, **keywords):
        raise StepError

    with unittest.mock.patch.object(loop._Run, "through", reached), \
            contextlib.suppress(StepError):
        yield


@contextlib.contextmanager
def _asked_once():
    """The server answers one client and ends; its objects can be freed then."""
    import uvicorn

    from tests.fuzz import clients

    with unittest.mock.patch.object(uvicorn.Server, "run", clients.served), \
            unittest.mock.patch.object(gc, "freeze"):
        yield


def _served(folder, out):
    from tests.fuzz import clients

    return dict(clients.answers)


def _words(*words):
    """Words in which IN and OUT stand for the folders."""
    return lambda folder, out: [
        word.replace("IN", str(folder)).replace("OUT", str(out)) for word in words]


IMAGES = ("neg/*", "pos/*", "dicom/*")
PROGRAMS = {
    "predict": Program(
        "end2end.predict", _with_model,
        _words("IN/best.h5", "IN/neg", "IN/pos", "IN/dicom", "--out",
               "OUT/scores.csv"), _predicted, IMAGES),
    "predict-manifest": Program(
        "end2end.predict", _manifest,
        _words("IN/best.h5", "IN/manifest.csv", "--out", "OUT/scores.csv", "--flips"),
        _predicted, IMAGES),
    "archive": Program(
        "end2end.archive", _manifest,
        _words("predict", "IN/manifest.csv", "--models", "IN/best.h5", "--out",
               "OUT/archive", "--rows", "4"), _archived, IMAGES),
    "evaluate": Program(
        "ddsm_train.evaluate", _manifest,
        _words("IN/best.h5", "IN/manifest.csv", "--out", "OUT/test", "--runs", "20",
               "--no-pictures"), _evaluated, IMAGES),
    "metrics": Program(
        "end2end.metrics", _scores,
        _words("IN/first.csv", "IN/second.csv", "--table", "IN/table.csv", "--runs",
               "20")),
    "prepare-ddsm": Program(
        "ddsm_train.prepare", _cbis,
        _words("IN", "OUT/prepared", "--size", *SIZE, "--workers", "1")),
    "prepare-inbreast": Program(
        "inbreast.prepare", _inbreast,
        _words("IN", "OUT/prepared", "--size", *SIZE, "--workers", "1", "--bits",
               "12")),
    "import-table": Program(
        "end2end.importing", _sheet,
        _words("table", "IN/table.csv", "OUT/import", "--size", *SIZE, "--workers",
               "1", "--split", "patient")),
    **{f"import-{layout}": _set(layout) for layout in (
        "vindr", "rsna", "cmmd", "mini-mias")},
    "sampling": Program(
        "ddsm_train.sample_patches_combined", _cut,
        _words("IN/roi_mask_path.csv", "IN/mask", "IN/pat_train.txt", "IN/full",
               "OUT/train", "OUT/val", "--target-height", "96", "--target-width", "64",
               "--patch-size", "16", "--nb-bkg", "1", "--nb-abn", "1", "--nb-hns", "0",
               "--no-segment-breast", "--workers", "1", "--seeding", "image"),
        _patches, ("full/*", "mask/*")),
    "training": Program(
        "ddsm_train.image_clf_train", _three_sets,
        _words("IN/train", "IN/val", "IN/test.csv", "--resume-from", "IN/best.h5",
               "--img-size", "40", "32", "--rescale-factor", "1.0",
               "--featurewise-mean", "40", "--class-list", "neg", "pos",
               "--batch-size", "4", "--best-model", "OUT/best.h5", "--final-model",
               "NOSAVE"), around=_until_the_first_step),
    "export": Program(
        "end2end.export", _with_model,
        _words("IN/best.h5", "--to", "keras", "--out", "OUT/best.keras", "--image",
               "IN/neg/P_00000_LEFT_CC.png")),
    "serve": Program(
        "end2end.serve", _with_model,
        _words("IN/best.h5", "--port", "0", "--no-browser"), _served, IMAGES,
        _asked_once),
}


def small_picture(rng):
    """Bytes of a PNG that no other image equals."""
    pixels = np.frombuffer(rng.randbytes(40 * 32), np.uint8).reshape(40, 32)
    return cv2.imencode(".png", pixels)[1].tobytes()
