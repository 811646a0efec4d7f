"""Two calls on one output, of every program that writes: the second is told in a line,
and a removed folder ends the first. The first is a real process that holds the lock."""

import pathlib
import subprocess
import sys
import types

import cv2
import pytest
import tiny_classifier

from ddsm_train import heatmap_score, mine_patches, pipeline
from end2end import experiments, export
from end2end.utils import files, programs

HOLD = """
import sys
from end2end.utils import locks
with getattr(locks, sys.argv[1])(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def held():
    """Holds the lock of an output in another process."""
    processes = []

    def hold(kind, path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, f"output_{kind}", str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
    yield hold
    for process in processes:
        process.communicate("\n")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A model, class folders of two pictures each, and a score file."""
    folder = tmp_path_factory.mktemp("inputs")
    tiny_classifier.save(folder / "best.h5")
    for name in ("neg", "pos"):
        (folder / "set" / name).mkdir(parents=True)
        for i in range(2):
            cv2.imwrite(str(folder / "set" / name / f"{name}{i}.png"),
                        tiny_classifier.picture(i))
    for patient, name in enumerate(("neg", "pos")):
        (folder / "breasts" / name).mkdir(parents=True)
        for view in ("CC", "MLO"):
            cv2.imwrite(
                str(folder / "breasts" / name / f"P_0000{patient}_LEFT_{view}.png"),
                tiny_classifier.picture(patient))
    (folder / "scores.csv").write_text(
        "path,label,score\na,0,0.1\nb,1,0.7\nc,0,0.4\nd,1,0.3\n")
    return folder


SETS = "IN/set IN/set IN/set"
SAMPLING = "IN/rois.csv IN IN/patients.txt IN OUT/train OUT/val"
# Name, program, its words (IN: the inputs, OUT: a new place), kind and place of lock.
ROWS = (
    ("demo", "ddsm_train.demo", "--out OUT", "folder", "OUT"),
    ("phantoms", "end2end.phantoms", "OUT", "folder", "OUT"),
    ("prepare", "ddsm_train.prepare", "IN OUT", "folder", "OUT"),
    ("inbreast prepare", "inbreast.prepare", "IN OUT", "folder", "OUT"),
    ("import a set", "end2end.importing", "inbreast IN OUT", "folder", "OUT"),
    ("import a table", "end2end.importing", "table IN/scores.csv OUT", "folder", "OUT"),
    ("import and join", "end2end.importing", "join IN --out OUT", "folder", "OUT"),
    ("sampling", "ddsm_train.sample_patches_combined", SAMPLING, "folder", "OUT/train"),
    ("sampling, validation", "ddsm_train.sample_patches_combined", SAMPLING, "folder",
     "OUT/val"),
    ("sampling, test", "ddsm_train.sample_patches_combined",
     f"{SAMPLING} --test-patients IN/patients.txt --test-out OUT/test", "folder",
     "OUT/test"),
    ("sampling, main", "ddsm_train.sample_patches_main", SAMPLING, "folder", "OUT/val"),
    ("augment", "end2end.augment", "--show IN/set --out OUT/a.png", "file",
     "OUT/a.png"),
    ("patch training", "ddsm_train.patch_clf_train",
     f"{SETS} --class-list neg pos --net yaroslav --no-use-pretrained --img-size 64 64 "
     "--rescale-factor 0.003891 --featurewise-mean 40 --best-model OUT/best.h5", "file",
     "OUT/best.h5"),
    ("training", "ddsm_train.image_clf_train",
     f"{SETS} --resume-from IN/best.h5 --img-size 48 36 --rescale-factor 0.003891 "
     "--featurewise-mean 40 --best-model OUT/best.h5 --final-model NOSAVE", "file",
     "OUT/best.h5"),
    ("training, final model", "ddsm_train.image_clf_train",
     f"{SETS} --resume-from IN/best.h5 --img-size 48 36 --rescale-factor 0.003891 "
     "--featurewise-mean 40 --best-model OUT/best.h5 --final-model OUT/last.h5",
     "file", "OUT/last.h5"),
    ("training on two views", "ddsm_train.two_view_train",
     "IN/breasts IN/breasts IN/breasts "
     "--patch-model-state IN/best.h5 --img-size 48 36 --rescale-factor "
     "0.003891 --featurewise-mean 40 --best-model OUT/best.h5", "file", "OUT/best.h5"),
    ("fine-tuning", "inbreast.finetune",
     f"{SETS} --resume-from IN/best.h5 --best-model OUT/best.h5", "file",
     "OUT/best.h5"),
    ("learning_curve", "inbreast.learning_curve",
     "IN/set.csv IN/set --model IN/best.h5 --out OUT --patients 4", "folder", "OUT"),
    ("evaluate", "ddsm_train.evaluate", "IN/best.h5 IN/set --out OUT", "folder", "OUT"),
    ("evaluate --store", "ddsm_train.evaluate", "IN/best.h5 IN/set --out OUT --store",
     "file", "IN/best.h5"),
    ("inbreast evaluate", "inbreast.evaluate", "IN/best.h5 IN/set --out OUT", "folder",
     "OUT"),
    ("metrics", "end2end.metrics", "IN/scores.csv --out OUT --runs 10", "folder",
     "OUT"),
    ("metrics, mean", "end2end.metrics",
     "IN/scores.csv IN/scores.csv --mean OUT/mean.csv --runs 10", "file",
     "OUT/mean.csv"),
    ("metrics of a study", "end2end.metrics",
     "validate IN/scores.csv --out OUT", "folder", "OUT"),
    ("recalibration", "end2end.metrics", "recalibrate IN/best.h5 IN/scores.csv", "file",
     "IN/best.h5"),
    ("draw_saliency", "ddsm_train.draw_saliency", "IN/best.h5 IN/set OUT", "folder",
     "OUT"),
    ("two_step", "ddsm_train.two_step", "IN/a.npz IN/b.npz --out OUT", "folder", "OUT"),
    ("agreement", "end2end.heatmap_agreement", "IN/best.h5 IN/set --out OUT/a.json",
     "file", "OUT/a.json"),
    ("predict", "end2end.predict", "IN/best.h5 IN/set --out OUT/s.csv", "file",
     "OUT/s.csv"),
    ("predict, JSON", "end2end.predict", "IN/best.h5 IN/set --out OUT/s.json", "file",
     "OUT/s.csv"),
    ("predict --report", "end2end.predict",
     "IN/best.h5 IN/set --out OUT/s.csv --report OUT/r.html", "file", "OUT/r.html"),
    ("predict --dicom", "end2end.predict",
     "IN/best.h5 IN/set --out OUT/s.csv --dicom OUT/results", "folder", "OUT/results"),
    ("predict --overlay", "end2end.predict",
     "IN/best.h5 IN/set --out OUT/s.csv --overlay OUT/maps", "folder", "OUT/maps"),
    ("offline", "end2end.offline", "OUT --source IN", "folder", "OUT"),
    ("bench", "end2end.bench", "patch-scores --out OUT/b.json", "file", "OUT/b.json"),
    ("figure", "end2end.paper_figures",
     "fig3 --panel A IN/scores.csv --out OUT/a.png", "file", "OUT/a.png"),
)
# Programs of which a test below or elsewhere holds the output: that file.
ELSEWHERE = {
    "ddsm_train.heatmap_score": "test_two_writers.py",
    "ddsm_train.mine_patches": "test_two_writers.py",
    "ddsm_train.experiments": "test_two_writers.py",
    "end2end.export": "test_two_writers.py",
    "inbreast.experiments": "test_two_writers.py",
    "end2end.archive": "archive/test_work.py",
}
WRITE_NOTHING = {
    "end2end.doctor": "prints", "end2end.images": "prints",
    "end2end.completion": "prints", "end2end.config": "prints",
    "ddsm_train.model_table": "prints",
    "end2end.serve": "gives downloads, keeps nothing",
    "end2end.verify": "prints; what it repeats goes to an empty or temporary folder",
}


