"""Patients' names stay in their files; no command needs a network."""

import csv
import io
import logging
import os
import pathlib
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from saved_models import SIZE, patch_model, whole_image_model

from ddsm_train import draw_saliency, evaluate
from end2end import dicom, paper_figures
from end2end import predict as predict_program
from end2end.archive import __main__ as archive_program
from end2end.images import __main__ as end2end_images
from end2end.prediction import pseudonyms
from end2end.utils import files
from tests.fuzz import bombs, seeds

ROOT = pathlib.Path(__file__).parent.parent
SECRETS = ("Doe^Jane", "Doe", "Jane", "19571224", "SECRET-4711", "Elm Street",
           "Sanctuary", "Smith", "ACC0815")


def write_dicom(path, **tags):
    """A mammogram with a name, a birth date, an identifier and more of that kind."""
    rng = np.random.default_rng(1)
    pixels = (np.linspace(0, 4000, SIZE[0] * SIZE[1]).reshape(SIZE)
              + rng.integers(0, 90, SIZE)).astype(np.uint16)
    dataset = seeds._dataset(pixels, **dict(
        PatientID="SECRET-4711", PatientName="Doe^Jane", PatientBirthDate="19571224",
        PatientAddress="Elm Street", InstitutionName="Sanctuary",
        AccessionNumber="ACC0815", ReferringPhysicianName="Smith",
        ImageLaterality="L", ViewPosition="CC") | tags)
    path.write_bytes(seeds._saved(dataset))
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    whole_image_model(tmp_path / "best.h5", scale=1 / 16)
    for i, view in enumerate(("CC", "MLO")):
        write_dicom(tmp_path / "in" / f"{i}.dcm", ViewPosition=view)
    # Values that make pydicom complain, and files that cannot be read.
    write_dicom(tmp_path / "in" / "odd.dcm", WindowWidth="0", Modality="CT")
    broken = write_dicom(tmp_path / "in" / "cut.dcm").read_bytes()
    (tmp_path / "in" / "cut.dcm").write_bytes(broken[:-900])
    (tmp_path / "in" / "bad.dcm").write_bytes(
        broken.replace(b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00PN"))
    return tmp_path


def written(folder):
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*")
                   if path.suffix in (".csv", ".json", ".html", ".txt"))


def test_nothing_of_a_patient_leaves_a_file(folder, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    assert predict_program.main([str(folder / "best.h5"), str(folder / "in"), "--out",
                                 str(folder / "out" / "scores.csv")]) == 1
    printed = capfd.readouterr()
    for text in (printed.out, printed.err, caplog.text, written(folder / "out")):
        assert not [secret for secret in SECRETS if secret in text]
    with open(folder / "out" / "scores.csv") as stream:
        patients = {row["patient"] for row in csv.DictReader(stream)}
    pseudonym, = patients
    assert pseudonym.startswith("patient ")


def test_the_number_of_a_patient_is_kept_where_asked_for_and_nothing_else(
        folder, capfd):
    predict_program.main([str(folder / "best.h5"), str(folder / "in"), "--keep-ids",
                          "--out", str(folder / "out" / "scores.csv")])
    text = written(folder / "out")
    assert "SECRET-4711" in text
    assert not [secret for secret in SECRETS if secret in text.replace(
        "SECRET-4711", "")]


def test_names_are_stable_within_a_run_and_differ_between_patients():
    key = pseudonyms.new_key()
    first, second, third, again = map(pseudonyms.Pseudonyms(key), "abca")
    assert len({first, second, third}) == 3 and again == first


def test_a_file_that_a_decoder_stumbles_upon_leaves_no_trace_in_the_log(
        tmp_path, caplog):
    path = tmp_path / "a.dcm"
    path.write_bytes(bombs.dicom()[5])  # packed by run lengths, declared larger
    with pytest.raises(files.InputError, match="cannot be read as DICOM"):
        dicom.read_dicom(path)
    assert not caplog.text


@pytest.mark.parametrize("value", ["Doe^Jane", "SECRET-4711"])
def test_refusals_quote_no_value_of_a_patient(value, tmp_path):
    """Every number that a reader needs is overwritten by a patient's name."""
    path = tmp_path / "a.dcm"
    for keyword in ("WindowCenter", "WindowWidth", "RescaleSlope", "NumberOfFrames",
                    "PixelPaddingValue", "EstimatedRadiographicMagnificationFactor",
                    "BitsStored"):
        write_dicom(path, WindowCenter="5", WindowWidth="7", RescaleSlope="2",
                    NumberOfFrames="1", PixelPaddingValue=0,
                    EstimatedRadiographicMagnificationFactor="1")
        data = pydicom.dcmread(path)
        element = data[keyword]
        raw = value.encode() + b" " * (len(value) % 2)
        data._dict[element.tag] = pydicom.dataelem.RawDataElement(
            element.tag, "LO", len(raw), raw, 0, False, True)
        stream = io.BytesIO()
        data.save_as(stream)
        path.write_bytes(stream.getvalue())
        try:
            text = " ".join(dicom.read_dicom(path).notes)
        except files.InputError as error:
            text = str(error)
        assert value not in text, keyword


def class_folders(folder):
    """Mammograms of two women as DICOM in class folders, named by numbers."""
    rng = np.random.default_rng(2)
    for number in range(4):
        place = folder / ("neg", "pos")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        write_dicom(place / f"{number}.dcm", ViewPosition=("CC", "MLO")[number // 2],
                    WindowCenter=str(2000 + 100 * rng.integers(9)), WindowWidth="3900")
    return folder


def everything(folder):
    """Names and bytes of all files below a folder, with what is packed in them."""
    parts = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        parts += [str(path.relative_to(folder)).encode(), path.read_bytes()]
        if path.suffix == ".npz":
            with np.load(path) as stored:
                parts += [str(stored[name]).encode() for name in stored.files]
    return b"\n".join(parts)


def test_no_page_figure_map_or_archive_names_a_patient(tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    images, out = class_folders(tmp_path / "set"), tmp_path / "out"
    model = whole_image_model(tmp_path / "best.h5", scale=1 / 257)
    (tmp_path / "all.csv").write_text("path,label\n" + "".join(
        f"{one},{one.parent.name}\n" for one in sorted(images.rglob("*.dcm"))))
    evaluate.main([str(model), str(images), "--out", str(out / "test"), "--runs", "20"])
    draw_saliency.main([str(model), str(images), str(out / "maps")])
    for words in (["fig3", "--panel", "A", str(out / "test")], ["fig5", str(images)]):
        paper_figures.main([*words, "--out", str(out / words[0])])
    end2end_images.main([str(images), "--img-size", "40", "32"])
    archive_program.main(["predict", str(tmp_path / "all.csv"), "--models", str(model),
                          "--out", str(out / "archive")])
    predict_program.main([str(model), str(images), "--out", str(out / "scores.csv"),
                          "--overlay", str(out / "overlay"), "--report",
                          str(out / "a.html")])
    found = everything(out)
    assert {"test/report.html", "maps/report.html", "fig3.svg", "fig5.svg", "a.html",
            "archive/part-000000.csv", "overlay/0.heatmap.png"} <= {
        path.relative_to(out).as_posix() for path in out.rglob("*")}
    printed = capfd.readouterr()
    for text in (printed.out, printed.err, caplog.text):
        assert not [secret for secret in SECRETS if secret in text]
    # Four letters also occur by chance in packed pictures.
    assert not [secret for secret in SECRETS if len(secret) > 4
                and secret.encode() in found]


# Sockets raise in a process and all that it starts: sitecustomize is imported first.
NO_NETWORK = """
import socket
def refuse(*arguments, **keywords):
    raise SystemExit("the network was touched")
class Refusing(socket.socket):
    def connect(self, address):
        refuse() if self.family != socket.AF_UNIX else super().connect(address)
    connect_ex = sendto = connect
socket.socket = Refusing
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
"""
TINY = ("--img-size", "64", "64", "--rescale-factor", "0.003891", "--batch-size", "4")
PICTURE = ("--rescale-factor", "0.003891", "--img-size", "40", "32")
TRAINING = (*TINY, "--no-use-pretrained", "--patch-net", "yaroslav", "--nb-epoch", "1",
            "--all-layer-epochs", "1", "--optimizer", "adam")
SETS = [f"{{out}}/set/images/{part}" for part in ("train", "test", "test")]
COMMANDS = (
    ["-m", "end2end.phantoms", "{out}/in", "--patients", "10", "--seed", "1",
     "--size", "64", "64"],
    ["-m", "ddsm_train.prepare", "{out}/in", "{out}/set", "--size", "64", "64"],
    ["-m", "ddsm_train.sample_patches_combined", "{out}/set/roi_mask_path.csv",
     "{out}/set/mask", "{out}/set/pat_train.txt", "{out}/set/full", "{out}/p/train",
     "{out}/p/val", "--target-height", "64", "--target-width", "64",
     "--patch-size", "16", "--nb-bkg", "1", "--nb-abn", "1", "--nb-hns", "0",
     "--no-segment-breast"],
    ["-m", "end2end.images", "{out}/set/images", "--img-size", "64", "64"],
    ["-m", "end2end.predict", "{model}", "{out}/set/full", "--out", "{out}/s.csv",
     "--report", "{out}/s.html"],
    ["-m", "ddsm_train.image_clf_train", *SETS, "--no-patch-model-state", *TRAINING,
     "--top-depths", "4", "--top-repetitions", "1", "--best-model", "{out}/t/best.h5"],
    ["-m", "inbreast.finetune", *SETS, "--resume-from", "{out}/t/best.h5",
     "--all-layer-epochs", "1", "--best-model", "{out}/t/tuned.h5"],
    ["-m", "ddsm_train.evaluate", "{model}", "{out}/set/images/train", *PICTURE,
     "--out", "{out}/e", "--runs", "20"],
    ["-m", "end2end.metrics", "{out}/e/scores.csv", "--runs", "20", "--out", "{out}/m"],
    ["-m", "ddsm_train.draw_saliency", "{model}", "{out}/set/images/train", "{out}/d",
     "--limit", "2", *PICTURE],
    ["-m", "end2end.paper_figures", "fig3", "--panel", "A", "{out}/e/scores.csv",
     "--out", "{out}/f/fig3"],
    ["-m", "ddsm_train.heatmap_score", "{out}/set/full", "{patch}", "--pat-csv",
     "{out}/set/roi_mask_path.csv", "--img-height", "64", "--patch-size", "16",
     "--stride", "16", "--out", "{out}/h.npz"],
    ["-m", "end2end.phantoms", "{out}/inb", "--patients", "10", "--seed", "1",
     "--size", "64", "64", "--layout", "inbreast"],
    ["-m", "inbreast.prepare", "{out}/inb", "{out}/ib", "--size", "64", "64"],
    ["-m", "inbreast.evaluate", "{model}", "{out}/ib/images/train", *PICTURE,
     "--out", "{out}/ie", "--runs", "20"],
)


@pytest.mark.slow
def test_no_command_touches_the_network(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_NETWORK)
    made = dict(out=tmp_path, model=whole_image_model(
        tmp_path / "best.h5", scale=1 / 257), patch=patch_model(tmp_path / "patch.h5"))
    environment = dict(os.environ, PYTHONPATH=f"{tmp_path / 'site'}:{ROOT}")
    check = subprocess.run(
        [sys.executable, "-c", "import socket; socket.create_connection(('a', 1))"],
        env=environment, capture_output=True, text=True)
    assert "network was touched" in check.stderr  # the block works
    for command in COMMANDS:
        words = [word.format(**made) for word in command]
        done = subprocess.run([sys.executable, *words], env=environment, text=True,
                              capture_output=True, cwd=ROOT)
        assert done.returncode == 0, (words, done.stderr[-2000:])
        assert "network was touched" not in done.stdout + done.stderr