def test_every_program_is_here():
    named = {module for _, module, *_ in ROWS}
    assert not named & (set(ELSEWHERE) | set(WRITE_NOTHING))
    assert named | set(ELSEWHERE) | set(WRITE_NOTHING) == set(programs.MODULES)
    for name in set(ELSEWHERE.values()):
        text = (pathlib.Path(__file__).parent / name).read_text(encoding="utf-8")
        assert "another call" in text, name


@pytest.mark.parametrize(
    "module, words, kind, place", [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS])
def test_a_second_call_on_an_output_is_refused(
        module, words, kind, place, inputs, tmp_path, held):
    def path(text):
        return text.replace("IN/", f"{inputs}/").replace(
            "OUT", str(tmp_path / "out")).replace("IN", str(inputs))
    held(kind, path(place))
    program = programs.load(module)
    with pytest.raises(files.InputError, match=r"is being written by another call \(p"):
        program.main([path(word) for word in words.split()])


@pytest.mark.parametrize(("kind", "place"), [("file", "a.npz"), ("folder", "pictures")])
def test_a_second_call_of_heatmaps_is_refused(
        kind, place, tmp_path, held, monkeypatch):
    scoring = pipeline.heatmap_scoring
    monkeypatch.setattr(scoring, "plan", lambda arguments: types.SimpleNamespace(
        classifier=None))
    monkeypatch.setattr(scoring, "settings_of", lambda classifier: {})
    held(kind, tmp_path / place)
    with pytest.raises(files.InputError, match="another call"):
        heatmap_score.main(["a", "b", "--out", str(tmp_path / "a.npz"), "--overlays",
                            str(tmp_path / "pictures")])


def test_a_second_call_of_mining_is_refused(inputs, tmp_path, held, monkeypatch):
    monkeypatch.setattr(pipeline.hard_patches, "replacement", lambda *_, **__: None)
    held("folder", tmp_path / "out")
    with pytest.raises(files.InputError, match="another call"):
        mine_patches.main([
            str(inputs / "rois.csv"), str(inputs), str(inputs / "patients.txt"),
            str(inputs), str(tmp_path / "out"),
            "--patch-model", str(inputs / "best.h5")])


def test_a_second_call_of_export_is_refused(inputs, tmp_path, held, monkeypatch):
    monkeypatch.setattr(export.distribution, "require", lambda *_, **__: None)
    held("file", tmp_path / "m.openvino")
    with pytest.raises(files.InputError, match="another call"):
        export.main([str(inputs / "best.h5"), "--to", "openvino",
                     "--out", str(tmp_path / "m.openvino")])


def test_a_second_call_of_experiments_is_refused(tmp_path, held):
    run = type("Run", (), dict(out=tmp_path / "out", beside=None))
    program = type("Program", (), dict(rows={}, check=lambda rows, run: None))
    held("folder", run.out)
    with pytest.raises(files.InputError, match="another call"):
        experiments.perform(program, [], run)
